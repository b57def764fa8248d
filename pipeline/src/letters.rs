//! Dead letters: what a destination refused for good, or what a shutdown could not deliver in time, kept where somebody
//! can find it and send it again.
//!
//! A letter is a batch, compressed, on one line or several, each of which is JSON and says all that there is to know of
//! it: lines may be read in any order, and from between other lines. They begin with our marker, so that they are not
//! taken in as somebody's log.
//!
//! ```json
//! {"spanlayer":"0.1.0","deadLetter":{"key":"…","part":1,"parts":1,"destination":"https://otlp.example.com",
//!  "reason":"400 Bad Request: …","attempts":1,"at":1764154800000,"received":1764154790000,"signal":"traces","items":12,
//!  "data":"<gzip of the OTLP request, base64>"}}
//! ```

mod desk;
mod line;
#[cfg(feature = "aws")]
mod objects;
mod reading;

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    time::Duration,
};

pub use desk::Figures;
pub(crate) use desk::{Desk, Shared};
#[cfg(feature = "aws")]
pub use objects::Objects;
pub use reading::{Courier, Letter, Part, Pile};

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Letters {
    /// Nowhere: what is refused is lost, and counted.
    Off,
    /// Lines on standard output.
    Stdout,
    /// Lines at the end of a file, which is made if need be, for this user only.
    File(PathBuf),
    /// Objects of S3, one for each letter.
    #[cfg(feature = "aws")]
    S3(Objects),
}

impl Letters {
    /// `stdout`, `off`, `file:<path>`, or with the cargo feature `aws` `s3://<bucket>/<prefix>`.
    ///
    /// # Errors
    ///
    /// In words, when it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("stdout") => Ok(Self::Stdout),
            None if text.eq_ignore_ascii_case("off") => Ok(Self::Off),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            #[cfg(feature = "aws")]
            Some(("s3", address)) => Objects::parse(address).map(Self::S3),
            #[cfg(not(feature = "aws"))]
            Some(("s3", _)) => Err("s3:// is not in this build: it needs the cargo feature `aws`".to_owned()),
            _ => Err("expected stdout, off, file:<path> or s3://<bucket>/<prefix>".to_owned()),
        }
    }

    /// Whether somebody else's service has to be asked.
    const fn are_remote(&self) -> bool {
        match self {
            Self::Off | Self::Stdout | Self::File(_) => false,
            #[cfg(feature = "aws")]
            Self::S3(_) => true,
        }
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        match self {
            Self::Off => Ok(()),
            #[cfg(feature = "aws")]
            Self::S3(_) => Ok(()),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes())?;
                out.flush()
            }
            Self::File(path) => {
                // In one call, so that two processes' lines do not mix.
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(path)?
                    .write_all(lines.as_bytes())
            }
        }
    }
}

/// What of a shutdown's time is kept for letters: a fifth, within these bounds. Twice that for those that go over a
/// network, and for whose service nobody has connected before.
pub(crate) fn reserve(letters: &Letters, left: Duration) -> Duration {
    let times = if letters.are_remote() { 2 } else { 1 };
    (left / 5).clamp(Duration::from_millis(20), Duration::from_millis(300)) * times
}
