//! One thread for what must not happen on the function's: looking at the clock while a handler computes, and posting
//! OTLP/HTTP to `127.0.0.1:4318` where the extension's socket is not there (any other collector layer listens there).
//!
//! A thread rather than a task: a handler that blocks its runtime is the one that will run into its timeout, and then
//! what it had finished must already be on its way.

mod post;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use spanlayer_host::clock;
use spanlayer_otlp::Signal;
use tokio::sync::oneshot;

use crate::{outbox::Outbox, warning::warn};

/// Resolves when a post is over, however it ended. Takes at most [`post::LIMIT`] for each post before it.
pub(crate) type Posted = oneshot::Receiver<()>;

/// The thread's other end.
#[derive(Debug)]
pub(crate) struct Courier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: Option<SocketAddr>,
    queue: Mutex<Queue>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// Nothing is posted before this time: nobody answered.
    closed_until: Option<Instant>,
    /// How long it is closed after the next failure.
    pause: Duration,
    warned: bool,
}

#[derive(Debug)]
struct Job {
    signal: Signal,
    body: Bytes,
    done: oneshot::Sender<()>,
}

impl Courier {
    pub(crate) fn new(to: Option<SocketAddr>) -> Self {
        let queue = Mutex::new(Queue { pause: FIRST_PAUSE, ..Queue::default() });
        Self { shared: Arc::new(Shared { to, queue, bell: Condvar::new() }) }
    }

    /// Starts the thread; it ends with the outbox.
    pub(crate) fn run(&self, outbox: Weak<Outbox>) {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("spanlayer".to_owned()).stack_size(STACK);
        if let Err(error) = thread.spawn(move || work(&shared, &outbox)) {
            warn(format_args!(
                "no thread to send from, spans go out at the end of invocations only: {error}"
            ));
        }
    }

    /// Hands over a request to be posted. `None` when it is dropped, because nobody listens.
    pub(crate) fn post(&self, signal: Signal, body: Bytes) -> Option<Posted> {
        let mut queue = self.shared.lock();
        let closed = queue.closed_until.is_some_and(|until| clock::monotonic() < until);
        if self.shared.to.is_none() || closed || queue.bytes + body.len() > BACKLOG {
            queue.warn_once(format_args!(
                "no extension on the socket and no collector on {}: {} are dropped",
                self.shared.to.map_or_else(|| "any port".to_owned(), |to| to.to_string()),
                signal.items(),
            ));
            return None;
        }
        let (done, posted) = oneshot::channel();
        queue.bytes += body.len();
        queue.jobs.push_back(Job { signal, body, done });
        self.shared.bell.notify_one();
        Some(posted)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` after `wait` without one.
    fn next(&self, wait: Duration) -> Option<Job> {
        let queue = self.lock();
        let waited = self.bell.wait_timeout_while(queue, wait, |queue| queue.jobs.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let job = queue.jobs.pop_front()?;
        queue.bytes -= job.body.len();
        Some(job)
    }

    fn post(&self, to: SocketAddr, signal: Signal, body: &[u8]) {
        if self.lock().closed_until.is_some_and(|until| clock::monotonic() < until) {
            return; // queued before the failure that closed it
        }
        let result = post::post(to, signal.path(), body);
        let mut queue = self.lock();
        match result {
            Ok(()) => (queue.closed_until, queue.pause) = (None, FIRST_PAUSE),
            Err(why) => {
                queue.closed_until = Some(clock::monotonic() + queue.pause);
                queue.pause = (queue.pause * 2).min(LAST_PAUSE);
                queue.warn_once(format_args!(
                    "no extension on the socket, and posting to http://{to} failed ({why}): {} are dropped",
                    signal.items(),
                ));
            }
        }
    }
}

impl Queue {
    fn warn_once(&mut self, what: std::fmt::Arguments<'_>) {
        if !std::mem::replace(&mut self.warned, true) {
            warn(what);
        }
    }
}

fn work(shared: &Shared, outbox: &Weak<Outbox>) {
    let mut wait = TICK;
    loop {
        let job = shared.next(wait);
        let Some(outbox) = outbox.upgrade() else { return };
        if let (Some(Job { signal, body, done }), Some(to)) = (job, shared.to) {
            shared.post(to, signal, &body);
            // Whoever waited may have gone: then there is nobody to tell.
            let _ = done.send(());
        }
        wait = outbox.tick();
    }
}

/// How much may wait to be posted.
const BACKLOG: usize = 1024 * 1024;

/// Nothing on the thread recurses or keeps large arrays.
const STACK: usize = 128 * 1024;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(64);

/// How often the clock is looked at at least: what waits does so for at most a second and this.
pub(crate) const TICK: Duration = Duration::from_millis(500);
