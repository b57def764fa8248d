//! Files that somebody else names: what they hold is a few lines, unless the name is a mistake.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _},
    path::Path,
};

/// The most that a file may hold, in bytes.
pub const MOST: u64 = 4 << 20;

/// The text in a file. Like [`bytes`], and UTF-8.
///
/// # Errors
///
/// What kept us from it, in words without the path.
pub fn text(path: impl AsRef<Path>) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|_| "is no text in UTF-8".to_owned())
}

/// What is in a file. A pipe that nobody writes to, a device without an end and a file that does not fit into a
/// function's memory are refused, since whoever reads them waits for ever, or is killed.
///
/// # Errors
///
/// What kept us from it, in words without the path.
pub fn bytes(path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
    let path = path.as_ref();
    let told = |error: io::Error| format!("cannot be read: {}", error.kind());
    // Asked for before it is opened: opening a pipe waits already.
    let found = fs::metadata(path).map_err(told)?;
    if found.is_dir() {
        return Err(told(ErrorKind::IsADirectory.into()));
    }
    if !found.is_file() {
        return Err("is a device or a pipe, and no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)).map_err(told)?;
    if bytes.len() as u64 > MOST { Err("is larger than 4 MiB".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_what_has_no_end_or_no_beginning_is_refused() {
        let dir = std::env::temp_dir().join(format!("spanlayer-files-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        fs::write(at("good"), "a: ü\n").unwrap();
        fs::write(at("most"), vec![b' '; MOST as usize]).unwrap();
        fs::write(at("more"), "ü".repeat(MOST as usize / 2 + 1)).unwrap();
        fs::write(at("odd"), format!("x{}", "ü".repeat(MOST as usize / 2))).unwrap();
        fs::write(at("latin"), b"a: \xfc\n").unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(pipe.success());
        assert_eq!(text(at("good")).unwrap(), "a: ü\n");
        assert_eq!(text(at("most")).unwrap().len() as u64, MOST);
        for (name, why) in [
            (at("more"), "is larger than 4 MiB"),
            (at("odd"), "is larger than 4 MiB"),
            (at("latin"), "is no text in UTF-8"),
            (at("pipe"), "is a device or a pipe, and no file"),
            ("/dev/zero".to_owned(), "is a device or a pipe, and no file"),
            (at(""), "cannot be read: is a directory"),
            (at("none"), "cannot be read: entity not found"),
        ] {
            assert_eq!(text(&name).unwrap_err(), why, "{name}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
