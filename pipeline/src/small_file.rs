//! Files that hold little and are read in one go: secrets, certificates.

use std::{
    fs::{File, metadata},
    io::{Error, ErrorKind, Read as _, Result},
    path::Path,
};

/// What a file holds.
///
/// # Errors
///
/// Beside those of reading: when it is no regular file, since whoever opens a pipe may wait for ever, or larger than
/// anything of the kind.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    if !metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        ..=MOST => Ok(bytes),
        _ => Err(Error::new(ErrorKind::FileTooLarge, "it is larger than 1 MiB")),
    }
}

const MOST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::{env::temp_dir, fs, process};

    use super::*;

    #[test]
    fn what_is_no_file_or_no_small_one_is_an_error_and_not_waited_for() {
        let path = temp_dir().join(format!("spanlayer-small-{}", process::id()));
        fs::write(&path, b"s3cret\n").unwrap();
        assert_eq!(read(&path).unwrap(), b"s3cret\n");
        fs::write(&path, vec![b'x'; MOST as usize + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "it is larger than 1 MiB");
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::NotFound);
        for other in ["/dev/zero", "/"] {
            assert_eq!(read(Path::new(other)).unwrap_err().to_string(), "it is no regular file");
        }
    }
}
