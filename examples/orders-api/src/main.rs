//! An HTTP API behind API Gateway. Its spans come from `tracing` and from the OpenTelemetry API, also from a task that it
//! spawns; an order that cannot be filled fails the invocation.

mod api;
mod warehouse;

use spanlayer::{Error, LambdaEvent};
use tracing::{Instrument as _, info, instrument};

use api::{Confirmation, Order, Request, Response};

#[spanlayer::main]
async fn handler(event: LambdaEvent<Request>) -> Result<Response, Error> {
    let request = event.payload;
    let order = match parse(&request) {
        Ok(order) => order,
        // The caller's mistake, and not the function's: an answer, not an error.
        Err(error) => return Ok(Response::bad_request(&error)),
    };
    // A task of its own, in the same trace because it takes the current span along.
    let total = tokio::spawn(price(order.clone()).in_current_span());
    for item in &order.items {
        warehouse::reserve(&item.sku, item.quantity).await?;
    }
    let id = format!("o-{}", request.request_context.request_id.trim_end_matches('='));
    warehouse::save(&id).await;
    info!(order.id = id, items = order.items.len(), "order taken");
    Ok(Response::created(&Confirmation { id, total: total.await? }))
}

#[instrument(name = "parse order", skip_all, err(level = "info"))]
fn parse(request: &Request) -> Result<Order, serde_json::Error> {
    serde_json::from_str(request.body.as_deref().unwrap_or_default())
}

#[instrument(name = "price order", skip_all, fields(customer = order.customer))]
async fn price(order: Order) -> u32 {
    order.items.iter().map(|item| item.quantity * warehouse::price_of(&item.sku)).sum()
}
