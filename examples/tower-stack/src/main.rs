//! A runtime put together by hand: spanlayer's layer beside one of one's own, under a `tracing` subscriber of one's own.

mod slow;

use std::time::Duration;

use serde_json::{Value, json};
use spanlayer::{
    Error, LambdaEvent,
    lambda_runtime::{
        Runtime,
        tower::{ServiceBuilder, service_fn},
    },
};
use tracing::{info, instrument};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let lines =
        tracing_subscriber::fmt::layer().without_time().with_ansi(false).with_filter(LevelFilter::INFO);
    tracing_subscriber::registry().with(lines).with(spanlayer::tracing_layer()).init();

    // Around the handler: sees typed events and answers.
    let handler = ServiceBuilder::new().layer_fn(spanlayer::Traced::new).service(service_fn(handler));
    // Around the whole invocation: sees the raw event, and the moment after the response. The last one added runs first,
    // so spanlayer's comes last.
    Runtime::new(handler)
        .layer(slow::Layer::warning_after(Duration::from_millis(500)))
        .layer(spanlayer::Layer::new())
        .run()
        .await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let fields = count(&event.payload);
    info!(fields, "counted");
    Ok(json!({ "fields": fields }))
}

#[instrument(skip_all)]
fn count(event: &Value) -> usize {
    match event {
        Value::Object(fields) => fields.values().map(|value| 1 + count(value)).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}
