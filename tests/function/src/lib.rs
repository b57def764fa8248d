//! A function that does as its event says. Two programs run it: one wrapped, one bare, so that their answers can be
//! compared.

use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tracing::Instrument;

/// What an event asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Answer, after `ms` milliseconds.
    Answer {
        /// How long the handler takes.
        #[serde(default)]
        ms: u64,
    },
    /// Work in `count` spans, one of them in a task of its own, and answer.
    Work {
        /// How many spans.
        count: u32,
    },
    /// Work in one span, then return an error.
    Fail,
    /// Work in one span, then panic.
    Panic,
    /// End the process.
    Exit,
}

/// The handler.
///
/// # Errors
///
/// When the order is to fail.
///
/// # Panics
///
/// When the order is to panic.
pub async fn perform(event: LambdaEvent<Order>) -> Result<Value, Error> {
    match event.payload {
        Order::Answer { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
        Order::Work { count } => {
            for number in 1..count {
                step(number).await;
            }
            if count > 0 {
                tokio::spawn(step(count).in_current_span()).await?;
            }
        }
        Order::Fail => {
            step(1).await;
            return Err("out of stock".into());
        }
        Order::Panic => {
            step(1).await;
            panic!("the shelf fell down");
        }
        Order::Exit => std::process::exit(3),
    }
    Ok(json!({ "done": true }))
}

#[tracing::instrument]
async fn step(number: u32) {
    tokio::task::yield_now().await;
}
