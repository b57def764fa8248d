//! Settings from environment variables: which of them counts for which signal, and what is wrong with the rest.
//!
//! For each signal and setting, in this order: `SPANLAYER_EXPORTER_OTLP_TRACES_X`, `SPANLAYER_EXPORTER_OTLP_X`,
//! `OTEL_EXPORTER_OTLP_TRACES_X`, `OTEL_EXPORTER_OTLP_X`. Once a `SPANLAYER_…_ENDPOINT` applies to a signal, the
//! `OTEL_` ones are not looked at for it: they say how the function's own SDK talks, maybe to us.

use std::{net::SocketAddr, time::Duration};

use http::header::AUTHORIZATION;
use reqwest::Url;
use spanlayer_host::vars::{Reading, Var, Vars};
use spanlayer_otlp::Signal;

use super::{
    Address, ClientCertificate, Destination, Loaded, Otlp, Protocol, Proxy, Settings, endpoint,
    headers::Headers,
    proxy,
    vars::{
        CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, COMPRESSION, ENDPOINT, HEADERS, INSECURE, PROTOCOL,
        TIMEOUT,
    },
};

impl Settings {
    /// Reads the destinations from environment variables; everything else has its default. `receivers` are our own
    /// addresses, which are no destination. Touches no file and no network.
    ///
    /// What is wrong costs only itself where that is safe: a signal whose endpoint, protocol or compression cannot be
    /// used has no destination, rather than another than was asked for.
    pub fn from_vars(vars: &dyn Vars, receivers: &[SocketAddr]) -> Loaded {
        let mut reader =
            Reader { vars, receivers, reading: Reading::new(vars), hints: Vec::new(), lost: Vec::new() };
        let mut destinations: Vec<Destination> = Vec::new();
        let mut recipes: Vec<Recipe> = Vec::new();
        for signal in Signal::ALL {
            let Some((recipe, url)) = reader.signal(signal) else { continue };
            // Signals that go to the same server in the same way share a destination: connections and health.
            match recipes.iter_mut().find(|known| known.is_like(&recipe)) {
                Some(known) => known.otlp.urls[signal as usize] = Some(Address::new(url)),
                None => {
                    let mut recipe = recipe;
                    recipe.otlp.urls[signal as usize] = Some(Address::new(url));
                    recipes.push(recipe);
                }
            }
        }
        destinations.extend(recipes.into_iter().map(Recipe::destination));
        let Reader { reading, mut hints, lost, .. } = reader;
        let mut problems = reading.into_problems();
        // A variable for all signals is read for each of them.
        keep_first(&mut problems);
        for problem in &mut problems {
            let signals =
                lost.iter().filter(|(name, _)| *name == problem.name).map(|(_, signal)| signal.name());
            problem.what.push_str(&consequence(&signals.collect::<Vec<_>>()));
        }
        keep_first(&mut hints);
        Loaded { settings: Self { destinations, ..Self::default() }, problems, hints }
    }
}

/// A destination of one signal, before those that are alike are joined.
struct Recipe {
    origin: String,
    otlp: Otlp,
    timeout: Option<Duration>,
}

impl Recipe {
    fn destination(self) -> Destination {
        #[cfg(feature = "aws")]
        if self.origin.starts_with(BUCKET) {
            return super::bucket::destination(&self.origin, &self.otlp, self.timeout);
        }
        Destination::otlp(self.otlp, self.timeout)
    }

    fn is_like(&self, other: &Self) -> bool {
        let bare = |otlp: &Otlp| Otlp { urls: [None, None, None], ..otlp.clone() };
        (&self.origin, self.timeout, bare(&self.otlp)) == (&other.origin, other.timeout, bare(&other.otlp))
    }
}

/// The names of a setting's variables for one signal, the first that counts first.
pub(super) type Names = Vec<String>;

/// The address for a signal.
struct Found {
    url: Url,
    /// Of the variables that go with it.
    prefixes: &'static [&'static str],
    /// The variable that it is from.
    name: String,
    /// Whether it is for all signals.
    add_path: bool,
}

pub(super) struct Reader<'v> {
    pub(super) vars: &'v dyn Vars,
    receivers: &'v [SocketAddr],
    pub(super) reading: Reading<'v>,
    hints: Vec<String>,
    /// Variables whose fault leaves a signal without a destination.
    pub(super) lost: Vec<(String, Signal)>,
}

impl Reader<'_> {
    fn signal(&mut self, signal: Signal) -> Option<(Recipe, Url)> {
        let Found { url, prefixes, name, add_path } = self.endpoint(signal)?;
        let names = |var: &str| names(prefixes, signal, var);
        // The two that must not be replaced by something else than was asked for.
        let protocol = self.demanded(signal, &names(PROTOCOL.name), &PROTOCOL);
        let compression = self.demanded(signal, &names(COMPRESSION.name), &COMPRESSION);
        let headers_name = names(HEADERS.name).into_iter().find(|name| self.vars.get(name).is_some());
        let headers = headers_name.as_ref().and_then(|name| self.reading.find_as(name, HEADERS.parse));
        let Headers { good, elsewhere, faults } = headers.unwrap_or_default();
        for fault in faults {
            self.reading.note(headers_name.as_deref().unwrap_or(HEADERS.name), fault);
        }
        let timeout = self.first(&names(TIMEOUT.name), &TIMEOUT).unwrap_or(Duration::from_secs(10));
        let certificate = self.first(&names(CERTIFICATE.name), &CERTIFICATE);
        let client = self.client(&names(CLIENT_CERTIFICATE.name), &names(CLIENT_KEY.name));
        let (protocol, compression) = (protocol?, compression?);
        let known: Vec<_> = good
            .iter()
            .map(|(name, _)| name)
            .chain(elsewhere.iter().map(|(name, _)| name))
            .cloned()
            .collect();
        let has_header = known.contains(&AUTHORIZATION);
        let auth = self.auth(signal, &names, &url, protocol, has_header)?;
        let proxy = self.proxy(&url, protocol);
        self.hint(&name, &url, protocol, add_path);
        #[cfg(feature = "aws")]
        let where_to = url.clone();
        let url = match protocol {
            _ if url.as_str().starts_with(BUCKET) => url,
            Protocol::Grpc => endpoint::service(&url, signal),
            _ if add_path => endpoint::below(&url, signal),
            _ => url,
        };
        let urls = Default::default();
        #[cfg_attr(not(feature = "aws"), expect(unused_mut, reason = "only AWS wants it otherwise"))]
        let mut otlp = Otlp {
            urls,
            protocol,
            headers: good,
            secret_headers: elsewhere,
            auth,
            compression,
            certificate,
            client,
            proxy,
            ..Otlp::default()
        };
        #[cfg(feature = "aws")]
        self.as_aws_wants_it(&names(COMPRESSION.name), &where_to, &mut otlp);
        let timeout = Some(timeout).filter(|limit| !limit.is_zero());
        let origin = match url.as_str() {
            // Of a bucket, all of it counts.
            bucket if bucket.starts_with(BUCKET) => bucket.to_owned(),
            _ => endpoint::origin(&url),
        };
        Some((Recipe { origin, otlp, timeout }, url))
    }

    /// The address for a signal, and the variables that go with it.
    fn endpoint(&mut self, signal: Signal) -> Option<Found> {
        // Most environments have none of the first kind: a hundred names that need not be put together.
        let both = if self.vars.any(OURS) { BOTH } else { &BOTH[1..] };
        for (prefix, prefixes) in [(OURS, &BOTH[..1]), (THEIRS, both)] {
            if !self.vars.any(prefix) {
                continue;
            }
            let parse = self.endpoint_parser(signal, prefixes);
            for (name, add_path) in
                forms(prefix, signal, suffix(ENDPOINT.name)).into_iter().zip([false, true])
            {
                if self.vars.get(&name).is_none() {
                    continue;
                }
                // A faulty address is not replaced by one that is meant for something else.
                let Some(url) = self.reading.find_as(&name, parse) else {
                    self.lost.push((name, signal));
                    return None;
                };
                if !endpoint::is_own(&url, self.receivers) {
                    return Some(Found { url, prefixes, name, add_path });
                }
                if prefix == OURS {
                    let what = "is this extension's own receiver; expected a destination elsewhere";
                    self.reading.note(&name, what);
                    self.lost.push((name, signal));
                    return None;
                }
                self.hints.push(format!(
                    "{name} is this extension's own receiver and does not count as a destination; \
                     set {OURS}_ENDPOINT to say where data should go from here"
                ));
            }
        }
        None
    }

    /// How endpoints are written depends on the protocol. (Whether that one is right is another question.)
    fn endpoint_parser(&mut self, signal: Signal, prefixes: &[&str]) -> fn(&str) -> Result<Url, String> {
        let protocol =
            names(prefixes, signal, PROTOCOL.name).into_iter().find_map(|name| self.vars.get(&name));
        if protocol.and_then(|text| (PROTOCOL.parse)(text.trim()).ok()) != Some(Protocol::Grpc) {
            return ENDPOINT.parse;
        }
        match self.first(&names(prefixes, signal, INSECURE.name), &INSECURE) {
            Some(true) => endpoint::parse_grpc_insecure,
            _ => endpoint::parse_grpc,
        }
    }

    fn proxy(&mut self, url: &Url, protocol: Protocol) -> Option<Proxy> {
        let proxy = proxy::for_url(self.vars, url).unwrap_or_else(|(name, what)| {
            self.reading.note(name, what);
            None
        });
        // A proxy passes on HTTP/2 only inside a tunnel, which is there for TLS.
        if proxy.is_some() && protocol == Protocol::Grpc && url.scheme() == "http" {
            self.hints.push(format!(
                "{} speaks gRPC without TLS and is reached without the proxy",
                endpoint::origin(url)
            ));
            return None;
        }
        proxy
    }

    fn hint(&mut self, name: &str, url: &Url, protocol: Protocol, add_path: bool) {
        let grpc = protocol == Protocol::Grpc;
        let bare = matches!(url.path(), "" | "/");
        if !grpc && !add_path && bare {
            self.hints.push(format!("{name} has no path and is used as it is: requests go to /"));
        }
        if grpc && !bare {
            self.hints.push(format!("{name} has a path, which gRPC does not use"));
        }
        match (grpc, url.port()) {
            (false, Some(4317)) => self.hints.push(format!(
                "{name} has port 4317, which usually speaks gRPC; OTLP/HTTP is usually on 4318"
            )),
            (true, Some(4318)) => self.hints.push(format!(
                "{name} has port 4318, which usually speaks OTLP/HTTP; gRPC is usually on 4317"
            )),
            (true, None) if url.scheme() == "http" => self.hints.push(format!(
                "{name} has no port, so that requests go to port 80; OTLP/gRPC is usually on 4317"
            )),
            _ => {}
        }
    }

    /// The first variable that is set and right.
    pub(super) fn first<T>(&mut self, names: &Names, var: &Var<T>) -> Option<T> {
        names.iter().find_map(|name| self.reading.find_as(name, var.parse))
    }

    /// The first variable that is set, or the default; `None` if it is wrong.
    pub(super) fn demanded<T>(&mut self, signal: Signal, names: &Names, var: &Var<T>) -> Option<T> {
        let Some(name) = names.iter().find(|name| self.vars.get(name).is_some()) else {
            return (var.parse)(var.default).ok();
        };
        let value = self.reading.find_as(name, var.parse);
        if value.is_none() {
            self.lost.push((name.clone(), signal));
        }
        value
    }

    fn client(&mut self, chain_names: &Names, key_names: &Names) -> Option<ClientCertificate> {
        let chain = self.first(chain_names, &CLIENT_CERTIFICATE);
        let key = self.first(key_names, &CLIENT_KEY);
        match (chain, key) {
            (Some(chain), Some(key)) => Some(ClientCertificate { chain, key }),
            (None, None) => None,
            (Some(_), None) => {
                self.reading.note(CLIENT_CERTIFICATE.name, format!("{} is needed with it", CLIENT_KEY.name));
                None
            }
            (None, Some(_)) => {
                self.reading.note(CLIENT_KEY.name, format!("{} is needed with it", CLIENT_CERTIFICATE.name));
                None
            }
        }
    }
}

/// What a fault means for the signals that have no destination because of it; nothing if there are none.
fn consequence(signals: &[&str]) -> String {
    match signals {
        [] => String::new(),
        [one] => format!("; {one} go nowhere until this is right"),
        [others @ .., last] => {
            format!("; {} and {last} go nowhere until this is right", others.join(", "))
        }
    }
}

/// A setting's variables for one signal, the first that counts first.
fn names(prefixes: &[&str], signal: Signal, var: &str) -> Names {
    prefixes.iter().flat_map(|prefix| forms(prefix, signal, suffix(var))).collect()
}

/// The per-signal form of a variable, and the one for all signals.
fn forms(prefix: &str, signal: Signal, suffix: &str) -> [String; 2] {
    let own = match signal {
        Signal::Traces => "_TRACES",
        Signal::Metrics => "_METRICS",
        Signal::Logs => "_LOGS",
    };
    [[prefix, own, suffix].concat(), [prefix, suffix].concat()]
}

/// `_ENDPOINT` of `SPANLAYER_EXPORTER_OTLP_ENDPOINT`.
fn suffix(name: &str) -> &str {
    name.strip_prefix(OURS).unwrap_or(name)
}

fn keep_first<T: PartialEq>(list: &mut Vec<T>) {
    let mut n = 0;
    while n < list.len() {
        if list[..n].contains(&list[n]) {
            list.remove(n);
        } else {
            n += 1;
        }
    }
}

const BUCKET: &str = "s3://";

const OURS: &str = "SPANLAYER_EXPORTER_OTLP";

const THEIRS: &str = "OTEL_EXPORTER_OTLP";

/// In the order in which they count.
const BOTH: &[&str] = &[OURS, THEIRS];
