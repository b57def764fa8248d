//! Processors: each changes a payload, or leaves some of it out. They run in the order of the pipeline's list; a payload is
//! opened for the first that looks into it, and written again after the last if any changed it.
//!
//! ```text
//! attributes, resource ─ actions          redaction ─ redact                  limits ─ limits
//! span ─ naming                           probabilistic_sampler ─ share       clock ─ skew
//! filter ─ filter                         tail_sampling ─ sample              schema ─ schema
//! transform ─ transform                   routing ─ part                      tenants of exporters ─ tenant
//! ```

mod actions;
mod counts;
mod filter;
mod limits;
mod naming;
mod part;
mod schema;
mod select;
mod share;
mod skew;
mod tenant;
pub mod threshold;
mod transform;

pub use actions::{Action, Actions, Convert, Source, Target};
pub use counts::{Counted, Counts};
pub use filter::Filter;
pub use limits::{Limits, Seen};
pub use naming::Naming;
pub use part::{Part, Row, Table};
pub use schema::{KNOWN, Schema, version};
pub use select::{Match, Pattern, Select};
pub use share::{Mode, Share};
pub use skew::Skew;
pub use tenant::{Tenant, Tenants};
pub use transform::{Group, Transform};

use crate::{
    fields::{event, link, log, metric, span},
    ottl::Failed,
    record::Record,
    sample::Tail,
    scene::{Level, walk},
};
use bytes::Bytes;
use spanlayer_otlp::Signal;
use spanlayer_process::{Redactor, redact::Tally};
use std::sync::Arc;

/// One processor, compiled.
#[derive(Debug)]
pub enum Stage {
    /// Sets, deletes, hashes and converts attributes.
    Actions(Actions),
    /// Leaves out what a condition holds for.
    Filter(Filter),
    /// Runs statements.
    Transform(Transform),
    /// Names spans.
    Naming(Naming),
    /// Makes unreadable what must not leave.
    Redact(Box<Redactor>),
    /// Keeps a share of traces.
    Share(Share),
    /// Decides about traces when they are over.
    Tail(Tail),
    /// Bounds attributes and names.
    Limits(Limits),
    /// Looks at times.
    Skew(Skew),
    /// Renames attributes.
    Schema(Box<Schema>),
    /// Leaves what goes one of several ways.
    Part(Part),
    /// Leaves what belongs to a tenant.
    Tenant(Tenant),
}

/// What is done when a condition or statement cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// A condition does not hold, a statement does nothing, and it is told.
    #[default]
    Ignore,
    /// The same, and it is not told.
    Silent,
    /// The whole payload is left out.
    Propagate,
}

/// What processors made of a payload.
#[derive(Debug, PartialEq)]
pub enum Passed {
    /// Nothing was changed.
    Same,
    /// This.
    Changed(Vec<u8>),
    /// Nothing is left.
    Nothing,
}

/// What happened on the way.
#[derive(Debug, Default)]
pub struct Report {
    /// For how many of the payload's items this way answers, all of them at first: what goes another way does not count here.
    pub items: usize,
    /// How many of those that are missing a share left out.
    pub sampled: usize,
    /// What was made unreadable.
    pub redacted: Tally,
    /// What was found otherwise.
    pub counts: Counts,
    /// When this is, in Unix nanoseconds.
    pub now: u64,
    /// Why something could not be evaluated: the last of what should be told.
    pub failed: Option<Failed>,
}

/// Takes an encoded request through processors, at a time in Unix nanoseconds. It must be valid. What waits for a decision
/// about its traces is to be [taken apart](Tail::apart) afterwards.
pub fn run(stages: &[Arc<Stage>], signal: Signal, bytes: &Bytes, now: u64, report: &mut Report) -> Passed {
    report.now = now;
    let mut form = Form::Encoded(bytes.clone());
    let mut changed = false;
    for stage in stages.iter().filter(|stage| stage.looks_at(signal)) {
        let done = match &**stage {
            Stage::Redact(redactor) => form.redact(redactor, signal, report),
            Stage::Tail(tail) => {
                tail.observe(form.opened(), now);
                Ok(false)
            }
            other => other.run(signal, form.opened(), report),
        };
        match done {
            Ok(done) => changed |= done,
            Err(failed) => {
                report.failed = Some(failed);
                return Passed::Nothing;
            }
        }
    }
    match form {
        _ if !changed => Passed::Same,
        Form::Opened(root) if root.is_empty() => Passed::Nothing,
        Form::Opened(root) => Passed::Changed(root.encode()),
        Form::Encoded(bytes) => Passed::Changed(bytes.into()),
    }
}

/// A payload between two processors.
enum Form {
    Encoded(Bytes),
    Opened(Record),
}

impl Form {
    fn opened(&mut self) -> &mut Record {
        if let Self::Encoded(bytes) = self {
            *self = Self::Opened(Record::open(bytes));
        }
        match self {
            Self::Opened(root) => root,
            Self::Encoded(_) => unreachable!("it was opened above"),
        }
    }

    fn redact(&mut self, redactor: &Redactor, signal: Signal, report: &mut Report) -> Result<bool, Failed> {
        let bytes = match self {
            Self::Encoded(bytes) => bytes.clone(),
            Self::Opened(root) => root.encode().into(),
        };
        let Some((clean, tally)) = redactor.redact(signal, &bytes) else { return Ok(false) };
        report.redacted.add(&tally);
        *self = Self::Encoded(clean.into());
        Ok(true)
    }
}

impl Stage {
    /// Whether it has anything to do with data of a signal, as the Collector's processor of that name has.
    pub fn looks_at(&self, signal: Signal) -> bool {
        match self {
            Self::Actions(_) | Self::Redact(_) | Self::Tenant(_) | Self::Schema(_) => true,
            Self::Filter(filter) => filter.looks_at(signal),
            Self::Transform(transform) => transform.looks_at(signal),
            Self::Part(part) => part.looks_at(signal),
            Self::Naming(_) | Self::Tail(_) => signal == Signal::Traces,
            Self::Share(_) | Self::Skew(_) => signal != Signal::Metrics,
            Self::Limits(limits) => {
                signal == Signal::Traces || limits.attributes.is_some() || limits.length.is_some()
            }
        }
    }

    /// Whether it changed anything.
    fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> Result<bool, Failed> {
        match self {
            Self::Actions(actions) => Ok(actions.run(signal, root)),
            Self::Filter(filter) => filter.run(signal, root, report),
            Self::Transform(transform) => transform.run(signal, root, report),
            Self::Part(part) => part.run(signal, root, report),
            Self::Limits(limits) => Ok(limits.run(signal, root, report)),
            Self::Skew(skew) => Ok(skew.run(signal, root, report)),
            Self::Schema(schema) => Ok(schema.run(signal, root, report)),
            Self::Tenant(tenant) => Ok(tenant.run(signal, root, report)),
            Self::Naming(naming) => Ok(naming.run(root)),
            Self::Share(share) => Ok(share.run(signal, root, &mut report.sampled)),
            Self::Redact(_) | Self::Tail(_) => Ok(false),
        }
    }

    /// What decides about traces, if that is what it is.
    pub const fn tail(&self) -> Option<&Tail> {
        match self {
            Self::Tail(tail) => Some(tail),
            _ => None,
        }
    }
}

/// The answer, or what stands for it.
fn or_else<T>(
    answer: Result<T, Failed>,
    on_error: OnError,
    instead: T,
    report: &mut Report,
) -> Result<T, Failed> {
    match (answer, on_error) {
        (Ok(answer), _) => Ok(answer),
        (Err(failed), OnError::Propagate) => Err(failed),
        (Err(_), OnError::Silent) => Ok(instead),
        (Err(failed), OnError::Ignore) => {
            report.failed = Some(failed);
            Ok(instead)
        }
    }
}

/// Changes everything below resources that has attributes: a record, the number of its attributes, and that of the count of
/// those which were left out, or zero.
fn each_with_attributes(
    signal: Signal,
    root: &mut Record,
    change: &mut dyn FnMut(&mut Record, u32, u32) -> bool,
) -> bool {
    if signal == Signal::Metrics {
        return walk(signal, root, Level::Part, &mut |scene| {
            let number = attributes_of(signal, scene.shape);
            scene.changed |= scene.part.as_deref_mut().is_some_and(|point| change(point, number, 0));
            true
        });
    }
    walk(signal, root, Level::Item, &mut |scene| {
        let Some(item) = scene.item.as_deref_mut() else { return true };
        if signal == Signal::Logs {
            scene.changed |= change(item, log::ATTRIBUTES, log::DROPPED_ATTRIBUTES);
            return true;
        }
        scene.changed |= change(item, span::ATTRIBUTES, span::DROPPED_ATTRIBUTES);
        for (field, number, dropped) in [
            (span::EVENTS, event::ATTRIBUTES, event::DROPPED_ATTRIBUTES),
            (span::LINKS, link::ATTRIBUTES, link::DROPPED_ATTRIBUTES),
        ] {
            if item.has(field) {
                let mut within = item.take(field);
                for one in &mut within {
                    scene.changed |= change(one, number, dropped);
                }
                item.put(field, within);
            }
        }
        true
    })
}

/// Where the attributes of a signal's items are; of metrics, of their data points by shape.
const fn attributes_of(signal: Signal, shape: usize) -> u32 {
    match (signal, shape) {
        (Signal::Traces, _) => span::ATTRIBUTES,
        (Signal::Logs, _) => log::ATTRIBUTES,
        (Signal::Metrics, shape) => metric::POINT_ATTRIBUTES[shape],
    }
}

#[cfg(test)]
mod tests;
