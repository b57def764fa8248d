//! The extension's settings, each declared once: the parser, the README's table and the tests read these.
//!
//! Nothing here is fatal: a faulty value costs itself and a line that names it, and the rest carries on.

mod file;
mod redact;
mod view;

pub use file::{CONFIG, Place};
pub use view::{Lines, View};

use crate::{
    lifecycle::policy::Mode,
    log::{self, Level},
    proc,
    receive::Listen,
    remote::Remote,
};
use spanlayer_config::{Course, Flow, Gathering, Watched};
use spanlayer_host::vars::{self, Problem, Reading, Row, Var, Vars};
use spanlayer_link::{DISABLED, SOCKET, STATE_DIR};
use spanlayer_pipeline::{self as pipeline, Destination, Signal, letters::Letters};
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// `SPANLAYER_FLUSH`.
pub const FLUSH: Var<Mode> = Var {
    name: "SPANLAYER_FLUSH",
    default: "adaptive",
    parse: Mode::parse,
    about: "when to deliver: `adaptive`, `end` (of each invocation), `continuous` or `periodic,<ms>`",
};

/// `SPANLAYER_MAX_STALENESS`.
pub const MAX_STALENESS: Var<Duration> = Var {
    name: "SPANLAYER_MAX_STALENESS",
    default: "30s",
    parse: vars::duration,
    about: "the longest that data waits while invocations keep coming",
};

/// `SPANLAYER_QUEUE_BYTES`.
pub const QUEUE_BYTES: Var<Option<u64>> = Var {
    name: "SPANLAYER_QUEUE_BYTES",
    default: "auto",
    parse: queue_bytes,
    about: "the most that is held for delivery; `auto`: a sixteenth of the memory of the function, container or machine, 4 to 64 MiB",
};

/// `SPANLAYER_SPOOL_BYTES`.
pub const SPOOL_BYTES: Var<SpoolBytes> = Var {
    name: "SPANLAYER_SPOOL_BYTES",
    default: "auto",
    parse: SpoolBytes::parse,
    about: "the most that is kept in files until it is delivered, so that it survives a kill; `auto`: twice the queue; never more than a tenth of what is free; `off` to hold it in memory only",
};

/// `SPANLAYER_DEAD_LETTERS`.
pub const DEAD_LETTERS: Var<Letters> = Var {
    name: "SPANLAYER_DEAD_LETTERS",
    default: "stdout",
    parse: Letters::parse,
    about: "where goes what a destination refuses for good, or what cannot be delivered by the end: `stdout`, `file:<path>`, `s3://<bucket>/<prefix>` or `off`; `spanlayer-cli replay` sends it again",
};

/// `SPANLAYER_OTLP_HTTP`.
pub const OTLP_HTTP: Var<Listen> = Var {
    name: "SPANLAYER_OTLP_HTTP",
    default: "127.0.0.1:4318",
    parse: Listen::parse,
    about: "where OTLP/HTTP is received; `off` to disable, port 0 takes any",
};

/// `SPANLAYER_OTLP_GRPC`.
pub const OTLP_GRPC: Var<Listen> = Var {
    name: "SPANLAYER_OTLP_GRPC",
    default: "127.0.0.1:4317",
    parse: Listen::parse,
    about: "where OTLP/gRPC is received; `off` to disable, port 0 takes any",
};

/// `SPANLAYER_TELEMETRY_API`.
pub const TELEMETRY_API: Var<Listen> = Var {
    name: "SPANLAYER_TELEMETRY_API",
    default: "0.0.0.0:4324",
    parse: Listen::parse,
    about: "where Lambda's own telemetry is received; `off` to disable, another port is used if this one is taken",
};

/// `SPANLAYER_LOG`.
pub const LOG: Var<Level> = Var {
    name: "SPANLAYER_LOG",
    default: "warn",
    parse: Level::parse,
    about: "the extension's own log, JSON lines on standard error: `off`, `error`, `warn`, `info` or `debug`",
};

/// `SPANLAYER_HEALTH`.
pub const HEALTH: Var<Listen> = Var {
    name: "SPANLAYER_HEALTH",
    default: "127.0.0.1:13133",
    parse: Listen::parse,
    about: "beside Lambda (`spanlayer run`), where `/` says whether data is taken, and `/metrics` what became of it; `off` to disable",
};

/// `SPANLAYER_SHUTDOWN_TIMEOUT`.
pub const SHUTDOWN_TIMEOUT: Var<Duration> = Var {
    name: "SPANLAYER_SHUTDOWN_TIMEOUT",
    default: "10s",
    parse: vars::duration,
    about: "beside Lambda, how long what is held may take to be delivered after a SIGTERM or SIGINT",
};

/// The extension's own variables. Those of the exporters are `spanlayer_pipeline`'s.
pub const VARIABLES: &[Row] = &[
    FLUSH.row(),
    MAX_STALENESS.row(),
    QUEUE_BYTES.row(),
    SPOOL_BYTES.row(),
    DEAD_LETTERS.row(),
    STATE_DIR.row(),
    OTLP_HTTP.row(),
    OTLP_GRPC.row(),
    TELEMETRY_API.row(),
    view::LOGS.row(),
    view::LOGS_LEVEL.row(),
    view::METRICS.row(),
    view::OWN_METRICS.row(),
    view::TEMPORALITY.row(),
    view::INVOCATION_SPANS.row(),
    redact::REDACT.row(),
    redact::REDACT_KEYS.row(),
    redact::REDACT_ACTION.row(),
    redact::REDACT_HASH_KEY.row(),
    CONFIG.row(),
    LOG.row(),
    HEALTH.row(),
    SHUTDOWN_TIMEOUT.row(),
    DISABLED.row(),
];

/// Everything that is set.
#[derive(Debug)]
pub struct Config {
    /// The kill switch.
    pub disabled: bool,
    /// How much is said.
    pub log: Level,
    /// When to deliver.
    pub flush: Mode,
    /// The longest that data waits.
    pub max_staleness: Duration,
    /// Where OTLP/HTTP is received.
    pub otlp_http: Listen,
    /// Where OTLP/gRPC is received.
    pub otlp_grpc: Listen,
    /// Where Lambda's telemetry is received.
    pub telemetry_api: Listen,
    /// The link's socket.
    pub link: PathBuf,
    /// The most that is held for delivery, in bytes.
    pub queue_bytes: usize,
    /// Where to deliver, and how.
    pub pipeline: pipeline::Settings,
    /// Which data goes to which destination.
    pub flow: Arc<Course>,
    /// The fingerprint of the file that says so; empty without one.
    pub hash: String,
    /// The file that says so, if it is yet to be loaded.
    pub remote: Option<Remote>,
    /// Where the file wants the program to be watched, beside Lambda.
    pub watched: Watched,
    /// How the file wants data to be gathered, beside Lambda.
    pub gathering: Gathering,
    /// What the extension itself tells of invocations.
    pub view: View,
    /// The function's name.
    pub function: String,
    /// A snapshot is made of this process after the init (SnapStart).
    pub snapshot: bool,
    /// What is right but may surprise.
    pub hints: Vec<String>,
}

impl Config {
    /// Reads every variable, and says everything that is wrong with them.
    pub fn from_vars(vars: &dyn Vars) -> (Self, Vec<Problem>) {
        let mut reading = Reading::new(vars);
        let disabled = reading.get(&DISABLED);
        let found = if disabled { file::Found::default() } else { file::find(&mut reading, vars) };
        Self::read(vars, reading, found, disabled)
    }

    /// The same, with a file that was found since, or none; and whether it is run.
    pub(crate) fn with_file(vars: &dyn Vars, name: &str, text: Option<&str>) -> (Self, Vec<Problem>, bool) {
        let found = file::Found::default();
        let found =
            text.map_or_else(file::Found::default, |text| file::read(name.to_owned(), text, vars, found));
        let is_run = found.plan.is_some();
        let mut problems = found.problems.clone();
        let (config, all) = Self::read(vars, Reading::new(vars), found, false);
        if text.is_none() {
            // Of the others it was told at the start; these count only now.
            problems.extend(all.into_iter().filter(|one| one.name.contains("EXPORTER")));
        }
        (config, problems, is_run)
    }

    fn read(
        vars: &dyn Vars,
        mut reading: Reading<'_>,
        found: file::Found,
        disabled: bool,
    ) -> (Self, Vec<Problem>) {
        let plan = found.plan.as_ref();
        let mut log = reading.get(&LOG);
        let flush = reading.get(&FLUSH);
        let max_staleness = reading.get(&MAX_STALENESS);
        let mut otlp_http = reading.get(&OTLP_HTTP);
        let mut otlp_grpc = reading.get(&OTLP_GRPC);
        let mut telemetry_api = reading.get(&TELEMETRY_API);
        let state = reading.get(&STATE_DIR);
        let link = state.join(SOCKET);
        // Lambda sets it, in MB; a faulty one would be Lambda's fault.
        let memory = vars.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mb| mb.parse::<u64>().ok());
        let memory = memory.map(|mb| mb << 20).or_else(proc::memory).unwrap_or(128 << 20);
        let queue_bytes = reading.get(&QUEUE_BYTES).unwrap_or_else(|| {
            let held = plan.and_then(|plan| plan.held).map(|held| file::held(held, memory));
            held.unwrap_or_else(|| (memory >> 4).clamp(4 << 20, 64 << 20))
        });
        let queue_bytes = usize::try_from(queue_bytes).unwrap_or(usize::MAX);
        let late = found.remote.is_some();
        let snapshot = vars.get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref() == Some("snap-start");
        let spool = reading.get(&SPOOL_BYTES).limit(queue_bytes as u64);
        let spool = spool.map(|limit| {
            let mut spool = pipeline::Spool::at(state.join("spool"), limit);
            spool.deferred = snapshot || late;
            spool
        });
        let letters = reading.get(&DEAD_LETTERS);
        if let Some(plan) = plan {
            otlp_http = file::listen(vars, OTLP_HTTP.name, otlp_http, plan.receivers.http);
            otlp_grpc = file::listen(vars, OTLP_GRPC.name, otlp_grpc, plan.receivers.grpc);
            let port = plan.receivers.platform.as_ref().and_then(|platform| platform.port);
            if let (None, Listen::At(address), Some(port)) =
                (vars.get(TELEMETRY_API.name), &mut telemetry_api, port)
            {
                address.set_port(port);
            }
            if let (None, Some(level)) = (vars.get(LOG.name), &plan.log) {
                log = Level::parse(level).unwrap_or(log);
            }
        }
        let destinations = plan.map(|plan| plan.destinations.clone()).or_else(|| late.then(Vec::new));
        let mut loaded: pipeline::settings::Loaded = match destinations {
            Some(destinations) => {
                let mut settings = pipeline::Settings::to(destinations);
                settings.late = late;
                settings.into()
            }
            None => {
                let own: Vec<SocketAddr> =
                    [otlp_http, otlp_grpc].into_iter().filter_map(Listen::address).collect();
                pipeline::Settings::from_vars(vars, &own)
            }
        };
        // A faulty destination is not replaced by another than was asked for; none at all is.
        if plan.is_none() && !late && loaded.settings.destinations.is_empty() && loaded.problems.is_empty() {
            loaded.settings.destinations.push(Destination::stdout([Signal::Traces]));
            loaded.hints.push(NO_DESTINATION.to_owned());
        }
        loaded.hints.extend(found.hints);
        // Nobody knows yet what a file will ask for.
        let everything = [Destination::stdout(Signal::ALL)];
        let destinations = if late { &everything[..] } else { &loaded.settings.destinations };
        let mut view = View::read(&mut reading, destinations, plan);
        if let Some(plan) = plan {
            view.follow(vars, plan);
        }
        let remote = found.remote.map(|(name, place)| Remote {
            name,
            place,
            kept: state.join("config.yaml"),
            listens: [otlp_http, otlp_grpc, telemetry_api],
        });
        let (watched, gathering) =
            plan.map(|plan| (plan.watched.clone(), plan.gathering)).unwrap_or_default();
        let flow = match found.plan {
            _ if late => Course::later(queue_bytes),
            Some(plan) => plan.flow.into(),
            None => Flow::straight().into(),
        };
        loaded.settings.redactor = redact::read(&mut reading);
        let mut problems = reading.into_problems();
        problems.extend(found.problems);
        problems.extend(loaded.problems);
        (loaded.settings.limit, loaded.settings.spool, loaded.settings.letters) =
            (queue_bytes, spool, letters);
        let config = Self {
            disabled,
            log,
            flush,
            max_staleness,
            otlp_http,
            otlp_grpc,
            telemetry_api,
            link,
            queue_bytes,
            pipeline: loaded.settings,
            flow: Arc::new(flow),
            hash: found.hash,
            remote,
            watched,
            gathering,
            view,
            function: vars.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "function".to_owned()),
            snapshot,
            hints: loaded.hints,
        };
        (config, problems)
    }
}

/// Says what is wrong, one line a variable, every variable at once; and what may surprise.
///
/// A file that is none may be wrong in thousands of places, each a line that is billed: what is beyond the first ones
/// is counted.
pub fn report(problems: &[Problem], hints: &[String]) {
    for problem in problems.iter().take(MOST_TOLD) {
        let what = Start(&problem.what);
        log::warn("a setting is ignored", &[("variable", &Start(&problem.name)), ("problem", &what)]);
    }
    if let more @ 1.. = problems.len().saturating_sub(MOST_TOLD) {
        let remedy = "spanlayer-cli check says what is wrong with a file";
        log::warn("more settings are ignored", &[("more", &more), ("problem", &remedy)]);
    }
    for hint in hints {
        log::always(Level::Info, hint, &[]);
    }
}

/// The most problems that are told one by one.
const MOST_TOLD: usize = 50;

/// A text that is cut where it is too long for a line.
struct Start<'a>(&'a str);

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(1000) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

const NO_DESTINATION: &str =
    "spans go to standard output: set OTEL_EXPORTER_OTLP_ENDPOINT to have them delivered to a backend";

/// How large the spool may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolBytes {
    /// As the queue's bound has it: what was settled and lies between what was not takes as much again.
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// There is none.
    Off,
}

impl SpoolBytes {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => match vars::bytes(text) {
                Ok(bytes) if bytes >= 64 << 10 => Ok(Self::Bytes(bytes)),
                _ => Err("expected auto, off, or a size of at least 64KiB such as 16MiB".to_owned()),
            },
        }
    }

    fn limit(self, queue: u64) -> Option<u64> {
        match self {
            Self::Auto => Some(queue.saturating_mul(2)),
            Self::Bytes(bytes) => Some(bytes),
            Self::Off => None,
        }
    }
}

fn queue_bytes(text: &str) -> Result<Option<u64>, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    match vars::bytes(text) {
        Ok(bytes) if bytes >= 64 << 10 => Ok(Some(bytes)),
        _ => Err("expected auto, or a size of at least 64KiB such as 16MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read(vars: &[(&str, &str)]) -> (Config, Vec<Problem>) {
        Config::from_vars(&vars.iter().copied().collect::<HashMap<_, _>>())
    }

    #[test]
    fn every_default_parses() {
        let (config, problems) = read(&[]);
        assert_eq!(problems, []);
        assert_eq!(config.flush, Mode::Adaptive);
        assert_eq!(config.max_staleness, Duration::from_secs(30));
        assert_eq!(config.link, PathBuf::from("/tmp/spanlayer/link.sock"));
    }

    #[test]
    fn every_fault_is_named_and_costs_only_itself() {
        let faults = [
            ("SPANLAYER_FLUSH", "sometimes"),
            ("SPANLAYER_MAX_STALENESS", "soon"),
            ("SPANLAYER_QUEUE_BYTES", "12"),
            ("SPANLAYER_SPOOL_BYTES", "much"),
            ("SPANLAYER_DEAD_LETTERS", "s3:bucket"),
            ("SPANLAYER_OTLP_HTTP", "here"),
            ("SPANLAYER_OTLP_GRPC", "http://127.0.0.1:4317"),
            ("SPANLAYER_TELEMETRY_API", "there"),
            ("SPANLAYER_CONFIG", "s3://bucket"),
            ("SPANLAYER_LOGS", "some"),
            ("SPANLAYER_LOGS_LEVEL", "most"),
            ("SPANLAYER_METRICS", "few"),
            ("SPANLAYER_OWN_METRICS", "most"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "eternal"),
            ("SPANLAYER_INVOCATION_SPANS", "always"),
            ("SPANLAYER_REDACT", "some of it"),
            ("SPANLAYER_REDACT_ACTION", "hide"),
            ("SPANLAYER_LOG", "loud"),
            ("SPANLAYER_DISABLED", "maybe"),
        ];
        let (config, problems) = read(&faults);
        let named: Vec<&str> = problems.iter().map(|problem| problem.name.as_str()).collect();
        for (name, value) in faults {
            assert!(named.contains(&name), "{name} is missing from {named:?}");
            assert!(!problems.iter().any(|p| p.what.contains(&format!("`{value}`"))), "{value} is repeated");
        }
        assert_eq!(config.flush, Mode::Adaptive);
        assert!(!config.disabled);
    }

    #[test]
    fn credentials_are_redacted_unless_somebody_says_otherwise() {
        let secret = "Authorization: Bearer 0123456789abcdef";
        let cleaned = |vars: &[(&str, &str)]| {
            read(vars).0.pipeline.redactor.and_then(|redactor| redactor.redact_text(secret))
        };
        assert_eq!(cleaned(&[]).as_deref(), Some("Authorization: **** ****"));
        assert_eq!(
            cleaned(&[("SPANLAYER_REDACT", "auth_header")]).as_deref(),
            Some("Authorization: Bearer ****")
        );
        assert_eq!(cleaned(&[("SPANLAYER_REDACT", "off")]), None);
        assert_eq!(cleaned(&[("SPANLAYER_REDACT", "pii")]), None);
        // A faulty value is not taken for `off`, nor is a hash without a key.
        assert!(cleaned(&[("SPANLAYER_REDACT", "some")]).is_some());
        let (config, problems) = read(&[("SPANLAYER_REDACT_ACTION", "hash")]);
        assert_eq!(problems[0].name, "SPANLAYER_REDACT_HASH_KEY");
        assert!(config.pipeline.redactor.is_some());
    }

    #[test]
    fn the_queue_follows_the_functions_memory_unless_it_is_set() {
        let bytes = |vars: &[(&str, &str)]| read(vars).0.queue_bytes;
        assert_eq!(bytes(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")]), 8 << 20);
        assert_eq!(bytes(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "10240")]), 64 << 20);
        assert_eq!(bytes(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "32")]), 4 << 20);
        assert_eq!(bytes(&[("SPANLAYER_QUEUE_BYTES", "1MiB")]), 1 << 20);
    }

    #[test]
    fn without_a_destination_spans_go_to_standard_output_and_faulty_ones_nowhere() {
        let (config, _) = read(&[]);
        assert_eq!(config.pipeline.destinations.len(), 1);
        assert!(config.hints.iter().any(|hint| hint.contains("OTEL_EXPORTER_OTLP_ENDPOINT")));
        let (config, problems) = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")]);
        assert!(config.pipeline.destinations.is_empty());
        assert_eq!(problems[0].name, "OTEL_EXPORTER_OTLP_ENDPOINT");
    }

    #[test]
    fn the_table_names_each_variable_once() {
        let mut names: Vec<&str> = VARIABLES.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), VARIABLES.len());
        assert!(names.iter().all(|name| name.starts_with("SPANLAYER_") || name.starts_with("OTEL_")));
    }
}
