//! Where the program itself is watched: its health, and its own metrics.

use std::net::SocketAddr;

use crate::{
    components::service,
    declared::Declarations,
    options::{section::Section, value},
    problem::Problem,
    yaml::Node,
};

/// What a file says of it. Nothing of this is there in a function, which Lambda watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watched {
    /// Where `health_check` listens, if there is one.
    pub health: Option<SocketAddr>,
    /// The path that it is asked for, if another than `/`.
    pub path: Option<String>,
    /// Where Prometheus reads, if the file has a reader for it.
    pub metrics: Option<SocketAddr>,
}

pub(crate) fn read(service: &Node, declared: &Declarations<'_>, problems: &mut Vec<Problem>) -> Watched {
    let mut watched = Watched::default();
    for one in declared.0.iter().filter(|one| one.kind() == "health_check" && one.usable) {
        let section = one.section();
        let address = section.text("endpoint").and_then(|text| value::listen(&text));
        match watched.health {
            Some(first) if address != Some(first) => {
                let what = format!("a second place to ask: the first is {first}");
                problems.push(Problem::error(one.at, what, "keep one `health_check`").about(one.path()));
            }
            _ => watched.health = address,
        }
        watched.path = section.text("path").filter(|path| path != "/");
        if let Some(path) = watched.path.take_if(|path| !path.starts_with('/')) {
            let what = format!("`{path}` is no path");
            let remedy = format!("write `/{path}`");
            problems.push(Problem::error(section.at("path"), what, remedy).about(one.path()));
        }
    }
    let telemetry = Section::new(service::TELEMETRY, service.get("telemetry"));
    let metrics = telemetry.section("metrics");
    let old = metrics.text("address").and_then(|text| value::listen(&text));
    watched.metrics = old.or_else(|| metrics.sections("readers").find_map(|one| reader(one, problems)));
    watched
}

/// Where one that pulls does so. `prometheus:` with nothing behind it is there, with its defaults.
fn reader(one: Section<'_>, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
    let exporter = one.section("pull").section("exporter");
    exporter.node?.get("prometheus")?;
    let prometheus = exporter.section("prometheus");
    let (host, port) = (prometheus.text("host")?, prometheus.text("port")?);
    let address = value::listen(&format!("{host}:{port}"));
    if address.is_none() && !prometheus.is_later("host") && !prometheus.is_later("port") {
        let remedy = "expected an address of this machine's, such as localhost or 0.0.0.0";
        let at = prometheus.at("host");
        let path = "service::telemetry::metrics::readers";
        problems.push(Problem::error(at, format!("`{host}` cannot be listened at"), remedy).about(path));
    }
    address
}

#[cfg(test)]
mod tests {
    use crate::{Surroundings, Watched, load};
    use std::collections::HashMap;

    fn watched(extensions: &str, telemetry: &str) -> (Watched, Vec<String>) {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}}}\nexporters: {{debug: }}\nextensions: {{{extensions}}}\nservice: \
             {{telemetry: {{{telemetry}}}, pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}\n"
        );
        let loaded = load(&text, Surroundings::here(&HashMap::<&str, &str>::new()));
        let problems = loaded.problems.iter().filter(|one| one.severity == crate::Severity::Error);
        (loaded.plan.unwrap().watched, problems.map(|one| one.what.clone()).collect())
    }

    #[test]
    fn health_and_metrics_are_where_a_collectors_file_has_them() {
        assert_eq!(watched("", ""), Default::default());
        let (defaults, problems) =
            watched("health_check: ", "metrics: {readers: [{pull: {exporter: {prometheus: }}}]}");
        assert_eq!(problems, [""; 0]);
        assert_eq!(defaults.health, "127.0.0.1:13133".parse().ok());
        assert_eq!((defaults.path, defaults.metrics), (None, "127.0.0.1:8888".parse().ok()));
        let (set, problems) = watched(
            "health_check: {endpoint: '0.0.0.0:1', path: /live}",
            "metrics: {level: detailed, readers: [{periodic: {exporter: {otlp: }}}, {pull: {exporter: {prometheus: {host: 0.0.0.0, \
             port: 2, without_units: true}}}}]}",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!((set.health, set.path), ("0.0.0.0:1".parse().ok(), Some("/live".to_owned())));
        assert_eq!(set.metrics, "0.0.0.0:2".parse().ok());
        assert_eq!(watched("", "metrics: {address: ':3'}").0.metrics, None);
        assert_eq!(watched("", "metrics: {address: 'localhost:3'}").0.metrics, "127.0.0.1:3".parse().ok());
    }

    #[test]
    fn what_cannot_be_listened_at_is_told() {
        let told = |extensions: &str, telemetry: &str| watched(extensions, telemetry).1;
        let reader = "metrics: {readers: [{pull: {exporter: {prometheus: {host: metrics.example.com}}}}]}";
        assert_eq!(told("", reader), ["`metrics.example.com` cannot be listened at"]);
        assert_eq!(told("health_check: {path: live}", ""), ["`live` is no path"]);
        let two = "health_check/a: , health_check/b: {endpoint: 'localhost:1'}";
        assert_eq!(told(two, ""), ["a second place to ask: the first is 127.0.0.1:13133"]);
        assert_eq!(told("health_check: {tls: {cert_file: x}}", ""), ["`tls` is not supported"]);
    }
}
