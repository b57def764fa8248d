//! How stages are stacked. Each wraps the one above it in this list of decisions.

use std::sync::{Arc, atomic::AtomicU64};

use crate::{
    Batch, Deadline, Destination, Export, Outcome, Settings, Signal,
    destination::{Context, otlp_http::OtlpHttpExport, stdout::StdoutExport},
    encode::Encoding,
    export::{AnyExport, Custom},
    lane::Lane,
    letters,
    queue::Shared,
    settings::{Kind, Protocol},
    spool::recovery::bit,
    stage::{Breaker, Caught, Circuit, Meter, Metered, Retry, SubBatch, Timeout},
};

/// The lane of one destination.
pub(crate) fn lane(
    one: &Destination,
    number: usize,
    shared: &Arc<Shared>,
    letters: &letters::Shared,
    settings: &Settings,
) -> Lane {
    let circuit = Circuit::observed(Arc::clone(&one.name), settings.breaker, settings.observer.clone());
    let meter = Meter::of_lane(bit(number));
    let expires = Arc::default();
    Lane {
        name: Arc::clone(&one.name),
        signals: one.signals.clone(),
        speaks: one.kind.speaks(),
        servers: Signal::ALL.map(|signal| one.kind.server(signal)),
        shared: Arc::clone(shared),
        number,
        limits: one.batch,
        encoding: match &one.kind {
            Kind::Otlp(otlp) => format!("{:?}", otlp.encoding()),
            _ => String::new(),
        },
        one_resource: one.kind.keeps_resources_apart(),
        best_effort: one.best_effort,
        stack: stack(one, settings, &circuit, &meter, &expires),
        expires,
        circuit,
        meter,
        letters: letters.clone(),
        observer: settings.observer.clone(),
        refusals: Default::default(),
        told: Default::default(),
    }
}

/// The way to a destination for somebody who has batches and no queue.
pub(crate) fn alone(one: &Destination, settings: &Settings) -> Box<dyn AnyExport> {
    let circuit = Circuit::observed(Arc::clone(&one.name), settings.breaker, None);
    stack(one, settings, &circuit, &Meter::new(), &Arc::default())
}

/// Innermost first.
fn stack(
    one: &Destination,
    settings: &Settings,
    circuit: &Circuit,
    meter: &Meter,
    expires: &Arc<AtomicU64>,
) -> Box<dyn AnyExport> {
    let context = Context {
        observer: settings.observer.clone(),
        name: Arc::clone(&one.name),
        expires: Arc::clone(expires),
    };
    let (attempt, encoding) = attempt(&one.kind, &context);
    // An attempt that panics is one that was refused;
    let attempt = Caught(attempt);
    // every one gets a fresh limit,
    let attempt = Timeout::new(attempt, one.timeout);
    // and counts, also when it ran into its limit;
    let attempt = Metered::new(attempt, meter).encoded(encoding);
    // retries repeat it, as long as that is worth a wait;
    let export =
        Retry::new(attempt, one.backoff.unwrap_or(settings.backoff)).watching(circuit).counting(meter);
    // only when all that was in vain is the destination left alone, and then neither attempts nor waits are made.
    Box::new(Breaker::new(export, circuit.clone()))
}

/// One attempt, and what it wants batches to be encoded in. Of one type for all destinations, so that the stages around
/// exist once.
fn attempt(kind: &Kind, context: &Context) -> (Custom, Option<Encoding>) {
    match kind {
        Kind::Otlp(otlp) => {
            let (encoding, otlp) = (Some(otlp.encoding()), (**otlp).clone());
            match otlp.protocol {
                // Nobody can make such settings without it.
                #[cfg(not(feature = "grpc"))]
                Protocol::Grpc => (Custom(Arc::new(OtlpHttpExport::new(otlp, context))), encoding),
                #[cfg(feature = "grpc")]
                Protocol::Grpc => {
                    let export = crate::destination::otlp_grpc::OtlpGrpcExport::new(otlp, context);
                    (Custom(Arc::new(export)), encoding)
                }
                Protocol::HttpProtobuf | Protocol::HttpJson => {
                    (Custom(Arc::new(OtlpHttpExport::new(otlp, context))), encoding)
                }
            }
        }
        Kind::Stdout => (Custom(Arc::new(StdoutExport::default())), None),
        Kind::Custom { export, .. } => (export.clone(), None),
    }
}

impl Destination {
    /// The destination by itself, without a pipeline: an [`Export`] that makes one attempt of each batch, within the
    /// destination's own limit of time, and in pieces where it is larger than the destination takes. What is of a signal
    /// that it does not take is refused. Wrap it in [stages](crate::stage) for more.
    ///
    /// ```
    /// use spanlayer_pipeline::{Backoff, Destination, Mapping, Server, stage::Wrap as _};
    ///
    /// let vendor = Server::at("https://ingest.example.com")?.header("Authorization", "ApiKey s3cr3t")?;
    /// let export = Destination::json_events(Mapping::events("shop"), vendor).exporter().retry(Backoff::exponential());
    /// # Ok::<(), String>(())
    /// ```
    pub fn exporter(&self) -> Single {
        let attempt = Timeout::new(attempt(&self.kind, &Context::default()).0, self.timeout);
        let stack = SubBatch::new(attempt, self.batch).resources_apart(self.kind.keeps_resources_apart());
        Single { name: Arc::clone(&self.name), signals: self.signals.clone(), stack }
    }
}

/// One destination by itself. See [`Destination::exporter`].
#[derive(Debug)]
pub struct Single {
    name: Arc<str>,
    signals: Vec<Signal>,
    stack: SubBatch<Timeout<Custom>>,
}

impl Export for Single {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        // What reads one signal would find anything at all in another.
        if !self.signals.contains(&batch.signal()) {
            return Outcome::refused(format!("{} takes no {}", self.name, batch.signal().name()));
        }
        self.stack.export(batch, by).await
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.stack.drain(by)
    }
}
