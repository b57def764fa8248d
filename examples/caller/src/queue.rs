//! A message to SQS, with the trace context in its attributes: up to three of the ten that a message may have.
//!
//! The request is written by hand to keep the example small, and is not signed: the queue's policy must allow that. With
//! the AWS SDK, each pair becomes a `MessageAttributeValue` of the type `String`, and nothing else changes.

use reqwest::Client;
use serde_json::{Map, Value, json};
use spanlayer::{Error, propagation};
use tracing::instrument;

/// Sends a message. The span is the parent of the invocation that the message leads to.
#[instrument(
    name = "send orders-placed",
    skip_all,
    fields(otel.kind = "producer", messaging.system = "aws_sqs", messaging.operation.type = "send"),
    err
)]
pub(crate) async fn send(client: &Client, queue: &str, message: &Value) -> Result<(), Error> {
    let attribute = |value: String| json!({ "DataType": "String", "StringValue": value });
    let attributes: Map<String, Value> =
        propagation::outgoing().into_iter().map(|(name, value)| (name, attribute(value))).collect();
    let body = json!({
        "QueueUrl": queue,
        "MessageBody": message.to_string(),
        "MessageAttributes": attributes,
    });
    let request = client
        .post(queue)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.SendMessage");
    request.body(body.to_string()).send().await?.error_for_status()?;
    Ok(())
}
