//! What other processes use, read from `/proc`.

use std::fs;

/// CPU time of all living threads in nanoseconds, as the scheduler counts it (`schedstat`); finer than the ticks of
/// `stat`, which are 10 ms. What threads used that have ended since is missing: measure over phases without such.
pub(crate) fn cpu_nanos(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let used = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Some(tasks.flatten().filter_map(used).sum())
}

/// CPU time of the calling thread in nanoseconds.
pub(crate) fn own_cpu_nanos() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> Option<f64> {
    kib(pid, "VmRSS:")
}

/// The most resident memory so far, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Option<f64> {
    kib(pid, "VmHWM:")
}

fn kib(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_cpu_and_memory() {
        let own = std::process::id();
        assert!(cpu_nanos(own).unwrap() > 0 && own_cpu_nanos().is_some());
        assert!(
            resident_mib(own).unwrap() > 0.1 && peak_mib(own).unwrap() >= resident_mib(own).unwrap() * 0.5
        );
    }
}
