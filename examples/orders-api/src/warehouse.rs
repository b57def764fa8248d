//! Stands for the database and the service that a real function would call, delays included.

use std::{fmt, time::Duration};

use opentelemetry::{
    KeyValue, global,
    trace::{FutureExt as _, SpanKind, TraceContextExt as _, Tracer as _},
};
use tokio::time::sleep;
use tracing::instrument;

/// Nobody has any.
#[derive(Debug)]
pub(crate) struct OutOfStock {
    sku: String,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is out of stock", self.sku)
    }
}

impl std::error::Error for OutOfStock {}

/// Puts things aside for an order.
#[instrument(name = "reserve item", skip_all, fields(sku = sku, quantity = quantity), err)]
pub(crate) async fn reserve(sku: &str, quantity: u32) -> Result<(), OutOfStock> {
    sleep(Duration::from_millis(2)).await;
    if price_of(sku) == 0 { Err(OutOfStock { sku: sku.to_owned() }) } else { Ok(()) }
}

/// Writes an order down. A span of the OpenTelemetry API, as an instrumented client would make one.
pub(crate) async fn save(id: &str) {
    let tracer = global::tracer("warehouse");
    let span = tracer
        .span_builder("PutItem orders")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("db.system.name", "aws.dynamodb"),
            KeyValue::new("db.operation.name", "PutItem"),
            KeyValue::new("db.collection.name", "orders"),
            KeyValue::new("order.id", id.to_owned()),
        ])
        .start(&tracer);
    let context = opentelemetry::Context::current_with_span(span);
    sleep(Duration::from_millis(3)).with_context(context).await;
}

/// In cents; nothing for what is not sold.
pub(crate) fn price_of(sku: &str) -> u32 {
    match sku {
        "tea" => 450,
        "cup" => 900,
        "pot" => 3200,
        _ => 0,
    }
}
