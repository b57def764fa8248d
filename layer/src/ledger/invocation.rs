//! What is known of one invocation, and what follows from it for its span.

use super::platform::{Done, Outcome, Report, Start, Status, Tracing};
use bytes::Bytes;

/// One invocation, as far as it is known. Every field may be filled in any order, and stays empty when nobody tells.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    /// *started*: what its span is made of if the function dies.
    pub(super) opening: Option<Box<Opening>>,
    /// What was open in it when the function last said, as a request.
    pub(super) unfinished: Option<Bytes>,
    /// *ended*.
    pub(super) ended: Option<Ended>,
    /// A span of the function's own that names this invocation.
    pub(super) seen: Option<Seen>,
    /// `faas.trigger`.
    pub(super) trigger: Option<Box<str>>,
    /// When the Extensions API announced it, and until when it may run, in Unix nanoseconds.
    pub(super) announced: Option<(u64, u64)>,
    /// The ARN that was invoked.
    pub(super) arn: Option<Box<str>>,
    /// `platform.start`, and when it was.
    pub(super) start: Option<(u64, Start)>,
    /// `platform.runtimeDone`, and when it was.
    pub(super) done: Option<(u64, Done)>,
    /// `platform.report`, and when it was.
    pub(super) report: Option<(u64, Report)>,
    /// Lambda's trace, whichever event told of it.
    pub(super) tracing: Tracing,
    /// The environment was reset while this one ran: why, and when.
    pub(super) reset: Option<(u64, Status)>,
    /// When we first heard that it is over, by our own clock.
    pub(super) over_since: Option<u64>,
    /// What children and log lines belong to.
    pub(super) context: Context,
    /// What has been concluded from all this already.
    pub(super) concluded: Concluded,
}

/// What was concluded, each at most once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Concluded {
    /// Who makes the invocation's span.
    pub(super) span: bool,
    /// The `platform.report` span was made, or is not to be.
    pub(super) report: bool,
    /// The span of Lambda's own segment was made.
    pub(super) segment: bool,
    /// How it ended was counted, and how long it took.
    pub(super) outcome: bool,
    /// What the report says was counted.
    pub(super) cost: bool,
}

/// *started*, as far as it is needed.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) parent: Option<[u8; 8]>,
    pub(super) trace_state: String,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) start: u64,
    /// In Unix nanoseconds; zero when unknown.
    pub(super) deadline: u64,
    pub(super) attributes: Bytes,
}

/// *ended*, as far as it is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) at: u64,
    pub(super) error: bool,
}

/// A span of the function's own that names an invocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    pub(super) outermost: bool,
}

/// The span context of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// Nobody has told, and somebody may.
    Unknown,
    /// Its span is, or will be, this one.
    Known(SpanContext),
    /// It has no span.
    None,
}

/// A span, as its children refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanContext {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) flags: u8,
}

impl SpanContext {
    pub(super) fn sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// What is to be done about an invocation's span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not known yet.
    Wait,
    /// Nothing: the function has made one, or nobody can.
    Leave,
    /// Make one, with this outcome.
    Make(Outcome),
}

/// What is known beyond the invocation itself when it is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// Many invocations at once, in one process that no timeout kills.
    pub(super) managed: bool,
    /// Spans are made for functions that make none.
    pub(super) complete: bool,
    /// The function has made spans of its own before: they may come late.
    pub(super) instrumented: bool,
    /// A later invocation is over too, or enough time has passed: what has not come by now does not come.
    pub(super) superseded: bool,
    /// Nothing more comes at all.
    pub(super) closing: bool,
}

impl Invocation {
    pub(super) fn new(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            opening: None,
            unfinished: None,
            ended: None,
            seen: None,
            trigger: None,
            announced: None,
            arn: None,
            start: None,
            done: None,
            report: None,
            tracing: Tracing::default(),
            reset: None,
            over_since: None,
            context: Context::Unknown,
            concluded: Concluded::default(),
        }
    }

    /// How it ended, as the platform says: `runtimeDone` first, since a report may come without a status; the reset of
    /// the environment says least.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let done = self.done.as_ref().map(|(_, done)| &done.outcome);
        let report = self.report.as_ref().map(|(_, report)| &report.outcome);
        let told = [done, report].into_iter().flatten();
        let mut outcome = told
            .clone()
            .find(|outcome| outcome.status != Status::Unknown)
            .cloned()
            .or_else(|| self.reset.map(|(_, status)| Outcome { status, ..Outcome::default() }))
            // It is over, and nobody complained.
            .or_else(|| told.clone().next().map(|one| Outcome { status: Status::Success, ..one.clone() }))?;
        if outcome.status != Status::Success && outcome.error_type.is_none() {
            outcome.error_type = told.filter_map(|one| one.error_type.clone()).next();
        }
        // Lambda kills what runs out of memory, and often says no more than that it exited.
        if outcome.error_type.as_deref() == Some("Runtime.ExitError") && self.out_of_memory() {
            outcome.error_type = Some("Runtime.OutOfMemory".to_owned());
        }
        Some(outcome)
    }

    fn out_of_memory(&self) -> bool {
        let report = self.report.as_ref().map(|(_, report)| (report.used, report.memory));
        matches!(report, Some((Some(used), Some(memory))) if used >= memory)
    }

    /// Whether anybody told of its beginning.
    pub(super) fn has_begun(&self) -> bool {
        self.opening.is_some() || self.start.is_some() || self.announced.is_some()
    }

    /// Whether the function's own span of this invocation is known to exist.
    pub(super) fn has_own_span(&self) -> bool {
        let announced = match self.context {
            Context::Known(context) if self.opening.is_some() => Some((context.trace_id, context.span_id)),
            _ => None,
        };
        // A wrapped function says which span it is; in any other, the span that names the invocation is it.
        self.ended.is_some()
            || self.seen.is_some_and(|seen| announced.is_none_or(|ids| ids == (seen.trace_id, seen.span_id)))
    }

    /// What is to be done about the invocation's span.
    pub(super) fn judge(&self, around: Surroundings) -> Verdict {
        if self.has_own_span() {
            return Verdict::Leave;
        }
        let last_word = around.superseded || around.closing;
        let Some(outcome) = self.outcome() else {
            return if last_word { Verdict::Leave } else { Verdict::Wait };
        };
        if !self.has_begun() {
            // The end of one that another process saw begin, as after a reset.
            return if last_word { Verdict::Leave } else { Verdict::Wait };
        }
        let failed = outcome.status != Status::Success;
        let certain = if self.opening.is_some() {
            // A wrapped function ends its span whatever happens short of its death. Where no timeout kills it, it may
            // still do so.
            around.closing || (!around.managed && (failed || around.superseded))
        } else if around.instrumented {
            last_word
        } else {
            true
        };
        match certain {
            false => Verdict::Wait,
            true if self.opening.is_some() || around.complete => Verdict::Make(outcome),
            true => Verdict::Leave,
        }
    }

    /// The parent of its span.
    pub(super) fn parent(&self) -> Option<[u8; 8]> {
        match &self.opening {
            Some(opening) => opening.parent,
            None => self.seen.and_then(|seen| seen.parent),
        }
    }

    /// When it began, in Unix nanoseconds.
    pub(super) fn began(&self) -> Option<u64> {
        let platform = self.start.as_ref().map(|(at, _)| *at).filter(|at| *at > 0);
        platform
            .or_else(|| self.opening.as_ref().map(|opening| opening.start))
            .or_else(|| self.announced.map(|(at, _)| at))
            .or_else(|| {
                let (at, done) = self.done.as_ref()?;
                at.checked_sub(done.outcome.duration?)
            })
            .or_else(|| {
                let (at, report) = self.report.as_ref()?;
                at.checked_sub(report.outcome.duration?)
            })
    }

    /// When the function was done with it, as far as the platform says; not before `began`.
    pub(super) fn finished(&self, began: u64) -> u64 {
        let told = |at: u64| Some(at).filter(|at| *at > 0);
        let done = self
            .done
            .as_ref()
            .and_then(|(at, done)| told(*at).or_else(|| Some(began.saturating_add(done.outcome.duration?))));
        let end = done
            .or_else(|| {
                let (_, report) = self.report.as_ref()?;
                Some(began.saturating_add(report.outcome.duration?))
            })
            .or_else(|| {
                // A reset is told of when it is under way: a timeout came at the deadline.
                let (at, status) = self.reset?;
                let deadline = self.deadline().filter(|_| status == Status::Timeout);
                Some(deadline.unwrap_or(at).min(at))
            });
        end.unwrap_or(began).max(began)
    }

    fn deadline(&self) -> Option<u64> {
        let opening = self.opening.as_ref().map(|opening| opening.deadline);
        opening.or_else(|| self.announced.map(|(_, deadline)| deadline)).filter(|deadline| *deadline > 0)
    }

    /// Takes note that it is over.
    pub(super) fn over(&mut self, now: u64) {
        self.over_since.get_or_insert(now);
    }
}

/// A low-cardinality word for what went wrong (`error.type`): Lambda's own where it gives one that looks like a type,
/// else what kind of failure it was.
pub(super) fn error_type(outcome: &Outcome) -> &str {
    let proper = |text: &&str| {
        text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
    };
    outcome.error_type.as_deref().filter(proper).unwrap_or(match outcome.status {
        Status::Timeout => "timeout",
        Status::Failure => "failure",
        Status::Error | Status::Unknown | Status::Success => "error",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: Status, error_type: Option<&str>) -> Outcome {
        Outcome { status, error_type: error_type.map(str::to_owned), duration: None }
    }

    #[test]
    fn an_error_type_is_lambdas_own_word_or_one_of_three() {
        for (status, word, expected) in [
            (Status::Error, Some("Runtime.ExitError"), "Runtime.ExitError"),
            (Status::Timeout, Some("Sandbox.Timedout"), "Sandbox.Timedout"),
            (Status::Timeout, None, "timeout"),
            (Status::Failure, None, "failure"),
            (Status::Error, None, "error"),
            (Status::Error, Some("could not open /tmp/x"), "error"),
            (Status::Error, Some("4711"), "error"),
            (Status::Error, Some(&"x".repeat(65)), "error"),
        ] {
            assert_eq!(error_type(&told(status, word)), expected);
        }
    }

    #[test]
    fn a_missing_status_is_looked_up_elsewhere_and_is_a_success_in_the_end() {
        let mut invocation = Invocation::new("a");
        assert_eq!(invocation.outcome(), None);
        invocation.report = Some((9, Report::default()));
        assert_eq!(invocation.outcome().map(|outcome| outcome.status), Some(Status::Success));
        invocation.reset = Some((9, Status::Timeout));
        assert_eq!(invocation.outcome().map(|outcome| outcome.status), Some(Status::Timeout));
        invocation.done = Some((9, Done { outcome: told(Status::Error, None), ..Done::default() }));
        invocation.report = Some((
            9,
            Report { outcome: told(Status::Error, Some("Runtime.ExitError")), ..Report::default() },
        ));
        assert_eq!(invocation.outcome(), Some(told(Status::Error, Some("Runtime.ExitError"))));
    }

    #[test]
    fn times_are_pieced_together_from_what_there_is_and_never_run_backwards() {
        let done = |duration| Done { outcome: Outcome { duration, ..Outcome::default() }, ..Done::default() };
        let mut invocation = Invocation::new("a");
        assert_eq!((invocation.began(), invocation.finished(7)), (None, 7));
        invocation.done = Some((100, done(Some(30))));
        assert_eq!((invocation.began(), invocation.finished(70)), (Some(70), 100));
        invocation.announced = Some((60, 0));
        assert_eq!(invocation.began(), Some(60));
        invocation.start = Some((65, Start::default()));
        assert_eq!(invocation.began(), Some(65));
        assert_eq!(invocation.finished(500), 500);
        invocation.done = Some((0, done(Some(30))));
        assert_eq!(invocation.finished(65), 95);
    }
}
