//! What a placeholder may name, of what, and in which forms.

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Request,
    Scope,
    Span,
    Event,
    Link,
    Log,
    Metric,
    Point,
}

impl Of {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Request => "a request",
            Self::Scope => "a scope",
            Self::Span => "a span",
            Self::Event => "an event",
            Self::Link => "a link",
            Self::Log => "a log record",
            Self::Metric => "a metric",
            Self::Point => "a data point",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Attributes,
    Body,
    Description,
    Duration,
    End,
    EventName,
    Kind,
    Monotonic,
    Name,
    Now,
    Observed,
    Outcome,
    ParentSpanId,
    Resource,
    ScopeName,
    ScopeVersion,
    Service,
    Severity,
    SeverityText,
    SpanId,
    Start,
    Status,
    StatusMessage,
    Temporality,
    Time,
    TraceId,
    TraceState,
    Type,
    Unit,
    Value,
}

/// How a fact is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the way that suits it.
    Plain,
    /// A moment in RFC 3339.
    Rfc3339,
    /// A moment or a duration as a number of units of so many nanoseconds, rounded down; or rounded to so many decimals.
    Units { nanos: u64, decimals: Option<u8> },
    /// A name in lower case.
    Lower,
    /// A name in upper case.
    Upper,
    /// A name's number.
    Number,
    /// A map whose values are texts.
    Text,
}

/// A placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) fact: Fact,
    pub(super) form: Form,
    /// The one attribute that is meant.
    pub(super) key: Option<String>,
    /// What to write when there is nothing to say.
    pub(super) default: Option<String>,
}

impl Source {
    /// Reads what follows the `$`.
    pub(super) fn parse(text: &str, of: Of) -> Result<Self, String> {
        let (named, default) = match text.split_once('|') {
            Some((named, default)) => (named, Some(default.to_owned())),
            None => (text, None),
        };
        let (named, key) = match named.split_once(':') {
            Some((named, key)) => (named, Some(key.to_owned())),
            None => (named, None),
        };
        let (name, form) = match named.split_once('.') {
            Some((name, form)) => (name, Some(form)),
            None => (named, None),
        };
        let known = FACTS.iter().find(|(known, _, _, whose)| *known == name && whose.contains(&of));
        let Some(&(_, fact, kind, _)) = known else {
            let names: Vec<String> = FACTS
                .iter()
                .filter(|(_, _, _, whose)| whose.contains(&of))
                .map(|(name, ..)| format!("${name}"))
                .collect();
            return Err(format!("`${name}` is nothing that {} has; it has {}", of.name(), names.join(", ")));
        };
        if key.is_some() && kind != Kind::Map {
            return Err(format!("`${name}` has no keys"));
        }
        let form = match (form, kind) {
            (None, Kind::Moment) => Form::Rfc3339,
            (None, Kind::Duration) => Form::Units { nanos: 1, decimals: None },
            (None, _) => Form::Plain,
            (Some(form), _) => parse_form(form, kind)
                .ok_or_else(|| format!("`${name}` has no form `.{form}`; it has {}", kind.forms()))?,
        };
        Ok(Self { fact, form, key, default })
    }
}

fn parse_form(form: &str, kind: Kind) -> Option<Form> {
    let (unit, decimals) = match form.split_once('.') {
        // Nanoseconds are the finest there is: with more than nine decimals, seconds would only gain zeros.
        Some((unit, decimals)) => (unit, Some(decimals.parse::<u8>().ok().filter(|digits| *digits <= 9)?)),
        None => (form, None),
    };
    let nanos = match unit {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        _ => 0,
    };
    match (kind, form) {
        (Kind::Moment, "rfc3339") => Some(Form::Rfc3339),
        (Kind::Moment | Kind::Duration, _) if nanos > 0 => Some(Form::Units { nanos, decimals }),
        (Kind::Name | Kind::Numbered, "lower") => Some(Form::Lower),
        (Kind::Name | Kind::Numbered, "upper") => Some(Form::Upper),
        (Kind::Numbered, "number") => Some(Form::Number),
        (Kind::Map, "text") => Some(Form::Text),
        _ => None,
    }
}

/// What kind of thing a fact is, which decides its forms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Moment,
    Duration,
    /// One of a few names.
    Name,
    /// One of a few names that have numbers in OTLP.
    Numbered,
    Map,
    Other,
}

impl Kind {
    const fn forms(self) -> &'static str {
        match self {
            Self::Moment => ".rfc3339, .s, .ms, .us, .ns",
            Self::Duration => ".s, .ms, .us, .ns, each with a number of decimals if need be (.ms.3)",
            Self::Name => ".lower, .upper",
            Self::Numbered => ".lower, .upper, .number",
            Self::Map => ".text",
            Self::Other => "none",
        }
    }
}

const ALL: &[Of] = &[Of::Request, Of::Scope, Of::Span, Of::Event, Of::Link, Of::Log, Of::Metric, Of::Point];

/// What has one scope.
const WITHIN: &[Of] = &[Of::Scope, Of::Span, Of::Event, Of::Link, Of::Log, Of::Metric, Of::Point];

const FACTS: &[(&str, Fact, Kind, &[Of])] = &[
    ("now", Fact::Now, Kind::Moment, ALL),
    ("service", Fact::Service, Kind::Other, ALL),
    ("resource", Fact::Resource, Kind::Map, ALL),
    ("scope_name", Fact::ScopeName, Kind::Other, WITHIN),
    ("scope_version", Fact::ScopeVersion, Kind::Other, WITHIN),
    ("trace_id", Fact::TraceId, Kind::Other, &[Of::Span, Of::Link, Of::Log]),
    ("span_id", Fact::SpanId, Kind::Other, &[Of::Span, Of::Link, Of::Log]),
    ("parent_span_id", Fact::ParentSpanId, Kind::Other, &[Of::Span]),
    ("trace_state", Fact::TraceState, Kind::Other, &[Of::Span, Of::Link]),
    ("name", Fact::Name, Kind::Other, &[Of::Span, Of::Event, Of::Metric]),
    ("kind", Fact::Kind, Kind::Numbered, &[Of::Span]),
    ("start", Fact::Start, Kind::Moment, &[Of::Span, Of::Point]),
    ("end", Fact::End, Kind::Moment, &[Of::Span]),
    ("duration", Fact::Duration, Kind::Duration, &[Of::Span]),
    ("status", Fact::Status, Kind::Numbered, &[Of::Span]),
    ("status_message", Fact::StatusMessage, Kind::Other, &[Of::Span]),
    ("outcome", Fact::Outcome, Kind::Name, &[Of::Span]),
    ("attributes", Fact::Attributes, Kind::Map, &[Of::Span, Of::Event, Of::Link, Of::Log, Of::Point]),
    ("time", Fact::Time, Kind::Moment, &[Of::Event, Of::Log, Of::Point]),
    ("observed", Fact::Observed, Kind::Moment, &[Of::Log]),
    ("severity", Fact::Severity, Kind::Other, &[Of::Log]),
    ("severity_text", Fact::SeverityText, Kind::Other, &[Of::Log]),
    ("body", Fact::Body, Kind::Other, &[Of::Log]),
    ("event_name", Fact::EventName, Kind::Other, &[Of::Log]),
    ("description", Fact::Description, Kind::Other, &[Of::Metric]),
    ("unit", Fact::Unit, Kind::Other, &[Of::Metric]),
    ("type", Fact::Type, Kind::Name, &[Of::Metric]),
    ("temporality", Fact::Temporality, Kind::Name, &[Of::Metric]),
    ("monotonic", Fact::Monotonic, Kind::Other, &[Of::Metric]),
    ("value", Fact::Value, Kind::Other, &[Of::Point]),
];
