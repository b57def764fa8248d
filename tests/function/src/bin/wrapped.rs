//! The function with one attribute.

use serde_json::Value;
use spanlayer::{Error, LambdaEvent};
use story_function::Order;

#[spanlayer::main]
async fn handler(event: LambdaEvent<Order>) -> Result<Value, Error> {
    story_function::perform(event).await
}
