//! What the process has one of: settings, outbox, tracer, and the knowledge whether an invocation is the first.

use std::{
    borrow::Cow,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use opentelemetry::{
    Context, InstrumentationScope, global,
    global::BoxedTracer,
    trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use spanlayer_host::{clock, vars::Process};

#[cfg(feature = "logs")]
use crate::logs::Records;
use crate::{
    courier::Posted,
    ids::OsIds,
    outbox::Outbox,
    processor::SpanProcessor,
    propagation::Propagators,
    settings::{Events, Settings},
    warning::warn,
};

/// One for the process; tests make their own.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) settings: Settings,
    pub(crate) outbox: Arc<Outbox>,
    #[cfg(feature = "metrics")]
    pub(crate) metrics: crate::metrics::Metrics,
    tracers: OnceLock<Tracers>,
    tracer: OnceLock<BoxedTracer>,
    invoked: AtomicBool,
    /// There is a layer that makes spans of `tracing` ours.
    layered: AtomicBool,
    /// When the function was ready for its first event, in Unix milliseconds; zero when that is not known.
    ready: AtomicU64,
}

/// Where spans begin.
#[derive(Debug)]
enum Tracers {
    /// The user installed a tracer provider before us.
    Theirs,
    Ours(SdkTracerProvider),
}

impl Telemetry {
    /// The process's own, made from its environment on first use.
    pub(crate) fn global() -> &'static Arc<Self> {
        static GLOBAL: OnceLock<Arc<Telemetry>> = OnceLock::new();
        GLOBAL.get_or_init(|| {
            let telemetry = Arc::new(Self::new(Settings::read(&Process)));
            telemetry.settings.problems.iter().for_each(warn);
            telemetry
        })
    }

    /// One that nobody else sees.
    pub(crate) fn new(settings: Settings) -> Self {
        let outbox = Outbox::new(&settings);
        Self {
            #[cfg(feature = "metrics")]
            metrics: crate::metrics::Metrics::new(settings.metrics),
            settings,
            outbox,
            tracers: OnceLock::new(),
            tracer: OnceLock::new(),
            invoked: AtomicBool::new(false),
            layered: AtomicBool::new(false),
            ready: AtomicU64::new(0),
        }
    }

    /// A processor that sends by this outbox.
    pub(crate) fn span_processor(&self) -> SpanProcessor {
        SpanProcessor::new(Arc::clone(&self.outbox), self.settings.value_length)
    }

    /// Makes spans by the tracer provider that the user installed, and installs one where there is none. Without
    /// effect once it was decided.
    pub(crate) fn install(&self) {
        self.tracers.get_or_init(|| {
            install_propagators(&self.settings.propagators);
            #[cfg(feature = "metrics")]
            self.metrics.install(&self.settings.resource);
            if is_provider_installed() {
                return Tracers::Theirs;
            }
            let provider = self.provider();
            global::set_tracer_provider(provider.clone());
            Tracers::Ours(provider)
        });
    }

    /// Collects and sends what the program measured.
    #[cfg(feature = "metrics")]
    pub(crate) fn collect(&self) -> Option<Posted> {
        self.metrics.collect(&self.outbox)
    }

    /// Without the feature `metrics` nothing is measured.
    #[cfg(not(feature = "metrics"))]
    pub(crate) fn collect(&self) -> Option<Posted> {
        None
    }

    /// What makes log records of events, where they are to go out as such.
    #[cfg(feature = "logs")]
    pub(crate) fn records(&self) -> Option<Records> {
        let wanted = self.events().to_otlp();
        wanted.then(|| Records::new(&self.outbox, self.settings.record_limits))
    }

    /// Where events go. Whoever sends nothing still writes.
    pub(crate) fn events(&self) -> Events {
        if self.settings.disabled { Events::Stdout } else { self.settings.events }
    }

    /// The tracer of invocations.
    pub(crate) fn tracer(&self) -> &BoxedTracer {
        self.tracer.get_or_init(|| self.new_tracer())
    }

    /// A tracer of this crate's scope. Unless [installed](Self::install), for this instance alone.
    pub(crate) fn new_tracer(&self) -> BoxedTracer {
        let scope = InstrumentationScope::builder("spanlayer")
            .with_version(Cow::Borrowed(env!("CARGO_PKG_VERSION")))
            .build();
        match self.tracers.get_or_init(|| Tracers::Ours(self.provider())) {
            Tracers::Theirs => global::tracer_with_scope(scope),
            Tracers::Ours(provider) => BoxedTracer::new(Box::new(provider.tracer_with_scope(scope))),
        }
    }

    /// Whether spans are sampled by somebody else's provider, and so in ways that we do not know.
    pub(crate) fn is_sampled_elsewhere(&self) -> bool {
        matches!(self.tracers.get(), Some(Tracers::Theirs))
    }

    /// The function is ready for its first event; the last word counts.
    pub(crate) fn is_ready(&self) {
        self.was_ready_at(clock::unix_millis());
    }

    pub(crate) fn was_ready_at(&self, unix_millis: u64) {
        self.ready.store(unix_millis, Ordering::Relaxed);
    }

    /// A layer is made that makes spans of `tracing` ours.
    pub(crate) fn note_layer(&self) {
        self.layered.store(true, Ordering::Relaxed);
    }

    /// Whether spans of `tracing` may be sent: by our layer, or by whatever the user's own tracer provider is given them.
    pub(crate) fn may_trace(&self) -> bool {
        self.layered.load(Ordering::Relaxed) || self.is_sampled_elsewhere()
    }

    /// Whether this is the first invocation of the process. One flag a process, not one a worker: concurrent workers share
    /// a start.
    pub(crate) fn is_first(&self) -> bool {
        !self.invoked.swap(true, Ordering::Relaxed)
    }

    /// Whether somebody waited for the start of the process, by the time of the first invocation.
    pub(crate) fn was_waited_for(&self) -> bool {
        !self.settings.function.initialized_ahead && !self.was_made_ahead()
    }

    /// Whether the first event was not what Lambda made the environment for, as it does on demand, too, when it expects
    /// events. By the clock that goes on while Lambda freezes the process.
    fn was_made_ahead(&self) -> bool {
        let ready = self.ready.load(Ordering::Relaxed);
        ready > 0 && clock::unix_millis().saturating_sub(ready) > LONGEST_INIT
    }

    fn provider(&self) -> SdkTracerProvider {
        SdkTracerProvider::builder()
            .with_resource(self.settings.resource.clone())
            .with_sampler(self.settings.sampler.clone())
            .with_span_limits(self.settings.limits)
            .with_id_generator(OsIds)
            .with_span_processor(self.span_processor())
            .build()
    }
}

/// The longest that Lambda lets an init take, in milliseconds: an event that waits for one comes no later after the
/// function is ready, however long other extensions take.
const LONGEST_INIT: u64 = 10_000;

/// Whether a real tracer provider is installed. The API does not tell; but where nothing is installed, a span is its
/// parent's shadow, while an SDK that is told to record nothing makes an empty one. Either way nothing is recorded.
fn is_provider_installed() -> bool {
    let parent =
        SpanContext::new(TraceId::from(1), SpanId::from(1), TraceFlags::NOT_SAMPLED, true, TraceState::NONE);
    let context = Context::new().with_remote_span_context(parent.clone()).with_telemetry_suppressed();
    let tracer = global::tracer("spanlayer");
    let span = tracer.span_builder("probe").start_with_context(&tracer, &context);
    span.span_context() != &parent
}

/// Sets the formats in which outgoing calls carry the trace, unless the program has set its own.
fn install_propagators(chosen: &Propagators) {
    if global::get_text_map_propagator(|propagator| propagator.fields().next().is_none()) {
        global::set_text_map_propagator(chosen.clone());
    }
}
