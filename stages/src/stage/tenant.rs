//! Tenants: what belongs to one of those that an exporter knows, or to none of them. Like [`Part`](super::Part), each is a stage at the head of
//! a way of its own, and every item is in exactly one of them.

use super::{Report, attributes_of, part};
use crate::{
    fields::resource,
    record::{Record, Value},
    scene::{Level, Scene, walk, walk_to_what_is_there},
};
use spanlayer_otlp::Signal;
use std::sync::Arc;

/// The tenants that are known, and how they are told apart.
#[derive(Debug, Default)]
pub struct Tenants {
    /// The attribute that names the tenant: the span's, data point's or log record's own, else the resource's.
    pub attribute: String,
    /// Their names.
    pub names: Vec<String>,
}

/// What belongs to one of them.
#[derive(Debug)]
pub struct Tenant {
    /// All of them.
    pub tenants: Arc<Tenants>,
    /// The one of this number; without a number, whatever belongs to none of them.
    pub number: Option<usize>,
}

impl Tenant {
    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> bool {
        let before = part::items(signal, root);
        let level = if signal == Signal::Metrics { Level::Part } else { Level::Item };
        let mut visit = |scene: &mut Scene<'_>| self.tenants.of(signal, scene) == self.number;
        let changed = match self.number {
            Some(_) => walk_to_what_is_there(signal, root, level, &mut visit),
            None => walk(signal, root, level, &mut visit),
        };
        part::answer_for(self.number.is_none(), before, part::items(signal, root), report);
        changed
    }
}

impl Tenants {
    /// Which of them something belongs to.
    fn of(&self, signal: Signal, scene: &Scene<'_>) -> Option<usize> {
        let item = if signal == Signal::Metrics { &scene.part } else { &scene.item };
        let number = attributes_of(signal, scene.shape);
        let own = item.as_deref().map(|item| item.attribute(number, &self.attribute));
        let value = own.filter(|value| *value != Value::Nil);
        let value = value.unwrap_or_else(|| scene.resource.attribute(resource::ATTRIBUTES, &self.attribute));
        let name = value.to_text();
        self.names.iter().position(|known| *known == name)
    }
}
