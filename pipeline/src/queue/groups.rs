//! Groups of payloads whose fate is decided as a whole, by somebody who has not decided yet.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::Rank;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Whether each group is kept, as far as that is decided.
    known: HashMap<u64, Option<bool>>,
    /// The same groups, in the order in which they were first heard of.
    order: VecDeque<u64>,
    /// The payloads of those that are not decided.
    members: BTreeSet<(u64, Rank)>,
}

impl Groups {
    /// Whether a group is kept; `None` while that is open.
    pub(super) fn decision(&self, group: u64) -> Option<bool> {
        self.known.get(&group).copied().flatten()
    }

    /// Holds a payload of an undecided group. The payloads of a group that was forgotten for it: they are kept.
    pub(super) fn hold(&mut self, group: u64, rank: Rank) -> Vec<Rank> {
        self.members.insert((group, rank));
        self.know(group, None)
    }

    /// Decides a group: what was held of it, and what was held of a group that was forgotten for it.
    pub(super) fn decide(&mut self, group: u64, keep: bool) -> (Vec<Rank>, Vec<Rank>) {
        let members = self.take(group);
        let forgotten = self.know(group, Some(keep));
        (members, forgotten)
    }

    /// The payload is gone.
    pub(super) fn leave(&mut self, group: u64, rank: Rank) {
        self.members.remove(&(group, rank));
    }

    /// Nobody will decide any more: everything that was held.
    pub(super) fn give_up(&mut self) -> Vec<Rank> {
        std::mem::take(self).members.into_iter().map(|(_, rank)| rank).collect()
    }

    fn know(&mut self, group: u64, decision: Option<bool>) -> Vec<Rank> {
        if self.known.insert(group, decision).is_some() {
            return Vec::new();
        }
        self.order.push_back(group);
        if self.order.len() <= REMEMBERED {
            return Vec::new();
        }
        let forgotten = self.order.pop_front();
        forgotten
            .inspect(|oldest| _ = self.known.remove(oldest))
            .map(|oldest| self.take(oldest))
            .unwrap_or_default()
    }

    fn take(&mut self, group: u64) -> Vec<Rank> {
        let range = (group, Rank::FIRST)..=(group, Rank::LAST);
        let members: Vec<_> = self.members.range(range).copied().collect();
        members.iter().for_each(|member| _ = self.members.remove(member));
        members.into_iter().map(|(_, rank)| rank).collect()
    }
}

/// Decisions and open questions remembered. More invocations than an environment handles in the time that its stragglers
/// take; a hundred kilobytes.
pub(super) const REMEMBERED: usize = 4096;
