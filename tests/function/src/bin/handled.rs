//! The function with the other attribute, under a runtime of its own.

use lambda_runtime::{run, service_fn};
use serde_json::Value;
use spanlayer::{Error, LambdaEvent};
use story_function::Order;

#[spanlayer::handler]
async fn handler(event: LambdaEvent<Order>) -> Result<Value, Error> {
    story_function::perform(event).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    spanlayer::init();
    run(service_fn(handler)).await
}
