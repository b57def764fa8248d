//! The way of a payload from a receiver through pipelines to destinations.

use spanlayer_pipeline::{Admission, Lanes, Payload, Pipeline, Route, Signal};

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
    /// The destinations, where nothing has to be looked at to know them.
    pub(crate) lanes: Option<Lanes>,
}

/// One pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
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
}

impl Flow {
    /// Everything to everywhere.
    pub fn straight() -> Self {
        let entry = || Entry { branches: Vec::new(), lanes: Some(Lanes::ALL) };
        Self { entries: [[entry(), entry(), entry()], [entry(), entry(), entry()]], branches: Vec::new() }
    }

    /// Whether anything of this source and signal goes anywhere.
    pub fn takes(&self, source: Source, signal: Signal) -> bool {
        self.entry(source, signal).lanes != Some(Lanes::NONE)
    }

    /// Takes a payload to where it goes.
    pub fn accept(&self, pipeline: &Pipeline, source: Source, payload: Payload) -> Admission {
        let entry = self.entry(source, payload.signal());
        let lanes = entry.lanes.unwrap_or_else(|| self.lanes(pipeline, &entry.branches));
        pipeline.accept_routed(payload, Route::to(lanes))
    }

    fn entry(&self, source: Source, signal: Signal) -> &Entry {
        &self.entries[source as usize][signal as usize]
    }

    fn lanes(&self, pipeline: &Pipeline, branches: &[usize]) -> Lanes {
        let pending = pipeline.pending();
        let failing = |lane: usize| pending.destinations.get(lane).is_some_and(|one| one.health.is_failing());
        self.reach(branches, &failing)
    }

    /// The destinations that these pipelines lead to. Connectors make no circles, which is checked when they are read.
    fn reach(&self, branches: &[usize], failing: &dyn Fn(usize) -> bool) -> Lanes {
        let mut lanes = Lanes::NONE;
        for branch in branches.iter().filter_map(|branch| self.branches.get(*branch)) {
            lanes = lanes.and(branch.lanes);
            for onward in &branch.onward {
                lanes = lanes.and(match onward {
                    Onward::All(branches) => self.reach(branches, failing),
                    Onward::First(groups) => {
                        let mut reached = groups.iter().map(|group| self.reach(group, failing));
                        let first = reached.clone().next().unwrap_or(Lanes::NONE);
                        reached.find(|lanes| !lanes.iter().any(failing)).unwrap_or(first)
                    }
                });
            }
        }
        lanes
    }

    /// Notes the destinations of all entries for which nothing has to be looked at.
    pub(crate) fn settle(&mut self) {
        let fixed = |flow: &Self, branches: &[usize]| {
            flow.is_fixed(branches).then(|| flow.reach(branches, &|_| false))
        };
        for source in [Source::Function, Source::Platform] {
            for signal in Signal::ALL {
                let lanes = fixed(self, &self.entry(source, signal).branches);
                self.entries[source as usize][signal as usize].lanes = lanes;
            }
        }
    }

    fn is_fixed(&self, branches: &[usize]) -> bool {
        branches.iter().filter_map(|branch| self.branches.get(*branch)).flat_map(|branch| &branch.onward).all(
            |onward| match onward {
                Onward::All(branches) => self.is_fixed(branches),
                Onward::First(groups) => groups.len() < 2,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(of: &[usize]) -> Lanes {
        of.iter().copied().collect()
    }

    #[test]
    fn failover_takes_the_first_group_that_is_well_and_the_first_of_all_if_none_is() {
        let branch = |of: &[usize], onward| Branch { lanes: lanes(of), onward };
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
        assert_eq!(flow.reach(&[0], &|_| false), lanes(&[0, 1, 3]));
        assert_eq!(flow.reach(&[0], &|lane| lane == 1), lanes(&[2, 3]));
        assert_eq!(flow.reach(&[0], &|_| true), lanes(&[0, 1, 3]));
        assert!(!flow.is_fixed(&[0]) && flow.is_fixed(&[1, 2]));
    }
}
