//! Everything to a collector, errors to an alerting backend as well, in a program that never heard of Lambda. It runs until
//! it is told to stop (Ctrl-C, SIGTERM), and forgets nothing.

use opentelemetry::trace::Tracer as _;
use spanlayer_pipeline::{Backoff, sdk, settings::Otlp, stage::*};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut addresses = std::env::args().skip(1);
    let [collector, alerts] =
        ["4318", "4319"].map(|port| addresses.next().unwrap_or(format!("http://127.0.0.1:{port}")));
    let collector = Otlp::http(&collector)?.exporter().retry(Backoff::otlp());
    let alerts = Otlp::http(&alerts)?.header("x-api-key", "s3cr3t")?.exporter();
    let alerts = alerts.retry(Backoff::otlp()).errors_only();
    let both = FanOut::new().to(collector).to(alerts).metered(&Meter::printing("shop"));
    let telemetry = sdk::Wiring::service("plain-program", "1.0.0").start(both);
    telemetry.tracer("shop").in_span("checkout", |_| println!("sold"));
    sdk::Telemetry::until_stopped().await?;
    Ok(telemetry.shutdown()?)
}
