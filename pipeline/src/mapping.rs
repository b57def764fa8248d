//! JSON of any shape, by a template: which names, which envelope, which units.
//!
//! ```text
//! JSON or YAML ──▶ template (checked: every name, every form) ──▶ render, once a batch
//! ```

mod fact;
mod presets;
mod render;
mod template;
pub(crate) mod time;
pub(crate) mod write;

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use spanlayer_otlp::Signal;

use fact::Of;
use template::{Node, Raw};

/// How a batch becomes JSON: a template, and the path that it is posted to.
///
/// A template is JSON with placeholders. Text that begins with `$` stands for something that the data has; an object
/// `{"$each": "spans", "as": …}` stands for a list. Everything else is copied as it is (`$$` at the beginning of a text
/// makes one `$`).
///
/// ```
/// use spanlayer_pipeline::{Mapping, Signal};
///
/// let mapping: Mapping = r#"{
///     "path": "/v1/ingest",
///     "body": {
///         "project": "shop",
///         "spans": {"$each": "spans", "as": {
///             "id": "$span_id",
///             "parent?": "$parent_span_id",
///             "what": "$name",
///             "service": "$service|unknown",
///             "at": "$start.ms",
///             "took_ms": "$duration.ms.3",
///             "route?": "$attributes:http.route"
///         }}
///     }
/// }"#.parse()?;
/// assert_eq!(mapping.signal(), Signal::Traces);
/// # Ok::<(), String>(())
/// ```
///
/// `"name?"` leaves a member out when there is nothing to say; otherwise it is `null`, or what follows `|`.
///
/// | list | of | holds |
/// |---|---|---|
/// | `scopes` | a request | what one instrumentation recorded |
/// | `spans`, `logs`, `metrics` | a request, a scope | |
/// | `events`, `links` | a span | |
/// | `points` | a metric | data points |
///
/// | placeholder | of | |
/// |---|---|---|
/// | `$now` | anything | when the request was made |
/// | `$service`, `$resource`, `$resource:<key>` | anything | outside of all lists, resources are kept apart: a request for each |
/// | `$scope_name`, `$scope_version` | all but a request | |
/// | `$trace_id`, `$span_id` | span, link, log | lower-case hexadecimal, zero-padded |
/// | `$parent_span_id`, `$kind`, `$start`, `$end`, `$duration`, `$status`, `$status_message`, `$outcome` | span | `$outcome` is `ok` or `error` |
/// | `$trace_state` | span, link | |
/// | `$name` | span, event, metric | |
/// | `$attributes`, `$attributes:<key>` | all but request, scope, metric | |
/// | `$time` | event, log, point | |
/// | `$observed`, `$severity`, `$severity_text`, `$body`, `$event_name` | log | |
/// | `$description`, `$unit`, `$type`, `$temporality`, `$monotonic` | metric | |
/// | `$start`, `$value` | point | `$value` is a number, or an object for histograms and summaries |
///
/// Forms are added with a point. Moments are RFC 3339 with nanoseconds, or `.s`, `.ms`, `.us`, `.ns` since 1970, rounded
/// down; durations are `.ns`, or `.us`, `.ms`, `.s` rounded down, and with a number of decimals (`.ms.3`) rounded to them;
/// `$kind`, `$status`, `$type`, `$temporality` are names, or `.lower`, `.upper`, and for the first two `.number`; maps of
/// attributes keep types, or are `.text` throughout. Attributes become JSON as OpenTelemetry's *AnyValue representation
/// for non-OTLP protocols* has it: bytes in base64, `"NaN"` and infinities as strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    path: String,
    signal: Signal,
    body: Node,
    resource_apart: bool,
    limit: Duration,
}

impl Mapping {
    /// What it maps.
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// The path below the server's address; empty when the address is complete.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same, posted to another path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// A request as JSON. `now` is Unix time in nanoseconds.
    pub fn render(&self, request: &[u8], now: u64) -> String {
        render::body(&self.body, request, now)
    }

    /// A request as JSON lines: one for each element, if the template is one list and nothing around it.
    pub fn lines(&self, request: &[u8], now: u64) -> String {
        render::lines(&self.body, request, now)
    }

    /// Whether a request must not hold more than one resource, since the template names it outside of all lists.
    pub(crate) const fn keeps_resources_apart(&self) -> bool {
        self.resource_apart
    }

    /// How long an attempt to send it may take by default.
    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    fn of(path: String, raw: Raw) -> Result<Self, String> {
        let body = template::compile(raw, Of::Request)?;
        let signal = template::signal(&body)?;
        let resource_apart = template::names_resource(&body);
        Ok(Self { path, signal, body, resource_apart, limit: LIMIT })
    }
}

impl FromStr for Mapping {
    type Err = String;

    /// Reads a mapping in JSON: an object with `path` and `body`.
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw::Object(members) = Raw::deserialize(deserializer)? else {
            return Err(D::Error::custom("expected an object with `path` and `body`"));
        };
        let (mut path, mut body) = (String::new(), None);
        for (name, value) in members {
            match (name.as_str(), value) {
                ("path", Raw::Text(text)) => path = text,
                ("body", value) => body = Some(value),
                ("path", _) => return Err(D::Error::custom("`path` must be a text")),
                _ => {
                    return Err(D::Error::custom(format_args!(
                        "`{name}` is unknown; expected `path` and `body`"
                    )));
                }
            }
        }
        let body = body.ok_or_else(|| D::Error::custom("`body` is missing"))?;
        Self::of(path, body).map_err(D::Error::custom)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as JSON to {}", self.signal.name(), self.path)
    }
}

const LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
