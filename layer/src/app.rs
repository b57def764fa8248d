//! The extension put together: announced, bound, registered, serving, drained.

use crate::{
    account::Account,
    api::{Announced, Event, Registered, Subscription},
    config::{self, Config, Lines},
    ledger,
    lifecycle::{
        drain::drain,
        driver::{Driver, Telling, WINDOW},
        ending::Ending,
        policy::{Mode, Policy},
    },
    log,
    receive::{self, Bound, Intake, LinkSocket, Platform, Receiver},
    wiring::{self, Wiring, apart},
};
use spanlayer_host::{
    clock,
    panics::caught,
    vars::{Process, Vars},
};
use spanlayer_pipeline::{BatchLimits, Lanes};
use std::sync::Arc;
use tokio::{signal::unix::SignalKind, sync::oneshot};

/// Everything that can be made without waiting for anybody: sockets bound, stages wired, nothing running.
#[derive(Debug)]
pub struct App {
    announced: Announced,
    config: Config,
    sockets: Sockets,
    wiring: Wiring,
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
        wiring::tell_panics();
        let sockets = if config.disabled { Sockets::default() } else { Sockets::bind(&config) };
        if !config.disabled {
            config::report(&problems, &config.hints);
        }
        let account = account(&config, announced.is_to_hear_of_invocations());
        let wiring = Wiring::of(&mut config, account);
        Self { announced, config, sockets, wiring }
    }

    /// Serves until Lambda, or a SIGTERM, says that it is over.
    pub async fn run(self) {
        let Self { announced, config, sockets, wiring } = self;
        let Wiring { pipeline, intake, signals } = wiring;
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
        let ending = Ending::on(&[SignalKind::terminate()], WINDOW);
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
        let driver = Driver::new(
            Some(lambda),
            telling,
            Arc::clone(&pipeline),
            intake.clone(),
            signals,
            ending,
            policy,
        );
        let stop = apart(|| driver.run()).await;
        // What it panicked about is told, and the rest is over.
        let _ = apart(|| caught(drain(stop, &intake, &pipeline))).await;
    }
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
        let (otlp, room) = wiring::otlp(intake.clone(), config);
        let platform =
            self.platform.map(|bound| (bound, Platform { intake: intake.clone(), room: room.clone() }));
        tokio::spawn(once_begun(begun, intake.clone(), platform));
        if let Some(socket) = self.link {
            tokio::spawn(receive::serve_link(socket, intake.clone(), room));
        }
        for bound in [self.otlp_http, self.otlp_grpc].into_iter().flatten() {
            tokio::spawn(receive::serve(bound, Receiver::Otlp(Arc::clone(&otlp)), CONNECTIONS));
        }
    }
}

/// What has time until Lambda has something for us to do. Before, it would take the processor from the function's init: a
/// quarter of a millisecond that is 4 ms with 7 % of a core. And what is restored from a snapshot must not have been in
/// touch with files when that was made. Given up is as good as told: somebody wants to know.
async fn once_begun(begun: oneshot::Receiver<()>, intake: Intake, platform: Option<(Bound, Platform)>) {
    let _ = begun.await;
    if let Some((bound, platform)) = platform {
        tokio::spawn(receive::serve(bound, Receiver::Platform(platform.into()), CONNECTIONS));
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

/// A tenth of a contended core by the scheduler's weights: second in the queue, and never starved.
const NICENESS: i32 = 10;

/// Connections at once, to each receiver. The function and all extensions share 1,024 file descriptors.
const CONNECTIONS: usize = 128;
