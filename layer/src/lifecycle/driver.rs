//! Performs what the machine decides: the one task that talks to Lambda, holds the timers and starts the exports.

use super::{
    drain::Stop,
    machine::{Action, Input, Phase},
    policy::{Background, Held, Policy, Sight},
};
use crate::{
    api::{Event, Invoke, Registered, Shutdown},
    log,
    receive::{Intake, Signal},
};
use spanlayer_host::clock;
use spanlayer_pipeline::{Deadline, Flushed, Pending, Pipeline};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    signal::unix::Signal as Terminate,
    sync::mpsc::UnboundedReceiver,
    task::JoinHandle,
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
    export: Option<Export>,
    /// When the handler ended, while its invocation is held up.
    ended: Option<Instant>,
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

#[derive(Debug)]
struct Export {
    task: JoinHandle<Flushed>,
    began: Instant,
    /// More has come in that is to be exported before anybody is told that it is done.
    again: bool,
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
            pipeline,
            intake,
            signals,
            terminate,
            policy,
            phase: Phase::Asked,
            invocation: None,
            export: None,
            ended: None,
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
                let export = self.export.map(|export| export.task.abort_handle());
                return Stop { reason, by, export, usual: self.policy.usual_export() };
            }
        }
    }

    /// Waits for something that the machine has to know.
    async fn happening(&mut self) -> Input {
        loop {
            let background = self.background();
            tokio::select! {
                // In this order when several are ready: what an invocation left is known before the next one begins.
                biased;
                Some(signal) = self.signals.recv() => {
                    if let Some(input) = self.heard(signal) {
                        return input;
                    }
                }
                flushed = finished(self.export.as_mut()) => {
                    if self.exported(flushed) {
                        return Input::Exported;
                    }
                }
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
                () = alarm(background) => self.start_export(),
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
                self.start_export();
            }
            Action::Export => {
                self.timer = self.invocation.as_ref().map(|invocation| invocation.by);
                self.start_export();
            }
            Action::AwaitEnd => self.timer = self.invocation.as_ref().map(|invocation| invocation.by),
            Action::Linger => self.hold_for(self.policy.linger()),
            Action::Flush => {
                self.hold_for(self.policy.patience());
                self.intake.read_dry(READ_DRY).await;
                match &mut self.export {
                    // What is under way was begun before the rest came in.
                    Some(export) => export.again = true,
                    None => self.start_export(),
                }
            }
        }
    }

    /// From here on an invocation that is over is held up, at most so long.
    fn hold_for(&mut self, limit: Duration) {
        let now = Instant::now();
        self.ended = Some(now);
        let by = self.invocation.as_ref().map_or(now, |invocation| invocation.by);
        self.timer = Some(by.min(now + limit));
    }

    /// Lambda may freeze us from here.
    fn release(&mut self) {
        if let Some(ended) = self.ended.take()
            && self.export.is_some()
        {
            self.policy.waited_in_vain(ended.elapsed());
        }
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
        let held = held(&self.pipeline.pending());
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
                    self.start_export();
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

    fn start_export(&mut self) {
        if self.export.is_some() {
            return;
        }
        let pipeline = Arc::clone(&self.pipeline);
        // Not bounded by the invocation: the driver stops waiting when it has to, and an attempt that outlives its
        // invocation is frozen with us and finished after the thaw, rather than cut off and sent again. Each attempt
        // has its own time limit.
        let task = tokio::spawn(async move { pipeline.flush(Deadline::never()).await });
        self.export = Some(Export { task, began: Instant::now(), again: false });
    }

    /// An export is over; whether that was the last of it for now.
    fn exported(&mut self, flushed: Flushed) -> bool {
        let Some(export) = self.export.take() else { return true };
        let answered = flushed.delivered + flushed.rejected + flushed.refused > 0;
        if answered || flushed.left > 0 {
            self.policy.exported(clock::unix(), export.began.elapsed(), answered);
        }
        if export.again && (answered || flushed.left == 0) {
            self.start_export();
            return false;
        }
        if flushed.left > 0
            && !answered
            && let Some(ended) = self.ended.take()
        {
            self.policy.waited_in_vain(ended.elapsed());
        }
        true
    }

    /// When to begin an export that nobody waits for.
    fn background(&self) -> Option<Instant> {
        if self.export.is_some() {
            return None;
        }
        let sight = (self.phase == Phase::Asked).then(|| self.sight());
        let held = held(&self.pipeline.pending());
        match self.policy.background(clock::unix(), &held, sight) {
            Background::Now => Some(Instant::now()),
            Background::In(wait) => Some(Instant::now() + wait),
            Background::Never => None,
        }
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

/// What the policy wants to know of what the pipeline holds.
fn held(pending: &Pending) -> Held {
    Held {
        bytes: pending.bytes as u64,
        errors: pending.errors as u64,
        age: pending.oldest_deliverable().map(|oldest| oldest.elapsed()),
        reachable: pending.destinations.iter().any(|one| !one.health.is_failing()),
        probe: pending
            .destinations
            .iter()
            .filter(|one| one.items > 0 && one.health.is_failing())
            .map(|one| one.health.probe_in())
            .min(),
    }
}

/// No wait goes up to a deadline: asking for `next` takes a moment, and so does a report. A tenth of the time, within
/// bounds.
fn margin(left: Duration) -> Duration {
    (left / 10).clamp(Duration::from_millis(50), Duration::from_millis(500))
}

async fn finished(export: Option<&mut Export>) -> Flushed {
    match export {
        // A panic in there is reported by its hook, and delivers nothing.
        Some(export) => (&mut export.task).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
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
