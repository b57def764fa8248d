//! What a pipeline has to tell: few lines, at turning points, for whoever keeps the log.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use spanlayer_otlp::Signal;

/// Receives notices, as they happen, on whatever task causes them: it must be quick.
pub type Observer = Arc<dyn Fn(Notice<'_>) + Send + Sync>;

/// A turning point. Repetitions of the same are told once a minute at most; the [metrics](crate::metrics) have them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The destination took its first batch.
    FirstDelivery {
        /// Its name.
        destination: &'a str,
    },
    /// The destination began to fail. Nothing is lost yet.
    Failing {
        /// Its name.
        destination: &'a str,
        /// How.
        why: &'a str,
    },
    /// The destination did not take batches, which is no news.
    NotTaken {
        /// Its name.
        destination: &'a str,
        /// How many, since that was last told: a batch counts each time it is tried in vain.
        batches: u64,
        /// How the last of them failed.
        why: &'a str,
    },
    /// The destination answers again.
    Recovered {
        /// Its name.
        destination: &'a str,
        /// Since it began to fail.
        after: Duration,
    },
    /// The destination took a batch but not all of its items (partial success), or had something to say about them.
    Rejected {
        /// Its name.
        destination: &'a str,
        /// Of what.
        signal: Signal,
        /// How many items; none for a mere warning.
        items: u64,
        /// Its words.
        message: &'a str,
    },
    /// A certificate that we trust or show will not do for much longer. Put a new one in its place: it is read at once.
    CertificateExpires {
        /// The destination's name.
        destination: &'a str,
        /// The certificate's file.
        file: &'a Path,
        /// In how long; zero: it has expired.
        left: Duration,
    },
    /// The destination refused items for good.
    Refused {
        /// Its name.
        destination: &'a str,
        /// Of what.
        signal: Signal,
        /// How many items.
        items: u64,
        /// Its words.
        why: &'a str,
    },
    /// A processor could not evaluate a condition or a statement; what is done then is its `error_mode`.
    ProcessorFailed {
        /// Of what.
        signal: Signal,
        /// Why.
        why: &'a str,
    },
    /// What is accepted is held in memory only, and lost if the process is killed.
    NotSpooled {
        /// Why.
        why: &'a str,
    },
    /// The place for dead letters did not take one: they go to standard output.
    LettersElsewhere {
        /// Why.
        why: &'a str,
    },
    /// An earlier process was killed, and left this for the destinations.
    Found {
        /// Spans, data points and log records.
        items: u64,
    },
}

/// What is no news is told again after this time.
pub(crate) const AGAIN: Duration = Duration::from_secs(60);

impl Notice<'_> {
    /// Whether something was lost by it.
    pub const fn is_loss(&self) -> bool {
        match self {
            Self::Rejected { items, .. } | Self::Refused { items, .. } => *items > 0,
            _ => false,
        }
    }
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstDelivery { destination } => write!(f, "first delivery to {destination}"),
            Self::Failing { destination, why } => write!(f, "{destination} does not take data: {why}"),
            Self::NotTaken { destination, batches, why } => {
                let plural = if *batches == 1 { "" } else { "es" };
                write!(f, "{destination} did not take {batches} batch{plural}: {why}")
            }
            Self::Recovered { destination, after } => {
                write!(f, "{destination} takes data again after {:.1} s", after.as_secs_f64())
            }
            Self::Rejected { destination, signal, items, message } => {
                write!(f, "{destination} rejected {items} {}", signal.items())?;
                if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
            }
            Self::CertificateExpires { destination, file, left } => {
                let (file, days) = (file.display(), left.as_secs() / 86_400);
                match left.is_zero() {
                    true => write!(f, "a certificate in {file}, for {destination}, has expired"),
                    false => write!(f, "a certificate in {file}, for {destination}, expires in {days} days"),
                }
            }
            Self::ProcessorFailed { signal, why } => {
                write!(f, "a processor did not understand some {}: {why}", signal.items())
            }
            Self::NotSpooled { why } => {
                write!(f, "what is not delivered yet is held in memory only: {why}")
            }
            Self::LettersElsewhere { why } => write!(f, "dead letters go to standard output: {why}"),
            Self::Found { items } => write!(f, "{items} items were left by a process that was killed"),
            Self::Refused { destination, signal, items, why } => {
                write!(f, "{destination} refused {items} {}: {why}", signal.items())
            }
        }
    }
}
