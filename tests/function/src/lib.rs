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
    /// Print lines, work in `count` spans, one of them in a task of its own, and answer after `ms` milliseconds more.
    Work {
        /// How many spans.
        #[serde(default)]
        count: u32,
        /// How long the handler takes at least.
        #[serde(default)]
        ms: u64,
        /// The lines; `$REQUEST_ID` in them is this invocation's.
        #[serde(default)]
        lines: Vec<String>,
    },
    /// Work in one span, then return an error.
    Fail,
    /// Work in one span, then panic.
    Panic,
    /// Work in one span, then end the process.
    Exit,
    /// Work in one span, then abort the process.
    Abort,
    /// Work in one span, then print lines, and wait in another span for what never comes.
    Hang {
        /// The lines.
        #[serde(default)]
        lines: Vec<String>,
    },
    /// Answer with so many bytes.
    Large {
        /// How many.
        bytes: usize,
    },
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
        Order::Work { count, ms, lines } => {
            lines
                .iter()
                .for_each(|line| println!("{}", line.replace("$REQUEST_ID", &event.context.request_id)));
            for number in 1..count {
                step(number).await;
            }
            if count > 0 {
                tokio::spawn(step(count).in_current_span()).await?;
            }
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        Order::Fail => {
            step(1).await;
            return Err("out of stock".into());
        }
        Order::Panic => {
            step(1).await;
            panic!("the shelf fell down");
        }
        Order::Exit => {
            step(1).await;
            std::process::exit(3);
        }
        Order::Abort => {
            step(1).await;
            std::process::abort();
        }
        Order::Hang { lines } => {
            step(1).await;
            print(&lines);
            hang().await;
        }
        Order::Large { bytes } => return Ok(json!("x".repeat(bytes))),
    }
    Ok(json!({ "done": true }))
}

fn print(lines: &[String]) {
    lines.iter().for_each(|line| println!("{line}"));
}

#[tracing::instrument]
async fn hang() {
    std::future::pending::<()>().await;
}

#[tracing::instrument]
async fn step(number: u32) {
    tokio::task::yield_now().await;
}
