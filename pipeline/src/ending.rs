//! How attempts end, as far as that is counted: destinations say what they were answered, the meter says what it came to.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use crate::{Batch, Outcome, destination::http::Answer};

/// What a destination answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A status code of HTTP.
    Http(u16),
    /// A status code of gRPC.
    Rpc(u32),
}

impl Code {
    /// Whether it says that the destination does not know us, or thinks little of us.
    pub const fn turns_away(self) -> bool {
        matches!(self, Self::Http(401 | 403) | Self::Rpc(7 | 16))
    }

    /// As `error.type` and `rpc.status_code` have it.
    pub(crate) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Http(code) => code.to_string().into(),
            Self::Rpc(code) => match RPC.get(code as usize) {
                Some(name) => (*name).into(),
                None => code.to_string().into(),
            },
        }
    }

    const fn is_success(self) -> bool {
        matches!(self, Self::Http(200..=299) | Self::Rpc(0))
    }
}

/// Names of gRPC's status codes, by their numbers.
pub(crate) const RPC: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Why something was not delivered in full, where the code does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The destination turned some of the items away (partial success).
    Rejected,
    /// It did not answer in time.
    Timeout,
    /// It did not answer: no connection, or one that broke off.
    NoAnswer,
    /// There is nothing to say who we are.
    Credentials,
    /// It was refused for good, without a code or with one of success.
    Refused,
    /// Whoever asked for it did not wait for its end.
    Cancelled,
    /// One of too many to tell apart.
    Other,
}

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::NoAnswer => "no_answer",
            Self::Credentials => "credentials",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            // The conventions' word.
            Self::Other => "_OTHER",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ending {
    /// What the destination answered, if it did and answers have codes.
    pub code: Option<Code>,
    /// Why it is no full success, unless the code says so.
    pub fault: Option<Fault>,
}

impl Ending {
    /// The conventions' `error.type`; `None` for a full success.
    pub fn error_type(self) -> Option<Cow<'static, str>> {
        match (self.code, self.fault) {
            (_, Some(fault)) => Some(fault.name().into()),
            (Some(code), None) if !code.is_success() => Some(code.name()),
            _ => None,
        }
    }

    /// Whether it failed because of who we are, or cannot say that we are.
    pub fn is_of_authentication(self) -> bool {
        self.fault == Some(Fault::Credentials) || self.code.is_some_and(Code::turns_away)
    }
}

/// What was seen of the destination of one batch: told by those who send it, read by those who count.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Sight>);

/// What [`Seen`] holds.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    code: Option<Code>,
    fault: Option<Fault>,
    skew: Option<i64>,
    last: Option<Ending>,
}

impl Seen {
    /// An attempt begins: what was answered to another is not its own.
    pub(crate) fn begin(&self) {
        let mut sight = self.sight();
        *sight = Sight { last: sight.last, ..Sight::default() };
    }

    /// An attempt ends; with nothing to show for it, if it was not waited for.
    pub(crate) fn end(&self, outcome: Option<&Outcome>) -> (Ending, Option<i64>) {
        let mut sight = self.sight();
        let has_failed = sight.code.is_some_and(|code| !code.is_success());
        let fault = match outcome {
            None => Some(Fault::Cancelled),
            Some(Outcome::Delivered { rejected: 0, .. }) => None,
            Some(Outcome::Delivered { .. }) => Some(Fault::Rejected),
            Some(_) if sight.fault.is_some() => sight.fault,
            Some(_) if has_failed => None,
            Some(Outcome::Retry { .. }) => Some(Fault::NoAnswer),
            Some(Outcome::Refused { .. }) => Some(Fault::Refused),
        };
        let ending = Ending { code: sight.code, fault };
        sight.last = Some(ending);
        (ending, sight.skew)
    }

    /// How the last attempt ended, if there was one.
    pub(crate) fn last(&self) -> Option<Ending> {
        self.sight().last
    }

    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Says what the destination answered, for whoever counts. For an [`Export`](crate::Export) of one's own; what stages
    /// make of a batch says nothing to those outside of them.
    pub fn answered(&self, code: Code) {
        self.tell(|sight| sight.code = Some(code));
    }

    /// The same of an answer over HTTP, which also says what time it is there.
    pub(crate) fn answered_by(&self, answer: &Answer) {
        self.answered(Code::Http(answer.status.as_u16()));
        self.told_the_time(answer);
    }

    /// What the answer says of the time (RFC 9110, 6.6.1), in seconds.
    pub(crate) fn told_the_time(&self, answer: &Answer) {
        let date = answer.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else { return };
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let there = seconds(date.duration_since(UNIX_EPOCH).unwrap_or_default());
        self.tell(|sight| sight.skew = Some(there - seconds(answer.at)));
    }

    /// Says why there is no answer.
    pub(crate) fn failed(&self, fault: Fault) {
        self.tell(|sight| sight.fault = Some(fault));
    }

    fn tell(&self, what: impl FnOnce(&mut Sight)) {
        if let Some(seen) = self.seen() {
            what(&mut seen.sight());
        }
    }

    /// The same batch, with somebody who wants to know what is seen of its destination: whoever did before, if anybody.
    pub(crate) fn watched(self) -> (Self, Arc<Seen>) {
        match self.seen().cloned() {
            Some(seen) => (self, seen),
            None => {
                let seen = Arc::default();
                (self.seen_by(&seen), seen)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::scripted::batch;

    fn ending(tell: impl FnOnce(&Batch), outcome: &Outcome) -> Option<String> {
        let (batch, seen) = batch(1).watched();
        seen.begin();
        tell(&batch);
        seen.end(Some(outcome)).0.error_type().map(Cow::into_owned)
    }

    #[test]
    fn an_ending_is_named_after_the_code_or_after_why_there_is_none() {
        let http = |code: u16| move |batch: &Batch| batch.answered(Code::Http(code));
        let rejected = Outcome::Delivered { rejected: 1, message: String::new() };
        assert_eq!(ending(http(200), &Outcome::DELIVERED), None);
        assert_eq!(ending(|_| {}, &Outcome::DELIVERED), None);
        assert_eq!(ending(http(200), &rejected).as_deref(), Some("rejected"));
        assert_eq!(ending(http(503), &Outcome::retry("busy")).as_deref(), Some("503"));
        assert_eq!(ending(http(200), &Outcome::refused("too long")).as_deref(), Some("refused"));
        assert_eq!(ending(|_| {}, &Outcome::retry("no route")).as_deref(), Some("no_answer"));
        let late = |batch: &Batch| batch.failed(Fault::Timeout);
        assert_eq!(ending(late, &Outcome::retry("late")).as_deref(), Some("timeout"));
        let rpc = |code: u32| move |batch: &Batch| batch.answered(Code::Rpc(code));
        assert_eq!(ending(rpc(14), &Outcome::retry("down")).as_deref(), Some("UNAVAILABLE"));
        assert_eq!(ending(rpc(99), &Outcome::refused("odd")).as_deref(), Some("99"));
    }

    #[test]
    fn an_attempt_is_not_taken_for_the_one_before_it() {
        let (batch, seen) = batch(1).watched();
        assert_eq!(seen.last(), None);
        seen.begin();
        batch.answered(Code::Http(429));
        seen.end(Some(&Outcome::retry("busy")));
        seen.begin();
        let (ending, _) = seen.end(None);
        assert_eq!(ending, Ending { code: None, fault: Some(Fault::Cancelled) });
        assert_eq!(seen.last(), Some(ending));
    }

    #[test]
    fn the_destinations_clock_is_compared_with_ours_when_it_answered() {
        let (batch, seen) = batch(1).watched();
        seen.begin();
        let headers = [(http::header::DATE, "Thu, 01 Jan 1970 00:01:40 GMT".parse().unwrap())];
        let at = Duration::from_millis(90_700);
        let (status, headers) = (http::StatusCode::OK, headers.into_iter().collect());
        batch.answered_by(&Answer { status, headers, body: Vec::new(), complete: true, at });
        assert_eq!(seen.end(Some(&Outcome::DELIVERED)).1, Some(10));
    }
}
