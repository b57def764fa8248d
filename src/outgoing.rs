//! Calls that a function makes: trace context to hand on, and a `tower` layer that also opens the call's span.
//!
//! | The client | Hand on by |
//! |---|---|
//! | `reqwest`, or any other whose requests are built header by header | [`propagation::outgoing`](crate::propagation::outgoing) |
//! | hyper, or whatever else takes an [`http::Request`] as a `tower` service | [`Layer`], which also makes a `CLIENT` span |
//! | an AWS SDK: SQS, SNS, EventBridge, Lambda | the same, as message attributes, in the detail, in the client context |
//! | one with a map to write to | [`inject`] |
//!
//! # With `reqwest`
//!
//! ```
//! #[tracing::instrument(skip_all, fields(otel.kind = "client"))]
//! async fn confirm(client: &reqwest::Client, order: String) -> reqwest::Result<reqwest::Response> {
//!     let mut request = client.post("https://stock.example.com/orders").body(order);
//!     for (name, value) in spanlayer::propagation::outgoing() {
//!         request = request.header(name, value);
//!     }
//!     request.send().await
//! }
//! ```
//!
//! # With the AWS SDK
//!
//! A message has room for ten attributes; trace context takes up to three of them.
//!
//! ```
//! # // As much of the SDK as is used here: it is too large to be built for an example.
//! # mod aws_sdk_sqs {
//! #     pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
//! #     pub struct Client;
//! #     pub struct SendMessage;
//! #     impl Client {
//! #         pub fn send_message(&self) -> SendMessage { SendMessage }
//! #     }
//! #     impl SendMessage {
//! #         pub fn queue_url(self, _: impl Into<String>) -> Self { self }
//! #         pub fn message_body(self, _: impl Into<String>) -> Self { self }
//! #         pub fn message_attributes(self, _: impl Into<String>, _: types::MessageAttributeValue) -> Self { self }
//! #         pub async fn send(self) -> Result<()> { Ok(()) }
//! #     }
//! #     pub mod types {
//! #         pub struct MessageAttributeValue;
//! #         impl MessageAttributeValue {
//! #             pub fn builder() -> Self { Self }
//! #             pub fn data_type(self, _: impl Into<String>) -> Self { self }
//! #             pub fn string_value(self, _: impl Into<String>) -> Self { self }
//! #             pub fn build(self) -> super::Result<Self> { Ok(self) }
//! #         }
//! #     }
//! # }
//! use aws_sdk_sqs::types::MessageAttributeValue;
//!
//! # async fn enqueue(sqs: aws_sdk_sqs::Client, url: &str, body: &str) -> aws_sdk_sqs::Result<()> {
//! let mut message = sqs.send_message().queue_url(url).message_body(body);
//! for (name, value) in spanlayer::propagation::outgoing() {
//!     let value = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
//!     message = message.message_attributes(name, value);
//! }
//! message.send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The function at the other end, wrapped as well, finds it there: its invocation is a child of the span that was current
//! here, over HTTP, SQS, SNS, EventBridge and direct invocation alike.

mod calling;
mod client;

pub use calling::Calling;
pub use client::{Client, Layer};

use opentelemetry::{Context, global, propagation::Injector};

/// Hands the current trace context to `set`, as name and value, in every configured format. Nothing outside a span.
///
/// ```
/// let mut headers = Vec::new();
/// spanlayer::outgoing::inject(|name, value| headers.push(format!("{name}: {value}")));
/// ```
pub fn inject(set: impl FnMut(&str, String)) {
    Context::map_current(|context| inject_context(context, set));
}

fn inject_context(context: &Context, set: impl FnMut(&str, String)) {
    let mut setter = Setter(set);
    global::get_text_map_propagator(|propagator| propagator.inject_context(context, &mut setter));
}

/// A closure that a propagator writes to.
struct Setter<F>(F);

impl<F: FnMut(&str, String)> Injector for Setter<F> {
    fn set(&mut self, key: &str, value: String) {
        (self.0)(key, value);
    }
}
