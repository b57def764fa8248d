//! The extension put together: announced, bound, registered, serving, drained.

use crate::{
    account::Account,
    api::{Announced, Event, Registered, Subscription},
    config::{self, Config, Lines},
    ledger,
    lifecycle::{
        drain::drain,
        driver::{Driver, Telling},
        policy::{Mode, Policy},
    },
    log::{self, Level},
    receive::{self, Bound, Intake, LinkSocket, Otlp, Platform, Receiver, Room, Signal},
};
use spanlayer_host::{
    clock,
    panics::{self, caught},
    vars::{Process, Vars},
};
use spanlayer_pipeline::{BatchLimits, Lanes, Notice, Pipeline};
use std::{pin::Pin, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        oneshot,
    },
};

/// Everything that can be made without waiting for anybody: sockets bound, stages wired, nothing running.
#[derive(Debug)]
pub struct App {
    announced: Announced,
    config: Config,
    sockets: Sockets,
    pipeline: Arc<Pipeline>,
    intake: Intake,
    signals: UnboundedReceiver<Signal>,
}

#[derive(Debug, Default)]
struct Sockets {
    platform: Option<Bound>,
    otlp_http: Option<Bound>,
    otlp_grpc: Option<Bound>,
    link: Option<LinkSocket>,
}

impl App {
    /// Reads the settings and binds the sockets, while Lambda answers what was announced.
    pub fn build(announced: Announced, vars: &dyn Vars) -> Self {
        let (mut config, problems) = Config::from_vars(vars);
        log::set_level(config.log);
        panics::watch(panicked);
        let sockets = if config.disabled { Sockets::default() } else { Sockets::bind(&config) };
        if !config.disabled {
            config::report(&problems, &config.hints);
        }
        config.pipeline.observer = Some(Arc::new(notice));
        let pipeline = Arc::new(Pipeline::new(config.pipeline.clone()));
        let (sender, signals) = unbounded_channel();
        let account = account(&config, announced.is_to_hear_of_invocations());
        let intake = Intake::new(Arc::clone(&pipeline), Arc::clone(&config.flow), account, sender)
            .told_by(config.remote.clone());
        Self { announced, config, sockets, pipeline, intake, signals }
    }

    /// Serves until Lambda, or a SIGTERM, says that it is over.
    pub async fn run(self) {
        let Self { announced, config, sockets, pipeline, intake, signals } = self;
        if config.disabled {
            return idle(announced.register().await).await;
        }
        let port = sockets.platform.as_ref().map(|bound| bound.address().port());
        let (begin, begun) = oneshot::channel();
        sockets.serve(&intake, &config, begun);
        let mut lambda = announced.register().await;
        let nobody = Lines { function: false, extension: false };
        let lines = config.view.logs.map_or(nobody, |_| config.view.lines);
        let platform = match port {
            Some(port) => lambda.subscribe(port, lines).await == Subscription::Active,
            None => false,
        };
        if lambda.is_told_of_invocations() {
            step_back();
        }
        let terminate = signal(SignalKind::terminate()).ok();
        let enough = BatchLimits::default().bytes as u64;
        // Where they are told of later, there are as many as there may be.
        let destinations =
            if config.remote.is_some() { Lanes::MOST } else { config.pipeline.destinations.len() };
        let policy = Policy::new(config.flush, config.max_staleness, enough, destinations, clock::unix());
        let telling = Telling {
            platform,
            usage: config.view.metrics.is_some(),
            every: config.max_staleness,
            at_once: config.flush == Mode::Continuous,
            // Where no invocation is announced, there is nothing to wait for.
            begun: lambda.is_told_of_invocations().then_some(begin),
        };
        let driver =
            Driver::new(lambda, telling, Arc::clone(&pipeline), intake.clone(), signals, terminate, policy);
        let stop = apart(|| driver.run()).await;
        // What it panicked about is told, and the rest is over.
        let _ = apart(|| caught(drain(stop, &intake, &pipeline))).await;
    }
}

/// A future on the heap, made in a frame of its own. All that an asynchronous function awaits is part of its own state
/// otherwise, and the stack for the largest of it is touched, page by page, before the first instruction: 17 pages at
/// every start, most of them for the end.
#[inline(never)]
fn apart<'a, F: Future + 'a>(make: impl FnOnce() -> F) -> Pin<Box<dyn Future<Output = F::Output> + 'a>> {
    Box::pin(make())
}

impl Sockets {
    fn bind(config: &Config) -> Self {
        Self {
            platform: receive::bind(config::TELEMETRY_API.name, config.telemetry_api, true),
            otlp_http: receive::bind(config::OTLP_HTTP.name, config.otlp_http, false),
            otlp_grpc: receive::bind(config::OTLP_GRPC.name, config.otlp_grpc, false),
            link: receive::bind_link(config.link.clone()),
        }
    }

    fn serve(self, intake: &Intake, config: &Config, begun: oneshot::Receiver<()>) {
        let limit = MAX_BODY.min(config.queue_bytes);
        // The largest request, and as much again: what it unfolds by, or others meanwhile.
        let room = Room::new(limit.saturating_mul(2));
        let platform =
            self.platform.map(|bound| (bound, Platform { intake: intake.clone(), room: room.clone() }));
        tokio::spawn(once_begun(begun, intake.clone(), platform));
        if let Some(socket) = self.link {
            tokio::spawn(receive::serve_link(socket, intake.clone(), room.clone()));
        }
        let (intake, when_full) = (intake.clone(), config.pipeline.when_full);
        let otlp = Arc::new(Otlp { intake, room, limit, when_full });
        for bound in [self.otlp_http, self.otlp_grpc].into_iter().flatten() {
            tokio::spawn(receive::serve(bound, Receiver::Otlp(Arc::clone(&otlp))));
        }
    }
}

/// What has time until Lambda has something for us to do. Before, it would take the processor from the function's init: a
/// quarter of a millisecond that is 4 ms with 7 % of a core. And what is restored from a snapshot must not have been in
/// touch with files when that was made. Given up is as good as told: somebody wants to know.
async fn once_begun(begun: oneshot::Receiver<()>, intake: Intake, platform: Option<(Bound, Platform)>) {
    let _ = begun.await;
    if let Some((bound, platform)) = platform {
        tokio::spawn(receive::serve(bound, Receiver::Platform(platform.into())));
    }
    intake.recover().await;
}

/// Where everything that is told of invocations is kept.
fn account(config: &Config, announced: bool) -> Account {
    let mut settings = ledger::Settings::new(!announced);
    settings.function.clone_from(&config.function);
    settings.config.clone_from(&config.hash);
    settings.complete = config.view.complete;
    settings.fill_segments = config.view.fill_segments;
    settings.logs = config.view.logs;
    settings.metrics = config.view.metrics;
    Account::new(settings, Box::new(|instance| ledger::resource(&Process, instance)))
        .with_own_metrics(config.view.own_metrics)
}

/// Lets the function go first where both want the same core: a message to us must not make us run before the handler
/// goes on. Measured on one core, it takes a wrapped function's response from 1.35 to 1.05 times a bare one's. What is
/// waited for at the end of an invocation has the core to itself. Not on Managed Instances, where handlers keep the
/// cores busy all the time and exports have to keep up.
fn step_back() {
    // Where it is not allowed, everything works as before.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

/// The kill switch: there for Lambda, and nothing else.
async fn idle(mut lambda: Registered) {
    loop {
        let (back, event) = lambda.next().await;
        if let Event::Shutdown(_) = event {
            return;
        }
        lambda = back;
    }
}

/// A panic, for the log. The task that it was in is begun anew, or what it was about is given up.
fn panicked(words: &str, place: &str) {
    log::error("panicked, going on", &[("error", &words), ("place", &place)]);
}

/// The pipeline's turning points, for the log.
fn notice(notice: Notice<'_>) {
    match notice {
        _ if notice.is_loss() => log::error(&notice.to_string(), &[]),
        Notice::FirstDelivery { .. } | Notice::Recovered { .. } => {
            log::always(Level::Info, &notice.to_string(), &[]);
        }
        _ => log::warn(&notice.to_string(), &[]),
    }
}

/// A tenth of a contended core by the scheduler's weights: second in the queue, and never starved.
const NICENESS: i32 = 10;

/// The OTLP specification's recommendation for what a request may hold, decoded.
const MAX_BODY: usize = 64 << 20;
