//! Takes batches from an SQS queue. Each message has a span of its own; one that fails is reported to Lambda by its id,
//! so that only it comes again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spanlayer::{Error, LambdaEvent};
use tracing::{instrument, warn};

#[spanlayer::main]
async fn handler(event: LambdaEvent<Batch>) -> Result<Report, Error> {
    let mut report = Report::default();
    for message in event.payload.messages {
        if let Err(error) = process(&message).await {
            warn!(%error, message.id, "message fails");
            report.failures.push(Failure { item_identifier: message.id });
        }
    }
    Ok(report)
}

#[instrument(
    name = "process orders-placed",
    skip_all,
    fields(otel.kind = "consumer", messaging.message.id = message.id, order.id),
    err
)]
async fn process(message: &Message) -> Result<(), Error> {
    let order: Order = serde_json::from_str(&message.body)?;
    tracing::Span::current().record("order.id", &order.id);
    ship(&order).await;
    Ok(())
}

#[instrument(name = "ship order", skip_all, fields(customer = order.customer))]
async fn ship(order: &Order) {
    // Stands for the call to a carrier.
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// What SQS delivers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    body: String,
}

#[derive(Debug, Deserialize)]
struct Order {
    #[serde(rename = "orderId")]
    id: String,
    customer: String,
}

/// Which messages are to come again.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(rename = "batchItemFailures")]
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}
