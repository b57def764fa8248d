//! A share of a core, as small functions get it: a cgroup with a CPU quota.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A cgroup that holds its processes to a share of one core; removed when dropped.
pub(crate) struct Throttle {
    group: PathBuf,
    /// Which kind of cgroup it is, to say in the table.
    pub(crate) kind: &'static str,
}

impl Throttle {
    /// Makes a group with `share` of one core.
    ///
    /// # Errors
    ///
    /// What stood in the way, for both versions of cgroups.
    pub(crate) fn new(share: f64) -> Result<Self, String> {
        let quota = (share * PERIOD_MICROS as f64) as u64;
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("spanlayer-bench-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let second = Self::second_version(&name, quota);
        let first = |second: io::Error| {
            Self::first_version(&name, quota).map_err(|first| {
                format!("no cgroup with a CPU quota: version 2: {second}; version 1: {first}")
            })
        };
        second.or_else(first)
    }

    fn second_version(name: &str, quota: u64) -> io::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.subtree_control"))?;
        if !controllers.split_whitespace().any(|controller| controller == "cpu") {
            fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
        }
        let group = Self { group: root.join(name), kind: "cgroup v2" };
        fs::create_dir(&group.group)?;
        fs::write(group.group.join("cpu.max"), format!("{quota} {PERIOD_MICROS}"))?;
        Ok(group)
    }

    fn first_version(name: &str, quota: u64) -> io::Result<Self> {
        let group = Self { group: Path::new("/sys/fs/cgroup/cpu").join(name), kind: "cgroup v1" };
        fs::create_dir(&group.group)?;
        fs::write(group.group.join("cpu.cfs_period_us"), PERIOD_MICROS.to_string())?;
        fs::write(group.group.join("cpu.cfs_quota_us"), quota.to_string())?;
        Ok(group)
    }

    /// The command that enters the group and then becomes the program given as its arguments.
    pub(crate) fn launcher(&self) -> Vec<String> {
        let procs = self.group.join("cgroup.procs");
        let script = format!("echo $$ > '{}' && exec \"$@\"", procs.display());
        vec!["/bin/sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()]
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // A group with a process left in it cannot be removed; it then goes with the machine.
        let _ = fs::remove_dir(&self.group);
    }
}

/// The period over which Lambda's hosts count CPU time: 20 ms, so that a function with 7 % of a core gets 1.4 ms and
/// then waits. (The kernel's own default of 100 ms would let the whole start-up through in its first slice.)
const PERIOD_MICROS: u64 = 20_000;
