//! A place in a request: one span, event, metric, data point or log record, and what it belongs to.

use crate::{
    fields::{metric::POINTS, span::EVENTS},
    record::Record,
};
use spanlayer_otlp::Signal;

/// One place, open for reading and changing.
#[derive(Debug)]
pub struct Scene<'r> {
    /// Who produced it.
    pub resource: &'r mut Record,
    /// With what.
    pub scope: Option<&'r mut Record>,
    /// The span, metric or log record.
    pub item: Option<&'r mut Record>,
    /// The span's event, or the metric's data point.
    pub part: Option<&'r mut Record>,
    /// Which shape of data point that is ([`POINTS`]).
    pub(crate) shape: usize,
    /// Whether anything was changed.
    pub changed: bool,
}

/// How far down a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// To resources.
    Resource,
    /// To scopes.
    Scope,
    /// To spans, metrics, log records.
    Item,
    /// To events of spans, data points of metrics.
    Part,
}

/// Which level of a record something is on, for those who look at several.
impl Scene<'_> {
    pub(crate) fn at(&mut self, level: Level) -> Option<&mut Record> {
        match level {
            Level::Resource => Some(self.resource),
            Level::Scope => self.scope.as_deref_mut(),
            Level::Item => self.item.as_deref_mut(),
            Level::Part => self.part.as_deref_mut(),
        }
    }
}

/// Visits every place of a level. Those that the visitor does not want to keep go, and with them what is then empty.
/// Whether anything was changed or went.
///
/// The requests of all signals number these levels alike: groups with a resource in field 1, within them scopes with
/// their items in field 2, resource and scope themselves in field 1 of each.
pub fn walk(
    signal: Signal,
    root: &mut Record,
    level: Level,
    visit: &mut dyn FnMut(&mut Scene<'_>) -> bool,
) -> bool {
    Walk { signal, level, visit, changed: false, sweeps: false }.root(root)
}

/// The same, and what has no place of that level goes as well.
pub(crate) fn walk_to_what_is_there(
    signal: Signal,
    root: &mut Record,
    level: Level,
    visit: &mut dyn FnMut(&mut Scene<'_>) -> bool,
) -> bool {
    Walk { signal, level, visit, changed: false, sweeps: true }.root(root)
}

/// Visits like [`walk`], or where `sweeps` is set like [`walk_to_what_is_there`], until the visitor fails.
pub(crate) fn try_walk<E>(
    signal: Signal,
    root: &mut Record,
    level: Level,
    sweeps: bool,
    visit: &mut dyn FnMut(&mut Scene<'_>) -> Result<bool, E>,
) -> Result<bool, E> {
    let mut failed = None;
    let mut visit = |scene: &mut Scene<'_>| {
        failed.is_some() || visit(scene).unwrap_or_else(|error| failed.replace(error).is_none())
    };
    let changed = Walk { signal, level, visit: &mut visit, changed: false, sweeps }.root(root);
    failed.map_or(Ok(changed), Err)
}

struct Walk<'v> {
    signal: Signal,
    level: Level,
    visit: &'v mut dyn FnMut(&mut Scene<'_>) -> bool,
    changed: bool,
    /// Whether what was empty from the start goes.
    sweeps: bool,
}

impl Walk<'_> {
    fn root(&mut self, root: &mut Record) -> bool {
        let mut groups = root.take(1);
        self.retain(&mut groups, |walk, group| walk.group(group));
        root.put(1, groups);
        self.changed
    }

    fn group(&mut self, group: &mut Record) -> bool {
        let (there, mut resource) = (group.has(1), group.take_one(1));
        let keep = if self.level == Level::Resource {
            self.visit(Scene::of(&mut resource))
        } else {
            let mut scopes = group.take(2);
            let keep = self.retain(&mut scopes, |walk, one| walk.scope(&mut resource, one));
            group.put(2, scopes);
            keep
        };
        if there || !resource.is_empty() {
            group.put_first(1, resource);
        }
        keep
    }

    fn scope(&mut self, resource: &mut Record, group: &mut Record) -> bool {
        let (there, mut scope) = (group.has(1), group.take_one(1));
        let keep = if self.level == Level::Scope {
            self.visit(Scene { scope: Some(&mut scope), ..Scene::of(resource) })
        } else {
            let mut items = group.take(2);
            let keep = self.retain(&mut items, |walk, item| {
                if walk.level == Level::Part {
                    return walk.parts(resource, &mut scope, item);
                }
                walk.visit(Scene { scope: Some(&mut scope), item: Some(item), ..Scene::of(resource) })
            });
            group.put(2, items);
            keep
        };
        if there || !scope.is_empty() {
            group.put_first(1, scope);
        }
        keep
    }

    /// Events stay out of their span while they are visited, data points out of their metric.
    fn parts(&mut self, resource: &mut Record, scope: &mut Record, item: &mut Record) -> bool {
        let mut visit = |walk: &mut Self, item: &mut Record, part: &mut Record, shape| {
            let (scope, item, part) = (Some(&mut *scope), Some(item), Some(part));
            walk.visit(Scene { resource, scope, item, part, shape, changed: false })
        };
        match self.signal {
            Signal::Traces => {
                let mut events = item.take(EVENTS);
                self.retain(&mut events, |walk, event| visit(walk, item, event, 0));
                item.put(EVENTS, events);
                true
            }
            Signal::Metrics => {
                let Some((number, shape)) = POINTS.into_iter().find(|(number, _)| item.has(*number)) else {
                    return !self.sweeps;
                };
                let mut data = item.take_one(number);
                let mut points = data.take(1);
                item.put(number, [data]);
                let keep = self.retain(&mut points, |walk, point| visit(walk, item, point, shape));
                let mut data = item.take_one(number);
                data.put(1, points);
                item.put(number, [data]);
                keep
            }
            Signal::Logs => true,
        }
    }

    /// Whether anything is left, or nothing went.
    fn retain(
        &mut self,
        records: &mut Vec<Record>,
        mut keep: impl FnMut(&mut Self, &mut Record) -> bool,
    ) -> bool {
        let before = records.len();
        records.retain_mut(|record| keep(self, record));
        let gone = records.len() < before;
        self.changed |= gone;
        !(gone || self.sweeps) || !records.is_empty()
    }

    fn visit(&mut self, mut scene: Scene<'_>) -> bool {
        let keep = (self.visit)(&mut scene);
        self.changed |= scene.changed;
        keep
    }
}

impl<'r> Scene<'r> {
    pub(crate) const fn of(resource: &'r mut Record) -> Self {
        Self { resource, scope: None, item: None, part: None, shape: 0, changed: false }
    }
}
