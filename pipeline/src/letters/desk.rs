//! Where one pipeline hands in its letters: at the place of the settings, or on standard output where that does not take
//! them, so that nothing is lost for want of a network or a disk.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use std::time::Duration;

use spanlayer_host::clock;
use tokio::{task::spawn_blocking, time::Instant};

use super::{Letters, line};
use crate::{Batch, Compression, Deadline, Notice, Observer, settings::Settings};

/// Letters for one pipeline, if it writes any.
pub(crate) type Shared = Option<Arc<Desk>>;

/// What was handed in so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Letters that are kept, wherever.
    pub kept: u64,
    /// Of those, letters on standard output because the place of the settings did not take them.
    pub elsewhere: u64,
    /// Letters that are nowhere: what they held is counted as refused, or stays where it was.
    pub lost: u64,
    /// How long the oldest data that became a letter had waited by then.
    pub oldest: Duration,
}

/// See the [module](self).
pub(crate) struct Desk {
    letters: Letters,
    kept: AtomicU64,
    elsewhere: AtomicU64,
    lost: AtomicU64,
    oldest_millis: AtomicU64,
    /// The place of the settings failed, and is not tried before then: an outage of it is not waited for with every
    /// letter.
    rests: Mutex<Option<Instant>>,
    observer: Option<Observer>,
}

impl Desk {
    /// `None` where letters are off.
    pub(crate) fn of(settings: &Settings) -> Shared {
        (settings.letters != Letters::Off).then(|| {
            Arc::new(Self {
                letters: settings.letters.clone(),
                kept: AtomicU64::new(0),
                elsewhere: AtomicU64::new(0),
                lost: AtomicU64::new(0),
                oldest_millis: AtomicU64::new(0),
                rests: Mutex::new(None),
                observer: settings.observer.clone(),
            })
        })
    }

    /// Keeps a batch, by the deadline; whether it is kept.
    pub(crate) async fn keep(&self, batch: &Batch, destination: &str, reason: &str, by: Deadline) -> bool {
        let kept = self.try_to_keep(batch, destination, reason, by).await;
        (if kept { &self.kept } else { &self.lost }).fetch_add(1, Relaxed);
        kept
    }

    async fn try_to_keep(&self, batch: &Batch, destination: &str, reason: &str, by: Deadline) -> bool {
        let Ok(data) = batch.encoded(Compression::GZIP).await else { return false };
        let at = clock::unix_millis();
        let age = u64::try_from(batch.oldest().elapsed().as_millis()).unwrap_or_default();
        self.oldest_millis.fetch_max(age, Relaxed);
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
        if !self.is_resting() {
            match self.put(&about, &lines, by).await {
                Ok(()) => return true,
                Err(why) => self.rest(&why),
            }
        }
        let kept = self.letters != Letters::Stdout && write(Letters::Stdout, lines).await.is_ok();
        self.elsewhere.fetch_add(u64::from(kept), Relaxed);
        kept
    }

    /// At the place of the settings.
    async fn put(&self, about: &line::About<'_>, lines: &str, by: Deadline) -> Result<(), String> {
        match &self.letters {
            #[cfg(feature = "aws")]
            Letters::S3(objects) => {
                // What is left then is for standard output.
                let put = by.less(LAST).capped(PUT).bound(objects.put(about.at, about.key, lines));
                put.await.unwrap_or_else(|| Err("no answer in time".to_owned()))
            }
            letters => {
                let _ = (about, by);
                write(letters.clone(), lines.to_owned()).await
            }
        }
    }

    fn is_resting(&self) -> bool {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until > Instant::now())
    }

    fn rest(&self, why: &str) {
        let until = Instant::now() + REST;
        let before = self.rests.lock().unwrap_or_else(PoisonError::into_inner).replace(until);
        if before.is_none()
            && let Some(observer) = &self.observer
        {
            observer(Notice::LettersElsewhere { why });
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            kept: self.kept.load(Relaxed),
            elsewhere: self.elsewhere.load(Relaxed),
            lost: self.lost.load(Relaxed),
            oldest: Duration::from_millis(self.oldest_millis.load(Relaxed)),
        }
    }
}

/// Whoever reads our output may not be reading; that must not stop the thread that serves the receivers.
async fn write(place: Letters, lines: String) -> Result<(), String> {
    match spawn_blocking(move || place.write(&lines)).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_) => Err("the program is ending".to_owned()),
    }
}

/// What of the time is left for standard output, where another place is tried first.
#[cfg(feature = "aws")]
const LAST: Duration = Duration::from_millis(100);

/// The most that is waited for one letter to be taken, with all attempts.
#[cfg(feature = "aws")]
const PUT: Duration = Duration::from_secs(5);

/// A place that failed is left alone for so long.
const REST: Duration = Duration::from_secs(30);
