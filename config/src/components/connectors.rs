//! What joins pipelines.

use super::Component;
use super::processing::ERROR_MODE;
use crate::options::{Kind, Opt, fatal, ignored, needed};

pub(crate) const ALL: &[Component] = &[
    Component { name: "forward", also: &[], options: &[], about: "hands everything on to other pipelines" },
    Component {
        name: "failover",
        also: &[],
        options: FAILOVER,
        about: "hands data on to the first pipelines whose destinations take what they are sent",
    },
    Component {
        name: "routing",
        also: &[],
        options: ROUTING,
        about: "hands each part of the data on to pipelines of its own",
    },
];

const ROUTING: &[Opt] = &[
    ERROR_MODE,
    needed(
        "table",
        Kind::Sections(ROW),
        "",
        "who takes what; each row takes from what those before it left, so that nothing goes two ways",
    ),
    needed(
        "default_pipelines",
        Kind::Texts,
        "",
        "the pipelines of what no row takes; by default that goes nowhere, and is counted",
    ),
    ignored("match_once", Kind::Bool, "the first row that takes something is the only one"),
];

const ROW: &[Opt] = &[
    needed(
        "context",
        Kind::Choice(&["resource", "span", "metric", "datapoint", "log"]),
        "resource",
        "what it takes: resources with all that belongs to them, or single spans, metrics, data points, log records",
    ),
    needed("condition", Kind::Text, "", "which of them"),
    needed("statement", Kind::Text, "", "the same as `route() where …`"),
    needed("pipelines", Kind::Texts, "", "where they go; a row counts only for the signals of these"),
    needed("action", Kind::Choice(&["move"]), "move", "nothing goes two ways"),
];

const FAILOVER: &[Opt] = &[
    needed("priority_levels", Kind::Free, "", "lists of pipelines, the best first"),
    ignored("retry_interval", Kind::Duration, "a failing destination is tried again by its circuit breaker"),
    ignored("retry_gap", Kind::Duration, "a failing destination is tried again by its circuit breaker"),
    ignored(
        "max_retries",
        Kind::Whole(0, u64::MAX),
        "a failing destination is tried again by its circuit breaker",
    ),
    fatal("queue", "leave it out: what was accepted is always queued"),
];
