//! The variables that the wrapper reads, each declared once.

use std::net::SocketAddr;

use opentelemetry_sdk::trace::SpanLimits;
use spanlayer_host::vars::{Reading, Row, Var, boolean, text};
use spanlayer_link::{DISABLED, STATE_DIR};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{LogFormat, SamplerKind, filter, sampler, signals};
use crate::propagation::PROPAGATORS;

pub(super) const SDK_DISABLED: Var<bool> = Var {
    name: "OTEL_SDK_DISABLED",
    default: "false",
    parse: boolean,
    about: "records nothing; the handler is left untouched",
};

pub(super) const OTLP_HTTP: Var<Option<SocketAddr>> = Var {
    name: "SPANLAYER_OTLP_HTTP",
    default: "127.0.0.1:4318",
    parse: address,
    about: "where the wrapper posts OTLP when the extension's socket is not there; `off` for nowhere",
};

pub(crate) const SERVICE_NAME: Var<String> = Var {
    name: "OTEL_SERVICE_NAME",
    default: "the function's name",
    parse: text,
    about: "`service.name` of everything that is sent",
};

pub(crate) const RESOURCE_ATTRIBUTES: Var<Vec<(String, String)>> = Var {
    name: "OTEL_RESOURCE_ATTRIBUTES",
    default: "",
    parse: crate::resource::attributes,
    about: "more resource attributes, as `key=value,key=value`",
};

pub(super) const SAMPLER: Var<SamplerKind> = Var {
    name: "OTEL_TRACES_SAMPLER",
    default: "parentbased_always_on",
    parse: sampler::kind,
    about: "which invocations are recorded",
};

pub(super) const SAMPLER_ARG: Var<f64> = Var {
    name: "OTEL_TRACES_SAMPLER_ARG",
    default: "1.0",
    parse: sampler::ratio,
    about: "the share that the samplers by ratio record, from 0 to 1",
};

pub(super) const LEVEL: Var<Targets> = Var {
    name: "RUST_LOG",
    default: "info",
    parse: filter::directives,
    about: "which `tracing` spans and events are taken, as `info` or `warn,my_crate=debug`; \
            the invocation's own span always is",
};

pub(super) const LOG_LEVEL: Var<LevelFilter> = Var {
    name: "AWS_LAMBDA_LOG_LEVEL",
    default: "INFO",
    parse: filter::level,
    about: "which events become log lines, instead of `RUST_LOG`",
};

pub(super) const LOG_FORMAT: Var<LogFormat> = Var {
    name: "AWS_LAMBDA_LOG_FORMAT",
    default: "Text",
    parse: filter::format,
    about: "how log lines look: `Text` or `JSON`",
};

pub(super) const VALUE_LENGTH: Var<u32> = Var {
    name: "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    default: "none",
    parse: length,
    about: "longest attribute value, in characters",
};

pub(super) const SPAN_VALUE_LENGTH: Var<u32> = Var {
    name: "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    about: "longest attribute value of a span, in characters",
    ..VALUE_LENGTH
};

pub(super) const ATTRIBUTE_COUNT: Var<u32> = Var {
    name: "OTEL_ATTRIBUTE_COUNT_LIMIT",
    default: "128",
    parse: count,
    about: "most attributes of anything",
};

const SPAN_ATTRIBUTE_COUNT: Var<u32> =
    Var { name: "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", about: "most attributes of a span", ..ATTRIBUTE_COUNT };

const SPAN_EVENT_COUNT: Var<u32> =
    Var { name: "OTEL_SPAN_EVENT_COUNT_LIMIT", about: "most events of a span", ..ATTRIBUTE_COUNT };

const SPAN_LINK_COUNT: Var<u32> =
    Var { name: "OTEL_SPAN_LINK_COUNT_LIMIT", about: "most links of a span", ..ATTRIBUTE_COUNT };

const EVENT_ATTRIBUTE_COUNT: Var<u32> =
    Var { name: "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", about: "most attributes of an event", ..ATTRIBUTE_COUNT };

const LINK_ATTRIBUTE_COUNT: Var<u32> =
    Var { name: "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", about: "most attributes of a link", ..ATTRIBUTE_COUNT };

/// The variables that the wrapper reads, for documents and tests.
pub const VARIABLES: [Row; 27] = [
    DISABLED.row(),
    STATE_DIR.row(),
    SDK_DISABLED.row(),
    OTLP_HTTP.row(),
    SERVICE_NAME.row(),
    RESOURCE_ATTRIBUTES.row(),
    SAMPLER.row(),
    SAMPLER_ARG.row(),
    PROPAGATORS.row(),
    LEVEL.row(),
    LOG_LEVEL.row(),
    LOG_FORMAT.row(),
    signals::EVENTS.row(),
    signals::LOGS_EXPORTER.row(),
    signals::METRICS_EXPORTER.row(),
    signals::TEMPORALITY.row(),
    signals::METRIC_INTERVAL.row(),
    VALUE_LENGTH.row(),
    SPAN_VALUE_LENGTH.row(),
    ATTRIBUTE_COUNT.row(),
    SPAN_ATTRIBUTE_COUNT.row(),
    SPAN_EVENT_COUNT.row(),
    SPAN_LINK_COUNT.row(),
    EVENT_ATTRIBUTE_COUNT.row(),
    LINK_ATTRIBUTE_COUNT.row(),
    signals::RECORD_VALUE_LENGTH.row(),
    signals::RECORD_ATTRIBUTE_COUNT.row(),
];

/// Reads the limits of the specification's *Attribute Limits* and *Span Limits*.
pub(super) fn limits(reading: &mut Reading<'_>) -> SpanLimits {
    let general = reading.find(&ATTRIBUTE_COUNT);
    let mut limits = SpanLimits::default();
    if let Some(limit) = reading.find(&SPAN_ATTRIBUTE_COUNT).or(general) {
        limits.max_attributes_per_span = limit;
    }
    if let Some(limit) = reading.find(&EVENT_ATTRIBUTE_COUNT).or(general) {
        limits.max_attributes_per_event = limit;
    }
    if let Some(limit) = reading.find(&LINK_ATTRIBUTE_COUNT).or(general) {
        limits.max_attributes_per_link = limit;
    }
    if let Some(limit) = reading.find(&SPAN_EVENT_COUNT) {
        limits.max_events_per_span = limit;
    }
    if let Some(limit) = reading.find(&SPAN_LINK_COUNT) {
        limits.max_links_per_span = limit;
    }
    limits
}

fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an address such as 127.0.0.1:4318, or off".to_owned())?;
    // Port 0 lets the extension take any port: which one, only its socket could tell.
    Ok(Some(address).filter(|address| address.port() != 0))
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a number such as 128".to_owned())
}

fn length(text: &str) -> Result<u32, String> {
    if text == VALUE_LENGTH.default { Ok(u32::MAX) } else { count(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::collections::HashMap;

    #[test]
    fn every_default_parses_so_that_an_empty_environment_has_no_problem() {
        let settings = Settings::read(&HashMap::<String, String>::new());
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
        assert_eq!(settings.fallback, Some(([127, 0, 0, 1], 4318).into()));
        assert!(!settings.disabled);
    }

    #[test]
    fn what_this_version_does_not_support_is_refused_by_name() {
        let vars = HashMap::from([
            ("OTEL_PROPAGATORS", "tracecontext,jaeger"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("SPANLAYER_OTLP_HTTP", "everywhere"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "many"),
        ]);
        let settings = Settings::read(&vars);
        let said: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
        for name in vars.keys() {
            assert!(said.iter().any(|line| line.starts_with(name)), "{name} in {said:?}");
        }
    }

    #[test]
    fn general_limits_hold_where_no_particular_one_is_set() {
        let vars =
            HashMap::from([("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"), ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3")]);
        let limits = Settings::read(&vars).limits;
        assert_eq!(limits.max_attributes_per_span, 7);
        assert_eq!(limits.max_attributes_per_link, 7);
        assert_eq!(limits.max_attributes_per_event, 3);
        assert_eq!(limits.max_links_per_span, 128);
    }

    #[test]
    fn a_receiver_on_any_port_cannot_be_posted_to() {
        assert_eq!(address("127.0.0.1:0"), Ok(None));
        assert_eq!(address("OFF"), Ok(None));
    }
}
