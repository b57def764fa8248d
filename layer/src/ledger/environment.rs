//! How the environment came to be: its init, or its restore from a snapshot, and who waited for it.

use super::platform::{Init, Outcome, Status};

/// What the platform told of init and restore. One of each per process: a reset starts extensions anew.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) init: Preparing,
    pub(super) restore: Preparing,
}

/// One of the two.
#[derive(Debug, Default)]
pub(super) struct Preparing {
    started: Option<u64>,
    kind: Option<String>,
    phase: Option<String>,
    /// The runtime's part is over.
    done: Option<(u64, Outcome)>,
    /// All of it is over.
    report: Option<(u64, Outcome)>,
    /// Its span was made, or is not to be.
    pub(super) told: bool,
    /// It was counted.
    pub(super) counted: bool,
}

impl Preparing {
    pub(super) fn started(&mut self, at: u64) {
        if at > 0 {
            self.started.get_or_insert(at);
        }
    }

    pub(super) fn about(&mut self, init: &Init) {
        fill(&mut self.kind, &init.kind);
        fill(&mut self.phase, &init.phase);
    }

    pub(super) fn done(&mut self, at: u64, outcome: &Outcome) {
        self.done.get_or_insert_with(|| (at, outcome.clone()));
    }

    pub(super) fn reported(&mut self, at: u64, outcome: &Outcome) {
        self.report.get_or_insert_with(|| (at, outcome.clone()));
    }

    /// All of it is known.
    pub(super) fn is_complete(&self) -> bool {
        self.report.is_some()
    }

    /// From when to when; with a part of the events missing, as much as the others tell.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        let (at, outcome) = self.report.as_ref().or(self.done.as_ref())?;
        let duration = outcome.duration.unwrap_or(0);
        let start = self.started.or_else(|| at.checked_sub(duration).filter(|start| *start > 0))?;
        let end = if duration > 0 { start.saturating_add(duration) } else { *at };
        Some((start, end.max(start)))
    }

    pub(super) fn outcome(&self) -> Outcome {
        let told = self.report.as_ref().or(self.done.as_ref()).map(|(_, outcome)| outcome.clone());
        let mut outcome = told.unwrap_or_default();
        if let (Status::Unknown, Some((_, done))) = (outcome.status, &self.done) {
            outcome.status = done.status;
            outcome.error_type = done.error_type.clone();
        }
        outcome
    }

    pub(super) fn failed(&self) -> bool {
        !matches!(self.outcome().status, Status::Success | Status::Unknown)
    }

    pub(super) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    pub(super) fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    /// The snapshot was taken after this init, at another time and perhaps for many environments.
    pub(super) fn was_elsewhere(&self) -> bool {
        self.kind() == Some("snap-start")
    }

    /// Whether the caller of an invocation that began at `first` waited for it: not for one that was ready before the
    /// event came, as with provisioned concurrency, and as Lambda also does on demand when it expects events.
    pub(super) fn awaited_by(&self, first: Option<u64>) -> Option<bool> {
        if self.phase() == Some("invoke") {
            return Some(true);
        }
        match self.kind() {
            Some("on-demand") | None => {
                let ((_, end), first) = (self.span()?, first?);
                Some(first.saturating_sub(end) < AHEAD)
            }
            Some(_) => Some(false),
        }
    }
}

fn fill(known: &mut Option<String>, told: &Option<String>) {
    if known.is_none() {
        known.clone_from(told);
    }
}

/// An event that somebody waits to have answered follows the init within milliseconds. In nanoseconds.
const AHEAD: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn init(kind: &str, phase: &str) -> Preparing {
        let mut init = Preparing::default();
        init.started(1_000);
        let kind = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
        init.about(&Init { kind, phase: Some(phase.to_owned()), ..Init::default() });
        init.reported(9_999, &Outcome { duration: Some(500), ..Outcome::default() });
        init
    }

    #[test]
    fn a_caller_waited_only_for_what_was_made_because_of_it() {
        for (kind, phase, first, expected) in [
            ("on-demand", "init", Some(1_700), Some(true)),
            ("on-demand", "init", Some(1_500 + AHEAD), Some(false)),
            ("on-demand", "init", None, None),
            ("on-demand", "invoke", Some(1_100), Some(true)),
            ("provisioned-concurrency", "init", Some(1_700), Some(false)),
            ("lambda-managed-instances", "init", Some(1_700), Some(false)),
            ("", "init", Some(1_700), Some(true)),
        ] {
            assert_eq!(init(kind, phase).awaited_by(first), expected, "{kind} {phase} {first:?}");
        }
    }

    #[test]
    fn missing_events_leave_what_the_others_tell() {
        assert_eq!(init("on-demand", "init").span(), Some((1_000, 1_500)));
        let mut only_report = Preparing::default();
        only_report.reported(9_000, &Outcome { duration: Some(500), ..Outcome::default() });
        assert_eq!(only_report.span(), Some((8_500, 9_000)));
        let mut only_start = Preparing::default();
        only_start.started(7);
        assert_eq!(only_start.span(), None);
        only_start.done(9, &Outcome { status: Status::Error, ..Outcome::default() });
        assert_eq!((only_start.span(), only_start.failed()), (Some((7, 9)), true));
    }
}
