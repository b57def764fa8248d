//! The same pipeline beside Lambda, from the same file: an agent, a sidecar, a gateway.
//!
//! ```text
//! settings ─▶ ports ─▶ what an earlier process left ─▶ serving ─▶ signal ─▶ draining ─▶ exit status
//!    │          │      (503)                           (200)              (503)
//!    └ 2        └ 1: nothing was begun
//! ```
//!
//! Whoever starts it waits for no function and reads what it says, so that what is wrong is an end rather than a warning; and
//! senders can wait, so that a full queue is told to them.

mod holder;
mod limits;
mod ports;

use crate::{
    account::Account,
    config::{self, CONFIG, Config, HEALTH, SHUTDOWN_TIMEOUT},
    ledger,
    lifecycle::{
        drain::drain,
        driver::{Driver, Telling},
        ending::Ending,
        policy::{Mode, Pace, Policy},
    },
    log::{self, Level},
    on_one_thread,
    receive::{Listen, Phase, Status},
    usage::{self, Asked},
    wiring::{self, Wiring, apart},
};
use ports::Ports;
use spanlayer_host::{
    clock,
    panics::caught,
    vars::{Problem, Process, Reading, Vars},
};
use spanlayer_pipeline::{BatchLimits, WhenFull};
use std::{fmt, pin::pin, process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::unix::SignalKind;

/// Does what the arguments ask for.
#[cold]
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match usage::read(arguments) {
        Asked::Say(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Asked::Refuse(text) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
        Asked::Run { config } => on_one_thread(pin!(async {
            let ended = serve(&Given { vars: &Process.snapshot(), config }).await;
            ended.unwrap_or_else(|refusal| {
                eprintln!("{refusal}");
                refusal.status()
            })
        })),
    }
}

/// The environment, and the file that the command line names.
struct Given<'v> {
    vars: &'v dyn Vars,
    config: Option<String>,
}

impl Vars for Given<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let named = self.config.as_ref().filter(|_| name == CONFIG.name);
        named.cloned().or_else(|| self.vars.get(name))
    }

    fn any(&self, prefix: &str) -> bool {
        self.vars.any(prefix) || self.config.is_some() && CONFIG.name.starts_with(prefix)
    }
}

/// Why nothing is run.
#[derive(Debug)]
enum Refusal {
    /// Settings are wrong.
    Settings(Vec<Problem>),
    /// Ports cannot be had: why, for each.
    Ports(Vec<String>),
}

impl Refusal {
    fn status(&self) -> ExitCode {
        match self {
            Self::Settings(_) => ExitCode::from(2),
            // It may be otherwise at the next attempt.
            Self::Ports(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("spanlayer: nothing is run, since")?;
        match self {
            Self::Settings(problems) => problems.iter().try_for_each(|one| write!(f, "\n  {one}")),
            Self::Ports(problems) => problems.iter().try_for_each(|one| write!(f, "\n  {one}")),
        }
    }
}

/// Everything that is set.
#[derive(Debug)]
struct Settings {
    config: Config,
    /// Where somebody asks how we are.
    health: Listen,
    /// How long the end may take.
    shutdown: Duration,
    pace: Pace,
}

impl Settings {
    /// Reads variables and the file, wherever it lies.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: what is ignored in a function, which must not fail for it, is not run here.
    async fn read(vars: &dyn Vars) -> Result<Self, Refusal> {
        let mut reading = Reading::new(vars);
        let (mut health, shutdown) = (reading.get(&HEALTH), reading.get(&SHUTDOWN_TIMEOUT));
        let (mut config, mut problems) = Config::from_vars(vars);
        problems.extend(reading.into_problems());
        if let (Some(remote), true) = (config.remote.take(), problems.is_empty()) {
            config = remote.load(vars).await.map_err(Refusal::Settings)?;
        }
        if problems.is_empty() && config.otlp_http == Listen::Off && config.otlp_grpc == Listen::Off {
            let name = [config::OTLP_HTTP.name, config::OTLP_GRPC.name].join(", ");
            let what = "nothing would be taken in: give one an address, or the file a receiver `otlp` that a pipeline uses";
            problems.push(Problem { name, what: what.to_owned() });
        }
        if !problems.is_empty() {
            return Err(Refusal::Settings(problems));
        }
        if let (None, Some(address)) = (vars.get(HEALTH.name), config.watched.health) {
            health = Listen::At(address);
        }
        let pace = Pace {
            every: config.gathering.wait.unwrap_or(EVERY),
            items: config.gathering.items.unwrap_or(ENOUGH),
        };
        let retry_after = pace.every.clamp(Duration::from_secs(1), EVERY);
        config.pipeline.when_full = WhenFull::Busy { retry_after };
        Ok(Self { config, health, shutdown, pace })
    }
}

/// Serves until a signal ends it.
async fn serve(vars: &dyn Vars) -> Result<ExitCode, Refusal> {
    let Settings { mut config, health, shutdown, pace } = Settings::read(vars).await?;
    log::set_level(config.log);
    if config.disabled {
        log::always(
            Level::Info,
            "switched off: nothing is run",
            &[("variable", &spanlayer_link::DISABLED.name)],
        );
        return Ok(ExitCode::SUCCESS);
    }
    let ports = Ports::bind(&config, health)?;
    let mut ending = ending(shutdown);
    wiring::tell_panics();
    config::report(&[], &config.hints);

    // Nobody tells of invocations, so that nothing is told of any.
    let account = Account::new(ledger::Settings::new(true), Box::new(|_| Vec::new()));
    let Wiring { pipeline, intake, signals } = Wiring::of(&mut config, account);
    let intake = intake.beside_lambda();
    let status = Status::new(config.watched.path.clone(), Arc::clone(&pipeline), config.hash.clone());
    let status = Arc::new(status);
    let connections = limits::connections();
    let ready = ports.ready(&config);
    let receivers = ports.watch(&status, connections);
    tokio::select! {
        () = intake.recover() => {}
        () = ending.told() => return Ok(ExitCode::SUCCESS),
    }
    receivers.serve(&wiring::otlp(intake.clone(), &config).0, connections);
    status.enter(Phase::Serving);
    log::always(Level::Info, "ready", &ready.fields());

    let enough = BatchLimits::default().bytes as u64;
    let destinations = config.pipeline.destinations.len();
    let policy = Policy::new(config.flush, config.max_staleness, enough, destinations, clock::unix());
    let telling = Telling {
        platform: false,
        usage: false,
        every: config.max_staleness,
        at_once: config.flush == Mode::Continuous,
        begun: None,
    };
    let (policy, exports) = (policy.paced(pace), Arc::clone(&pipeline));
    let driver = Driver::new(None, telling, exports, intake.clone(), signals, ending, policy);
    let stop = apart(|| driver.run()).await;
    status.enter(Phase::Draining);
    log::always(Level::Info, "draining", &[("reason", &stop.reason), ("seconds", &shutdown.as_secs())]);
    let mut impatience = self::ending(shutdown);
    tokio::select! {
        lost = apart(|| caught(drain(stop, &intake, &pipeline))) => {
            // Of a panic it is not known what it lost.
            Ok(if lost.is_ok_and(|items| items == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = impatience.told() => {
            log::error("ended at once by a second signal; what is in the spool is found at the next start", &[]);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The signals of a service manager, and of somebody at the keyboard.
fn ending(window: Duration) -> Ending {
    Ending::on(&[SignalKind::terminate(), SignalKind::interrupt()], window)
}

/// The longest that data waits for more of it, and that senders wait when the queue is full.
const EVERY: Duration = Duration::from_secs(5);

/// So many items do not wait.
const ENOUGH: u64 = 512;
