//! Every port that is wanted: taken together or not at all, since a receiver that is not there would be missed too late.

use super::{Refusal, holder::holder};
use crate::{
    config::{Config, HEALTH, OTLP_GRPC, OTLP_HTTP},
    log::Field,
    receive::{Bound, Listen, Otlp, Receiver, Status, serve},
};
use std::{fmt, io, net::SocketAddr, sync::Arc};

/// Sockets that have their ports, and accept nothing yet.
#[derive(Debug)]
pub(super) struct Ports {
    http: Option<Bound>,
    grpc: Option<Bound>,
    health: Option<Bound>,
    metrics: Option<Bound>,
}

/// Those of them that take data in.
pub(super) struct Receivers([Option<Bound>; 2]);

impl Ports {
    /// Takes them all.
    ///
    /// # Errors
    ///
    /// For every one that cannot be had: why, who has it, and what can be done.
    pub(super) fn bind(config: &Config, health: Listen) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        let mut take = |listen: Listen, what: &str, elsewhere: &str| {
            let address = listen.address()?;
            let bound = Bound::at(address);
            bound.map_err(|error| problems.push(problem(address, &error, what, elsewhere))).ok()
        };
        let receiver = |variable| format!("set {variable}, or `endpoint` in the file, to another address");
        // One that is asked for both is asked at one place.
        let is_another = |address: &SocketAddr| address.port() == 0 || health.address() != Some(*address);
        let metrics = config.watched.metrics.filter(is_another);
        let ports = Self {
            http: take(config.otlp_http, "OTLP/HTTP", &receiver(OTLP_HTTP.name)),
            grpc: take(config.otlp_grpc, "OTLP/gRPC", &receiver(OTLP_GRPC.name)),
            health: take(health, "health", &receiver(HEALTH.name)),
            metrics: take(
                metrics.map_or(Listen::Off, Listen::At),
                "metrics",
                "name another port in the file",
            ),
        };
        if problems.is_empty() { Ok(ports) } else { Err(Refusal::Ports(problems)) }
    }

    /// Answers from here on how the program is.
    pub(super) fn watch(self, status: &Arc<Status>, connections: usize) -> Receivers {
        for bound in [self.health, self.metrics].into_iter().flatten() {
            tokio::spawn(serve(bound, Receiver::Status(Arc::clone(status)), connections));
        }
        Receivers([self.http, self.grpc])
    }

    /// What there is to say once it is ready.
    pub(super) fn ready(&self, config: &Config) -> Ready {
        let address = |bound: &Option<Bound>| Address(bound.as_ref().map(Bound::address));
        let names: Vec<&str> = config.pipeline.destinations.iter().map(|one| &*one.name).collect();
        let spool = config.pipeline.spool.as_ref().map(|spool| spool.directory.display().to_string());
        Ready {
            addresses: [&self.http, &self.grpc, &self.health, &self.metrics].map(address),
            destinations: names.join(", "),
            spool: spool.unwrap_or_else(|| OFF.to_owned()),
            config: config.hash.clone(),
        }
    }
}

impl Receivers {
    /// Takes data from here on.
    pub(super) fn serve(self, otlp: &Arc<Otlp>, connections: usize) {
        for bound in self.0.into_iter().flatten() {
            tokio::spawn(serve(bound, Receiver::Otlp(Arc::clone(otlp)), connections));
        }
    }
}

fn problem(address: SocketAddr, error: &io::Error, what: &str, elsewhere: &str) -> String {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => match holder(address.port()) {
            Some(holder) => format!("it is taken by {holder}; end that, or {elsewhere}"),
            None => format!(
                "it is taken by a process that we may not see (as root, `ss -ltnp` shows it); end that, or {elsewhere}"
            ),
        },
        _ => format!("{error}; {elsewhere}"),
    };
    format!("{what} cannot listen at {address}: {why}")
}

/// The fields of the line that says so.
pub(super) struct Ready {
    addresses: [Address; 4],
    destinations: String,
    spool: String,
    config: String,
}

impl Ready {
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        let [http, grpc, health, metrics] = &self.addresses;
        let mut fields: Vec<Field<'_>> = vec![("otlpHttp", http), ("otlpGrpc", grpc), ("health", health)];
        if metrics.0.is_some() {
            fields.push(("metrics", metrics));
        }
        fields.extend([("destinations", &self.destinations as &dyn fmt::Display), ("spool", &self.spool)]);
        if !self.config.is_empty() {
            fields.push(("config", &self.config));
        }
        fields
    }
}

/// An address, or `off`.
struct Address(Option<SocketAddr>);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str(OFF),
        }
    }
}

const OFF: &str = "off";
