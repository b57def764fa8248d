//! The pipeline file: where it is, what it came to, and how it and the variables share the say.

use rustix::fs::{FileType, stat};
use spanlayer_config::{Held, Listening, Loaded, Plan, Severity, Surroundings, load};
use spanlayer_host::{
    files,
    vars::{Problem, Reading, Var, Vars},
};
use spanlayer_pipeline::aws::Elsewhere;

/// `SPANLAYER_CONFIG`.
pub const CONFIG: Var<Place> = Var {
    name: "SPANLAYER_CONFIG",
    default: "auto",
    parse: Place::parse,
    about: "a pipeline file in the OpenTelemetry Collector's vocabulary: a path, `file:<path>`, `env:<variable>`, \
            `yaml:<text>`, `s3://<bucket>/<key>`, `https://…`, or `off`; `auto`: `OPENTELEMETRY_COLLECTOR_CONFIG_URI`, else `/var/task/spanlayer.yaml` if it is \
            there, else `/opt/spanlayer.yaml`",
};

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever one is found.
    Auto,
    /// Nowhere: variables only.
    Off,
    /// At this path.
    Path(String),
    /// In this variable.
    Variable(String),
    /// Here.
    Text(String),
    /// Not on this machine: the address as it may be shown, and read.
    Elsewhere(String, Elsewhere),
}

impl Place {
    /// Reads the value of a variable.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if Elsewhere::is_meant(text) {
            // What is signed beforehand has its signature in the query, and the name is for logs.
            let name = text.split(['?', '#']).next().unwrap_or_default();
            return Elsewhere::parse(text).map(|place| Self::Elsewhere(name.to_owned(), place));
        }
        Ok(match text.split_once(':') {
            _ if text.eq_ignore_ascii_case("auto") => Self::Auto,
            _ if text.eq_ignore_ascii_case("off") => Self::Off,
            Some(("file", path)) => Self::Path(path.trim_start_matches("//").to_owned()),
            Some(("env", name)) => Self::Variable(name.to_owned()),
            Some(("yaml", text)) => Self::Text(text.to_owned()),
            _ => Self::Path(text.to_owned()),
        })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) plan: Option<Plan>,
    pub(super) hash: String,
    /// It is yet to be loaded.
    pub(super) remote: Option<(String, Elsewhere)>,
    pub(super) problems: Vec<Problem>,
    pub(super) hints: Vec<String>,
}

/// Looks for a file and reads it. Nothing is read where there is none.
pub(super) fn find(reading: &mut Reading<'_>, vars: &dyn Vars) -> Found {
    let mut found = Found::default();
    let place = match reading.get(&CONFIG) {
        // A place that was named and cannot be used is not replaced by another.
        Place::Auto if vars.get(CONFIG.name).is_none() || !is_faulty(reading) => {
            auto(reading, vars, &mut found.hints)
        }
        Place::Auto | Place::Off => None,
        place => Some(place),
    };
    let (name, text) = match place {
        None => return found,
        Some(Place::Path(path)) => match files::text(&path) {
            Ok(text) => (path, text),
            Err(why) => {
                found.hints.push(format!("{path} {why}: variables count instead"));
                found.problems.push(Problem { name: path, what: why });
                return found;
            }
        },
        Some(Place::Variable(name)) => match vars.get(&name) {
            Some(text) => (name, text),
            None => {
                let what = "is to hold the pipeline file, and is not set".to_owned();
                found.hints.push(format!("{name} {what}: variables count instead"));
                found.problems.push(Problem { name, what });
                return found;
            }
        },
        Some(Place::Text(text)) => (CONFIG.name.to_owned(), text),
        Some(Place::Elsewhere(name, place)) => {
            found.remote = Some((name, place));
            return found;
        }
        Some(Place::Auto | Place::Off) => return found,
    };
    read(name, &text, vars, found)
}

/// What a file comes to.
pub(super) fn read(name: String, text: &str, vars: &dyn Vars, mut found: Found) -> Found {
    let Loaded { plan, problems, .. } = load(text, Surroundings::here(vars));
    // What is merely unwise is for whoever writes the file, before it is deployed: `spanlayer-cli check`.
    let errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
    found.problems.extend(errors.map(|problem| Problem { name: name.clone(), what: problem.to_string() }));
    match &plan {
        Some(plan) => {
            found.hash = plan.hash();
            found.hints.push(format!("the configuration is {name}, with the hash {}", found.hash));
        }
        None => found
            .hints
            .push(format!("nothing in {name} can be run: the variables' destinations count instead")),
    }
    found.plan = plan;
    found
}

fn is_faulty(reading: &Reading<'_>) -> bool {
    reading.problems().iter().any(|problem| problem.name == CONFIG.name)
}

/// Asked of the system itself: at most starts there is no file, and looking for one is all that there is of files.
fn is_there(path: &str) -> bool {
    stat(path).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
}

/// The Collector layer's own variables, then the two usual places.
fn auto(reading: &mut Reading<'_>, vars: &dyn Vars, hints: &mut Vec<String>) -> Option<Place> {
    for name in THEIRS {
        if vars.get(name).is_some() {
            return reading.find_as(name, Place::parse);
        }
    }
    let path = PATHS.into_iter().find(|path| is_there(path))?;
    // A layer's file must not carry a function's data elsewhere than the function says.
    let ours = ["", "TRACES_", "METRICS_", "LOGS_"]
        .map(|signal| format!("SPANLAYER_EXPORTER_OTLP_{signal}ENDPOINT"));
    if let Some(name) = ours.iter().find(|name| vars.get(name).is_some()) {
        hints.push(format!("{path} is not used, since {name} is set; set {}={path} to use it", CONFIG.name));
        return None;
    }
    Some(Place::Path(path.to_owned()))
}

const THEIRS: [&str; 2] = ["OPENTELEMETRY_COLLECTOR_CONFIG_URI", "OPENTELEMETRY_COLLECTOR_CONFIG_FILE"];

const PATHS: [&str; 2] = ["/var/task/spanlayer.yaml", "/opt/spanlayer.yaml"];

/// A place to listen at, unless a variable names another.
pub(super) fn listen(
    vars: &dyn Vars,
    name: &str,
    of_variable: crate::receive::Listen,
    listening: Listening,
) -> crate::receive::Listen {
    use crate::receive::Listen;
    match listening {
        _ if vars.get(name).is_some() => of_variable,
        Listening::Off => Listen::Off,
        Listening::At(address) => Listen::At(address),
    }
}

/// What may be held, given the function's memory in bytes.
pub(super) fn held(held: Held, memory: u64) -> u64 {
    let bytes = match held {
        Held::Bytes(bytes) => bytes,
        Held::Percent(percent) => memory / 100 * percent,
    };
    bytes.max(64 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Lines};
    use std::collections::HashMap;

    const FILE: &str = "yaml:{receivers: {otlp: {protocols: {http: {endpoint: 'localhost:5000'}}}, telemetryapi: {types: \
                        [function], port: 5001}}, processors: {memory_limiter: {limit_mib: 5}}, exporters: {otlphttp: \
                        {endpoint: 'https://h'}}, service: {telemetry: {logs: {level: ERROR}}, pipelines: {logs: {receivers: \
                        [otlp, telemetryapi], processors: [memory_limiter], exporters: [otlphttp]}}}}";

    fn read(vars: &[(&str, &str)]) -> (Config, Vec<Problem>) {
        Config::from_vars(&vars.iter().copied().collect::<HashMap<_, _>>())
    }

    #[test]
    fn a_place_is_a_path_a_variable_a_text_or_nowhere() {
        let place = |text: &str| Place::parse(text).unwrap();
        for path in ["/var/task/x.yaml", "file:/var/task/x.yaml", "file:///var/task/x.yaml"] {
            assert_eq!(place(path), Place::Path("/var/task/x.yaml".to_owned()), "{path}");
        }
        assert_eq!(place("env:CONFIG"), Place::Variable("CONFIG".to_owned()));
        assert_eq!(place("yaml:a: b"), Place::Text("a: b".to_owned()));
        assert_eq!((place("OFF"), place("auto")), (Place::Off, Place::Auto));
        for remote in ["s3://bucket/key", "https://h/x.yaml"] {
            assert!(matches!(place(remote), Place::Elsewhere(name, _) if name == remote));
        }
        let signed = "https://h/x.yaml?X-Amz-Signature=0123";
        let read = Elsewhere::parse(signed).unwrap();
        assert_eq!(place(signed), Place::Elsewhere("https://h/x.yaml".to_owned(), read));
        assert!(Place::parse("http://h/x.yaml").unwrap_err().contains("https://"));
    }

    #[test]
    fn a_files_exporters_and_receivers_count_and_variables_count_first_where_they_say_so() {
        let (config, problems) =
            read(&[("SPANLAYER_CONFIG", FILE), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other")]);
        assert_eq!(problems, []);
        let names: Vec<&str> = config.pipeline.destinations.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["otlphttp (https://h)"]);
        assert_eq!(config.otlp_http.address(), "127.0.0.1:5000".parse().ok());
        assert_eq!(config.otlp_grpc.address(), None);
        assert_eq!(config.telemetry_api.address().unwrap().port(), 5001);
        assert_eq!((config.queue_bytes, config.log), (5 << 20, crate::log::Level::Error));
        assert_eq!(config.view.lines, Lines { function: true, extension: false });
        assert_eq!((config.view.complete, config.view.metrics), (false, None));
        let (config, _) = read(&[
            ("SPANLAYER_CONFIG", FILE),
            ("SPANLAYER_OTLP_HTTP", "127.0.0.1:6000"),
            ("SPANLAYER_OTLP_GRPC", "127.0.0.1:6001"),
            ("SPANLAYER_TELEMETRY_API", "0.0.0.0:6002"),
            ("SPANLAYER_QUEUE_BYTES", "1MiB"),
            ("SPANLAYER_LOG", "debug"),
        ]);
        assert_eq!(config.otlp_http.address(), "127.0.0.1:6000".parse().ok());
        assert_eq!(config.otlp_grpc.address(), "127.0.0.1:6001".parse().ok());
        assert_eq!(config.telemetry_api.address().unwrap().port(), 6002);
        assert_eq!((config.queue_bytes, config.log), (1 << 20, crate::log::Level::Debug));
    }

    #[test]
    fn the_collector_layers_variable_is_read_and_ours_counts_first() {
        let destinations = |vars: &[(&str, &str)]| read(vars).0.pipeline.destinations.len();
        let theirs = ("OPENTELEMETRY_COLLECTOR_CONFIG_URI", FILE);
        assert_eq!(read(&[theirs]).0.pipeline.destinations[0].name.as_ref(), "otlphttp (https://h)");
        assert_eq!(
            read(&[theirs, ("SPANLAYER_CONFIG", "off")]).0.pipeline.destinations[0].name.as_ref(),
            "standard output"
        );
        assert_eq!(destinations(&[theirs, ("SPANLAYER_DISABLED", "true")]), 1);
    }

    #[test]
    fn a_file_that_is_not_there_is_told_of_by_name_and_the_variables_count() {
        for (value, name) in
            [("/none/x.yaml", "/none/x.yaml"), ("env:NONE", "NONE"), ("s3://b", "SPANLAYER_CONFIG")]
        {
            let (config, problems) =
                read(&[("SPANLAYER_CONFIG", value), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other")]);
            assert_eq!(problems.len(), 1, "{value}: {problems:?}");
            assert_eq!(problems[0].name, name);
            assert_eq!(config.pipeline.destinations[0].name.as_ref(), "http://other", "{value}");
        }
    }

    #[test]
    fn a_file_that_lies_elsewhere_leaves_open_where_data_goes_until_it_is_read() {
        let vars =
            [("SPANLAYER_CONFIG", "s3://b/k.yaml"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other")];
        let (config, problems) = read(&vars);
        assert_eq!(problems, []);
        assert!(config.pipeline.late && config.pipeline.destinations.is_empty() && !config.flow.is_known());
        assert_eq!(
            (config.remote.unwrap().name.as_str(), config.pipeline.spool.unwrap().deferred),
            ("s3://b/k.yaml", true)
        );
        assert!(config.view.logs.is_some() && config.view.metrics.is_some(), "the file may ask for it");
        let vars: HashMap<_, _> = vars.into_iter().collect();
        let (config, problems, is_run) =
            Config::with_file(&vars, "s3://b/k.yaml", Some(&FILE["yaml:".len()..]));
        assert_eq!((problems, is_run), (Vec::new(), true));
        assert_eq!(config.pipeline.destinations[0].name.as_ref(), "otlphttp (https://h)");
        assert!(config.flow.is_known() && config.view.metrics.is_none() && config.remote.is_none());
        let (config, problems, is_run) = Config::with_file(&vars, "s3://b/k.yaml", Some("{}"));
        assert_eq!((problems.len(), is_run), (1, false));
        assert_eq!(problems[0].name, "s3://b/k.yaml");
        assert_eq!(config.pipeline.destinations[0].name.as_ref(), "http://other", "the variable's");
    }
}
