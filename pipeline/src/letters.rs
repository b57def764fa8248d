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

mod line;
mod reading;

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use reading::{Courier, Letter, Part, Pile};
use spanlayer_host::clock;
use tokio::task::spawn_blocking;

use crate::{Batch, Compression};

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
}

impl Letters {
    /// `stdout`, `off` or `file:<path>`.
    ///
    /// # Errors
    ///
    /// In words, when it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("stdout") => Ok(Self::Stdout),
            None if text.eq_ignore_ascii_case("off") => Ok(Self::Off),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("s3", _)) => {
                Err("s3:// is not supported by this version; use stdout or file:<path>".to_owned())
            }
            _ => Err("expected stdout, off, or file:<path>".to_owned()),
        }
    }

    /// Keeps a batch; whether it is kept.
    pub(crate) async fn keep(&self, batch: &Batch, destination: &str, reason: &str) -> bool {
        if *self == Self::Off {
            return false;
        }
        let Ok(data) = batch.encoded(Compression::GZIP).await else { return false };
        let at = clock::unix_millis();
        let age = u64::try_from(batch.oldest().elapsed().as_millis()).unwrap_or_default();
        let about = line::About {
            key: batch.idempotency_key(),
            destination,
            reason,
            attempts: batch.attempts(),
            at,
            received: at.saturating_sub(age),
            signal: batch.signal(),
            items: batch.items(),
        };
        let lines = line::lines(&about, &data);
        let place = self.clone();
        // Whoever reads our output may not be reading; that must not stop the thread that serves the receivers.
        matches!(spawn_blocking(move || place.write(&lines)).await, Ok(Ok(())))
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        match self {
            Self::Off => Ok(()),
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

/// Letters for one pipeline, if it writes any.
pub(crate) type Shared = Option<Arc<Letters>>;

/// What of a shutdown's time is kept for letters: a fifth, within these bounds.
pub(crate) fn reserve(left: Duration) -> Duration {
    (left / 5).clamp(Duration::from_millis(20), Duration::from_millis(300))
}
