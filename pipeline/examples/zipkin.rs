//! Sends spans to a Zipkin server: an encoded OTLP request comes in on standard input.
//!
//! ```sh
//! cargo run --example zipkin -- http://localhost:9411 < request.pb
//! ```

use std::{io::Read, time::Duration};

use spanlayer_pipeline::{Deadline, Destination, Payload, Pipeline, Server, Settings, Signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: zipkin ADDRESS < REQUEST")?;
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;

    let mut settings = Settings::to([Destination::zipkin(Server::at(&address)?)]);
    settings.observer = Some(std::sync::Arc::new(|notice| eprintln!("{notice}")));
    let pipeline = Pipeline::new(settings);
    pipeline.accept(Payload::scan(Signal::Traces, request.into())?);
    let flushed = pipeline.flush(Deadline::within(Duration::from_secs(10))).await;
    println!("{} spans delivered, {} refused, {} left", flushed.delivered, flushed.refused, flushed.left);
    if flushed.left + flushed.refused == 0 { Ok(()) } else { Err("not everything was delivered".into()) }
}
