//! Performs what the machine decides: the one task that talks to Lambda, holds the timers and starts the exports.

use super::{
    current::Current,
    drain::Stop,
    ending::{Ending, margin},
    exports::{Exported, Exports},
    machine::{Action, Input, Phase},
    policy::{Background, Held, Policy, Sight},
};
use crate::{
    api::{Event, Invoke, Registered, Shutdown},
    ledger::{Invoked, Usage},
    log,
    receive::{Intake, Signal},
};
use spanlayer_host::{
    clock,
    panics::{caught, planted},
};
use spanlayer_pipeline::{DestinationPending, Health, Pipeline};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::{Instant, sleep_until},
};

/// See the [module](self).
pub(crate) struct Driver {
    /// `next`, asked for; or the means to ask.
    lambda: Lambda,
    announced: bool,
    telling: Telling,
    wrapped: bool,
    /// Whether a first invocation was given the time to tell who will say when it ends.
    introduced: bool,
    /// By when that has to be told, while it is not.
    awaited: Option<Instant>,
    /// When metrics were last collected, in Unix time.
    measured: Duration,
    /// When what the ledger has was last asked for.
    looked: Instant,
    /// Something is to be exported that somebody will look for.
    hurry: bool,
    pipeline: Arc<Pipeline>,
    intake: Intake,
    signals: UnboundedReceiver<Signal>,
    ending: Ending,
    policy: Policy,
    phase: Phase,
    current: Current,
    exports: Exports,
    /// The handler is done, and its invocation is held up.
    hold: Option<Hold>,
    /// The invocation's deadline less a margin, while something is waited for.
    timer: Option<Instant>,
    /// Why it is over, and by when it has to be.
    stop: Option<(String, Instant)>,
}

/// What there is to tell of invocations besides what the function sends, and how often.
#[derive(Debug)]
pub(crate) struct Telling {
    /// Lambda tells how they end.
    pub(crate) platform: bool,
    /// What they use is measured.
    pub(crate) usage: bool,
    /// How long metrics are added up at least before they go out with a flush; and the longest that the lines of a
    /// long invocation wait.
    pub(crate) every: Duration,
    /// Nothing waits for a flush.
    pub(crate) at_once: bool,
    /// Lets what has time until then begin, with the first event.
    pub(crate) begun: Option<oneshot::Sender<()>>,
}

enum Lambda {
    Ready(Registered),
    Asked(Pin<Box<dyn Future<Output = (Registered, Event)> + Send>>),
    /// In between, within one function.
    Moving,
    /// There is none: this is no function.
    Nowhere,
}

/// An invocation that is held up after its handler is done. This is billed.
#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Instant,
    /// For an export that began beside the handler, rather than for everything.
    briefly: bool,
}

impl Driver {
    /// Without `lambda`, it serves until a signal ends it.
    pub(crate) fn new(
        lambda: Option<Registered>,
        telling: Telling,
        pipeline: Arc<Pipeline>,
        intake: Intake,
        signals: UnboundedReceiver<Signal>,
        ending: Ending,
        policy: Policy,
    ) -> Self {
        Self {
            announced: lambda.as_ref().is_some_and(Registered::is_told_of_invocations),
            lambda: lambda.map_or(Lambda::Nowhere, Lambda::Ready),
            telling,
            wrapped: false,
            introduced: false,
            awaited: None,
            measured: clock::unix(),
            looked: Instant::now(),
            hurry: false,
            exports: Exports::new(Arc::clone(&pipeline), pipeline.pending().destinations.len()),
            pipeline,
            intake,
            signals,
            ending,
            policy,
            phase: Phase::Asked,
            current: Current::default(),
            hold: None,
            timer: None,
            stop: None,
        }
    }

    /// Serves invocations until somebody says stop.
    pub(crate) async fn run(mut self) -> Stop {
        self.ask_next();
        let mut panics = 0;
        loop {
            match caught(self.turn()).await {
                Ok(()) => panics = 0,
                Err(_) => {
                    panics += 1;
                    self.pick_up(panics).await;
                }
            }
            if let Some((reason, by)) = self.stop.take() {
                // It is over, whether anybody gets to say so or not.
                if let Some((request, used)) = self.current.stops() {
                    self.used(&request, used);
                }
                let pending = self.pipeline.pending();
                let trusts = |number: usize| {
                    let is_healthy = |one: &DestinationPending| one.health == Health::Healthy;
                    pending.destinations.get(number).is_some_and(is_healthy)
                        && !self.policy.patience(number).is_zero()
                };
                return Stop {
                    reason,
                    by,
                    platform: self.telling.platform,
                    usual: self.policy.usual_export(),
                    exports: self.exports.detach(trusts),
                };
            }
        }
    }

    /// One step of the machine.
    async fn turn(&mut self) {
        planted("turn");
        let input = self.happening().await;
        let (phase, action) = std::mem::replace(&mut self.phase, Phase::Asked).step(input);
        self.phase = phase;
        self.perform(action).await;
    }

    /// After a panic: what was being done about this invocation is given up, and Lambda is not kept waiting. One that comes
    /// again and again leaves nothing but an orderly end.
    async fn pick_up(&mut self, panics: u32) {
        if self.stop.is_some() {
            return;
        }
        if panics >= HOPELESS {
            self.stop = Some(("panicked".to_owned(), self.ending.by()));
            return;
        }
        sleep_until(Instant::now() + Duration::from_millis(1) * 2u32.pow(panics)).await;
        self.phase = Phase::Asked;
        self.release();
    }

    /// Waits for something that the machine has to know.
    async fn happening(&mut self) -> Input {
        loop {
            let waiting =
                matches!(self.phase, Phase::Overlapping { .. } | Phase::Lingering | Phase::Flushing);
            let held_until = self.held_until();
            if waiting && held_until.is_none() {
                return Input::Exported;
            }
            if let Some((request, used)) = self.current.end() {
                self.used(&request, used);
                return Input::Ended { request };
            }
            if std::mem::take(&mut self.hurry) {
                self.intake.settle(READ_DRY).await;
                self.export(false);
            }
            let (background, look) = (self.background(), self.look());
            tokio::select! {
                // In this order when several are ready: nothing that anybody tells holds up Lambda's word. An invocation
                // that begins hears first what is left of the last one.
                biased;
                (lambda, event) = answered(&mut self.lambda) => {
                    self.lambda = Lambda::Ready(lambda);
                    drop(self.telling.begun.take());
                    return match event {
                        Event::Invoke(invoke) => self.invoked(invoke).await,
                        Event::Shutdown(shutdown) => self.stopped_by_lambda(shutdown),
                    };
                }
                Some(signal) = self.signals.recv() => self.heard(signal),
                exported = self.exports.ended() => self.exported(&exported),
                () = self.ending.told() => {
                    self.stop = Some(("terminated".to_owned(), self.ending.by()));
                    return Input::Stop;
                }
                () = alarm(self.timer) => {
                    (self.timer, self.awaited) = (None, None);
                    return Input::TimeUp;
                }
                // Some destination is not waited for any longer.
                () = alarm(held_until.filter(|_| self.hold.is_some())) => {}
                () = alarm(background) => self.export(false),
                () = alarm(look) => {
                    self.looked = Instant::now();
                    self.intake.settle(READ_DRY).await;
                    let metrics = self.metrics_are_due();
                    self.intake.collect(metrics);
                }
                () = self.intake.arrived() => {}
            }
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::Wait | Action::Drain => {}
            Action::AskNext => self.release(),
            Action::AskNextAndExport => {
                self.release();
                self.export(false);
            }
            Action::Export => {
                self.timer = self.limit_of_wait();
                self.export(false);
            }
            Action::AwaitEnd => self.timer = self.limit_of_wait(),
            Action::Linger => self.hold = Some(Hold { since: Instant::now(), briefly: true }),
            Action::Flush => {
                self.hold = Some(Hold { since: Instant::now(), briefly: false });
                self.intake.settle(READ_DRY).await;
                // Also what came in after an export that is under way began.
                self.export(true);
            }
        }
    }

    /// Exports what is held, with what the ledger has to add.
    fn export(&mut self, everything: bool) {
        let metrics = self.metrics_are_due();
        self.intake.collect(metrics);
        self.looked = Instant::now();
        self.exports.start(everything);
    }

    /// Whether metrics were added up for long enough. If so, they count as collected now.
    fn metrics_are_due(&mut self) -> bool {
        let now = clock::unix();
        // Where the clock was set back, it has to be begun anew.
        let due = now < self.measured || now - self.measured >= self.telling.every;
        if due {
            self.measured = now;
        }
        due
    }

    /// When to ask the ledger for what it has, where no flush is about to: invocations are not announced, nothing is to
    /// wait, or one takes long. What comes after an invocation waits for the next one.
    fn look(&self) -> Option<Instant> {
        // What is waited for before it is sampled comes to its decision by itself only at the end of an invocation.
        if !self.announced && self.intake.is_undecided() {
            return Some(self.looked + STEADY);
        }
        let every = if !self.announced {
            STEADY
        } else if self.telling.at_once {
            AT_ONCE
        } else if self.current.goes_on() {
            self.telling.every
        } else {
            return None;
        };
        self.intake.account().has_news().then(|| self.looked + every)
    }

    /// The next moment at which a destination that is waited for is not waited for any longer; `None` when there is no
    /// such destination.
    fn held_until(&self) -> Option<Instant> {
        let now = Instant::now();
        let since = self.hold.map_or(now, |hold| hold.since);
        let pending = self.pipeline.pending();
        // One that failed is being probed: that is nothing to wait for.
        let awaited = self
            .exports
            .running()
            .filter(|number| pending.destinations.get(*number).is_some_and(|one| !one.health.is_failing()));
        awaited.map(|destination| since + self.limit(destination)).filter(|until| *until > now).min()
    }

    /// Until when the end of the invocation is waited for.
    fn limit_of_wait(&self) -> Option<Instant> {
        self.current.by().map(|by| self.awaited.map_or(by, |awaited| awaited.min(by)))
    }

    /// How long the end of the invocation may be held up for a destination.
    fn limit(&self, destination: usize) -> Duration {
        match self.hold {
            Some(Hold { briefly: true, .. }) => self.policy.linger(destination),
            _ => self.policy.patience(destination),
        }
    }

    /// Lambda may freeze us from here.
    fn release(&mut self) {
        for destination in self.exports.running() {
            let Some(hold) = self.hold else { break };
            self.policy.waited_in_vain(destination, hold.since.elapsed());
            if self.policy.patience(destination).is_zero() {
                self.pipeline.suspect(destination);
            }
        }
        self.hold = None;
        self.timer = None;
        self.ask_next();
    }

    fn ask_next(&mut self) {
        match std::mem::replace(&mut self.lambda, Lambda::Moving) {
            Lambda::Ready(lambda) => self.lambda = Lambda::Asked(Box::pin(lambda.next())),
            asked => self.lambda = asked,
        }
    }

    async fn invoked(&mut self, invoke: Invoke) -> Input {
        planted("invoked");
        self.intake.want_link();
        // What the last invocation left may have thawed with us and not been read yet.
        self.intake.settle(GLANCE).await;
        while let Ok(signal) = self.signals.try_recv() {
            self.heard(signal);
        }
        let began = clock::unix();
        let left = Duration::from_millis(invoke.deadline_millis).saturating_sub(began);
        self.intake.account().note(|ledger, now| {
            let invoked = Invoked {
                request_id: &invoke.request_id,
                deadline_millis: invoke.deadline_millis,
                arn: &invoke.arn,
                trace_header: &invoke.trace_header,
            };
            ledger.invoked(invoked, now);
        });
        // Whatever the last one left goes with this one's flush, if there is to be one.
        self.intake.collect(false);
        self.looked = Instant::now();
        let by = Instant::now() + left.saturating_sub(margin(left));
        self.current.begins(&invoke.request_id, began, by);
        if self.telling.usage {
            self.current.measure_usage();
        }
        let held = self.held(began, |_| true);
        // A wrapped function connects at its first invocation, and where the platform tells nothing that is the only
        // word there is.
        let is_first = !std::mem::replace(&mut self.introduced, true);
        self.awaited =
            (is_first && !self.wrapped && !self.telling.platform).then(|| Instant::now() + INTRODUCTION);
        let sight = if left.is_zero() { Sight::Blind } else { self.sight() };
        let plan = self.policy.invoked(began, &held, sight);
        log::debug(
            "invoked",
            &[
                ("requestId", &invoke.request_id),
                ("plan", &format_args!("{plan:?}")),
                ("held", &format_args!("{held:?}")),
            ],
        );
        Input::Invoked { request: invoke.request_id, plan }
    }

    fn stopped_by_lambda(&mut self, shutdown: Shutdown) -> Input {
        let left = match shutdown.deadline_millis {
            0 => WINDOW,
            deadline => Duration::from_millis(deadline).saturating_sub(clock::unix()),
        };
        let reason = shutdown.reason.clone();
        // Before anything that may panic: it is told only once.
        self.stop = Some((shutdown.reason, Instant::now() + left.saturating_sub(margin(left))));
        planted("stop");
        self.intake.account().note(|ledger, now| ledger.shutdown(&reason, now));
        Input::Stop
    }

    /// Takes note of what a receiver told; returns what the machine has to know of it.
    fn heard(&mut self, signal: Signal) {
        planted("heard");
        // Where invocations are not announced, there may be others at the same time.
        if self.announced && !matches!(signal, Signal::Connected) {
            self.intake.invocation_ended();
        }
        match signal {
            Signal::Connected => {
                self.wrapped = true;
                if self.awaited.take().is_some() && self.timer.is_some() {
                    self.timer = self.limit_of_wait();
                }
            }
            Signal::Ended { request_id, at_unix_nano } => {
                let at = Duration::from_nanos(at_unix_nano);
                self.over(&request_id, |began| Some(at.saturating_sub(began)));
            }
            Signal::RuntimeDone(done) => {
                self.over(&done.request_id, |_| done.duration);
                // Somebody will look for this one.
                self.hurry |= !done.success && self.phase == Phase::Asked;
            }
        }
    }

    /// Somebody says that an invocation is over, and how long it took from when it began, if they know.
    fn over(&mut self, request_id: &str, length: impl FnOnce(Duration) -> Option<Duration>) {
        if let Some(length) = self.current.took(request_id, length) {
            self.policy.handler_took(length);
        }
        let used = self.current.is_over(request_id);
        self.used(request_id, used);
    }

    fn used(&self, request_id: &str, used: Option<Usage>) {
        if let Some(used) = used {
            self.intake.account().note(|ledger, _| ledger.used(request_id, used));
        }
    }

    fn exported(&mut self, exported: &Exported) {
        let Exported { destination, took, delivered, left, goes_on } = *exported;
        if delivered || left {
            self.policy.exported(destination, clock::unix(), took, delivered);
        }
        if let Some(hold) = self.hold
            && left
            && !delivered
            && !goes_on
        {
            self.policy.waited_in_vain(destination, hold.since.elapsed());
        }
    }

    /// When to begin an export that nobody waits for.
    fn background(&self) -> Option<Instant> {
        let now = clock::unix();
        let sight = (self.phase == Phase::Asked).then(|| self.sight());
        let held = self.held(now, |destination| !self.exports.is_running(destination));
        match self.policy.background(now, &held, sight) {
            Background::Now => Some(Instant::now()),
            Background::In(wait) => Some(Instant::now() + wait),
            Background::Never => None,
        }
    }

    /// What the policy wants to know of what is held, for the destinations that count.
    fn held(&self, now: Duration, counts: impl Fn(usize) -> bool) -> Held {
        let pending = self.pipeline.pending();
        let mut held = Held::default();
        for (destination, one) in
            pending.destinations.iter().enumerate().filter(|(number, _)| counts(*number))
        {
            let rest = one.health.probe_in().max(self.policy.rest(destination, now));
            let trusted =
                !one.health.is_failing() && rest.is_zero() && !self.policy.patience(destination).is_zero();
            held.reachable |= trusted;
            if one.items == 0 {
                continue;
            }
            if trusted {
                held.bytes = held.bytes.max(one.bytes as u64);
                held.items = held.items.max(one.items as u64);
                held.errors = held.errors.max(one.errors as u64);
                held.age = held.age.max(one.oldest.map(|oldest| oldest.elapsed()));
            } else {
                held.probe = Some(held.probe.map_or(rest, |probe| probe.min(rest)));
            }
        }
        held
    }

    fn sight(&self) -> Sight {
        if !self.announced {
            Sight::Unannounced
        } else if self.telling.platform || self.wrapped || self.awaited.is_some() {
            Sight::Clear
        } else {
            Sight::Blind
        }
    }
}

async fn answered(lambda: &mut Lambda) -> (Registered, Event) {
    match lambda {
        Lambda::Asked(next) => next.await,
        Lambda::Ready(_) | Lambda::Moving | Lambda::Nowhere => std::future::pending().await,
    }
}

async fn alarm(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What Lambda leaves external extensions at the end, where it does not say.
pub(crate) const WINDOW: Duration = Duration::from_secs(2);

/// So many panics in a row are not going to be the last; they take four seconds.
const HOPELESS: u32 = 12;

/// Where invocations are not announced, as often as the policy sends what comes in.
const STEADY: Duration = Duration::from_secs(1);

/// Long enough for the platform's word and the function's to come together.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How long a first invocation is held up for a function to introduce itself, where the platform tells nothing: longer
/// than that takes with a small share of a core, and for a function that is not wrapped paid once.
const INTRODUCTION: Duration = Duration::from_millis(40);

/// How long a request that is half read at the end of an invocation is waited for.
const READ_DRY: Duration = Duration::from_millis(20);

/// The same at its beginning, where it is only about knowing what is there.
const GLANCE: Duration = Duration::from_millis(1);
