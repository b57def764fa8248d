//! The detection of triggers against `serde_json`'s parser, on the same texts: one line of JSON a shape and size, with the
//! shortest times in nanoseconds and their ratio. Where messages of a queue or a stream wrap JSON in a string, detection
//! reads that too, which the parser would only copy: there it parses both, and the ratio to the event alone stands beside.
//!
//! The two take turns. Both do the same every time, so whatever makes one time longer than another is the machine's: the
//! shortest of many is what the work takes. The modules are the wrapper's own files, since nothing of this is public.

#![allow(dead_code, unused_imports, reason = "the wrapper uses more of its modules than this does")]

mod propagation;
mod trigger;

use crate::{
    propagation::{Format, Propagators},
    trigger::{Invocation, base64, detect},
};
use serde_json::{Value, json};
use spanlayer_host::clock;
use std::{env, fs, hint::black_box, path::Path, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let rounds = env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(31);
    // Only this one, or this one of this size, to look into it.
    let (wanted, size_wanted) = (env::args().nth(2), env::args().nth(3));
    match shapes() {
        Ok(shapes) => {
            for (name, event) in
                shapes.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|one| one == name))
            {
                for (size, length) in
                    SIZES.into_iter().filter(|(size, _)| size_wanted.as_ref().is_none_or(|one| one == size))
                {
                    println!("{}", measured(name, size, &grown(event, length), rounds));
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{EVENTS}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The events that the wrapper's tests know, by name.
fn shapes() -> Result<Vec<(String, Value)>, Box<dyn std::error::Error>> {
    let mut shapes = Vec::new();
    for file in fs::read_dir(Path::new(EVENTS))? {
        let path = file?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        shapes.push((name, serde_json::from_slice(&fs::read(&path)?)?));
    }
    shapes.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(shapes)
}

/// The event as it would be with so many bytes: with more records where there are records, with a longer body where
/// there is one, else with more of whatever its sender puts into it.
fn grown(event: &Value, length: usize) -> Vec<u8> {
    let mut event = event.clone();
    let now = event.to_string().len();
    let lacking = length.saturating_sub(now);
    if let Some(records) = records(&mut event) {
        let one = records.clone();
        let each = now / one.len().max(1);
        records.extend(one.into_iter().cycle().take(lacking / each.max(1)));
    } else if lacking > 0 {
        let items: Vec<Value> = (0..lacking / ITEM)
            .map(|at| json!({ "sku": format!("sku-{at:08}"), "quantity": at % 7, "price": 12.5, "gift": at % 3 == 0 }))
            .collect();
        match event.get_mut("body").filter(|body| body.is_string()) {
            Some(body) => *body = Value::String(Value::Array(items).to_string()),
            None => event["items"] = Value::Array(items),
        }
    }
    event.to_string().into_bytes()
}

fn records(event: &mut Value) -> Option<&mut Vec<Value>> {
    if event["records"].is_object() {
        return event["records"].as_object_mut()?.values_mut().next()?.as_array_mut();
    }
    event.get_mut("Records")?.as_array_mut()
}

fn measured(name: &str, size: &str, event: &[u8], rounds: usize) -> Value {
    let propagators = Propagators::new(vec![Format::TraceContext, Format::Baggage]);
    let seen = || {
        let invocation = Invocation {
            event: black_box(event),
            function_name: "orders",
            trace_header: None,
            client_context: None,
        };
        detect_and_drop(&invocation, &propagators);
    };
    let parsed = |text: &[u8]| drop(black_box(serde_json::from_slice::<Value>(black_box(text))));
    let wrapped = wrapped(event);
    // Long enough for the clock, short enough for a round to see the same machine.
    let times = (2_000_000 / (event.len() * 4)).clamp(1, 1000);
    let [mut ours, mut theirs, mut within] = [f64::INFINITY; 3];
    for _ in 0..rounds {
        ours = timed(times, seen).min(ours);
        theirs = timed(times, || parsed(event)).min(theirs);
        within = timed(times, || wrapped.iter().for_each(|text| parsed(text))).min(within);
    }
    let all = theirs + if wrapped.is_empty() { 0.0 } else { within };
    json!({
        "shape": name,
        "size": size,
        "bytes": event.len(),
        "detection_nanos": ours,
        "serde_json_nanos": all,
        "ratio": ours / all,
        "event_alone_ratio": ours / theirs,
    })
}

/// The JSON in an event's strings that detection reads: messages of topics and buses in those of a queue, and what a stream
/// carries in base 64. None of a large event, where detection gives up before it has looked into all.
fn wrapped(event: &[u8]) -> Vec<Vec<u8>> {
    let Ok(Value::Object(event)) = serde_json::from_slice(event) else { return Vec::new() };
    let records = event.get("Records").and_then(Value::as_array).filter(|records| records.len() < MANY);
    records.into_iter().flatten().filter_map(wrapped_in).collect()
}

fn wrapped_in(record: &Value) -> Option<Vec<u8>> {
    if let Some(data) = record["kinesis"]["data"].as_str() {
        return base64::decode(data.as_bytes()).filter(|data| data.starts_with(b"{"));
    }
    let body = record["body"].as_str()?;
    let is_envelope = ["\"TopicArn\"", "\"detail-type\""].iter().any(|name| body.contains(name));
    is_envelope.then(|| body.as_bytes().to_vec())
}

/// By itself, so that a profile can be of this alone.
#[inline(never)]
fn detect_and_drop(invocation: &Invocation<'_>, propagators: &Propagators) {
    drop(black_box(detect(invocation, propagators)));
}

/// Nanoseconds for one time.
fn timed(times: usize, what: impl Fn()) -> f64 {
    let start = clock::monotonic();
    (0..times).for_each(|_| what());
    let took: Duration = start.elapsed();
    took.as_nanos() as f64 / times as f64
}

/// Where the events are.
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/trigger/tests/events");

/// What Lambda hands over usually, and at most.
const SIZES: [(&str, usize); 2] = [("2 KB", 2 << 10), ("6 MB", 6 << 20)];

/// Records of a large event.
const MANY: usize = 100;

/// About the length of an item as it is written above.
const ITEM: usize = 68;
