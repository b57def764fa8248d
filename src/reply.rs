//! The handler's answer on its way to Lambda: looked at for how the invocation went (an HTTP status, the items of a batch
//! that failed, a length that Lambda refuses), and otherwise passed on untouched.

use lambda_runtime::{FunctionResponse, IntoFunctionResponse, StreamResponse};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{report::Report, stream::Streamed};

/// What a traced handler returned. `lambda_runtime` takes it for the answer inside.
#[derive(Clone, Debug)]
pub struct Reply<R>(pub(crate) R);

impl<R> Reply<R> {
    /// The handler's own answer.
    pub fn into_inner(self) -> R {
        self.0
    }
}

impl<R, B, S> IntoFunctionResponse<ReplyBody<B>, Streamed<S>> for Reply<R>
where
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
{
    fn into_response(self) -> FunctionResponse<ReplyBody<B>, Streamed<S>> {
        let report = Report::current();
        match self.0.into_response() {
            FunctionResponse::BufferedResponse(body) => FunctionResponse::BufferedResponse(match report {
                Some(report) => ReplyBody::read(body, &report),
                None => ReplyBody::Unwritten(body),
            }),
            FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream }) => {
                if let Some(report) = &report {
                    report.streams(metadata_prelude.status_code.as_u16());
                }
                let stream = Streamed::new(stream, report);
                FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream })
            }
        }
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
            // It will fail again, where the runtime says so.
            Err(_) => Self::Unwritten(body),
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
