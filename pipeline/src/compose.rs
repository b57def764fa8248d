//! How stages are stacked. Each wraps the one above it in this list of decisions.

use std::sync::Arc;

use spanlayer_host::{clock, random};

use crate::{
    Destination, Export, Settings,
    destination::{otlp_grpc::OtlpGrpcExport, otlp_http::OtlpHttpExport, stdout::StdoutExport},
    encode::Encoding,
    export::AnyExport,
    lane::Lane,
    queue::Shared,
    settings::{Kind, Protocol},
    stage::{
        breaker::{Breaker, Circuit},
        meter::Meter,
        retry::Retry,
        timeout::Timeout,
    },
    stats::Traffic,
};

/// The lane of one destination.
pub(crate) fn lane(one: &Destination, number: usize, shared: &Arc<Shared>, settings: &Settings) -> Lane {
    let circuit = Circuit::new(
        Arc::clone(&one.name),
        settings.breaker,
        clock::unix,
        random::unit,
        settings.observer.clone(),
    );
    let traffic = Arc::default();
    Lane {
        name: Arc::clone(&one.name),
        shared: Arc::clone(shared),
        number,
        limits: one.batch,
        one_resource: matches!(one.kind, Kind::Custom { one_resource: true, .. }),
        stack: match &one.kind {
            Kind::Otlp(otlp) => {
                let (encoding, otlp) = (Some(otlp.encoding()), (**otlp).clone());
                match otlp.protocol {
                    Protocol::Grpc => {
                        stack(OtlpGrpcExport::new(otlp), encoding, one, settings, &circuit, &traffic)
                    }
                    Protocol::HttpProtobuf | Protocol::HttpJson => {
                        stack(OtlpHttpExport::new(otlp), encoding, one, settings, &circuit, &traffic)
                    }
                }
            }
            Kind::Stdout => stack(StdoutExport::default(), None, one, settings, &circuit, &traffic),
            Kind::Custom { export, .. } => stack(export.clone(), None, one, settings, &circuit, &traffic),
        },
        circuit,
        traffic,
        observer: settings.observer.clone(),
        refusals: Default::default(),
        told: Default::default(),
    }
}

/// Innermost first.
fn stack(
    attempt: impl Export + 'static,
    encoding: Option<Encoding>,
    one: &Destination,
    settings: &Settings,
    circuit: &Arc<Circuit>,
    traffic: &Arc<Traffic>,
) -> Box<dyn AnyExport> {
    // Every attempt gets a fresh limit,
    let attempt = Timeout::new(attempt, one.timeout);
    // and counts, also when it ran into its limit;
    let attempt = Meter::new(attempt, encoding, Arc::clone(traffic));
    // retries repeat it, as long as that is worth a wait;
    let export =
        Retry::new(attempt, settings.backoff, Arc::clone(circuit), Arc::clone(traffic), random::unit);
    // only when all that was in vain is the destination left alone, and then neither attempts nor waits are made.
    Box::new(Breaker::new(export, Arc::clone(circuit)))
}
