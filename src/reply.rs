//! The handler's answer on its way to Lambda: looked at for how the invocation went (an HTTP status, the items of a batch
//! that failed, a length that Lambda refuses), and otherwise passed on untouched.

use lambda_runtime::{FunctionResponse, IntoFunctionResponse, StreamResponse};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{observe::Seat, report::Report, stream::Streamed};

/// What a traced handler returned. `lambda_runtime` takes it for the answer inside.
///
/// An invocation that no [`Layer`](crate::Layer) ends lasts until its reply was turned into a response, or is let go of.
#[derive(Debug)]
pub struct Reply<R> {
    answer: R,
    place: Place,
}

impl<R> Reply<R> {
    pub(crate) fn new(answer: R, seat: Seat) -> Self {
        Self { answer, place: Place(seat) }
    }

    /// The handler's own answer, which nobody looks at then.
    pub fn into_inner(self) -> R {
        self.answer
    }
}

/// The place of a handler that has returned, left when nobody needs it any more.
#[derive(Debug)]
struct Place(Seat);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<R, B, S> IntoFunctionResponse<ReplyBody<B>, Streamed<S>> for Reply<R>
where
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
{
    fn into_response(self) -> FunctionResponse<ReplyBody<B>, Streamed<S>> {
        let Self { answer, mut place } = self;
        // Whatever it does to become a response is a part of the invocation.
        place.0.run(|| {
            let report = Report::current();
            match answer.into_response() {
                FunctionResponse::BufferedResponse(body) => {
                    FunctionResponse::BufferedResponse(match report {
                        Some(report) => ReplyBody::read(body, &report),
                        None => ReplyBody::Unwritten(body),
                    })
                }
                FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream }) => {
                    if let Some(report) = &report {
                        report.streams(metadata_prelude.status_code.as_u16());
                    }
                    let stream = Streamed::new(stream, report);
                    FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream })
                }
            }
        })
    }
}

/// The body of a [`Reply`].
#[derive(Debug)]
pub enum ReplyBody<B> {
    /// Already JSON: it was written once to be read, and is copied from then on.
    Written(Box<RawValue>),
    /// To be written by the runtime: nobody traces it, or it cannot be written.
    Unwritten(B),
}

impl<B: Serialize> ReplyBody<B> {
    fn read(body: B, report: &Report) -> Self {
        match to_raw_value(&body) {
            Ok(json) => {
                report.answered(json.get().as_bytes());
                if json.get().len() > LONGEST {
                    let message =
                        format!("a response of {} bytes, where Lambda takes {LONGEST}", json.get().len());
                    report.fail(TOO_LARGE, message);
                }
                Self::Written(json)
            }
            Err(error) => {
                report.fail(std::any::type_name_of_val(&error), error.to_string());
                // It will fail again, where the runtime ends because of it.
                Self::Unwritten(body)
            }
        }
    }
}

impl<B: Serialize> Serialize for ReplyBody<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Written(json) => json.serialize(serializer),
            Self::Unwritten(body) => body.serialize(serializer),
        }
    }
}

/// The longest response that Lambda takes at once, in bytes; a streamed one may be longer.
const LONGEST: usize = 6 * 1024 * 1024 + 100;

/// `error.type` of a longer one, in Lambda's own words.
const TOO_LARGE: &str = "Function.ResponseSizeTooLarge";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn an_answer_that_cannot_be_written_is_a_failure() {
        let report = Report::new("a");
        let body = ReplyBody::read(HashMap::from([((1, 2), "only text names a member")]), &report);
        assert!(serde_json::to_string(&body).is_err(), "the runtime is told as it would have been");
        assert_eq!(report.take_failure().expect("a failure").kind, "serde_json::error::Error");
    }
}
