//! What this environment has, and has used so far, from `/proc`: Lambda gives each environment a machine of its own, so the
//! machine's figures are the environment's. Where they cannot be read, there are none.

use crate::ledger::Usage;
use std::{fs::File, io::Read};

/// Totals since the machine's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Processor time spent on anything, in hundredths of a second.
    ticks: Option<u64>,
    /// Bytes received and sent over any network but the loopback.
    network: Option<u64>,
}

impl Totals {
    /// Reads them: two small files.
    pub fn read() -> Self {
        let mut text = [0; 8 << 10];
        let ticks = head("/proc/stat", &mut text).and_then(ticks);
        Self { ticks, network: head("/proc/net/dev", &mut text).and_then(network) }
    }

    /// What was used since `earlier`.
    pub fn since(&self, earlier: &Self) -> Usage {
        let between = |now: Option<u64>, then: Option<u64>| now?.checked_sub(then?);
        Usage {
            cpu_seconds: between(self.ticks, earlier.ticks).map(|ticks| ticks as f64 / TICKS),
            network_bytes: between(self.network, earlier.network),
        }
    }
}

/// The memory that there is, in bytes: the container's, if it is bounded, else the machine's.
pub fn memory() -> Option<u64> {
    let mut text = [0; 256];
    let machine = head("/proc/meminfo", &mut text).and_then(total);
    // The second version's file, and the first's, whose bound for none is a number beyond any machine (cgroups(7)).
    let bounds = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let bound = bounds.iter().find_map(|path| head(path, &mut text)?.trim().parse::<u64>().ok());
    machine.into_iter().chain(bound).min()
}

/// `MemTotal`, the first line (proc(5)), which is in KiB.
fn total(meminfo: &str) -> Option<u64> {
    let kib = meminfo.lines().next()?.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// The beginning of a file, as much as fits.
fn head<'a>(path: &str, text: &'a mut [u8]) -> Option<&'a str> {
    let read = File::open(path).ok()?.read(text).ok()?;
    let text = &text[..read];
    std::str::from_utf8(text).ok()
}

/// The first line of `/proc/stat`: all processors together, by what they did (proc(5)).
fn ticks(stat: &str) -> Option<u64> {
    let mut words = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    // user, nice, system; idle and iowait are no work; irq, softirq. What follows is others' or counted already.
    let mut next = || words.next()?.parse::<u64>().ok();
    let (user, nice, system) = (next()?, next()?, next()?);
    let (_, _) = (next()?, next());
    Some(user + nice + system + next().unwrap_or(0) + next().unwrap_or(0))
}

/// `/proc/net/dev`: a line an interface, bytes received first, bytes sent ninth.
fn network(dev: &str) -> Option<u64> {
    let mut total = None;
    for line in dev.lines().skip(2) {
        let Some((name, figures)) = line.split_once(':') else { continue };
        let mut words = figures.split_ascii_whitespace().map(str::parse::<u64>);
        let (Some(Ok(received)), Some(Ok(sent))) = (words.next(), words.nth(7)) else { continue };
        // What function and extension say to each other is no traffic.
        if name.trim() != "lo" {
            total = Some(total.unwrap_or(0) + received + sent);
        }
    }
    total
}

/// `USER_HZ`, 100 on every architecture that Lambda has.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_and_idleness_is_not() {
        assert_eq!(ticks("cpu  10 2 30 4000 50 6 7 800 0 0\ncpu0 1 2\n"), Some(55));
        assert_eq!(ticks("cpu  10 2 30 4000\n"), Some(42));
        for wrong in ["", "cpu", "cpu  1 2", "memory 1 2 3 4"] {
            assert_eq!(ticks(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bytes_of_every_network_count_but_the_loopbacks() {
        let dev = "Inter-|   Receive                            |  Transmit\n \
                   face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n    \
                   lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n  \
                   eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\nvinternal_1:3 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0\nbroken\n";
        assert_eq!(network(dev), Some(127));
        assert_eq!(network(""), None);
    }

    #[test]
    fn memory_is_what_the_machine_says_it_has() {
        assert_eq!(total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn what_is_unknown_at_either_end_is_unknown_between() {
        let known = Totals { ticks: Some(150), network: Some(70) };
        let usage = known.since(&Totals { ticks: Some(100), network: None });
        assert_eq!(usage, Usage { cpu_seconds: Some(0.5), network_bytes: None });
        assert_eq!(Totals::default().since(&known), Usage::default());
    }
}
