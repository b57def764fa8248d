//! What the receivers hand on, and to whom: payloads to the pipeline, word of invocations to the ledger and to the
//! lifecycle. And back: what the ledger has ready goes into the pipeline when the lifecycle says so.

use super::notes::Notes;
use crate::{account::Account, config::Config, log, remote::Remote};
use spanlayer_config::{Course, Flow, Source};
use spanlayer_host::clock;
use spanlayer_link::Frame;
use spanlayer_pipeline::{Admission, Payload, Pipeline, Signal as Kind};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, OnceCell, mpsc::UnboundedSender},
    time::{Instant, sleep, timeout_at},
};

/// Word of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A wrapped function is there, and will tell of the end of its invocations.
    Connected,
    /// The function has answered.
    Ended {
        /// The invocation.
        request_id: String,
        /// When, in Unix nanoseconds by the function's clock.
        at_unix_nano: u64,
    },
    /// The platform says that the runtime is done.
    RuntimeDone(RuntimeDone),
}

/// The runtime is done with an invocation: it asked for the next one, or is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeDone {
    /// The invocation.
    pub request_id: String,
    /// Whether it succeeded; any status but `success` means that it did not.
    pub success: bool,
    /// From the event being handed to the runtime until the runtime asked for the next.
    pub duration: Option<Duration>,
}

/// The way in, shared by all receivers.
#[derive(Clone, Debug)]
pub struct Intake {
    pipeline: Arc<Pipeline>,
    flow: Arc<Course>,
    account: Account,
    signals: UnboundedSender<Signal>,
    shared: Arc<Shared>,
    /// There is a function, with invocations to be told of.
    function: bool,
}

#[derive(Debug, Default)]
struct Shared {
    /// Something came in: the lifecycle may want to export.
    arrived: Notify,
    /// Requests whose body is being read.
    reading: AtomicUsize,
    notes: Notes,
    /// What an extension that was killed left was taken back.
    recovered: OnceCell<()>,
    /// A function may want to connect.
    link: Notify,
    /// It is over.
    closing: Notify,
    /// The file that is yet to be loaded.
    remote: Option<Remote>,
    /// It cannot be waited for any longer.
    hurry: Notify,
}

impl Intake {
    /// Payloads go to `pipeline` by way of `flow`, what they say of invocations to `account`, signals to whoever has the
    /// other end of `signals`.
    pub fn new(
        pipeline: Arc<Pipeline>,
        flow: Arc<Course>,
        account: Account,
        signals: UnboundedSender<Signal>,
    ) -> Self {
        Self { pipeline, flow, account, signals, shared: Arc::default(), function: true }
    }

    /// The same, where the flow is said by a file that lies elsewhere, if it does.
    #[must_use]
    pub(crate) fn told_by(mut self, remote: Option<Remote>) -> Self {
        self.shared = Arc::new(Shared { remote, ..Shared::default() });
        self
    }

    /// The same where there is no function: spans that name an invocation come from elsewhere.
    #[must_use]
    pub(crate) fn beside_lambda(self) -> Self {
        Self { function: false, ..self }
    }

    /// Whether there is a function.
    pub(crate) const fn has_function(&self) -> bool {
        self.function
    }

    /// These settings count from here on, but for what was decided at the start. The flow is for when what an earlier
    /// process left is taken back.
    fn follow(&self, config: Config) -> Option<Flow> {
        log::set_level(config.log);
        self.account.follow(&config.view, &config.hash);
        self.pipeline.attach(&config.pipeline.destinations, config.queue_bytes);
        Arc::into_inner(config.flow).and_then(Course::into_flow)
    }

    /// What is known of invocations.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Takes a payload in.
    pub(crate) fn accept(&self, payload: Payload) -> Admission {
        if self.function && payload.signal() == Kind::Traces {
            self.account.note(|ledger, now| ledger.saw(payload.bytes(), now));
        }
        let admission = self.flow.accept(&self.pipeline, Source::Function, payload);
        self.shared.arrived.notify_one();
        admission
    }

    /// Keeps what a frame says of an invocation for the next extension, should this one be killed.
    pub(crate) fn note(&self, frame: &Frame) {
        self.shared.notes.take(frame, &self.pipeline);
    }

    /// Takes back what an extension that was killed left, if nobody has yet.
    pub(crate) async fn recover(&self) {
        let recovered = self.shared.recovered.get_or_init(|| async {
            let flow = match &self.shared.remote {
                Some(remote) => self.follow(remote.settle(&self.shared.hurry).await),
                None => None,
            };
            let found = self.pipeline.recover().await;
            self.shared.notes.leave(&found.notes);
            let was_open = flow.is_some();
            if let Some(flow) = flow {
                self.flow.set(flow, &self.pipeline);
            }
            if found.items > 0 || was_open {
                self.shared.arrived.notify_one();
            }
        });
        recovered.await;
    }

    /// Concludes the invocations that an extension which was killed saw begin: once the function's own account of them was
    /// read, if it left one, or at the end.
    pub(crate) fn conclude_left(&self) {
        let Some((frames, last)) = self.shared.notes.left() else { return };
        for frame in frames {
            self.account.note(|ledger, now| match &frame {
                Frame::Started(started) => ledger.cut_off(started, now, now),
                Frame::Unfinished(unfinished) => ledger.unfinished(unfinished, now),
                _ => {}
            });
        }
        self.account.settle(clock::unix_nanos());
        // In the spool as spans before they are forgotten as notes.
        self.collect(false);
        self.pipeline.forget_notes(last);
    }

    /// Passes on word of an invocation.
    pub(crate) fn tell(&self, signal: Signal) {
        // Nobody listens any more: the process is about to end.
        let _ = self.signals.send(signal);
    }

    /// The platform has told something: the lifecycle may want to know, and much of it is no longer kept back.
    pub(crate) fn told(&self) {
        if self.account.is_full() {
            self.account.empty_into(&self.pipeline, &self.flow);
        }
        self.shared.arrived.notify_one();
    }

    /// Hands over what the ledger has ready; metrics too if `metrics` says so.
    pub(crate) fn collect(&self, metrics: bool) {
        if !self.flow.is_known() {
            // It is not known either what of it is wanted.
            return;
        }
        self.account.empty_into(&self.pipeline, &self.flow);
        if metrics {
            self.account.measure_into(&self.pipeline, &self.flow);
        }
        self.flow.decide(&self.pipeline, clock::unix_nanos(), false);
    }

    /// The only invocation that there was is over: whatever sampling waits for it can be decided.
    pub(crate) fn invocation_ended(&self) {
        self.flow.ended();
    }

    /// Whether sampling waits for the rest of a trace.
    pub(crate) fn is_undecided(&self) -> bool {
        self.flow.is_undecided()
    }

    /// Says which attributes the conventions do not know, in one line.
    pub(crate) fn report_strange(&self) {
        let (mut unknown, mut mistyped) = (String::new(), String::new());
        for ((name, is_mistyped), times) in self.flow.strange_attributes() {
            let list = if is_mistyped { &mut mistyped } else { &mut unknown };
            list.push_str(&format!("{}{name} {times}", if list.is_empty() { "" } else { ", " }));
        }
        if !unknown.is_empty() || !mistyped.is_empty() {
            let fields: [log::Field<'_>; 2] = [("unknown", &unknown), ("mistyped", &mistyped)];
            log::warn("attributes that the semantic conventions do not have", &fields);
        }
    }

    /// Nothing more comes: sampling decides with what it has.
    pub(crate) fn decide_all(&self) {
        self.flow.decide(&self.pipeline, clock::unix_nanos(), true);
    }

    /// Reads everything that has reached this machine, and lets the ledger conclude from it what it can.
    pub(crate) async fn settle(&self, limit: Duration) {
        // What is told while reading may lack what was sent along with it.
        let before = clock::unix_nanos();
        if self.read_dry(limit).await {
            self.account.settle(before);
        }
    }

    /// Waits for what the platform says after the fact, if it has not yet said it: until it says nothing for as long as
    /// `pause`, and until `limit` at most.
    pub(crate) async fn last_word(&self, pause: Duration, limit: Duration) {
        let by = Instant::now() + limit;
        let next = || by.min(Instant::now() + pause);
        while self.account.awaits_report() && timeout_at(next(), self.arrived()).await.is_ok() {}
    }

    /// A function may want to connect: the socket has to be there.
    pub(crate) fn want_link(&self) {
        self.shared.link.notify_one();
    }

    /// Waits until a function may want to connect.
    pub(crate) async fn link_is_wanted(&self) {
        self.shared.link.notified().await;
    }

    /// It is over: whatever functions have not sent by now they never will.
    pub(crate) fn close(&self) {
        self.shared.hurry.notify_one();
        self.shared.closing.notify_waiters();
    }

    /// Waits until it is over.
    pub(crate) async fn closing(&self) {
        self.shared.closing.notified().await;
    }

    /// Notes that a request is being read until the guard is dropped.
    pub(crate) fn begin(&self) -> Reading {
        self.shared.reading.fetch_add(1, Ordering::Relaxed);
        Reading(Arc::clone(&self.shared))
    }

    /// Waits until something has come in since the last time.
    pub(crate) async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }

    /// Gives the receivers their turn until they have read whatever had reached this machine when it was called:
    /// what a function wrote before it ended is in our sockets, though perhaps not yet read. A request that is half
    /// read is waited for, until `limit` at most. Whether everything was read in that time.
    pub(crate) async fn read_dry(&self, limit: Duration) -> bool {
        let by = Instant::now() + limit;
        let mut quiet = 0;
        while quiet < ROUNDS && Instant::now() < by {
            tokio::task::yield_now().await;
            if self.shared.reading.load(Ordering::Relaxed) == 0 {
                quiet += 1;
            } else {
                quiet = 0;
                // The rest of a body comes from another process, which needs the processor too.
                let _ = timeout_at(by, sleep(Duration::from_millis(1))).await;
            }
        }
        quiet >= ROUNDS
    }
}

/// A request is being read for as long as this lives.
#[derive(Debug)]
pub(crate) struct Reading(Arc<Shared>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Each turn lets the runtime look at its sockets once: one to accept a connection, one to read the request, one to
/// handle it, one to be sure.
const ROUNDS: u32 = 4;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger;
    use spanlayer_host::vars::Process;
    use spanlayer_pipeline::Settings;
    use tokio::{select, sync::mpsc::unbounded_channel};

    /// One whose payloads go nowhere.
    pub(crate) fn intake(signals: UnboundedSender<Signal>) -> Intake {
        let pipeline = Pipeline::new(Settings::default());
        let settings = ledger::Settings::new(false);
        let account = Account::new(settings, Box::new(|instance| ledger::resource(&Process, instance)));
        Intake::new(Arc::new(pipeline), Arc::new(spanlayer_config::Flow::straight().into()), account, signals)
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_report_is_waited_for_while_the_platform_has_more_to_say_and_only_until_the_limit() {
        let intake = intake(unbounded_channel().0);
        intake.account().note(|ledger, now| ledger.shutdown("failure", now));
        let millis = Duration::from_millis;
        for (pace, waited) in [(30, 500), (60, 40)] {
            let goes_on = async {
                loop {
                    sleep(millis(pace)).await;
                    intake.shared.arrived.notify_one();
                }
            };
            let since = Instant::now();
            select! {
                () = intake.last_word(millis(40), millis(500)) => {}
                () = goes_on => {}
            }
            assert_eq!(since.elapsed(), millis(waited), "with a word every {pace} ms");
        }
    }
}
