//! Groups of figures, in the order of the table.

mod compression; // what compressors make of real spans
mod detection; // what invoked the function, read from its event
mod outage; // a backend that is down
mod sizes; // binaries
mod startup; // the extension coming up
mod tail; // what is billed after the response
mod throttled; // the same with a share of a core
mod throughput; // spans per CPU-second, memory under load
mod wrapper; // a wrapped function against a bare one

use crate::{progress::Progress, report::Row, world::World};
use std::{future::Future, pin::Pin};

/// A section's rows, or why they could not be measured.
pub(crate) type Rows<'w> = Pin<Box<dyn Future<Output = Result<Vec<Row>, String>> + 'w>>;

/// One group of figures.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: for<'w> fn(&'w World, &'w mut Progress) -> Rows<'w>,
}

/// All groups.
pub(crate) const ALL: &[Section] = &[
    Section {
        name: "startup",
        about: "the extension coming up, against one that does nothing",
        run: |world, progress| Box::pin(startup::run(world, progress)),
    },
    Section {
        name: "wrapper",
        about: "a wrapped function against a bare one",
        run: |world, progress| Box::pin(wrapper::run(world, progress)),
    },
    Section {
        name: "detection",
        about: "reading from an event what invoked the function, against parsing it",
        run: |world, progress| Box::pin(detection::run(world, progress)),
    },
    Section {
        name: "tail",
        about: "what is billed after the response",
        run: |world, progress| Box::pin(tail::run(world, progress)),
    },
    Section {
        name: "outage",
        about: "a backend that is down",
        run: |world, progress| Box::pin(outage::run(world, progress)),
    },
    Section {
        name: "throughput",
        about: "spans per CPU-second, and memory under load",
        run: |world, progress| Box::pin(throughput::run(world, progress)),
    },
    Section {
        name: "compression",
        about: "what compressors make of spans that the examples sent",
        run: |world, progress| Box::pin(compression::run(world, progress)),
    },
    Section {
        name: "sizes",
        about: "binaries",
        run: |world, progress| Box::pin(sizes::run(world, progress)),
    },
    Section {
        name: "throttled",
        about: "start-up and tail with 7 % of a core",
        run: |world, progress| Box::pin(throttled::run(world, progress)),
    },
];

/// Their names, for the command line.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|section| section.name).collect()
}
