//! Who has a port, as far as we may know: the socket from the kernel's table, its process from the descriptors that it
//! holds (proc(5)).

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The process that listens at a TCP port, by name and number.
pub(super) fn holder(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|path| fs::read_to_string(path).ok());
    let sockets: Vec<String> = tables.flat_map(|table| listening(&table, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    // Beside processes there are such as `self`.
    let is_process = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())
    };
    let holder = processes.filter(is_process).find(|path| holds(path, &sockets))?;
    let name = fs::read_to_string(holder.join("comm")).ok()?;
    Some(format!("{} (process {})", name.trim(), holder.file_name()?.to_str()?))
}

/// The sockets of a table that listen at a port, as descriptors are shown.
fn listening(table: &str, port: u16) -> Vec<String> {
    let at = format!(":{port:04X}");
    let socket = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        (local.ends_with(&at) && *state == LISTEN).then(|| format!("socket:[{inode}]"))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let mut links = descriptors.filter_map(|one| fs::read_link(one.path()).ok());
    links.any(|link| link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link)))
}

/// `TCP_LISTEN`.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_listens_is_found_and_who_does_not_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(holder(port).unwrap().ends_with(&format!("(process {})", std::process::id())));
        drop(listener);
        assert_eq!(holder(port), None);
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 11 1 x\n   \
                     1: 0100007F:10DE 0100007F:C350 01 00000000:00000000 00:00000000 00000000  0  0 12 1 x\n   \
                     2: 00000000:10DF 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 13 1 x\n   3: broken\n";
        assert_eq!(listening(table, 4318), ["socket:[11]"]);
        assert_eq!(listening("", 4318), [""; 0]);
    }
}
