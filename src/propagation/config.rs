//! `OTEL_PROPAGATORS`: which formats, in which order.

use super::{Format, Propagators};
use spanlayer_host::vars::{Reading, Var, text};

/// The formats of trace context that are read from events and written to outgoing calls.
pub(crate) const PROPAGATORS: Var<String> = Var {
    name: "OTEL_PROPAGATORS",
    default: "tracecontext,baggage",
    parse: text,
    about: "formats of trace context, the first that names a parent wins: tracecontext, baggage, xray, xray-lambda \
            (instead of xray, when traces go to X-Ray), b3, b3multi; or none",
};

impl Propagators {
    /// Reads the variable. A name that is not known costs only itself and is noted.
    pub(crate) fn read(reading: &mut Reading<'_>) -> Self {
        let list = reading.get(&PROPAGATORS);
        let mut formats = Vec::new();
        let mut none = false;
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let format = match name.to_ascii_lowercase().as_str() {
                "tracecontext" => Format::TraceContext,
                "baggage" => Format::Baggage,
                "xray" => Format::XRay,
                "xray-lambda" => Format::XRayLambda,
                "b3" => Format::B3,
                "b3multi" => Format::B3Multi,
                "none" => {
                    none = true;
                    continue;
                }
                "jaeger" | "ottrace" => {
                    reading.note(
                        PROPAGATORS.name,
                        format!("{name} is not supported and ignored; use tracecontext"),
                    );
                    continue;
                }
                _ => {
                    reading.note(
                        PROPAGATORS.name,
                        format!("an unknown propagator is ignored; known are {KNOWN}"),
                    );
                    continue;
                }
            };
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        if formats.contains(&Format::XRay) && formats.contains(&Format::XRayLambda) {
            reading.note(PROPAGATORS.name, "xray-lambda replaces xray, which is ignored beside it");
            formats.retain(|format| *format != Format::XRay);
        }
        if none && !formats.is_empty() {
            reading.note(PROPAGATORS.name, "none excludes all others, which are ignored");
            formats.clear();
        }
        Self::new(formats)
    }
}

const KNOWN: &str = "tracecontext, baggage, xray, xray-lambda, b3, b3multi, none";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read(value: &str) -> (Vec<Format>, Vec<String>) {
        let vars = HashMap::from([("OTEL_PROPAGATORS", value)]);
        let mut reading = Reading::new(&vars);
        let propagators = Propagators::read(&mut reading);
        (propagators.formats, reading.into_problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn unset_means_trace_context_and_baggage() {
        assert_eq!(read(""), (vec![Format::TraceContext, Format::Baggage], vec![]));
    }

    #[test]
    fn order_counts_and_repetition_does_not() {
        let (formats, problems) = read(" b3multi, XRay,b3,tracecontext,b3 ,");
        assert_eq!(formats, [Format::B3Multi, Format::XRay, Format::B3, Format::TraceContext]);
        assert!(problems.is_empty());
    }

    #[test]
    fn unknown_names_cost_only_themselves() {
        let (formats, problems) = read("jaeger,tracecontext,zipkin");
        assert_eq!(formats, [Format::TraceContext]);
        assert!(problems[0].contains("OTEL_PROPAGATORS: jaeger is not supported"));
        assert!(problems[1].contains("unknown"));
    }

    #[test]
    fn none_switches_everything_off() {
        assert_eq!(read("none"), (vec![], vec![]));
        let (formats, problems) = read("tracecontext,none");
        assert!(formats.is_empty() && problems.len() == 1);
    }

    #[test]
    fn xray_lambda_replaces_xray_and_says_so() {
        let (formats, problems) = read("xray,xray-lambda");
        assert_eq!((formats, problems.len()), (vec![Format::XRayLambda], 1));
    }
}
