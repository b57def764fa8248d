//! The records of platform events, field by field as the schema reference has them.

use crate::{
    event::Trace,
    settings::Settings,
    state::Handout,
    time::{iso, millis},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Whether an init is one of its own or part of an invocation (a suppressed init).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitPhase {
    Init,
    Invoke,
}

impl InitPhase {
    const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// How something ended: `success`, `error`, `failure`, `timeout`, and what the error is called.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) name: &'static str,
    pub(crate) error_type: Option<String>,
}

impl Status {
    pub(crate) fn success() -> Self {
        Self { name: "success", error_type: None }
    }

    pub(crate) fn timeout() -> Self {
        Self { name: "timeout", error_type: None }
    }

    /// The platform's own failures are `failure`, everything the customer's code did is `error`.
    pub(crate) fn error(error_type: &str) -> Self {
        let name = if error_type.starts_with("Sandbox.") { "failure" } else { "error" };
        Self { name, error_type: Some(error_type.to_owned()) }
    }

    fn put(&self, record: &mut Map<String, Value>) {
        record.insert("status".to_owned(), self.name.into());
        if let Some(error_type) = &self.error_type {
            record.insert("errorType".to_owned(), error_type.clone().into());
        }
    }
}

/// A stretch of an invocation, as `spans` lists them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    /// Unix time.
    pub(crate) start: Duration,
    pub(crate) duration: Duration,
}

fn spans(spans: &[Span]) -> Value {
    let span = |span: &Span| json!({ "name": span.name, "start": iso(span.start), "durationMs": millis(span.duration) });
    spans.iter().map(span).collect()
}

pub(crate) fn init_start(settings: &Settings, instance: &str, phase: InitPhase) -> Value {
    json!({
        "initializationType": settings.initialization,
        "phase": phase.name(),
        "functionName": settings.name,
        "functionVersion": settings.version,
        "functionArn": settings.arn(),
        "instanceId": instance,
        "instanceMaxMemory": settings.memory_mb,
        "runtimeVersion": RUNTIME_VERSION,
        "runtimeVersionArn": format!("arn:aws:lambda:{}::runtime:0000", settings.region),
    })
}

pub(crate) fn init_done(settings: &Settings, phase: InitPhase, status: &Status) -> Value {
    let mut record = init(settings, phase);
    status.put(&mut record);
    Value::Object(record)
}

pub(crate) fn init_report(
    settings: &Settings,
    phase: InitPhase,
    status: &Status,
    duration: Duration,
) -> Value {
    let mut record = init(settings, phase);
    status.put(&mut record);
    record.insert("metrics".to_owned(), json!({ "durationMs": millis(duration) }));
    Value::Object(record)
}

fn init(settings: &Settings, phase: InitPhase) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("initializationType".to_owned(), settings.initialization.clone().into());
    record.insert("phase".to_owned(), phase.name().into());
    record
}

pub(crate) fn restore_start(settings: &Settings, instance: &str) -> Value {
    json!({
        "functionName": settings.name,
        "functionVersion": settings.version,
        "instanceId": instance,
        "instanceMaxMemory": settings.memory_mb,
        "runtimeVersion": RUNTIME_VERSION,
        "runtimeVersionArn": format!("arn:aws:lambda:{}::runtime:0000", settings.region),
    })
}

pub(crate) fn restore_done(status: &Status) -> Value {
    let mut record = Map::new();
    status.put(&mut record);
    Value::Object(record)
}

pub(crate) fn restore_report(status: &Status, duration: Duration) -> Value {
    let mut record = Map::new();
    status.put(&mut record);
    record.insert("metrics".to_owned(), json!({ "durationMs": millis(duration) }));
    Value::Object(record)
}

pub(crate) fn extension(name: &str, state: &str, events: &[String]) -> Value {
    json!({ "name": name, "state": state, "events": events })
}

pub(crate) fn subscription(name: &str, types: &[super::Category]) -> Value {
    let types: Vec<_> = types.iter().map(|category| category.name()).collect();
    json!({ "name": name, "state": "Subscribed", "types": types })
}

/// The fields that all events of an invocation share.
fn invocation(handout: &Handout) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("requestId".to_owned(), handout.request_id.clone().into());
    if let Some(tracing) = tracing(&handout.trace) {
        record.insert("tracing".to_owned(), tracing);
    }
    if let Some(tenant) = &handout.event.tenant {
        record.insert("tenantId".to_owned(), tenant.clone().into());
    }
    record
}

fn tracing(trace: &Trace) -> Option<Value> {
    let header = trace.header.as_ref()?;
    let mut tracing = json!({ "type": "X-Amzn-Trace-Id", "value": header });
    if let Some(segment) = &trace.segment {
        tracing["spanId"] = segment.clone().into();
    }
    Some(tracing)
}

pub(crate) fn start(handout: &Handout, version: &str) -> Value {
    let mut record = invocation(handout);
    record.insert("version".to_owned(), version.into());
    record.insert("functionArn".to_owned(), handout.arn.clone().into());
    Value::Object(record)
}

pub(crate) fn runtime_done(
    handout: &Handout,
    status: &Status,
    duration: Duration,
    produced: Option<usize>,
    parts: &[Span],
) -> Value {
    let mut record = invocation(handout);
    status.put(&mut record);
    let mut metrics = json!({ "durationMs": millis(duration) });
    if let Some(produced) = produced {
        metrics["producedBytes"] = produced.into();
    }
    record.insert("metrics".to_owned(), metrics);
    if !parts.is_empty() {
        record.insert("spans".to_owned(), spans(parts));
    }
    Value::Object(record)
}

/// What a report says of cost. Managed Instances report the duration only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) duration: Duration,
    pub(crate) init: Option<Duration>,
    pub(crate) restore: Option<Duration>,
    pub(crate) memory_mb: u32,
    pub(crate) used_mb: u64,
}

pub(crate) fn report(handout: &Handout, status: &Status, cost: Cost, managed: bool, parts: &[Span]) -> Value {
    let mut record = invocation(handout);
    status.put(&mut record);
    let mut metrics = json!({ "durationMs": millis(cost.duration) });
    if !managed {
        // The init phase has been billed like any other running time since August 2025.
        let billed = cost.duration + cost.init.unwrap_or_default();
        metrics["billedDurationMs"] = (millis(billed).ceil() as u64).into();
        metrics["memorySizeMB"] = cost.memory_mb.into();
        metrics["maxMemoryUsedMB"] = cost.used_mb.into();
        if let Some(restore) = cost.restore {
            metrics["restoreDurationMs"] = millis(restore).into();
        }
        if let Some(init) = cost.init {
            metrics["initDurationMs"] = millis(init).into();
        }
    }
    record.insert("metrics".to_owned(), metrics);
    if !parts.is_empty() {
        record.insert("spans".to_owned(), spans(parts));
    }
    Value::Object(record)
}

/// The version of the runtime, in the form that the platform gives OS-only runtimes.
const RUNTIME_VERSION: &str = "provided:al2023.v100";
