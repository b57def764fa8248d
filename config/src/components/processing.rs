//! Options of the processors that look into data.

use crate::options::{Kind, Opt, fatal, ignored, needed, opt};

const MODES: Kind = Kind::Choice(&["ignore", "silent", "propagate"]);

pub(super) const ERROR_MODE: Opt = needed(
    "error_mode",
    MODES,
    "ignore",
    "when a condition or statement cannot be evaluated: it does nothing, and that is told once; the same in silence; or \
     the whole payload is left out, and counted",
);

const INCLUDE: Opt =
    needed("include", Kind::Section(MATCH), "", "only what matches all of this is concerned");
const EXCLUDE: Opt = needed("exclude", Kind::Section(MATCH), "", "what matches all of this is not concerned");

const MATCH: &[Opt] = &[
    needed("match_type", Kind::Choice(&["strict", "regexp"]), "", "how texts are compared"),
    needed("services", Kind::Texts, "", "one of these is the `service.name`"),
    needed("span_names", Kind::Texts, "", "one of these is the span's name"),
    needed("span_kinds", Kind::Texts, "", "one of these is the span's kind, as `SPAN_KIND_SERVER`"),
    needed("metric_names", Kind::Texts, "", "one of these is the metric's name"),
    needed("log_bodies", Kind::Texts, "", "one of these is the log record's body"),
    needed("log_severity_texts", Kind::Texts, "", "one of these is the log record's severity"),
    needed("attributes", Kind::Sections(PAIR), "", "all of these attributes are there"),
    needed("resources", Kind::Sections(PAIR), "", "all of these attributes of the resource are there"),
    needed("libraries", Kind::Sections(LIBRARY), "", "one of these is the instrumentation scope"),
    ignored("regexp", Kind::Free, "patterns are compiled once, and need no cache"),
    fatal("log_severity_number", "use `filter` or `transform` with `severity_number >= …`"),
];

const PAIR: &[Opt] = &[
    needed("key", Kind::Text, "", "its name"),
    needed("value", Kind::Free, "", "its value; any by default"),
];

const LIBRARY: &[Opt] = &[
    needed("name", Kind::Text, "", "its name"),
    needed("version", Kind::Text, "", "its version; any by default"),
];

const ACTION: &[Opt] = &[
    needed("key", Kind::Text, "", "the attribute"),
    needed(
        "action",
        Kind::Choice(&["insert", "update", "upsert", "delete", "hash", "extract", "convert"]),
        "",
        "add if it is not there, set if it is, set in any case, take out, put its SHA-256 in its place, set what the \
         pattern's groups find, make another type",
    ),
    needed("value", Kind::Free, "", "what it is set to"),
    needed("from_attribute", Kind::Text, "", "the attribute whose value it is set to"),
    needed("pattern", Kind::Text, "", "names to delete or hash; or with named groups, what is extracted"),
    needed("converted_type", Kind::Choice(&["int", "double", "string"]), "", "what a value becomes"),
    fatal("from_context", "requests' own headers are not kept: write a `value`"),
    fatal("default_value", "use two actions: `insert` after the first"),
];

pub(crate) const ATTRIBUTES: &[Opt] = &[
    needed(
        "actions",
        Kind::Sections(ACTION),
        "",
        "what is done to attributes of spans, data points and log records, in this order",
    ),
    INCLUDE,
    EXCLUDE,
];

pub(crate) const RESOURCE: &[Opt] = &[needed(
    "attributes",
    Kind::Sections(ACTION),
    "",
    "what is done to attributes of resources, in this order",
)];

pub(crate) const FILTER: &[Opt] = &[
    ERROR_MODE,
    needed("traces", Kind::Section(TRACES), "", "which spans are left out"),
    needed("metrics", Kind::Section(METRICS), "", "which metrics are left out"),
    needed("logs", Kind::Section(LOGS), "", "which log records are left out"),
    needed(
        "trace_conditions",
        Kind::Free,
        "",
        "the same for traces, with paths that say what they are about: `span.name == \"…\"`",
    ),
    needed("metric_conditions", Kind::Free, "", "the same for metrics"),
    needed("log_conditions", Kind::Free, "", "the same for log records"),
    needed("spans", Kind::Section(SPANS), "", "spans that are kept, in the older form"),
];

const RESOURCE_CONDITIONS: Opt = needed(
    "resource",
    Kind::Texts,
    "",
    "conditions: what any holds for is left out with all that belongs to it",
);

const TRACES: &[Opt] = &[
    RESOURCE_CONDITIONS,
    needed("span", Kind::Texts, "", "conditions: spans that any holds for are left out"),
    needed("spanevent", Kind::Texts, "", "conditions: events of spans that any holds for are left out"),
];

const METRICS: &[Opt] = &[
    RESOURCE_CONDITIONS,
    needed("metric", Kind::Texts, "", "conditions: metrics that any holds for are left out"),
    needed("datapoint", Kind::Texts, "", "conditions: data points that any holds for are left out"),
    fatal("include", "write conditions: `metric: ['name != \"…\"']`"),
    fatal("exclude", "write conditions: `metric: ['name == \"…\"']`"),
];

const LOGS: &[Opt] = &[
    RESOURCE_CONDITIONS,
    needed("log_record", Kind::Texts, "", "conditions: log records that any holds for are left out"),
    fatal("include", "write conditions: `log_record: ['severity_text != \"…\"']`"),
    fatal("exclude", "write conditions: `log_record: ['severity_text == \"…\"']`"),
];

const SPANS: &[Opt] = &[INCLUDE, EXCLUDE];

pub(crate) const TRANSFORM: &[Opt] = &[
    ERROR_MODE,
    needed(
        "trace_statements",
        Kind::Free,
        "",
        "statements, run in this order: each a text, or a list with `context`, `conditions`, `statements`, `error_mode`",
    ),
    needed("metric_statements", Kind::Free, "", "the same for metrics"),
    needed("log_statements", Kind::Free, "", "the same for log records"),
    fatal("profile_statements", "leave it out: profiles are not received"),
    fatal("flatten_data", "leave it out: a resource is changed for all that belongs to it"),
];

/// Several statements of `transform` with a context; [`TRANSFORM`] says what the rest is.
pub(crate) const STATEMENTS: &[Opt] = &[
    needed("context", Kind::Free, "", ""),
    needed("conditions", Kind::Free, "", ""),
    needed("statements", Kind::Free, "", ""),
    needed("error_mode", MODES, "", ""),
];

/// Several conditions of `filter` with a context.
pub(crate) const CONDITIONS: &[Opt] =
    &[needed("context", Kind::Free, "", ""), needed("conditions", Kind::Free, "", "")];

pub(crate) const SPAN: &[Opt] = &[
    needed("name", Kind::Section(NAME), "", "how spans are named"),
    needed("status", Kind::Section(STATUS), "", "a status that spans are given"),
    INCLUDE,
    EXCLUDE,
];

const NAME: &[Opt] = &[
    needed("from_attributes", Kind::Texts, "", "attributes whose values make up the name, if all are there"),
    needed("separator", Kind::Text, "", "what stands between them"),
    needed("to_attributes", Kind::Section(TO_ATTRIBUTES), "", "attributes that are taken from the name"),
];

const TO_ATTRIBUTES: &[Opt] = &[
    needed(
        "rules",
        Kind::Texts,
        "",
        "patterns with named groups: each becomes an attribute, and its name in braces stays",
    ),
    needed("break_after_match", Kind::Bool, "false", "the first rule that matches is the last"),
    needed("keep_original_name", Kind::Bool, "false", "the name stays as it is"),
];

const STATUS: &[Opt] = &[
    needed("code", Kind::Choice(&["Unset", "Ok", "Error"]), "", "its code"),
    needed("description", Kind::Text, "", "a description of an error"),
];

pub(crate) const REDACTION: &[Opt] = &[
    needed("allow_all_keys", Kind::Bool, "false", "attributes stay that are not in `allowed_keys`"),
    needed("allowed_keys", Kind::Texts, "", "the only attributes that stay"),
    needed("ignored_keys", Kind::Texts, "", "attributes that stay as they are"),
    needed("blocked_key_patterns", Kind::Texts, "", "attributes whose values are made unreadable, by name"),
    needed("blocked_values", Kind::Texts, "", "patterns of what is made unreadable, wherever it stands"),
    needed("allowed_values", Kind::Texts, "", "patterns of what stays although it matches `blocked_values`"),
    needed(
        "hash_function",
        Kind::Choice(&["hmac-sha256"]),
        "",
        "a keyed hash stands in its place, instead of `****`",
    ),
    needed("hmac_key", Kind::Secret, "", "the key of the hash, at least 16 bytes"),
    opt(
        "summary",
        Kind::Choice(&["debug", "info", "silent"]),
        "info",
        "attributes that tell what was done: counts and kinds, with the attributes' names, or nothing",
    ),
    needed(
        "redact_all_types",
        Kind::Bool,
        "false",
        "`blocked_values` are looked for in numbers and truth values too, which become texts then",
    ),
    fatal("ignored_key_patterns", "list the names in `ignored_keys`"),
    fatal("url_sanitization", "use `transform` with `replace_pattern`"),
    fatal("url_sanitizer", "use `transform` with `replace_pattern`"),
    fatal("db_sanitizer", "use `transform` with `replace_pattern`"),
];

pub(crate) const SAMPLER: &[Opt] = &[
    needed("sampling_percentage", Kind::Number(0.0, 100.0), "", "how many traces are kept, in hundredths"),
    needed(
        "mode",
        Kind::Choice(&["proportional", "equalizing", "hash_seed"]),
        "",
        "a share of what comes in; a share of what there was before others sampled; by a hash. By default proportional, \
         with a seed by hash",
    ),
    needed(
        "hash_seed",
        Kind::Whole(0, 4_294_967_295),
        "0",
        "the seed: the same wherever the same traces are to be kept",
    ),
    needed("fail_closed", Kind::Bool, "true", "what has no trace id is left out"),
    opt("sampling_precision", Kind::Whole(1, 14), "4", "hexadecimal digits of the threshold that is written"),
    needed(
        "attribute_source",
        Kind::Choice(&["traceID", "record"]),
        "traceID",
        "what decides about a log record",
    ),
    needed("from_attribute", Kind::Text, "", "with `record`: the attribute that decides"),
    needed("sampling_priority", Kind::Text, "", "an attribute of log records that has their own percentage"),
];

pub(crate) const TAIL: &[Opt] = &[
    needed("policies", Kind::Sections(POLICY), "", "a trace is kept that any of these keeps"),
    opt(
        "decision_wait",
        Kind::Duration,
        "5s",
        "how long nothing more of a trace has come when it is decided about; in a function, the end of its invocation comes first",
    ),
    ignored("num_traces", Kind::Whole(0, u64::MAX), "4,096 traces are waited for"),
    ignored("expected_new_traces_per_sec", Kind::Whole(0, u64::MAX), "4,096 traces are waited for"),
    ignored("decision_cache", Kind::Free, "4,096 decisions are remembered"),
    ignored("sample_on_first_match", Kind::Bool, "all policies are asked"),
    ignored("decision_wait_after_root_received", Kind::Duration, "a trace is over with its invocation"),
    fatal(
        "drop_pending_traces_on_shutdown",
        "leave it out: at the end decisions are taken with what is there",
    ),
];

/// What a policy is, wherever it stands.
const NAMED: Opt = needed("name", Kind::Text, "", "any name");

const LATENCY: Opt =
    needed("latency", Kind::Section(LATENCY_OPTIONS), "", "`latency`: traces that took longer than this");
const SPAN_COUNT: Opt = needed(
    "span_count",
    Kind::Section(SPAN_COUNT_OPTIONS),
    "",
    "`span_count`: traces with so many spans here",
);
const STATUS_CODE: Opt = needed(
    "status_code",
    Kind::Section(STATUS_CODES),
    "",
    "`status_code`: traces with a span of such a status",
);
const TEXT: Opt = needed(
    "string_attribute",
    Kind::Section(TEXT_OPTIONS),
    "",
    "`string_attribute`: traces with such a span",
);
const NUMERIC: Opt = needed(
    "numeric_attribute",
    Kind::Section(NUMERIC_OPTIONS),
    "",
    "`numeric_attribute`: traces with such a span",
);
const BOOLEAN: Opt = needed(
    "boolean_attribute",
    Kind::Section(BOOLEAN_OPTIONS),
    "",
    "`boolean_attribute`: traces with such a span",
);
const CONDITION: Opt = needed(
    "ottl_condition",
    Kind::Section(CONDITION_OPTIONS),
    "",
    "`ottl_condition`: traces with such a span or event",
);
const SHARE: Opt =
    needed("probabilistic", Kind::Section(SHARE_OPTIONS), "", "`probabilistic`: a share of all");
const RATE: Opt =
    needed("rate_limiting", Kind::Section(RATE_OPTIONS), "", "`rate_limiting`: so much a second");
const ADAPTIVE: Opt = needed(
    "adaptive",
    Kind::Section(ADAPTIVE_OPTIONS),
    "",
    "`adaptive` (ours): as much as a budget allows, divided between routes so that rare ones are kept; errors always",
);

const POLICY: &[Opt] = &[
    NAMED,
    needed("type", Kind::Choice(TYPES), "", "which of the following it is"),
    LATENCY,
    SPAN_COUNT,
    STATUS_CODE,
    TEXT,
    NUMERIC,
    BOOLEAN,
    CONDITION,
    SHARE,
    RATE,
    ADAPTIVE,
    needed(
        "and",
        Kind::Free,
        "",
        "`and`: what all of `and_sub_policy` keep, a list of policies other than the next two",
    ),
    needed("not", Kind::Free, "", "`not`: what `not_sub_policy`, such a policy, does not keep"),
    needed(
        "drop",
        Kind::Free,
        "",
        "`drop`: what all of `drop_sub_policy` keep is left out, whatever others say",
    ),
    fatal("composite", "use the policy `adaptive`, or `and` with `rate_limiting`"),
    fatal("trace_state", "use `ottl_condition` with `IsMatch(trace_state, \"…\")`"),
    fatal("bytes_limiting", "use the policy `adaptive` with `bytes_per_minute`"),
];

/// The types of policies; those that others may hold come first.
const TYPES: &[&str] = &[
    "always_sample",
    "latency",
    "span_count",
    "status_code",
    "string_attribute",
    "numeric_attribute",
    "boolean_attribute",
    "ottl_condition",
    "probabilistic",
    "rate_limiting",
    "adaptive",
    "and",
    "not",
    "drop",
];

const SIMPLE: &[&str] = TYPES.split_at(10).0;

/// Policies within others.
pub(crate) const SUB_POLICY: &[Opt] = &[
    NAMED,
    needed("type", Kind::Choice(SIMPLE), "", "which of the following it is"),
    LATENCY,
    SPAN_COUNT,
    STATUS_CODE,
    TEXT,
    NUMERIC,
    BOOLEAN,
    CONDITION,
    SHARE,
    RATE,
];

const INVERT: Opt = needed("invert_match", Kind::Bool, "", "traces without such a span instead");

const LATENCY_OPTIONS: &[Opt] = &[
    needed("threshold_ms", Kind::Whole(0, 86_400_000), "", "in milliseconds"),
    needed(
        "upper_threshold_ms",
        Kind::Whole(0, 86_400_000),
        "",
        "and not longer than this; by default however long",
    ),
];

const SPAN_COUNT_OPTIONS: &[Opt] = &[
    needed("min_spans", Kind::Whole(0, 1_000_000), "", "at least"),
    needed("max_spans", Kind::Whole(0, 1_000_000), "", "at most; by default however many"),
];

const STATUS_CODES: &[Opt] = &[needed("status_codes", Kind::Texts, "", "`OK`, `ERROR`, `UNSET`")];

const TEXT_OPTIONS: &[Opt] = &[
    needed("key", Kind::Text, "", "the attribute, of the span or its resource"),
    needed("values", Kind::Texts, "", "one of these is its value"),
    needed("enabled_regex_matching", Kind::Bool, "", "they are patterns"),
    ignored("cache_max_size", Kind::Whole(0, u64::MAX), "patterns are compiled once"),
    INVERT,
];

const NUMERIC_OPTIONS: &[Opt] = &[
    needed("key", Kind::Text, "", "the attribute, of the span or its resource"),
    needed("min_value", Kind::Number(-1e18, 1e18), "", "at least; by default any"),
    needed("max_value", Kind::Number(-1e18, 1e18), "", "at most; by default any"),
    INVERT,
];

const BOOLEAN_OPTIONS: &[Opt] = &[
    needed("key", Kind::Text, "", "the attribute, of the span or its resource"),
    needed("value", Kind::Bool, "", "its value"),
    INVERT,
];

const CONDITION_OPTIONS: &[Opt] = &[
    opt("error_mode", MODES, "", "what cannot be evaluated does not hold"),
    needed("span", Kind::Texts, "", "conditions about spans"),
    needed("spanevent", Kind::Texts, "", "conditions about events of spans"),
];

const SHARE_OPTIONS: &[Opt] = &[
    needed("sampling_percentage", Kind::Number(0.0, 100.0), "", "in hundredths"),
    ignored("hash_salt", Kind::Text, "the trace's own random bits decide, the same everywhere"),
];

const RATE_OPTIONS: &[Opt] =
    &[needed("spans_per_second", Kind::Whole(0, 1_000_000), "", "of this environment")];

const ADAPTIVE_OPTIONS: &[Opt] = &[
    needed("spans_per_minute", Kind::Number(1.0, 1e12), "", "the budget of this environment, in spans"),
    needed("bytes_per_minute", Kind::Number(1.0, 1e12), "", "or in bytes before compression"),
    needed("traces_per_minute", Kind::Number(1.0, 1e12), "", "or in traces"),
];

pub(crate) const LIMITS: &[Opt] = &[
    needed(
        "max_attributes",
        Kind::Whole(1, 1_000_000),
        "",
        "the most attributes of a span, event, link, data point or log record: the first ones; the rest is in its `dropped_attributes_count`",
    ),
    needed(
        "max_value_length",
        Kind::Whole(1, 1_000_000),
        "",
        "the most bytes of an attribute's text, which is cut after a whole character",
    ),
    needed(
        "max_span_names",
        Kind::Whole(1, 100_000),
        "",
        "the most names of spans within a window: the first ones",
    ),
    needed("window", Kind::Duration, "1h", "how long names are remembered"),
    needed("placeholder", Kind::Text, "(other)", "the name of a span whose own is one too many"),
];

pub(crate) const CLOCK: &[Opt] = &[
    needed("tolerance", Kind::Duration, "5s", "how far ahead of this machine's clock a time may be"),
    needed(
        "correct",
        Kind::Bool,
        "false",
        "`true`: a span that ends before it begins took no time; one from the future is moved to now, with its events, and a log record as well; \
         `spanlayer.clock.shift_ms` says by how much a span was moved",
    ),
];

pub(crate) const SCHEMA: &[Opt] = &[
    needed(
        "targets",
        Kind::Texts,
        "",
        "the schema URL to bring older data to: `https://opentelemetry.io/schemas/1.27.0` is the newest; newer data is left as it is",
    ),
    needed(
        "assumed",
        Kind::Text,
        "",
        "the schema URL of data that names none; without it such data is left as it is",
    ),
    needed("renames", Kind::Sections(RENAME), "", "other names for attributes, after that"),
    needed(
        "report",
        Kind::Bool,
        "false",
        "`true`: attributes in the conventions' own namespaces that they do not know, or have as another type, are counted, and named at the end",
    ),
    ignored("prefetch", Kind::Texts, "nothing is fetched: what is known is built in"),
    fatal("migration", "write `renames`"),
];

const RENAME: &[Opt] = &[
    needed("from", Kind::Text, "", "the attribute"),
    needed("to", Kind::Text, "", "its new name; where that is there already, it stays as it is"),
];
