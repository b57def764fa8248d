//! The future of a handler, watched: an error, a panic, and where nobody else does it the end of its invocation.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use lambda_runtime::Diagnostic;
use pin_project_lite::pin_project;

use crate::{
    failure::{Failure, panic_message},
    guard::guarded,
    invocation::Invocation,
    reply::Reply,
    report::Report,
};

/// Where a handler's outcome goes.
#[derive(Debug)]
pub(crate) enum Seat {
    /// To the invocation that a [`Layer`](crate::Layer) opened around the handler.
    Within(Arc<Report>),
    /// To an invocation of its own.
    Own(Box<Invocation>),
    /// Nowhere: disabled.
    None,
}

impl Seat {
    pub(crate) fn report(&self) -> Option<&Arc<Report>> {
        match self {
            Self::Within(report) => Some(report),
            Self::Own(invocation) => Some(invocation.report()),
            Self::None => None,
        }
    }

    fn enter(&self) -> Option<impl Drop + use<'_>> {
        match self {
            Self::Own(invocation) => Some(invocation.enter()),
            Self::Within(_) | Self::None => None,
        }
    }

    /// Runs a piece of the handler. A panic is noted and goes on to whoever answers it.
    pub(crate) fn run<T>(&mut self, piece: impl FnOnce() -> T) -> T {
        let inside = self.enter();
        // The handler's state is not looked at after a panic: it is dropped on the way up.
        let result = catch_unwind(AssertUnwindSafe(piece));
        drop(inside);
        result.unwrap_or_else(|payload| {
            if let Some(report) = self.report() {
                report.fail("panic", panic_message(&*payload));
            }
            self.leave();
            resume_unwind(payload)
        })
    }

    /// Notes a failure.
    pub(crate) fn fail(&self, failure: &Failure) {
        if let Some(report) = self.report() {
            let failed = failure.failed();
            report.fail(failed.kind, failed.message);
        }
    }

    /// Ends the invocation if it is our own, or leaves that to the end of its stream.
    pub(crate) fn leave(&mut self) {
        let Self::Own(invocation) = std::mem::replace(self, Self::None) else { return };
        let report = Arc::clone(invocation.report());
        if let Some(invocation) = report.stream.leave(*invocation) {
            // There is no moment after the response to wait for a post.
            drop(guarded(|| invocation.close()));
        }
    }
}

pin_project! {
    /// A handler's future, watched.
    #[derive(Debug)]
    pub struct Observed<F> {
        #[pin]
        inner: Option<F>,
        seat: Seat,
    }
}

impl<F> Observed<F> {
    pub(crate) fn new(inner: F, seat: Seat) -> Self {
        Self { inner: Some(inner), seat }
    }
}

impl<F, R, E> Future for Observed<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
{
    type Output = Result<Reply<R>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { unreachable!("polled after completion") };
        let Poll::Ready(outcome) = this.seat.run(|| inner.poll(cx)) else {
            // Around an invocation that is not our own there is somebody else who does this.
            if let Seat::Own(invocation) = this.seat {
                invocation.pause();
            }
            return Poll::Pending;
        };
        let outcome = outcome.map_err(Failure::of).inspect_err(|failure| this.seat.fail(failure));
        // What the handler still holds ends its spans now, within the invocation.
        let mut inner = this.inner.as_mut();
        this.seat.run(|| inner.set(None));
        let mut seat = std::mem::replace(this.seat, Seat::None);
        Poll::Ready(match outcome {
            Ok(answer) => Ok(Reply::new(answer, seat)),
            Err(failure) => {
                seat.leave();
                Err(failure)
            }
        })
    }
}
