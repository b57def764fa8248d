//! Settings from environment variables: which of them counts for which signal, and what is wrong with the rest.
//!
//! For each signal and setting, in this order: `SPANLAYER_EXPORTER_OTLP_TRACES_X`, `SPANLAYER_EXPORTER_OTLP_X`,
//! `OTEL_EXPORTER_OTLP_TRACES_X`, `OTEL_EXPORTER_OTLP_X`. Once a `SPANLAYER_…_ENDPOINT` applies to a signal, the
//! `OTEL_` ones are not looked at for it: they say how the function's own SDK talks, maybe to us.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use reqwest::Url;
use spanlayer_host::vars::{Reading, Row, Var, Vars, duration};
use spanlayer_otlp::Signal;

use super::{
    Address, ClientCertificate, Destination, Loaded, OtlpHttp, Settings, endpoint,
    headers::{self, Headers},
    proxy,
};
use crate::Compression;

const ENDPOINT: Var<Url> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_ENDPOINT",
    default: "",
    parse: endpoint::parse,
    about: "where data goes; `v1/traces`, `v1/metrics`, `v1/logs` are added, but not to a per-signal form",
};

const PROTOCOL: Var<()> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_PROTOCOL",
    default: "http/protobuf",
    parse: protocol,
    about: "`http/protobuf`; `grpc` and `http/json` are not supported by this version",
};

const HEADERS: Var<Headers> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_HEADERS",
    default: "",
    parse: headers::parse,
    about: "sent with every request: `name=value,…`, values percent-encoded",
};

const COMPRESSION: Var<Compression> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_COMPRESSION",
    default: "gzip",
    parse: compression,
    about: "`gzip` or `none`; `zstd` is not supported by this version",
};

const TIMEOUT: Var<Duration> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_TIMEOUT",
    default: "10000",
    parse: duration,
    about: "limit of each attempt, in milliseconds or with a unit; 0 for none",
};

const CERTIFICATE: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CERTIFICATE",
    default: "",
    parse: path,
    about: "PEM file of the certificates to trust, instead of Mozilla's, which are built in",
};

const CLIENT_CERTIFICATE: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    default: "",
    parse: path,
    about: "PEM file of our own certificate chain (mTLS)",
};

const CLIENT_KEY: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CLIENT_KEY",
    default: "",
    parse: path,
    about: "PEM file of our own key (mTLS)",
};

/// The variables, for documentation. Each also has the forms `…_OTLP_TRACES_…`, `…_OTLP_METRICS_…`, `…_OTLP_LOGS_…`, and
/// all of them the same with `OTEL_` in the place of `SPANLAYER_`.
pub const TABLE: [Row; 8] = [
    ENDPOINT.row(),
    PROTOCOL.row(),
    HEADERS.row(),
    COMPRESSION.row(),
    TIMEOUT.row(),
    CERTIFICATE.row(),
    CLIENT_CERTIFICATE.row(),
    CLIENT_KEY.row(),
];

impl Settings {
    /// Reads the destinations from environment variables; everything else has its default. `receivers` are our own
    /// addresses, which are no destination. Touches no file and no network.
    ///
    /// What is wrong costs only itself where that is safe: a signal whose endpoint, protocol or compression cannot be
    /// used has no destination, rather than another than was asked for.
    pub fn from_vars(vars: &dyn Vars, receivers: &[SocketAddr]) -> Loaded {
        let mut reader = Reader { vars, receivers, reading: Reading::new(vars), hints: Vec::new() };
        let mut destinations: Vec<Destination> = Vec::new();
        let mut recipes: Vec<Recipe> = Vec::new();
        for signal in Signal::ALL {
            let Some((recipe, url)) = reader.signal(signal) else { continue };
            // Signals that go to the same server in the same way share a destination: connections and health.
            match recipes.iter_mut().find(|known| known.is_like(&recipe)) {
                Some(known) => known.http.urls[signal as usize] = Some(Address::new(url)),
                None => {
                    let mut recipe = recipe;
                    recipe.http.urls[signal as usize] = Some(Address::new(url));
                    recipes.push(recipe);
                }
            }
        }
        destinations
            .extend(recipes.into_iter().map(|recipe| Destination::otlp_http(recipe.http, recipe.timeout)));
        let Reader { reading, mut hints, .. } = reader;
        let mut problems = reading.into_problems();
        // A variable for all signals is read for each of them.
        keep_first(&mut problems);
        keep_first(&mut hints);
        Loaded { settings: Self { destinations, ..Self::default() }, problems, hints }
    }
}

/// A destination of one signal, before those that are alike are joined.
struct Recipe {
    origin: String,
    http: OtlpHttp,
    timeout: Option<Duration>,
}

impl Recipe {
    fn is_like(&self, other: &Self) -> bool {
        let bare = |http: &OtlpHttp| OtlpHttp { urls: [None, None, None], ..http.clone() };
        (&self.origin, self.timeout, bare(&self.http)) == (&other.origin, other.timeout, bare(&other.http))
    }
}

/// The names of a setting's variables for one signal, the first that counts first.
type Names = Vec<String>;

struct Reader<'v> {
    vars: &'v dyn Vars,
    receivers: &'v [SocketAddr],
    reading: Reading<'v>,
    hints: Vec<String>,
}

impl Reader<'_> {
    fn signal(&mut self, signal: Signal) -> Option<(Recipe, Url)> {
        let (url, prefixes) = self.endpoint(signal)?;
        let names = |var: &str| -> Names {
            prefixes.iter().flat_map(|prefix| forms(prefix, signal, suffix(var))).collect()
        };
        // The two that must not be replaced by something else than was asked for.
        let protocol = self.demanded(&names(PROTOCOL.name), &PROTOCOL);
        let compression = self.demanded(&names(COMPRESSION.name), &COMPRESSION);
        let headers_name = names(HEADERS.name).into_iter().find(|name| self.vars.get(name).is_some());
        let headers = headers_name.as_ref().and_then(|name| self.reading.find_as(name, HEADERS.parse));
        let Headers { good, faults } = headers.unwrap_or_default();
        for fault in faults {
            self.reading.note(headers_name.as_deref().unwrap_or(HEADERS.name), fault);
        }
        let timeout = self.first(&names(TIMEOUT.name), &TIMEOUT).unwrap_or(Duration::from_secs(10));
        let certificate = self.first(&names(CERTIFICATE.name), &CERTIFICATE);
        let client = self.client(&names(CLIENT_CERTIFICATE.name), &names(CLIENT_KEY.name));
        let proxy = proxy::for_url(self.vars, &url).unwrap_or_else(|(name, what)| {
            self.reading.note(name, what);
            None
        });
        let (_, compression) = (protocol?, compression?);
        let urls = Default::default();
        let http = OtlpHttp { urls, headers: good, compression, certificate, client, proxy };
        let timeout = Some(timeout).filter(|limit| !limit.is_zero());
        Some((Recipe { origin: endpoint::origin(&url), http, timeout }, url))
    }

    /// The address for a signal, and the prefixes of the variables that go with it.
    fn endpoint(&mut self, signal: Signal) -> Option<(Url, &'static [&'static str])> {
        for prefix in BOTH {
            for (name, add_path) in
                forms(prefix, signal, suffix(ENDPOINT.name)).into_iter().zip([false, true])
            {
                if self.vars.get(&name).is_none() {
                    continue;
                }
                // A faulty address is not replaced by one that is meant for something else.
                let url = self.reading.find_as(&name, ENDPOINT.parse)?;
                let explicit = *prefix == OURS;
                if endpoint::is_own(&url, self.receivers) {
                    if explicit {
                        self.reading.note(
                            &name,
                            "is this extension's own receiver; expected a destination elsewhere",
                        );
                        return None;
                    }
                    self.hints.push(format!(
                        "{name} is this extension's own receiver and does not count as a destination; \
                         set {OURS}_ENDPOINT to say where data should go from here"
                    ));
                    continue;
                }
                self.hint(&name, &url, add_path);
                let url = if add_path { endpoint::below(&url, signal) } else { url };
                return Some((url, if explicit { &BOTH[..1] } else { BOTH }));
            }
        }
        None
    }

    fn hint(&mut self, name: &str, url: &Url, add_path: bool) {
        if !add_path && url.path() == "/" {
            self.hints.push(format!("{name} has no path and is used as it is: requests go to /"));
        }
        if url.port() == Some(4317) {
            self.hints.push(format!(
                "{name} has port 4317, which usually speaks gRPC; OTLP/HTTP is usually on 4318"
            ));
        }
    }

    /// The first variable that is set and right.
    fn first<T>(&mut self, names: &Names, var: &Var<T>) -> Option<T> {
        names.iter().find_map(|name| self.reading.find_as(name, var.parse))
    }

    /// The first variable that is set, or the default; `None` if it is wrong.
    fn demanded<T>(&mut self, names: &Names, var: &Var<T>) -> Option<T> {
        match names.iter().find(|name| self.vars.get(name).is_some()) {
            Some(name) => self.reading.find_as(name, var.parse),
            None => (var.parse)(var.default).ok(),
        }
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

/// The per-signal form of a variable, and the one for all signals.
fn forms(prefix: &str, signal: Signal, suffix: &str) -> [String; 2] {
    [format!("{prefix}_{}{suffix}", signal.name().to_ascii_uppercase()), format!("{prefix}{suffix}")]
}

/// `_ENDPOINT` of `SPANLAYER_EXPORTER_OTLP_ENDPOINT`.
fn suffix(name: &str) -> &str {
    name.strip_prefix(OURS).unwrap_or(name)
}

fn protocol(text: &str) -> Result<(), String> {
    match text.to_ascii_lowercase().as_str() {
        "http/protobuf" => Ok(()),
        known @ ("grpc" | "http/json") => {
            Err(format!("{known} is not supported by this version; use http/protobuf"))
        }
        _ => Err("expected http/protobuf".to_owned()),
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    match text.to_ascii_lowercase().as_str() {
        "gzip" => Ok(Compression::GZIP),
        "none" => Ok(Compression::None),
        "zstd" => Err("zstd is not supported by this version; use gzip or none".to_owned()),
        _ => Err("expected gzip or none".to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
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

const OURS: &str = "SPANLAYER_EXPORTER_OTLP";

/// In the order in which they count.
const BOTH: &[&str] = &[OURS, "OTEL_EXPORTER_OTLP"];
