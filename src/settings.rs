//! What the environment says: read once, at the start, every problem named.

mod filter;
mod sampler;
mod signals;
mod variables;

use std::{net::SocketAddr, path::PathBuf};

use opentelemetry_sdk::{Resource, trace::SpanLimits};
use spanlayer_host::vars::{Problem, Reading, Vars};

use crate::{function::Function, propagation::Propagators, resource};
pub(crate) use filter::{Levels, LogFormat};
pub(crate) use sampler::{InvocationSampler, SamplerKind};
pub(crate) use signals::Events;
#[cfg(feature = "logs")]
pub(crate) use signals::RecordLimits;
#[cfg(feature = "metrics")]
pub(crate) use signals::{MetricSettings, Temporality};
pub use variables::VARIABLES;
pub(crate) use variables::{RESOURCE_ATTRIBUTES, SERVICE_NAME};

/// Everything that the wrapper takes from the environment.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Nothing is recorded and the handler is left alone.
    pub(crate) disabled: bool,
    /// Where the extension listens.
    pub(crate) socket: PathBuf,
    /// Where to post when the extension does not listen; `None` when its receiver is off or its port unknown.
    pub(crate) fallback: Option<SocketAddr>,
    /// The function that this process is.
    pub(crate) function: Function,
    /// What all spans have in common.
    pub(crate) resource: Resource,
    /// Which invocations are recorded.
    pub(crate) sampler: InvocationSampler,
    /// How much one span may hold.
    pub(crate) limits: SpanLimits,
    /// The longest value of an attribute, in characters.
    pub(crate) value_length: Option<usize>,
    /// The formats in which trace context travels.
    pub(crate) propagators: Propagators,
    /// Which of the program's spans and events count.
    pub(crate) levels: Levels,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// Where events go.
    pub(crate) events: Events,
    /// How much an event may hold that goes out as a log record.
    #[cfg(feature = "logs")]
    pub(crate) record_limits: RecordLimits,
    /// Whether and how metrics are collected.
    #[cfg(feature = "metrics")]
    pub(crate) metrics: MetricSettings,
    /// What was wrong.
    pub(crate) problems: Vec<Problem>,
}

impl Settings {
    /// Reads the environment. Faults are collected in `problems`; each costs only its own setting.
    pub(crate) fn read(vars: &dyn Vars) -> Self {
        let mut reading = Reading::new(vars);
        let function = Function::read(vars);
        let disabled = reading.get(&spanlayer_link::DISABLED) || reading.get(&variables::SDK_DISABLED);
        let argument = reading.find(&variables::SAMPLER_ARG);
        let sampler = reading.get(&variables::SAMPLER).with(argument);
        let limits = variables::limits(&mut reading);
        let value_length = reading
            .find(&variables::SPAN_VALUE_LENGTH)
            .or_else(|| reading.find(&variables::VALUE_LENGTH))
            .map(|limit| limit as usize);
        let levels =
            Levels { spans: reading.get(&variables::LEVEL), logs: reading.find(&variables::LOG_LEVEL) };
        Self {
            disabled,
            socket: spanlayer_link::socket_path(vars),
            fallback: reading.get(&variables::OTLP_HTTP),
            resource: resource::read(&function, &mut reading),
            function,
            sampler,
            limits,
            value_length,
            propagators: Propagators::read(&mut reading),
            levels,
            log_format: reading.get(&variables::LOG_FORMAT),
            events: if cfg!(feature = "logs") { Events::read(&mut reading) } else { Events::Stdout },
            #[cfg(feature = "logs")]
            record_limits: RecordLimits::read(&mut reading),
            #[cfg(feature = "metrics")]
            metrics: MetricSettings::read(&mut reading),
            problems: reading.into_problems(),
        }
    }
}
