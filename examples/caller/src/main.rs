//! Takes an order, has it confirmed by another function over HTTP (`ORDERS_URL`), and puts a message about it on a queue
//! (`QUEUE_URL`). Both calls hand the trace context on, so that whatever the other functions do is in the same trace.

mod queue;

use std::{env, sync::LazyLock};

use reqwest::Client;
use serde_json::{Value, json};
use spanlayer::{Error, LambdaEvent, propagation};
use tracing::instrument;

#[spanlayer::main]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let order = event.payload;
    let confirmation = confirm(&order).await?;
    let message = json!({ "orderId": confirmation["id"], "customer": order["customer"] });
    queue::send(&CLIENT, &setting("QUEUE_URL")?, &message).await?;
    Ok(confirmation)
}

/// An HTTP call. The context goes along as headers.
#[instrument(name = "POST", skip_all, fields(otel.kind = "client", http.request.method = "POST"), err)]
async fn confirm(order: &Value) -> Result<Value, Error> {
    let url = setting("ORDERS_URL")?;
    let mut request = CLIENT.post(url).header("content-type", "application/json").body(order.to_string());
    for (name, value) in propagation::outgoing() {
        request = request.header(name, value);
    }
    let response = request.send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&response.bytes().await?)?)
}

#[expect(clippy::disallowed_methods, reason = "a function reads its own variables as it likes")]
fn setting(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// Connections are kept from one invocation to the next.
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
});
