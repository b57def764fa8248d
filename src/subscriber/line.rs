//! How one event reads.
//!
//! Text: `INFO orders::stock: reserved item=7 requestId=0c7e2f64-…`. JSON: the keys that Lambda's logging controls read
//! (`timestamp`, `level`, `message`, `requestId`), the OpenTelemetry ids under the names of its *Trace Context in
//! non-OTLP Log Formats*, and the event's fields under `fields`.
//!
//! The line of an event that also goes out as a log record says so by the marks that the extension knows its own lines
//! by (`[spanlayer]` in front, `"source":"spanlayer"`), so that it is not taken for another record.

use std::fmt::{self, Write as _};

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _},
};
use tracing::{
    Event,
    field::{Field, Visit},
};

use super::time;
use crate::report::Report;

/// As text, with its line end. `sent`: the event goes out as a log record too.
pub(super) fn text(event: &Event<'_>, sent: bool) -> String {
    let mut fields = Text::default();
    event.record(&mut fields);
    let mark = if sent { "[spanlayer] " } else { "" };
    let mut line = format!("{mark}{} {}:", event.metadata().level(), event.metadata().target());
    if !fields.message.is_empty() {
        line.push(' ');
        line.push_str(&fields.message);
    }
    line.push_str(&fields.others);
    if let Some(report) = Report::current() {
        let _ = write!(line, " requestId={}", report.request_id);
    }
    line.push('\n');
    line
}

/// As JSON, with its line end.
pub(super) fn json(event: &Event<'_>, sent: bool) -> String {
    let mut fields = Json::default();
    event.record(&mut fields);
    let mut line = format!(
        "{{\"timestamp\":\"{}\",\"level\":\"{}\",\"message\":{},\"target\":{}",
        time::rfc3339(spanlayer_host::clock::unix_millis()),
        event.metadata().level(),
        quoted(&fields.message),
        quoted(event.metadata().target()),
    );
    if sent {
        line.push_str(",\"source\":\"spanlayer\"");
    }
    if let Some(report) = Report::current() {
        let _ = write!(line, ",\"requestId\":{}", quoted(&report.request_id));
    }
    let span = Context::map_current(|context| context.span().span_context().clone());
    if span.is_valid() {
        push_ids(&mut line, &span);
    }
    if !fields.others.is_empty() {
        let _ = write!(line, ",\"fields\":{{{}}}", fields.others);
    }
    line.push_str("}\n");
    line
}

fn push_ids(line: &mut String, span: &SpanContext) {
    let _ = write!(
        line,
        ",\"trace_id\":\"{}\",\"span_id\":\"{}\",\"trace_flags\":\"{:02x}\"",
        span.trace_id(),
        span.span_id(),
        span.trace_flags().to_u8(),
    );
}

#[derive(Default)]
struct Text {
    message: String,
    others: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }
}

#[derive(Default)]
struct Json {
    message: String,
    others: String,
}

impl Json {
    fn push(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let comma = if self.others.is_empty() { "" } else { "," };
        let _ = write!(self.others, "{comma}{}:{value}", quoted(name));
    }
}

impl Visit for Json {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.push(name, format_args!("{}", quoted(value))),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities, and nothing that is not a number.
        if value.is_finite() {
            self.push(field.name(), format_args!("{value}"));
        } else {
            self.record_str(field, &value.to_string());
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::Subscriber;
    use tracing_subscriber::{layer::Context as LayerContext, prelude::*};

    struct Capture(Arc<Mutex<Vec<[String; 2]>>>, bool);

    impl<S: Subscriber> tracing_subscriber::Layer<S> for Capture {
        fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
            self.0.lock().expect("no panic").push([text(event, self.1), json(event, self.1)]);
        }
    }

    fn lines_of(emit: impl FnOnce()) -> [String; 2] {
        captured(emit, false)
    }

    fn captured(emit: impl FnOnce(), sent: bool) -> [String; 2] {
        let lines = Arc::default();
        let subscriber = tracing_subscriber::registry().with(Capture(Arc::clone(&lines), sent));
        tracing::subscriber::with_default(subscriber, emit);
        lines.lock().expect("no panic").pop().expect("an event")
    }

    #[test]
    fn an_event_reads_the_same_in_both_formats() {
        let [text, json] =
            lines_of(|| tracing::info!(target: "orders", item = 7, name = "a \"b\"", "reserved {}", 1));
        assert_eq!(text, "INFO orders: reserved 1 item=7 name=\"a \\\"b\\\"\"\n");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["level"], "INFO");
        assert_eq!(json["message"], "reserved 1");
        assert_eq!(json["fields"], serde_json::json!({"item": 7, "name": "a \"b\""}));
    }

    #[test]
    fn a_json_line_stays_one_line_and_valid_whatever_is_logged() {
        let [_, json] = lines_of(|| tracing::error!(value = f64::NAN, error = ?"a\nb", "two\nlines"));
        assert_eq!(json.lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["message"], "two\nlines");
        assert_eq!(json["fields"]["value"], "NaN");
    }

    #[test]
    fn the_line_of_an_event_that_is_sent_as_well_says_so() {
        let [text, json] = captured(|| tracing::info!(target: "orders", item = 7, "reserved"), true);
        assert_eq!(text, "[spanlayer] INFO orders: reserved item=7\n");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["source"], "spanlayer");
        assert_eq!(json["message"], "reserved");
    }

    #[test]
    fn a_line_inside_an_invocation_names_it() {
        let report = Report::new("request-1");
        let span = SpanContext::new(
            1_u128.into(),
            2_u64.into(),
            opentelemetry::TraceFlags::SAMPLED,
            true,
            Default::default(),
        );
        let context = Context::new().with_value(report).with_remote_span_context(span);
        let [text, json] = lines_of(|| {
            let _inside = context.attach();
            tracing::info!(target: "orders", "in");
        });
        assert_eq!(text, "INFO orders: in requestId=request-1\n");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["requestId"], "request-1");
        assert_eq!(json["trace_id"], "00000000000000000000000000000001");
        assert_eq!(json["span_id"], "0000000000000002");
    }
}
