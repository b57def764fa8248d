//! What changes data, or leaves some out.

use super::{Component, processing};
use crate::options::{Kind, Opt, ignored, opt};

pub(crate) const ALL: &[Component] = &[
    Component {
        name: "batch",
        also: &[],
        options: BATCH,
        about: "how much is sent at a time; beside Lambda, when; in a function that is `SPANLAYER_FLUSH`'s decision",
    },
    Component {
        name: "decouple",
        also: &[],
        options: DECOUPLE,
        about: "nothing: the function is always answered before anything is sent",
    },
    Component {
        name: "memory_limiter",
        also: &[],
        options: MEMORY,
        about: "how much is held for delivery; `SPANLAYER_QUEUE_BYTES` counts first",
    },
    Component {
        name: "attributes",
        also: &[],
        options: processing::ATTRIBUTES,
        about: "sets, deletes, hashes and converts attributes of spans, data points and log records",
    },
    Component {
        name: "resource",
        also: &[],
        options: processing::RESOURCE,
        about: "does the same to attributes of resources",
    },
    Component {
        name: "filter",
        also: &[],
        options: processing::FILTER,
        about: "leaves out what conditions hold for",
    },
    Component {
        name: "transform",
        also: &[],
        options: processing::TRANSFORM,
        about: "runs statements in the Collector's transformation language",
    },
    Component {
        name: "span",
        also: &[],
        options: processing::SPAN,
        about: "names spans after attributes, and takes attributes from names",
    },
    Component {
        name: "redaction",
        also: &[],
        options: processing::REDACTION,
        about: "makes unreadable or takes out what must not leave, beside what `SPANLAYER_REDACT` does",
    },
    Component {
        name: "probabilistic_sampler",
        also: &[],
        options: processing::SAMPLER,
        about: "keeps a share of traces, the same ones wherever the same share is kept",
    },
    Component {
        name: "tail_sampling",
        also: &[],
        options: processing::TAIL,
        about: "decides which traces are kept, once their invocation is over",
    },
    Component {
        name: "limits",
        also: &[],
        options: processing::LIMITS,
        about: "bounds attributes and names of spans, and counts what was beyond",
    },
    Component {
        name: "clock",
        also: &[],
        options: processing::CLOCK,
        about: "counts what is told of the future, and spans that end before they begin",
    },
    Component {
        name: "schema",
        also: &[],
        options: processing::SCHEMA,
        about: "brings attributes to the names of a version of the semantic conventions (FaaS and HTTP), or to names of your own",
    },
    Component {
        name: "coldstart",
        also: &[],
        options: &[],
        about: "nothing: the span `init` always belongs to the first invocation's trace",
    },
];

const BATCH: &[Opt] = &[
    opt(
        "send_batch_max_size",
        Kind::Whole(0, u64::MAX),
        "0",
        "the most items that are sent at a time; 0: 8,192",
    ),
    opt(
        "send_batch_size",
        Kind::Whole(0, u64::MAX),
        "",
        "beside Lambda, so many items do not wait for more; by default 512",
    ),
    opt(
        "timeout",
        Kind::Duration,
        "",
        "beside Lambda, the longest that others wait for more; by default 5 s",
    ),
    ignored("metadata_keys", Kind::Texts, "batches are not partitioned by metadata"),
    ignored(
        "metadata_cardinality_limit",
        Kind::Whole(0, u64::MAX),
        "batches are not partitioned by metadata",
    ),
];

const DECOUPLE: &[Opt] = &[ignored(
    "max_queue_size",
    Kind::Whole(0, u64::MAX),
    "the queue is bounded in bytes: `SPANLAYER_QUEUE_BYTES`",
)];

const MEMORY: &[Opt] = &[
    opt("limit_mib", Kind::Whole(1, 10_240), "", "the most that is held"),
    opt(
        "limit_percentage",
        Kind::Whole(1, 100),
        "",
        "the same, in hundredths of the memory of the function, container or machine",
    ),
    ignored("spike_limit_mib", Kind::Whole(0, u64::MAX), "the limit is kept at every moment"),
    ignored("spike_limit_percentage", Kind::Whole(0, 100), "the limit is kept at every moment"),
    ignored("check_interval", Kind::Duration, "the limit is kept at every moment"),
    ignored("min_gc_interval_when_soft_limited", Kind::Duration, "there is no garbage to collect"),
    ignored("min_gc_interval_when_hard_limited", Kind::Duration, "there is no garbage to collect"),
];
