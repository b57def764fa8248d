//! A response that is still being made while Lambda takes it: the invocation lasts until its last byte.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::Error;
use opentelemetry::KeyValue;
use spanlayer_host::clock;
use tracing::Span;

use crate::{guard::guarded, invocation::Invocation, report::Report};

/// The stream of a streamed answer, watched: its first byte, its length, a failure, its end. What it does is part of the
/// invocation.
#[derive(Debug)]
pub struct Streamed<S> {
    inner: Option<S>,
    watch: Option<Watch>,
}

/// Where the stream belongs.
#[derive(Debug)]
struct Watch {
    report: Arc<Report>,
    /// What is current while the stream is polled: the runtime polls it in a task of its own.
    context: opentelemetry::Context,
    span: Span,
}

impl<S> Streamed<S> {
    /// The stream of the invocation that is current, if there is one.
    pub(crate) fn new(inner: S, report: Option<Arc<Report>>) -> Self {
        let watch = report.filter(|report| report.stream.begin()).map(|report| Watch {
            report,
            context: opentelemetry::Context::current(),
            span: Span::current(),
        });
        Self { inner: Some(inner), watch }
    }
}

impl<S> Streamed<S> {
    fn note(&self, item: &Result<Bytes, Error>) {
        let Some(Watch { report, .. }) = &self.watch else { return };
        match item {
            Ok(chunk) => report.stream.sent(chunk.len()),
            Err(error) => report.fail(STREAM_ERROR, error.to_string()),
        }
    }

    /// Lets go of the stream, within the invocation, and then of that.
    fn finish(&mut self) {
        if let Some(watch) = self.watch.take() {
            let _context = watch.context.clone().attach();
            let _span = watch.span.enter();
            self.inner = None;
            if std::thread::panicking() {
                watch.report.fail("panic", "the stream of the response panicked");
            }
            watch.report.stream.over();
        }
        self.inner = None;
    }
}

impl<S> Drop for Streamed<S> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<S, D, E> Stream for Streamed<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: Into<Error>,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        let item = match &this.watch {
            Some(watch) => {
                let _context = watch.context.clone().attach();
                let _span = watch.span.enter();
                Pin::new(inner).poll_next(cx)
            }
            None => Pin::new(inner).poll_next(cx),
        };
        let item = ready!(item).map(|item| item.map(D::into).map_err(E::into));
        match &item {
            Some(item) => this.note(item),
            None => this.finish(),
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// How far a streamed answer has come.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    streams: bool,
    over: bool,
    first_byte: Option<Duration>,
    bytes: u64,
    /// What the end of the stream ends, where that is the last thing to happen.
    invocation: Option<Invocation>,
}

impl Progress {
    /// Of an invocation that begins now.
    pub(crate) fn new() -> Self {
        Self { began: clock::monotonic(), state: Mutex::default() }
    }

    /// Whether nobody watches it yet.
    fn begin(&self) -> bool {
        !std::mem::replace(&mut self.lock().streams, true)
    }

    fn sent(&self, bytes: usize) {
        let mut state = self.lock();
        if bytes > 0 {
            state.first_byte.get_or_insert_with(|| clock::monotonic().duration_since(self.began));
        }
        state.bytes += bytes as u64;
    }

    fn over(&self) {
        let invocation = {
            let mut state = self.lock();
            state.over = true;
            state.invocation.take()
        };
        if let Some(invocation) = invocation {
            // There is nobody who could wait for a post.
            drop(guarded(|| invocation.close()));
        }
    }

    /// Leaves an invocation that was answered to the end of its stream; gives it back when nothing streams any more.
    /// Normally nothing does: Lambda takes the whole response before it confirms.
    pub(crate) fn leave(&self, invocation: Invocation) -> Option<Invocation> {
        let mut state = self.lock();
        if state.streams && !state.over {
            state.invocation = Some(invocation);
            return None;
        }
        Some(invocation)
    }

    /// What is to be said of a streamed answer: when its first byte was there, and its length; the prelude does not count.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = KeyValue> + use<> {
        let state = self.lock();
        let bytes = state.streams.then(|| i64::try_from(state.bytes).unwrap_or(i64::MAX));
        let first = state.first_byte.map(|first| first.as_secs_f64() * 1000.0);
        let first = first.map(|first| KeyValue::new("spanlayer.response.first_byte_ms", first));
        first.into_iter().chain(bytes.map(|bytes| KeyValue::new("spanlayer.response.size_bytes", bytes)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `error.type` of a response that broke off after it had begun: what Lambda is told too.
const STREAM_ERROR: &str = "Runtime.StreamError";
