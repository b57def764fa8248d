//! Performs what the machine decides: the one task that talks to Lambda, holds the timers and starts the exports.

use super::{
    drain::Stop,
    exports::{Exported, Exports},
    machine::{Action, Input, Phase},
    policy::{Background, Held, Policy, Sight},
};
use crate::{
    api::{Event, Invoke, Registered, Shutdown},
    log,
    receive::{Intake, Signal},
};
use spanlayer_host::clock;
use spanlayer_pipeline::Pipeline;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    signal::unix::Signal as Terminate,
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

/// See the [module](self).
pub(crate) struct Driver {
    /// `next`, asked for; or the means to ask.
    lambda: Lambda,
    announced: bool,
    platform: bool,
    wrapped: bool,
    pipeline: Arc<Pipeline>,
    intake: Intake,
    signals: UnboundedReceiver<Signal>,
    terminate: Option<Terminate>,
    policy: Policy,
    phase: Phase,
    invocation: Option<Invocation>,
    exports: Exports,
    /// The handler is done, and its invocation is held up.
    hold: Option<Hold>,
    /// The invocation's deadline less a margin, while something is waited for.
    timer: Option<Instant>,
    /// Why it is over, and by when it has to be.
    stop: Option<(String, Instant)>,
}

enum Lambda {
    Ready(Registered),
    Asked(Pin<Box<dyn Future<Output = (Registered, Event)> + Send>>),
    /// In between, within one function.
    Moving,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    /// When we heard of it, in Unix time, to compare with the function's clock.
    began: Duration,
    /// No wait lasts longer.
    by: Instant,
    /// Its length is known.
    measured: bool,
}

/// An invocation that is held up after its handler is done. This is billed.
#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Instant,
    /// For an export that began beside the handler, rather than for everything.
    briefly: bool,
}

impl Driver {
    pub(crate) fn new(
        lambda: Registered,
        platform: bool,
        pipeline: Arc<Pipeline>,
        intake: Intake,
        signals: UnboundedReceiver<Signal>,
        terminate: Option<Terminate>,
        policy: Policy,
    ) -> Self {
        Self {
            announced: lambda.is_told_of_invocations(),
            lambda: Lambda::Ready(lambda),
            platform,
            wrapped: false,
            exports: Exports::new(Arc::clone(&pipeline), pipeline.pending().destinations.len()),
            pipeline,
            intake,
            signals,
            terminate,
            policy,
            phase: Phase::Asked,
            invocation: None,
            hold: None,
            timer: None,
            stop: None,
        }
    }

    /// Serves invocations until somebody says stop.
    pub(crate) async fn run(mut self) -> Stop {
        self.ask_next();
        loop {
            let input = self.happening().await;
            let (phase, action) = std::mem::replace(&mut self.phase, Phase::Asked).step(input);
            self.phase = phase;
            self.perform(action).await;
            if let Some((reason, by)) = self.stop.take() {
                return Stop {
                    reason,
                    by,
                    usual: self.policy.usual_export(),
                    exports: self.exports.detach(),
                };
            }
        }
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
            let background = self.background();
            tokio::select! {
                // In this order when several are ready: what an invocation left is known before the next one begins.
                biased;
                Some(signal) = self.signals.recv() => {
                    if let Some(input) = self.heard(signal) {
                        return input;
                    }
                }
                exported = self.exports.ended() => self.exported(&exported),
                (lambda, event) = answered(&mut self.lambda) => {
                    self.lambda = Lambda::Ready(lambda);
                    return match event {
                        Event::Invoke(invoke) => self.invoked(invoke).await,
                        Event::Shutdown(shutdown) => self.stopped_by_lambda(shutdown),
                    };
                }
                () = terminated(self.terminate.as_mut()) => {
                    self.stop = Some(("terminated".to_owned(), Instant::now() + WINDOW - margin(WINDOW)));
                    return Input::Stop;
                }
                () = alarm(self.timer) => {
                    self.timer = None;
                    return Input::TimeUp;
                }
                // Some destination is not waited for any longer.
                () = alarm(held_until.filter(|_| self.hold.is_some())) => {}
                () = alarm(background) => self.exports.start(false),
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
                self.exports.start(false);
            }
            Action::Export => {
                self.timer = self.invocation.as_ref().map(|invocation| invocation.by);
                self.exports.start(false);
            }
            Action::AwaitEnd => self.timer = self.invocation.as_ref().map(|invocation| invocation.by),
            Action::Linger => self.hold = Some(Hold { since: Instant::now(), briefly: true }),
            Action::Flush => {
                self.hold = Some(Hold { since: Instant::now(), briefly: false });
                self.intake.read_dry(READ_DRY).await;
                // Also what came in after an export that is under way began.
                self.exports.start(true);
            }
        }
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
        // What the last invocation left may have thawed with us and not been read yet.
        self.intake.read_dry(GLANCE).await;
        while let Ok(signal) = self.signals.try_recv() {
            self.heard(signal);
        }
        let began = clock::unix();
        let left = Duration::from_millis(invoke.deadline_millis).saturating_sub(began);
        self.invocation = Some(Invocation {
            request_id: invoke.request_id.clone(),
            began,
            by: Instant::now() + left.saturating_sub(margin(left)),
            measured: false,
        });
        let held = self.held(began, |_| true);
        let sight = if left.is_zero() { Sight::Blind } else { self.sight() };
        let plan = self.policy.invoked(began, &held, sight);
        log::debug(
            "invoked",
            &[
                ("requestId", &invoke.request_id),
                ("plan", &format!("{plan:?}")),
                ("held", &format!("{held:?}")),
            ],
        );
        Input::Invoked { request: invoke.request_id, plan }
    }

    fn stopped_by_lambda(&mut self, shutdown: Shutdown) -> Input {
        let left = match shutdown.deadline_millis {
            0 => WINDOW,
            deadline => Duration::from_millis(deadline).saturating_sub(clock::unix()),
        };
        self.stop = Some((shutdown.reason, Instant::now() + left.saturating_sub(margin(left))));
        Input::Stop
    }

    /// Takes note of what a receiver told; returns what the machine has to know of it.
    fn heard(&mut self, signal: Signal) -> Option<Input> {
        match signal {
            Signal::Connected => {
                self.wrapped = true;
                None
            }
            Signal::Ended { request_id, at_unix_nano } => {
                let at = Duration::from_nanos(at_unix_nano);
                self.measure(&request_id, |began| Some(at.saturating_sub(began)));
                Some(Input::Ended { request: request_id })
            }
            Signal::RuntimeDone(done) => {
                self.measure(&done.request_id, |_| done.duration);
                if !done.success && self.phase == Phase::Asked {
                    // Somebody will look for this one.
                    self.exports.start(false);
                }
                Some(Input::Ended { request: done.request_id })
            }
        }
    }

    fn measure(&mut self, request_id: &str, length: impl FnOnce(Duration) -> Option<Duration>) {
        if let Some(invocation) = &mut self.invocation
            && invocation.request_id == request_id
            && !invocation.measured
            && let Some(length) = length(invocation.began)
        {
            invocation.measured = true;
            self.policy.handler_took(length);
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
        } else if self.platform || self.wrapped {
            Sight::Clear
        } else {
            Sight::Blind
        }
    }
}

/// No wait goes up to a deadline: asking for `next` takes a moment, and so does a report. A tenth of the time, within
/// bounds.
fn margin(left: Duration) -> Duration {
    (left / 10).clamp(Duration::from_millis(50), Duration::from_millis(500))
}

async fn answered(lambda: &mut Lambda) -> (Registered, Event) {
    match lambda {
        Lambda::Asked(next) => next.await,
        Lambda::Ready(_) | Lambda::Moving => std::future::pending().await,
    }
}

async fn terminated(terminate: Option<&mut Terminate>) {
    let told = match terminate {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if told.is_none() {
        std::future::pending().await
    }
}

async fn alarm(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What Lambda leaves external extensions at the end, where it does not say.
const WINDOW: Duration = Duration::from_secs(2);

/// How long a request that is half read at the end of an invocation is waited for.
const READ_DRY: Duration = Duration::from_millis(20);

/// The same at its beginning, where it is only about knowing what is there.
const GLANCE: Duration = Duration::from_millis(1);
