//! Exporters as destinations.

mod auth;
mod json_events;
mod s3;
mod server;
mod tenants;

use std::{net::SocketAddr, time::Duration};

use http::header::AUTHORIZATION;
use spanlayer_pipeline::{
    Backoff, BatchLimits, Compression, Destination, JsonLines, Rotation, Server, Signal,
    settings::{Address, Otlp, Protocol},
};

use crate::{
    declared::{Declarations, Declared},
    expand::Surroundings,
    options::section::Section,
    problem::Problem,
};
use auth::{Identity, authentication};
use server::{Connection, headers};
pub(crate) use tenants::parts;

/// Makes destinations of exporters.
pub(crate) struct Maker<'a, 'n> {
    pub(crate) declared: &'a Declarations<'n>,
    pub(crate) around: Surroundings<'a>,
    /// Where we listen ourselves.
    pub(crate) own: &'a [SocketAddr],
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl Maker<'_, '_> {
    /// The destinations of an exporter, each with the number of the tenant it is for; `None` is for everybody.
    pub(crate) fn destinations(
        &mut self,
        one: &Declared<'_>,
        signals: &[Signal],
    ) -> Vec<(Option<usize>, Destination)> {
        if one.parts.is_empty() {
            return self.destination(one, signals).map(|made| (None, made)).into_iter().collect();
        }
        let mut made = Vec::new();
        for (number, id, node) in tenants::options(one) {
            let own = Declared { id: &id, at: node.at, node: &node, stage: None, parts: Vec::new(), ..*one };
            if let Some(mut destination) = self.destination(&own, signals) {
                destination.apart = true;
                made.push((Some(number), destination));
            }
        }
        made
    }

    /// The destination of an exporter for these signals; `None` where something is missing or wrong, which is told, and
    /// where an exporter sends nothing.
    fn destination(&mut self, one: &Declared<'_>, signals: &[Signal]) -> Option<Destination> {
        let section = one.section();
        let mut made = match one.kind() {
            "otlp" => self.otlp_grpc(one, section, signals)?,
            "otlphttp" => self.otlp_http(one, section, signals)?,
            "zipkin" => Destination::zipkin(self.server(one, section)?),
            "json_events" => {
                let mapping = json_events::mapping(one, section, self.problems)?;
                Destination::json_events(mapping, self.server(one, section)?)
            }
            "awss3" => self.s3(one, section)?,
            "file" => self.file(one, section)?,
            "debug" => Destination::stdout(signals.iter().copied()),
            _ => return None,
        };
        let takes = made.signals.clone();
        for signal in signals.iter().filter(|signal| !takes.contains(signal)) {
            let what = format!("it takes no {}", signal.name());
            let remedy = format!("take it out of the pipelines for {}", signal.name());
            self.problems.push(Problem::error(one.at, what, remedy).about(one.path()));
        }
        made.signals.retain(|signal| signals.contains(signal));
        made.name =
            if made.name.contains("://") { format!("{} ({})", one.id, made.name) } else { one.id.to_owned() }
                .into();
        limits(&mut made, section);
        Some(made)
    }

    fn otlp_grpc(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        signals: &[Signal],
    ) -> Option<Destination> {
        let target = self.required(one, section, "endpoint")?;
        let insecure = section.section("tls").flag("insecure");
        let made = if insecure { Otlp::grpc_insecure(&target) } else { Otlp::grpc(&target) };
        let mut otlp = self.right(one, section, "endpoint", made)?;
        otlp.protocol = Protocol::Grpc;
        self.finished(one, section, otlp, signals)
    }

    fn otlp_http(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        signals: &[Signal],
    ) -> Option<Destination> {
        let mut otlp = match section.text("endpoint") {
            Some(base) => self.right(one, section, "endpoint", Otlp::http(&base))?,
            None => Otlp::default(),
        };
        for signal in Signal::ALL {
            let name = format!("{signal}_endpoint");
            if let Some(text) = section.text(&name) {
                otlp.urls[signal as usize] =
                    Some(self.right(one, section, &name, text.parse::<Address>())?);
            }
        }
        if section.text("encoding").as_deref() == Some("json") {
            otlp.protocol = Protocol::HttpJson;
        }
        if otlp.urls.iter().all(Option::is_none) {
            self.required(one, section, "endpoint")?;
        }
        self.finished(one, section, otlp, signals)
    }

    fn finished(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        mut otlp: Otlp,
        signals: &[Signal],
    ) -> Option<Destination> {
        for signal in Signal::ALL {
            if !signals.contains(&signal) {
                otlp.urls[signal as usize] = None;
            }
        }
        let first = otlp.urls.iter().flatten().next().cloned();
        if otlp.urls.iter().flatten().any(|url| url.is_one_of(self.own)) {
            let path = format!("{}::endpoint", one.path());
            let what = "this is the extension's own receiver";
            let remedy = "write where data should go from here";
            self.problems.push(Problem::error(section.at("endpoint"), what, remedy).about(path));
            return None;
        }
        let Connection { certificate, client, proxy } = self.connection(one, section, first.as_ref())?;
        let addresses: Vec<Address> = otlp.urls.iter().flatten().cloned().collect();
        let Identity { mut headers, auth } = self.identity(one, section, &addresses)?;
        for (name, value) in addresses.iter().flat_map(|address| address.log_headers(self.around.vars)) {
            if !headers.has(&name) {
                headers.here.push((name, value));
            }
        }
        (otlp.headers, otlp.secret_headers, otlp.auth) = (headers.here, headers.elsewhere, auth);
        otlp.compression = compression(section);
        if matches!(otlp.compression, Compression::Zstd(_)) && addresses.iter().any(|one| !one.takes_zstd()) {
            let path = format!("{}::compression", one.path());
            let what = "AWS's own endpoints take no zstd, so gzip is sent";
            self.problems
                .push(Problem::warning(section.at("compression"), what, "write gzip or none").about(path));
            otlp.compression = Compression::GZIP;
        }
        (otlp.certificate, otlp.client, otlp.proxy) = (certificate, client, proxy);
        Some(Destination::otlp(otlp, None))
    }

    fn server(&mut self, one: &Declared<'_>, section: Section<'_>) -> Option<Server> {
        let address = self.required(one, section, "endpoint")?;
        let mut server = self.right(one, section, "endpoint", Server::at(&address))?;
        let address = server.address().clone();
        let Connection { certificate, client, proxy } = self.connection(one, section, Some(&address))?;
        let Identity { headers, auth } = self.identity(one, section, std::slice::from_ref(&address))?;
        (server.headers, server.secret_headers, server.auth) = (headers.here, headers.elsewhere, auth);
        server.compression = compression(section);
        (server.certificate, server.client, server.proxy) = (certificate, client, proxy);
        Some(server)
    }

    fn file(&mut self, one: &Declared<'_>, section: Section<'_>) -> Option<Destination> {
        let mut file = JsonLines::at(self.required(one, section, "path")?);
        let rotation = section.section("rotation");
        let (megabytes, keep) = (rotation.whole("max_megabytes")?, rotation.whole("max_backups")?);
        file.rotation = Some(Rotation::new(megabytes << 20, u32::try_from(keep).unwrap_or(u32::MAX)));
        file.mapping = None;
        Some(Destination::file(file))
    }

    /// The exporter's own headers, and what its authenticator adds.
    fn identity(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        addresses: &[Address],
    ) -> Option<Identity> {
        let mut headers = headers(one, section, self.problems)?;
        let where_to = (addresses, self.around);
        let made = authentication(one, section, self.declared, where_to, self.problems)?;
        headers.put_all(made.headers);
        if made.auth.is_none()
            && !headers.has(&AUTHORIZATION)
            && addresses.iter().any(|address| address.aws_service().is_some())
        {
            let what = "AWS's own endpoints take signed requests only";
            let remedy = "declare `sigv4auth` under `extensions`, and add `auth: {authenticator: sigv4auth}`";
            self.problems.push(Problem::warning(one.at, what, remedy).about(one.path()));
        }
        Some(Identity { headers, auth: made.auth })
    }

    /// An option without which there is nothing to do.
    fn required(&mut self, one: &Declared<'_>, section: Section<'_>, name: &str) -> Option<String> {
        let found = section.text(name);
        // What is there and faulty was told already.
        if found.is_none() && section.node(name).is_none() {
            self.problems.push(one.lacks(name));
        }
        found
    }

    fn right<T>(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        name: &str,
        made: Result<T, String>,
    ) -> Option<T> {
        made.map_err(|what| {
            let path = format!("{}::{name}", one.path());
            self.problems
                .push(Problem::error(section.at(name), "this value cannot be used", what).about(path));
        })
        .ok()
    }
}

fn compression(section: Section<'_>) -> Compression {
    let name = section.text("compression").unwrap_or_default();
    let params = section.has("compression_params").then(|| section.section("compression_params"));
    let level = params.and_then(|params| params.whole("level"));
    let with_level = level.and_then(|level| format!("{name}:{level}").parse().ok());
    with_level.or_else(|| name.parse().ok()).unwrap_or_default()
}

/// How long, how often, how much at a time.
fn limits(made: &mut Destination, section: Section<'_>) {
    if section.has("timeout") {
        made.timeout = section.duration("timeout").filter(|limit| !limit.is_zero());
    }
    if section.has("retry_on_failure") {
        let retry = section.section("retry_on_failure");
        let mut backoff = Backoff::default();
        backoff.first =
            retry.duration("initial_interval").unwrap_or(backoff.first).max(Duration::from_millis(1));
        backoff.cap = retry.duration("max_interval").unwrap_or(backoff.cap).max(backoff.first);
        if !retry.flag("enabled") {
            backoff.retries = 0;
        }
        made.backoff = Some(backoff);
    }
    if section.has("sending_queue") {
        let queue = section.section("sending_queue");
        let batch = queue.section("batch");
        made.best_effort = made.backoff.is_some_and(|backoff| backoff.retries == 0) && !queue.flag("enabled");
        if let Some(most) = batch.whole("max_size").and_then(|most| usize::try_from(most).ok()) {
            match batch.text("sizer").as_deref() {
                Some("bytes") => made.batch = BatchLimits { bytes: most.min(made.batch.bytes), ..made.batch },
                _ => made.batch = BatchLimits { items: most.min(made.batch.items), ..made.batch },
            }
        }
    }
}
