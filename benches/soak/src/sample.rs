//! One row of the table.

use spanlayer_emulator::{Destination, Emulator};
use std::{fmt, fs, path::Path, time::Duration};

pub(crate) struct Sample {
    after: Duration,
    invocations: u64,
    requests: usize,
    resident_kib: u64,
    descriptors: usize,
    threads: usize,
    spool_kib: u64,
}

impl Sample {
    pub(crate) const HEAD: &str = "| after | invocations | requests | resident | descriptors | threads | spool |\n|---|---|---|---|---|---|---|";

    /// What there is now.
    pub(crate) fn take(
        lambda: &Emulator,
        destination: &Destination,
        after: Duration,
        invocations: u64,
    ) -> Result<Self, String> {
        let pid = lambda.extension_pid("spanlayer").ok_or("the extension is gone")?;
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status")).map_err(|error| error.to_string())?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        let count = |of: &str| fs::read_dir(process.join(of)).map_or(0, Iterator::count);
        let spool = fs::read_dir(lambda.state_dir().join("spool")).into_iter().flatten().flatten();
        let spool: u64 = spool.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
        Ok(Self {
            after,
            invocations,
            requests: destination.counts().requests,
            resident_kib: resident.ok_or("no resident memory")?,
            descriptors: count("fd"),
            threads: count("task"),
            spool_kib: spool >> 10,
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} s | {} | {} | {:.1} MiB | {} | {} | {} KiB |",
            self.after.as_secs(),
            self.invocations,
            self.requests,
            self.resident_kib as f64 / 1024.0,
            self.descriptors,
            self.threads,
            self.spool_kib
        )
    }
}
