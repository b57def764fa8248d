//! What processors count beside what they leave out.

/// What was found, and what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Attributes beyond the most that something may have, left out.
    AttributesLeftOut,
    /// Attributes whose text was cut.
    ValuesCut,
    /// Spans whose name was one too many, and was replaced.
    NamesReplaced,
    /// Spans and log records from the future.
    FromFuture,
    /// Spans that end before they begin.
    NegativeDurations,
    /// Of both, those that were put right.
    TimesCorrected,
    /// Attributes that have another name, or another form, since.
    AttributesUpgraded,
    /// Attributes that the conventions do not have.
    AttributesUnknown,
    /// Attributes of another type than the conventions have.
    AttributesMistyped,
}

/// As the extension's last line calls them.
const NAMES: [&str; 9] = [
    "attributesLeftOut",
    "valuesCut",
    "namesReplaced",
    "fromFuture",
    "negativeDurations",
    "timesCorrected",
    "attributesUpgraded",
    "attributesUnknown",
    "attributesMistyped",
];

/// How often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; NAMES.len()]);

impl Counts {
    pub(super) const fn count(&mut self, what: Counted, times: usize) {
        self.0[what as usize] += times as u64;
    }

    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        self.0.iter_mut().zip(more.0).for_each(|(all, more)| *all += more);
    }

    /// How often this was.
    pub const fn of(&self, what: Counted) -> u64 {
        self.0[what as usize]
    }

    /// What was at all, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0).filter(|(_, times)| *times > 0)
    }
}
