//! What joins pipelines.

use super::Component;
use crate::options::{Kind, Opt, fatal, ignored, needed};

pub(crate) const ALL: &[Component] = &[
    Component { name: "forward", also: &[], options: &[], about: "hands everything on to other pipelines" },
    Component {
        name: "failover",
        also: &[],
        options: FAILOVER,
        about: "hands data on to the first pipelines whose destinations take what they are sent",
    },
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
