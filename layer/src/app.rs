//! The extension put together: announced, bound, registered, serving, drained.

use crate::{
    api::{Announced, Event, Registered, Subscription},
    config::{self, Config},
    lifecycle::{
        driver::{Driver, Stop},
        policy::Policy,
    },
    log::{self, Level},
    receive::{self, Bound, Intake, LinkSocket, Signal},
};
use spanlayer_host::{clock, vars::Vars};
use spanlayer_pipeline::{BatchLimits, Deadline, Notice, Pipeline, Report};
use std::{sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::Instant,
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
    otlp: Option<Bound>,
    link: Option<LinkSocket>,
}

impl App {
    /// Reads the settings and binds the sockets, while Lambda answers what was announced.
    pub fn build(announced: Announced, vars: &dyn Vars) -> Self {
        let (mut config, problems) = Config::from_vars(vars);
        log::set_level(config.log);
        let sockets = if config.disabled { Sockets::default() } else { Sockets::bind(&config) };
        if !config.disabled {
            config::report(&problems, &config.hints);
        }
        config.pipeline.observer = Some(Arc::new(notice));
        let pipeline = Arc::new(Pipeline::new(config.pipeline.clone()));
        let (sender, signals) = unbounded_channel();
        let intake = Intake::new(Arc::clone(&pipeline), sender);
        Self { announced, config, sockets, pipeline, intake, signals }
    }

    /// Serves until Lambda, or a SIGTERM, says that it is over.
    pub async fn run(self) {
        let Self { announced, config, sockets, pipeline, intake, signals } = self;
        if config.disabled {
            return idle(announced.register().await).await;
        }
        let port = sockets.platform.as_ref().map(|bound| bound.address().port());
        let limit = MAX_BODY.min(config.queue_bytes);
        sockets.serve(&intake, limit);
        let mut lambda = announced.register().await;
        let platform = match port {
            Some(port) => lambda.subscribe(port).await == Subscription::Active,
            None => false,
        };
        let terminate = signal(SignalKind::terminate()).ok();
        let enough = BatchLimits::default().bytes as u64;
        let policy = Policy::new(config.flush, config.max_staleness, enough, clock::unix());
        let driver =
            Driver::new(lambda, platform, Arc::clone(&pipeline), intake.clone(), signals, terminate, policy);
        let stop = driver.run().await;
        drain(&stop, &intake, &pipeline).await;
    }
}

impl Sockets {
    fn bind(config: &Config) -> Self {
        Self {
            platform: receive::bind(config::TELEMETRY_API.name, config.telemetry_api, true),
            otlp: receive::bind(config::OTLP_HTTP.name, config.otlp_http, false),
            link: receive::bind_link(config.link.clone()),
        }
    }

    fn serve(self, intake: &Intake, limit: usize) {
        if let Some(bound) = self.platform {
            tokio::spawn(receive::serve_platform(bound, intake.clone()));
        }
        if let Some(bound) = self.otlp {
            tokio::spawn(receive::serve_otlp(bound, intake.clone(), limit));
        }
        if let Some(socket) = self.link {
            tokio::spawn(receive::serve_link(socket, intake.clone()));
        }
    }
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

/// The end, in two phases: nothing new comes in, then everything that is there goes out, by the deadline that Lambda
/// gave. What is left then is lost, and said to be.
async fn drain(stop: &Stop, intake: &Intake, pipeline: &Pipeline) {
    let began = Instant::now();
    // The function's last words are in our sockets.
    intake.read_dry(LAST_WORDS.min(stop.by.saturating_duration_since(began) / 4)).await;
    let report = pipeline.shutdown(Deadline::at(stop.by)).await;
    say_goodbye(stop, &report, began.elapsed());
}

fn say_goodbye(stop: &Stop, report: &Report, took: Duration) {
    let lost: u64 = report.lost.iter().map(|lost| lost.items).sum();
    let refused = report.flushed.refused + report.flushed.rejected;
    let millis = took.as_millis();
    let fields: [log::Field<'_>; 5] = [
        ("reason", &stop.reason),
        ("delivered", &report.flushed.delivered),
        ("refused", &refused),
        ("lost", &lost),
        ("millis", &millis),
    ];
    if lost > 0 {
        log::error("shut down before everything was delivered", &fields);
    } else {
        log::always(Level::Info, "shut down", &fields);
    }
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

/// The OTLP specification's recommendation for what a request may hold, decoded.
const MAX_BODY: usize = 64 << 20;

/// How long a request that is half read at the end is waited for.
const LAST_WORDS: Duration = Duration::from_millis(100);
