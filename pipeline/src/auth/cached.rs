//! A value that is asked for elsewhere, kept for a while, and asked for again before it is too old.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use spanlayer_host::clock;
use tokio::{sync::Mutex as Turn, task::JoinHandle};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a value is from.
pub(crate) trait Fetch<T>: Send + Sync {
    /// Asks for it.
    ///
    /// # Errors
    ///
    /// Why it cannot be had, without any secret.
    fn fetch(&self) -> BoxFuture<'_, Result<Lease<T>, String>>;
}

/// A value, and how long it is good for.
pub(crate) struct Lease<T> {
    value: T,
    good: Good,
}

enum Good {
    /// For so long; after that it still serves until another can be had.
    For(Duration),
    /// Until this Unix time, and not a moment longer.
    Until(Duration),
}

impl<T> Lease<T> {
    /// Should be asked for again after this time, but is better than none until then.
    pub(crate) const fn lasting(value: T, time: Duration) -> Self {
        Self { value, good: Good::For(time) }
    }

    /// Is of no use after this moment, Unix time.
    pub(crate) const fn until(value: T, at: Duration) -> Self {
        Self { value, good: Good::Until(at) }
    }
}

/// Cloning shares the value.
pub(crate) struct Cached<T>(Arc<Inner<T>>);

struct Inner<T> {
    source: Box<dyn Fetch<T>>,
    held: Mutex<Option<Held<T>>>,
    /// Whoever asks the source; all others wait for the same answer.
    turn: Turn<()>,
    /// A renewal beside a request; it ends with the last of those who might use it.
    beside: Mutex<Option<JoinHandle<()>>>,
    /// Unix time: values grow old also while the process is frozen.
    clock: fn() -> Duration,
}

struct Held<T> {
    value: T,
    /// How many came before it.
    number: u64,
    /// From then on another is asked for beside requests.
    fresh_until: Duration,
    /// From then on requests wait for another.
    good_until: Duration,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + 'static> Cached<T> {
    pub(crate) fn new(source: impl Fetch<T> + 'static) -> Self {
        Self::by(source, clock::unix)
    }

    pub(crate) fn by(source: impl Fetch<T> + 'static, clock: fn() -> Duration) -> Self {
        let source = Box::new(source);
        let (held, turn, beside) = Default::default();
        Self(Arc::new(Inner { source, held, turn, beside, clock }))
    }

    /// The value, as young as it should be.
    ///
    /// # Errors
    ///
    /// When there is none yet, or none any more, and none can be had.
    pub(crate) async fn current(&self) -> Result<T, String> {
        let now = (self.0.clock)();
        let seen = self
            .0
            .look(|held| (held.value.clone(), held.number, now < held.fresh_until, now < held.good_until));
        match seen {
            Some((value, _, true, _)) => Ok(value),
            Some((value, number, false, true)) => {
                self.renew_beside(number);
                Ok(value)
            }
            Some((_, number, ..)) => self.0.another(Some(number)).await,
            None => self.0.another(None).await,
        }
    }

    /// Asks for another, now; once, however many ask for that.
    ///
    /// # Errors
    ///
    /// When none can be had.
    pub(crate) async fn renew(&self) -> Result<(), String> {
        let number = self.0.look(|held| held.number);
        self.0.another(number).await.map(|_| ())
    }

    /// What was last used, if anything.
    pub(crate) fn last(&self) -> Option<T> {
        self.0.look(|held| held.value.clone())
    }

    fn renew_beside(&self, number: u64) {
        let mut beside = self.0.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if beside.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        // Weak: who is dropped in the middle of it leaves no task behind.
        let inner = Arc::downgrade(&self.0);
        *beside = Some(tokio::spawn(async move {
            let Some(inner) = inner.upgrade() else { return };
            let _ = tokio::time::timeout(LIMIT, inner.another(Some(number))).await;
        }));
    }
}

impl<T: Clone> Inner<T> {
    fn look<R>(&self, look: impl FnOnce(&Held<T>) -> R) -> Option<R> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    /// One that came after number `before`.
    async fn another(&self, before: Option<u64>) -> Result<T, String> {
        let _turn = self.turn.lock().await;
        // Whoever had the turn before us may have asked already.
        let newer = self.look(|held| (Some(held.number) != before).then(|| held.value.clone()));
        if let Some(value) = newer.flatten() {
            return Ok(value);
        }
        let asked = self.source.fetch().await;
        let now = (self.clock)();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Ok(Lease { value, good }) => {
                let (fresh_until, good_until) = match good {
                    Good::For(time) => (now + time.mul_f64(0.8), now + time),
                    // A token that expires on its way is worth nothing.
                    Good::Until(at) => {
                        (now + at.saturating_sub(now).mul_f64(0.8), at.saturating_sub(ON_ITS_WAY))
                    }
                };
                let number = before.map_or(0, |before| before + 1);
                *held = Some(Held { value: value.clone(), number, fresh_until, good_until });
                Ok(value)
            }
            Err(why) => {
                // Not asked again by every request in the meantime.
                if let Some(held) = held.as_mut().filter(|held| now < held.good_until) {
                    held.fresh_until = now + PAUSE;
                }
                Err(why)
            }
        }
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        if let Some(task) = self.beside.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Of a renewal beside a request.
const LIMIT: Duration = Duration::from_secs(10);

const ON_ITS_WAY: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU32, Ordering::SeqCst},
    };

    use super::*;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(1000) };
    }

    fn now() -> Duration {
        Duration::from_secs(NOW.get())
    }

    struct Counter {
        asked: Arc<AtomicU32>,
        fails: fn(u32) -> bool,
    }

    impl Fetch<u32> for Counter {
        fn fetch(&self) -> BoxFuture<'_, Result<Lease<u32>, String>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                let n = self.asked.fetch_add(1, SeqCst) + 1;
                if (self.fails)(n) {
                    Err("down".to_owned())
                } else {
                    Ok(Lease::lasting(n, Duration::from_secs(100)))
                }
            })
        }
    }

    fn counting(fails: fn(u32) -> bool) -> (Cached<u32>, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        (Cached::by(Counter { asked: Arc::clone(&asked), fails }, now), asked)
    }

    async fn settle() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_at_once_ask_once() {
        let (cached, asked) = counting(|_| false);
        let (a, b, c) = tokio::join!(cached.current(), cached.current(), cached.current());
        assert_eq!((a, b, c, asked.load(SeqCst)), (Ok(1), Ok(1), Ok(1), 1));
        let (a, b) = tokio::join!(cached.renew(), cached.renew());
        assert_eq!((a, b, asked.load(SeqCst)), (Ok(()), Ok(()), 2));
    }

    #[tokio::test]
    async fn an_ageing_value_is_renewed_beside_and_an_old_one_first() {
        let (cached, asked) = counting(|_| false);
        assert_eq!(cached.current().await, Ok(1));
        NOW.set(1079);
        assert_eq!((cached.current().await, asked.load(SeqCst)), (Ok(1), 1));
        NOW.set(1081);
        assert_eq!(cached.current().await, Ok(1), "without a wait");
        settle().await;
        assert_eq!((cached.current().await, asked.load(SeqCst)), (Ok(2), 2));
        NOW.set(1300);
        assert_eq!(cached.current().await, Ok(3), "too old to be used");
    }

    #[tokio::test]
    async fn a_source_that_fails_is_not_asked_by_every_request() {
        let (cached, asked) = counting(|n| n > 1);
        assert_eq!(cached.current().await, Ok(1));
        NOW.set(1085);
        for _ in 0..5 {
            assert_eq!(cached.current().await, Ok(1));
            settle().await;
        }
        assert_eq!(asked.load(SeqCst), 2);
        NOW.set(1101);
        assert_eq!(cached.current().await, Err("down".to_owned()));
    }
}
