//! `schema`: attributes under the names that the semantic conventions have for them now, given by which version they were
//! written; names of one's own; and a report of what the conventions do not know.
//!
//! The history is that of the FaaS and HTTP conventions, and of what they share with others (`net.*`, `server.*`, `url.*`).

use super::{Counted, Report, attributes_of};
use crate::{
    fields::{
        event,
        group::SCHEMA_URL,
        metric::POINTS,
        resource,
        span::{EVENTS, KIND, SERVING},
    },
    record::{Attributes, Record, Value},
};
use spanlayer_otlp::Signal;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Schema {
    /// The version to bring everything to, and the address that says so.
    pub target: Option<(u32, String)>,
    /// The version of what names none; without it that is left as it is.
    pub assumed: Option<u32>,
    /// Other names, after that.
    pub renames: Vec<(String, String)>,
    /// Whether what the conventions do not know is counted by name.
    pub reports: bool,
    /// What they do not know, with whether only its type is wrong.
    pub strange: Mutex<BTreeMap<(String, bool), u64>>,
}

/// The newest version of which there is anything to know: 1.27.0.
pub const KNOWN: u32 = 27;

/// The minor version that an address of OpenTelemetry's own schemas names.
pub fn version(address: &str) -> Option<u32> {
    let rest = address.strip_prefix("https://opentelemetry.io/schemas/1.")?;
    let (minor, patch) = rest.split_once('.')?;
    patch.parse::<u32>().ok()?;
    minor.parse().ok()
}

/// Since which minor version, what, and what instead: one name; `|` between the name on the client's and on the server's
/// side; `?` between the two parts of an address' path.
const HISTORY: &[(u32, &str, &str)] = &[
    (13, "net.peer.ip", "net.sock.peer.addr"),
    (13, "net.host.ip", "net.sock.host.addr"),
    (15, "http.retry_count", "http.resend_count"),
    (19, "faas.execution", "faas.invocation_id"),
    (19, "faas.id", "cloud.resource_id"),
    (19, "http.user_agent", "user_agent.original"),
    (20, "net.app.protocol.name", "net.protocol.name"),
    (20, "net.app.protocol.version", "net.protocol.version"),
    (21, "http.method", "http.request.method"),
    (21, "http.status_code", "http.response.status_code"),
    (21, "http.scheme", "url.scheme"),
    (21, "http.url", "url.full"),
    (21, "http.target", "url.path?url.query"),
    (21, "http.request_content_length", "http.request.body.size"),
    (21, "http.response_content_length", "http.response.body.size"),
    (21, "http.client_ip", "client.address"),
    (21, "http.flavor", "network.protocol.version"),
    (21, "net.protocol.name", "network.protocol.name"),
    (21, "net.protocol.version", "network.protocol.version"),
    (21, "net.host.name", "server.address"),
    (21, "net.host.port", "server.port"),
    (21, "net.peer.name", "server.address|client.address"),
    (21, "net.peer.port", "server.port|client.port"),
    (21, "net.sock.peer.addr", "network.peer.address"),
    (21, "net.sock.peer.port", "network.peer.port"),
    (21, "net.sock.host.addr", "network.local.address"),
    (21, "net.sock.host.port", "network.local.port"),
    (21, "net.transport", "network.transport"),
    (21, "net.sock.family", "network.type"),
    (27, "deployment.environment", "deployment.environment.name"),
];

/// What some values are called since, with their attributes.
const VALUES: &[(&str, &str, &str)] = &[
    ("net.transport", "ip_tcp", "tcp"),
    ("net.transport", "ip_udp", "udp"),
    ("net.sock.family", "inet", "ipv4"),
    ("net.sock.family", "inet6", "ipv6"),
    ("http.flavor", "2.0", "2"),
    ("http.flavor", "3.0", "3"),
];

/// What there is, by type, as the newest version has it.
const TEXTS: &[&str] = &[
    "http.request.method",
    "http.request.method_original",
    "http.route",
    "url.full",
    "url.path",
    "url.query",
    "url.scheme",
    "url.fragment",
    "url.template",
    "url.domain",
    "server.address",
    "client.address",
    "network.protocol.name",
    "network.protocol.version",
    "network.transport",
    "network.type",
    "network.peer.address",
    "network.local.address",
    "network.connection.type",
    "user_agent.original",
    "user_agent.name",
    "user_agent.version",
    "faas.trigger",
    "faas.invocation_id",
    "faas.time",
    "faas.cron",
    "faas.document.collection",
    "faas.document.operation",
    "faas.document.time",
    "faas.document.name",
    "faas.invoked_name",
    "faas.invoked_provider",
    "faas.invoked_region",
    "faas.name",
    "faas.version",
    "faas.instance",
    "cloud.provider",
    "cloud.region",
    "cloud.resource_id",
    "cloud.account.id",
    "cloud.platform",
    "cloud.availability_zone",
    "http.connection.state",
];
const NUMBERS: &[&str] = &[
    "http.response.status_code",
    "http.request.body.size",
    "http.response.body.size",
    "http.request.size",
    "http.response.size",
    "http.request.resend_count",
    "server.port",
    "client.port",
    "network.peer.port",
    "network.local.port",
    "faas.max_memory",
];
const FLAGS: &[&str] = &["faas.coldstart"];

/// What the conventions speak of here.
const OURS: [&str; 9] =
    ["http.", "faas.", "url.", "net.", "network.", "server.", "client.", "user_agent.", "cloud."];

impl Schema {
    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> bool {
        let mut pass = Pass { schema: self, report, changed: false };
        let mut groups = root.take(1);
        for group in &mut groups {
            let written = version(group.text(SCHEMA_URL));
            let (there, mut own) = (group.has(1), group.take_one(1));
            pass.attributes(&mut own, resource::ATTRIBUTES, written, false);
            if there {
                group.put_first(1, own);
            }
            let mut scopes = group.take(2);
            for scope in &mut scopes {
                let own = version(scope.text(SCHEMA_URL)).or(written);
                let mut items = scope.take(2);
                items.iter_mut().for_each(|item| pass.item(signal, item, own));
                scope.put(2, items);
                pass.name(scope, own);
            }
            group.put(2, scopes);
            pass.name(group, written);
        }
        root.put(1, groups);
        pass.changed
    }

    /// What was met that the conventions do not know, how often, and whether only its type is wrong; the names are the
    /// first that were.
    pub fn strange(&self) -> Vec<((String, bool), u64)> {
        let strange = self.strange.lock().unwrap_or_else(PoisonError::into_inner);
        strange.iter().map(|(what, times)| (what.clone(), *times)).collect()
    }
}

/// One payload on its way through.
struct Pass<'a> {
    schema: &'a Schema,
    report: &'a mut Report,
    changed: bool,
}

impl Pass<'_> {
    /// From which version on, and to which, something is to be brought.
    fn way(&self, written: Option<u32>) -> Option<(u32, u32)> {
        let (to, _) = self.schema.target.as_ref()?;
        let from = written.or(self.schema.assumed)?;
        (from < *to).then_some((from, *to))
    }

    /// Says of a group that it is of the newer version now.
    fn name(&mut self, group: &mut Record, written: Option<u32>) {
        if let (Some(_), Some((_, address))) = (self.way(written), &self.schema.target) {
            group.set_bytes(SCHEMA_URL, address.clone());
            self.changed = true;
        }
    }

    fn item(&mut self, signal: Signal, item: &mut Record, written: Option<u32>) {
        match signal {
            Signal::Metrics => {
                let Some((number, shape)) = POINTS.into_iter().find(|(number, _)| item.has(*number)) else {
                    return;
                };
                let mut data = item.take_one(number);
                let mut points = data.take(1);
                points.iter_mut().for_each(|point| {
                    self.attributes(point, attributes_of(signal, shape), written, true);
                });
                data.put(1, points);
                item.put(number, [data]);
            }
            Signal::Traces => {
                let serves = SERVING.contains(&item.bits(KIND));
                self.attributes(item, attributes_of(signal, 0), written, serves);
                let mut events = item.take(EVENTS);
                events.iter_mut().for_each(|one| self.attributes(one, event::ATTRIBUTES, written, serves));
                item.put(EVENTS, events);
            }
            Signal::Logs => self.attributes(item, attributes_of(signal, 0), written, true),
        }
    }

    fn attributes(&mut self, record: &mut Record, number: u32, written: Option<u32>, serves: bool) {
        let mut attributes = record.attributes(number);
        if let Some((from, to)) = self.way(written) {
            // What was renamed may have been renamed again.
            loop {
                let known = |key: &str| {
                    let mut history = HISTORY.iter();
                    history.find(|(since, old, _)| from < *since && *since <= to && *old == key)
                };
                let taken = attributes.take(known);
                if taken.is_empty() {
                    break;
                }
                self.changed = true;
                self.report.counts.count(Counted::AttributesUpgraded, taken.len());
                for ((_, old, new), value) in taken {
                    upgrade(&mut attributes, old, new, value, serves);
                }
            }
        }
        for (new, value) in attributes.take(|key| self.schema.renames.iter().find(|(old, _)| old == key)) {
            self.changed = true;
            put(&mut attributes, &new.1, value);
        }
        if self.schema.reports {
            self.look(record, number);
        }
    }

    fn look(&mut self, record: &mut Record, number: u32) {
        for (key, value) in record.attributes(number).entries() {
            let is_in = |names: &[&str]| names.contains(&key.as_str());
            let header = key.starts_with("http.request.header.") || key.starts_with("http.response.header.");
            let right = match &value {
                Value::Text(_) => is_in(TEXTS),
                Value::Int(_) => is_in(NUMBERS),
                Value::Bool(_) => is_in(FLAGS),
                Value::List(_) => header,
                _ => false,
            };
            if right || !OURS.iter().any(|prefix| key.starts_with(prefix)) {
                continue;
            }
            let mistyped = header || [TEXTS, NUMBERS, FLAGS].into_iter().any(is_in);
            let what = if mistyped { Counted::AttributesMistyped } else { Counted::AttributesUnknown };
            self.report.counts.count(what, 1);
            let mut strange = self.schema.strange.lock().unwrap_or_else(PoisonError::into_inner);
            let known = (key, mistyped);
            if strange.len() < NAMED || strange.contains_key(&known) {
                *strange.entry(known).or_default() += 1;
            }
        }
    }
}

/// An attribute in its new form.
fn upgrade(on: &mut Attributes<'_>, old: &str, new: &str, value: Value, serves: bool) {
    let value = match VALUES.iter().find(|(of, was, _)| *of == old && value.as_text() == Some(was)) {
        Some((.., is)) => Value::Text((*is).to_owned()),
        None => value,
    };
    if let Some((client, server)) = new.split_once('|') {
        return put(on, if serves { server } else { client }, value);
    }
    let Some((first, second)) = new.split_once('?') else { return put(on, new, value) };
    match value.as_text().and_then(|text| text.split_once('?')) {
        Some((path, query)) => {
            put(on, first, Value::Text(path.to_owned()));
            put(on, second, Value::Text(query.to_owned()));
        }
        None => put(on, first, value),
    }
}

/// What says it under the newer name already is right.
fn put(on: &mut Attributes<'_>, key: &str, value: Value) {
    if on.get(key).is_none() {
        on.set(key, &value);
    }
}

/// So many names are told apart.
const NAMED: usize = 64;
