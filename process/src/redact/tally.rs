//! What was done, by kind: never to what.

use super::Recogniser;

/// How often each rule applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By recogniser, in the order of [`Recogniser::ALL`].
    recognised: [u64; Recogniser::ALL.len()],
    /// Values of attributes whose name says that they are secret.
    pub by_key: u64,
    /// Matches of patterns that were set.
    pub by_pattern: u64,
    /// Attributes removed, for their name, their value, or since they are not on the list of what may stay.
    pub deleted: u64,
}

impl Tally {
    /// How often one recogniser found something.
    pub fn recognised(&self, recogniser: Recogniser) -> u64 {
        self.recognised[recogniser as usize]
    }

    pub(super) fn found(&mut self, recogniser: Recogniser, times: u64) {
        self.recognised[recogniser as usize] += times;
    }

    /// What was made unreadable, whatever found it.
    pub fn masked(&self) -> u64 {
        self.recognised.iter().sum::<u64>() + self.by_key + self.by_pattern
    }

    /// Adds another's counts.
    pub fn add(&mut self, more: &Self) {
        self.recognised.iter_mut().zip(more.recognised).for_each(|(sum, more)| *sum += more);
        self.by_key += more.by_key;
        self.by_pattern += more.by_pattern;
        self.deleted += more.deleted;
    }

    /// The counts since an earlier state of the same tally.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut since = *self;
        since.recognised.iter_mut().zip(before.recognised).for_each(|(now, before)| *now -= before);
        since.by_key -= before.by_key;
        since.by_pattern -= before.by_pattern;
        since.deleted -= before.deleted;
        since
    }

    /// Every rule that applied, by name, with its count.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let recognised = Recogniser::ALL.into_iter().map(|one| (one.name(), self.recognised(one)));
        recognised.chain([("key", self.by_key), ("pattern", self.by_pattern)]).filter(|(_, count)| *count > 0)
    }
}
