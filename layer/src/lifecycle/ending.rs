//! Signals that end the process, and how long what is left may take then.

use std::{future::poll_fn, task::Poll, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Ending {
    signals: Vec<Signal>,
    window: Duration,
}

impl Ending {
    /// Any of these ends the process, which goes on without those that cannot be heard. `window` is how long whoever sends
    /// one waits.
    pub(crate) fn on(kinds: &[SignalKind], window: Duration) -> Self {
        Self { signals: kinds.iter().filter_map(|kind| signal(*kind).ok()).collect(), window }
    }

    /// Waits for one of them. Dropping the future loses none.
    pub(crate) async fn told(&mut self) {
        poll_fn(|context| {
            let told = |signal: &mut Signal| matches!(signal.poll_recv(context), Poll::Ready(Some(())));
            if self.signals.iter_mut().any(told) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// When it has to be over that ends now.
    pub(crate) fn by(&self) -> Instant {
        Instant::now() + self.window - margin(self.window)
    }
}

/// No wait goes up to a deadline: asking for `next` takes a moment, and so does a report. A tenth of the time, within
/// bounds.
pub(super) fn margin(left: Duration) -> Duration {
    (left / 10).clamp(Duration::from_millis(50), Duration::from_millis(500)).min(left)
}
