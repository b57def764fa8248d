//! A function whose answer is still being made while Lambda takes it.

use lambda_runtime::streaming::{Body, Response, channel};
use serde::Deserialize;
use spanlayer::{Error, LambdaEvent};
use std::time::Duration;
use tracing::Instrument;

/// What an event asks for.
#[derive(Debug, Deserialize)]
struct Order {
    /// How many pieces the answer has, 20 ms each.
    pieces: u32,
    /// It breaks off after them.
    #[serde(default)]
    breaks: bool,
}

#[spanlayer::main]
async fn handler(event: LambdaEvent<Order>) -> Result<Response<Body>, Error> {
    let Order { pieces, breaks } = event.payload;
    let (mut sender, body) = channel();
    let produce = async move {
        for number in 0..pieces {
            piece(number).await;
            // Nobody listens any more: then nobody misses the rest.
            let _ = sender.send_data("piece ".into()).await;
        }
        if breaks {
            sender.abort();
        }
    };
    tokio::spawn(produce.in_current_span());
    Ok(Response::from(body))
}

#[tracing::instrument]
async fn piece(number: u32) {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
