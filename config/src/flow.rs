//! The way of a payload from a receiver through pipelines to destinations.

use std::sync::Arc;

use spanlayer_pipeline::{
    Admission, Lanes, Payload, Pipeline, Route, Signal,
    stages::{sample::Tail, stage::Stage},
};

/// Where data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the function: OTLP, and what a wrapped function says through its socket.
    Function,
    /// From Lambda, and what is made of that.
    Platform,
}

/// Pipelines, ready to be gone through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// By source and signal.
    pub(crate) entries: [[Entry; 3]; 2],
    pub(crate) branches: Vec<Branch>,
}

/// What a source's data of one signal goes through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The pipelines.
    pub(crate) branches: Vec<usize>,
    /// The ways from there, where nothing has to be looked at to know them.
    pub(crate) ways: Option<Vec<Way>>,
}

/// One form that a payload takes, and the destinations that get it in that form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) through: Through,
    pub(crate) lanes: Lanes,
}

/// Processors, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Through(pub(crate) Vec<Arc<Stage>>);

/// The same processors, and not merely such as do the same.
impl PartialEq for Through {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

impl Eq for Through {}

/// One pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) through: Through,
    pub(crate) lanes: Lanes,
    pub(crate) onward: Vec<Onward>,
}

/// What a connector does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Onward {
    /// To all of these pipelines.
    All(Vec<usize>),
    /// To the first of these groups of pipelines whose destinations take what they are sent; to the first of all if none
    /// does.
    First(Vec<Vec<usize>>),
    /// Each part to pipelines of its own; a part without any goes nowhere, which is counted.
    Split(Vec<(Through, Vec<usize>)>),
}

impl Flow {
    /// Everything to everywhere.
    pub fn straight() -> Self {
        let way = || Way { through: Through::default(), lanes: Lanes::ALL };
        let entry = || Entry { branches: Vec::new(), ways: Some(vec![way()]) };
        Self { entries: [[entry(), entry(), entry()], [entry(), entry(), entry()]], branches: Vec::new() }
    }

    /// Whether anything of this source and signal goes anywhere.
    pub fn takes(&self, source: Source, signal: Signal) -> bool {
        let somewhere = |ways: &Vec<Way>| ways.iter().any(|way| way.lanes != Lanes::NONE);
        self.entry(source, signal).ways.as_ref().is_none_or(somewhere)
    }

    /// Takes a payload to where it goes, in the form that each destination is to have. The answer is that of the first
    /// form that was not taken, if there is one.
    pub fn accept(&self, pipeline: &Pipeline, source: Source, payload: Payload) -> Admission {
        let entry = self.entry(source, payload.signal());
        let found;
        let ways = match &entry.ways {
            Some(ways) => ways,
            None => {
                found = self.ways(pipeline, &entry.branches);
                &found
            }
        };
        match ways.as_slice() {
            [] => pipeline.accept_routed(payload, Route::to(Lanes::NONE)),
            ways => {
                let each = ways.iter().map(|way| (&way.through.0[..], Route::to(way.lanes)));
                pipeline.accept_through(payload, each)
            }
        }
    }

    fn entry(&self, source: Source, signal: Signal) -> &Entry {
        &self.entries[source as usize][signal as usize]
    }

    /// An invocation is over, and with it the traces that were heard of: where there is only one at a time.
    pub fn ended(&self) {
        self.tails().for_each(Tail::ended);
    }

    /// Decides about the traces that are over or were waited for long enough, and about all if nothing more will come.
    pub fn decide(&self, pipeline: &Pipeline, now: u64, all: bool) {
        for verdict in self.tails().flat_map(|tail| tail.decide(now, all)) {
            pipeline.settle_trace(verdict);
        }
    }

    /// Whether traces wait for a decision.
    pub fn is_undecided(&self) -> bool {
        self.tails().any(Tail::is_waiting)
    }

    /// Attributes that conventions do not know, or have as another type: by name, with whether only the type is wrong, and
    /// how often they were met.
    pub fn strange_attributes(&self) -> Vec<((String, bool), u64)> {
        let mut all: Vec<_> = Vec::new();
        let mut seen: Vec<*const Stage> = Vec::new();
        for stage in self.branches.iter().flat_map(|branch| &branch.through.0) {
            if let Stage::Schema(schema) = &**stage
                && !seen.contains(&Arc::as_ptr(stage))
            {
                seen.push(Arc::as_ptr(stage));
                all.extend(schema.strange());
            }
        }
        all
    }

    /// A processor that several pipelines name is met once for each, which does no harm.
    fn tails(&self) -> impl Iterator<Item = &Tail> {
        self.branches.iter().flat_map(|branch| &branch.through.0).filter_map(|stage| stage.tail())
    }

    fn ways(&self, pipeline: &Pipeline, branches: &[usize]) -> Vec<Way> {
        let pending = pipeline.pending();
        let failing = |lane: usize| pending.destinations.get(lane).is_some_and(|one| one.health.is_failing());
        self.reach(branches, &failing)
    }

    /// The ways that begin with these pipelines.
    fn reach(&self, branches: &[usize], failing: &dyn Fn(usize) -> bool) -> Vec<Way> {
        let mut ways = Vec::new();
        self.go(branches, &Through::default(), failing, &mut ways);
        ways
    }

    /// Connectors make no circles, which is checked when they are read.
    fn go(&self, branches: &[usize], before: &Through, failing: &dyn Fn(usize) -> bool, ways: &mut Vec<Way>) {
        for branch in branches.iter().filter_map(|branch| self.branches.get(*branch)) {
            let through = before.then(&branch.through);
            if branch.lanes != Lanes::NONE {
                add(ways, Way { through: through.clone(), lanes: branch.lanes });
            }
            for onward in &branch.onward {
                match onward {
                    Onward::All(branches) => self.go(branches, &through, failing, ways),
                    Onward::First(groups) => {
                        let reach = |group: &Vec<usize>| {
                            let mut ways = Vec::new();
                            self.go(group, &through, failing, &mut ways);
                            ways
                        };
                        let well =
                            |ways: &Vec<Way>| !ways.iter().flat_map(|way| way.lanes.iter()).any(failing);
                        let found = groups.iter().map(reach).find(well);
                        let first = found.or_else(|| groups.first().map(reach));
                        first.into_iter().flatten().for_each(|way| add(ways, way));
                    }
                    Onward::Split(parts) => {
                        for (part, branches) in parts {
                            let (through, mut own) = (through.then(part), Vec::new());
                            self.go(branches, &through, failing, &mut own);
                            if own.is_empty() {
                                own.push(Way { through, lanes: Lanes::NONE });
                            }
                            own.into_iter().for_each(|way| add(ways, way));
                        }
                    }
                }
            }
        }
    }

    /// Notes the ways of all entries for which nothing has to be looked at.
    pub(crate) fn settle(&mut self) {
        for source in [Source::Function, Source::Platform] {
            for signal in Signal::ALL {
                let branches = &self.entry(source, signal).branches;
                let ways = self.is_fixed(branches).then(|| self.reach(branches, &|_| false));
                self.entries[source as usize][signal as usize].ways = ways;
            }
        }
    }

    fn is_fixed(&self, branches: &[usize]) -> bool {
        branches.iter().filter_map(|branch| self.branches.get(*branch)).flat_map(|branch| &branch.onward).all(
            |onward| match onward {
                Onward::All(branches) => self.is_fixed(branches),
                Onward::First(groups) => groups.len() < 2,
                Onward::Split(parts) => parts.iter().all(|(_, branches)| self.is_fixed(branches)),
            },
        )
    }
}

/// Adds a way, to one of the same form if there is one: a destination gets each form once.
fn add(ways: &mut Vec<Way>, way: Way) {
    match ways.iter_mut().find(|other| other.through == way.through) {
        Some(other) => other.lanes = other.lanes.and(way.lanes),
        None => ways.push(way),
    }
}

impl Through {
    fn then(&self, more: &Self) -> Self {
        Self(self.0.iter().chain(&more.0).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(of: &[usize]) -> Lanes {
        of.iter().copied().collect()
    }

    fn way(through: &Through, to: &[usize]) -> Way {
        Way { through: through.clone(), lanes: lanes(to) }
    }

    fn stage() -> Through {
        Through(vec![Arc::new(Stage::Naming(Default::default()))])
    }

    #[test]
    fn failover_takes_the_first_group_that_is_well_and_the_first_of_all_if_none_is() {
        let plain = Through::default();
        let branch = |of: &[usize], onward| Branch { through: plain.clone(), lanes: lanes(of), onward };
        let first = Onward::First(vec![vec![1, 2], vec![3]]);
        let flow = Flow {
            branches: vec![
                branch(&[3], vec![first]),
                branch(&[0], Vec::new()),
                branch(&[1], Vec::new()),
                branch(&[2], Vec::new()),
            ],
            ..Flow::straight()
        };
        assert_eq!(flow.reach(&[0], &|_| false), [way(&plain, &[0, 1, 3])]);
        assert_eq!(flow.reach(&[0], &|lane| lane == 1), [way(&plain, &[2, 3])]);
        assert_eq!(flow.reach(&[0], &|_| true), [way(&plain, &[0, 1, 3])]);
        assert!(!flow.is_fixed(&[0]) && flow.is_fixed(&[1, 2]));
    }

    #[test]
    fn parts_go_their_ways_once_and_what_has_none_goes_nowhere_rather_than_elsewhere() {
        let (plain, first, second, rest) = (Through::default(), stage(), stage(), stage());
        let branch = |of: &[usize], onward| Branch { through: plain.clone(), lanes: lanes(of), onward };
        let parts = vec![(first.clone(), vec![2]), (second.clone(), Vec::new()), (rest.clone(), vec![3])];
        let flow = Flow {
            branches: vec![
                branch(&[], vec![Onward::Split(parts.clone())]),
                branch(&[], vec![Onward::Split(parts)]),
                branch(&[0], Vec::new()),
                branch(&[], vec![Onward::First(vec![vec![2], vec![4]])]),
                branch(&[1], Vec::new()),
            ],
            ..Flow::straight()
        };
        let expected = [way(&first, &[0]), way(&second, &[]), way(&rest, &[0])];
        assert_eq!(flow.reach(&[0, 1], &|_| false), expected, "both lead to the same");
        let expected = [way(&first, &[0]), way(&second, &[]), way(&rest, &[1])];
        assert_eq!(flow.reach(&[0], &|lane| lane == 0), expected, "only the rest may go to another");
        assert!(!flow.is_fixed(&[0]));
    }

    #[test]
    fn each_destination_gets_the_form_that_the_pipelines_before_it_make() {
        let (plain, first, second) = (Through::default(), stage(), stage());
        let branch = |through: &Through, of: &[usize], onward| Branch {
            through: through.clone(),
            lanes: lanes(of),
            onward,
        };
        let flow = Flow {
            branches: vec![
                branch(&first, &[0], vec![Onward::All(vec![1, 2])]),
                branch(&second, &[1], Vec::new()),
                branch(&plain, &[2], Vec::new()),
                branch(&plain, &[0], Vec::new()),
            ],
            ..Flow::straight()
        };
        let both = first.then(&second);
        let expected = [way(&first, &[0, 2]), way(&both, &[1]), way(&plain, &[0])];
        assert_eq!(flow.reach(&[0, 3], &|_| false), expected);
        assert!(flow.reach(&[], &|_| false).is_empty());
    }
}
