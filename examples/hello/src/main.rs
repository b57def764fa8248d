//! The attribute, nothing else.

use serde_json::{Value, json};
use spanlayer::{Error, LambdaEvent};

#[spanlayer::main]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let name = event.payload["name"].as_str().unwrap_or("world");
    Ok(json!({ "message": format!("Hello, {name}!") }))
}
