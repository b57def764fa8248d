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
    fn a_panic_is_an_error_with_its_words_and_all_else_passes() {
        assert_eq!(now(caught(ready(7))), Ok(7));
        let (number, fixed) = (7, "fixed");
        assert_eq!(now(caught(async { panic!("number {number}") })).unwrap_err(), "number 7");
        let panics: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move { std::panic::panic_any(fixed) });
        assert_eq!(now(caught(panics)), Err("fixed".to_owned()));
        assert_eq!(now(caught(async { std::panic::panic_any(7) })).unwrap_err(), "a panic without words");
    }
}
