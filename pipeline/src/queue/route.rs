//! Where a payload goes, and what that waits for.

/// Where one payload goes: to which destinations, and whether somebody has still to decide that it goes at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The destinations, among those that take its signal.
    pub lanes: Lanes,
    /// What it belongs to (an invocation, a trace), if the fate of that is to be decided as a whole. Until
    /// [`Pipeline::decide`](crate::Pipeline::decide) it is held and bounded like everything else, and offered to nobody.
    pub group: Option<u64>,
}

impl Route {
    /// To these destinations.
    pub const fn to(lanes: Lanes) -> Self {
        Self { lanes, group: None }
    }

    /// The same, once `group` is decided.
    #[must_use]
    pub const fn once_decided(self, group: u64) -> Self {
        Self { group: Some(group), ..self }
    }
}

/// A set of destinations, by their place in the settings. Those beyond the first [`MOST`](Self::MOST) are in every set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(u64);

impl Lanes {
    /// How many destinations can be told apart.
    pub const MOST: usize = u64::BITS as usize;

    /// Every destination.
    pub const ALL: Self = Self(u64::MAX);

    /// No destination.
    pub const NONE: Self = Self(0);

    /// The same, and this destination.
    #[must_use]
    pub const fn with(self, destination: usize) -> Self {
        if destination < Self::MOST { Self(self.0 | 1 << destination) } else { self }
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Each of the first [`MOST`](Self::MOST) that is one of them.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MOST).filter(move |destination| self.has(*destination))
    }

    /// Whether this destination is one of them.
    pub const fn has(self, destination: usize) -> bool {
        destination >= Self::MOST || self.0 & 1 << destination != 0
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<usize> for Lanes {
    fn from_iter<I: IntoIterator<Item = usize>>(destinations: I) -> Self {
        destinations.into_iter().fold(Self::NONE, Self::with)
    }
}
