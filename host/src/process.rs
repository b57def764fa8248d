//! What this process uses, from `/proc`. Where that cannot be read, nothing is known.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

/// What this process has used so far, and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time in its own code, and in the kernel on its behalf.
    pub cpu: Option<(Duration, Duration)>,
    /// Resident memory, in bytes.
    pub memory: Option<u64>,
}

/// Asks for it: two small files.
pub fn used() -> Used {
    let mut text = [0; 4 << 10];
    let cpu = head("/proc/self/stat", &mut text).ok().and_then(cpu);
    Used { cpu, memory: head("/proc/self/status", &mut text).ok().and_then(memory) }
}

/// The beginning of a file, as much as fits.
fn head<'a>(path: &str, text: &'a mut [u8]) -> io::Result<&'a str> {
    let read = File::open(path)?.read(text)?;
    std::str::from_utf8(&text[..read]).map_err(io::Error::other)
}

/// `utime` and `stime`, the 14th and 15th word (proc(5)). The second is the program's name, which may hold anything.
fn cpu(stat: &str) -> Option<(Duration, Duration)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace().skip(11).map(|word| word.parse::<u64>().ok());
    let mut time = || Some(Duration::from_millis(words.next()?? * TICK_MILLIS));
    Some((time()?, time()?))
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// `USER_HZ` is 100 on every architecture that Linux has today.
const TICK_MILLIS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_from_behind_the_programs_name() {
        let stat = "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 1 0 99 1000 800";
        assert_eq!(cpu(stat), Some((Duration::from_millis(1500), Duration::from_millis(250))));
        for wrong in ["", "7 (x) S 1 2", "7 (x) S 1 2 3 4 5 6 7 8 9 10 a b"] {
            assert_eq!(cpu(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(memory("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t    3276 kB\n"), Some(3276 << 10));
        assert_eq!(memory("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(used().memory.is_some_and(|bytes| bytes > 100 << 10), "{:?}", used());
        assert!(used().cpu.is_some());
    }
}
