//! Receivers as places to listen at.

use std::net::SocketAddr;

use crate::{
    components::Role,
    declared::{Declarations, Declared},
    options::{listed, section::Section, value},
    pipelines::Wired,
    problem::Problem,
    suggest,
};

/// Where to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listening {
    /// Nowhere.
    #[default]
    Off,
    /// Here.
    At(SocketAddr),
}

/// Everything that data comes in by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receivers {
    /// OTLP/HTTP.
    pub http: Listening,
    /// OTLP/gRPC.
    pub grpc: Listening,
    /// What Lambda tells; `None` if no pipeline wants it.
    pub platform: Option<Platform>,
}

/// What is wanted of what Lambda tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Platform {
    /// Where it is sent to; `None` for wherever it is by default.
    pub port: Option<u16>,
    /// Spans and metrics of init and invocations.
    pub events: bool,
    /// What functions print.
    pub function: bool,
    /// What extensions print.
    pub extension: bool,
    /// Whether metrics are `cumulative`, if that is said.
    pub cumulative: Option<bool>,
}

/// What the pipelines' receivers come to.
pub(crate) fn read(wired: &[Wired], declared: &Declarations<'_>, problems: &mut Vec<Problem>) -> Receivers {
    let mut all = Receivers::default();
    for one in declared.0.iter().filter(|one| one.role == Role::Receiver && one.usable) {
        if !wired.iter().any(|pipeline| pipeline.from.iter().any(|id| id == one.id)) {
            continue;
        }
        match one.kind() {
            "otlp" => otlp(one, &mut all, problems),
            "telemetryapi" => platform(one, &mut all, problems),
            _ => {}
        }
    }
    all
}

fn otlp(one: &Declared<'_>, all: &mut Receivers, problems: &mut Vec<Problem>) {
    let protocols = one.section().section("protocols");
    // `http:` with nothing behind it is there, with its defaults.
    let is_there = |name: &str| protocols.node.is_some_and(|node| node.get(name).is_some());
    if !is_there("http") && !is_there("grpc") {
        let remedy = "add `http:`, `grpc:` or both below `protocols`";
        problems.push(
            Problem::error(one.at, "no protocol is named, so nothing is received", remedy).about(one.path()),
        );
    }
    for (name, place) in [("http", &mut all.http), ("grpc", &mut all.grpc)] {
        if is_there(name) {
            listen(one, protocols.section(name), name, place, problems);
        }
    }
}

fn listen(
    one: &Declared<'_>,
    section: Section<'_>,
    name: &str,
    place: &mut Listening,
    problems: &mut Vec<Problem>,
) {
    let Some(address) = section.text("endpoint").and_then(|text| value::listen(&text)) else { return };
    let path = format!("{}::protocols::{name}::endpoint", one.path());
    match place {
        Listening::At(other) if *other != address => {
            let what = format!("a second place to listen at: the first is {other}");
            let remedy = "let all senders use one, and tell them apart by `service.name`";
            problems.push(Problem::error(section.at("endpoint"), what, remedy).about(path));
        }
        _ => *place = Listening::At(address),
    }
}

fn platform(one: &Declared<'_>, all: &mut Receivers, problems: &mut Vec<Problem>) {
    let section = one.section();
    let platform = all.platform.get_or_insert_with(Platform::default);
    let types = section.node("types").map(|_| section.texts("types"));
    let path = format!("{}::types", one.path());
    for name in types.iter().flatten().filter(|name| !TYPES.contains(&name.as_str())) {
        let remedy = suggest::did_you_mean(name, TYPES, || format!("expected {}", listed(TYPES)));
        problems
            .push(Problem::error(section.at("types"), format!("`{name}` is no type"), remedy).about(&path));
    }
    let wants = |name: &str| types.as_ref().is_none_or(|types| types.iter().any(|one| one == name));
    platform.events |= wants("platform");
    platform.function |= wants("function");
    platform.extension |= wants("extension");
    if section.node("port").is_some() {
        let port = section.whole("port").and_then(|port| u16::try_from(port).ok());
        platform.port = platform.port.or(port.filter(|port| *port > 0));
    }
    if let Some(temporality) = section.text("metrics_temporality") {
        platform.cumulative = Some(temporality == "cumulative");
    }
}

const TYPES: [&str; 3] = ["platform", "function", "extension"];
