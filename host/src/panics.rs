//! Panics: caught where the work that panicked is worth less than the process, counted, and told in one line.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::Poll,
};

/// Runs `work`; if it panics, that is the end of it, and its words are the error. Whatever it had locked is to be taken for
/// what it is (`PoisonError::into_inner`), as all of ours does.
///
/// # Errors
///
/// What the panic said.
pub async fn caught<F: Future>(work: F) -> Result<F::Output, String> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(words(&*panic))),
    })
    .await
}

/// The same for work that does not wait.
///
/// # Errors
///
/// What the panic said.
pub fn caught_at_once<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| words(&*panic))
}

/// From here on every panic of this process is counted, and told by `tell` (what it said, and where it was) in the place of the
/// standard library's lines on standard error.
pub fn watch(tell: fn(words: &str, place: &str)) {
    std::panic::set_hook(Box::new(move |panic| {
        COUNT.fetch_add(1, Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tell(&words(panic.payload()), &place);
    }));
}

/// How many there were since [`watch`].
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// A place where a test may have its process panic: `SPANLAYER_TEST_PANICS=next,link:3` does the first time that one is
/// passed, and the third time that the other is. Nothing at all without debug assertions, as in what is released.
#[inline(always)]
pub fn planted(place: &str) {
    #[cfg(debug_assertions)]
    planted::pass(place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

#[cfg(debug_assertions)]
mod planted {
    use crate::vars::{Process, Vars as _};
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// Panics to come, each with the number of times that its place is passed until then.
    pub(super) fn parse(text: &str) -> Vec<(String, usize)> {
        let one = |one: &str| match one.split_once(':') {
            Some((place, times)) => (place.to_owned(), times.parse().unwrap_or(1)),
            None => (one.to_owned(), 1),
        };
        text.split(',').filter(|one| !one.is_empty()).map(one).collect()
    }

    /// Whether the panic is due at this place.
    pub(super) fn is_due(to_come: &mut [(String, usize)], place: &str) -> bool {
        let Some((_, times)) = to_come.iter_mut().find(|(one, times)| one == place && *times > 0) else {
            return false;
        };
        *times -= 1;
        *times == 0
    }

    pub(super) fn pass(place: &str) {
        static TO_COME: OnceLock<Mutex<Vec<(String, usize)>>> = OnceLock::new();
        let read = || Mutex::new(parse(&Process.get("SPANLAYER_TEST_PANICS").unwrap_or_default()));
        let due =
            is_due(&mut TO_COME.get_or_init(read).lock().unwrap_or_else(PoisonError::into_inner), place);
        assert!(!due, "planted at {place}");
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
        .to_owned()
}

static COUNT: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::ready, pin::Pin, task::Context, task::Waker};

    fn now<F: Future>(work: F) -> F::Output {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_planted_panic_is_due_once_and_when_its_place_was_passed_so_often() {
        let mut to_come = planted::parse("next,link:3,next:2");
        let mut passes = |place| (0..5).map(|_| planted::is_due(&mut to_come, place)).collect::<Vec<_>>();
        assert_eq!(passes("elsewhere"), [false; 5]);
        assert_eq!(passes("link"), [false, false, true, false, false]);
        assert_eq!(passes("next"), [true, false, true, false, false], "one after the other");
        planted("a place where nothing is planted");
    }

    #[test]
    fn a_panic_is_an_error_with_its_words_and_all_else_passes() {
        assert_eq!(now(caught(ready(7))), Ok(7));
        assert_eq!(caught_at_once(|| 7), Ok(7));
        assert_eq!(caught_at_once(|| panic!("at once")), Err::<(), _>("at once".to_owned()));
        let (number, fixed) = (7, "fixed");
        assert_eq!(now(caught(async { panic!("number {number}") })).unwrap_err(), "number 7");
        let panics: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move { std::panic::panic_any(fixed) });
        assert_eq!(now(caught(panics)), Err("fixed".to_owned()));
        assert_eq!(now(caught(async { std::panic::panic_any(7) })).unwrap_err(), "a panic without words");
    }
}
