//! OTLP, for SDKs in any language, over HTTP and over gRPC. Either port takes either: who confuses the two is served
//! all the same.

mod answer;
mod grpc;
mod http;

use super::{
    Intake,
    body::{Source, Unreadable},
    reply::Reply,
    room::Room,
};
use ::http::{Request, Response, header::CONTENT_LENGTH, request::Parts};
use bytes::Bytes;
use hyper::body::Body;
use spanlayer_otlp::{Signal, status::PartialSuccess};
use spanlayer_pipeline::{Admission, Payload, WhenFull};
use std::{error::Error, fmt, time::Duration};

/// What takes OTLP in.
#[derive(Debug)]
pub struct Otlp {
    /// Where it goes.
    pub intake: Intake,
    /// What requests are read into.
    pub room: Room,
    /// The most that a request may hold, in bytes, before and after decompression.
    pub limit: usize,
    /// What a sender is told that finds no room.
    pub when_full: WhenFull,
}

impl Otlp {
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Reply>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error + 'static,
    {
        let _reading = self.intake.begin();
        let (head, body) = request.into_parts();
        let body = Source::new(body);
        match grpc::is_meant(&head) {
            true => grpc::answer(self, &head, body).await,
            false => http::answer(self, &head, body).await,
        }
    }

    /// Hands an encoded request on, if there is nothing wrong with it.
    fn admit(&self, signal: Signal, request: Bytes) -> Result<PartialSuccess, Fault> {
        let payload = Payload::scan(signal, request).map_err(Fault::bad)?;
        if payload.items() == 0 {
            // Nothing to deliver, and nothing wrong with it.
            return Ok(PartialSuccess::default());
        }
        match self.intake.accept(payload) {
            Admission::Accepted => Ok(PartialSuccess::default()),
            Admission::Partial { rejected, why } => {
                Ok(PartialSuccess { rejected: rejected as u64, message: why })
            }
            Admission::TooLarge { limit } => Err(Fault::TooLarge { limit }),
            Admission::Busy { retry_after } => Err(Fault::Busy { retry_after }),
            // Closed, and whatever else a pipeline may have to say some day: not now.
            _ => Err(Fault::Closed),
        }
    }

    fn too_large(&self) -> Fault {
        Fault::TooLarge { limit: self.limit }
    }

    fn fault(&self, why: Unreadable) -> Fault {
        match why {
            Unreadable::TooLarge => self.too_large(),
            Unreadable::Malformed(why) => {
                Fault::Bad(format!("the data is not in the encoding it names: {why}"))
            }
            Unreadable::Broken(why) => Fault::Bad(format!("the body cannot be read: {why}")),
            Unreadable::Stalled => Fault::Stalled,
            Unreadable::Crowded => Fault::Crowded {
                retry_after: match self.when_full {
                    WhenFull::Busy { retry_after } => Some(retry_after),
                    _ => None,
                },
            },
        }
    }
}

/// Why nothing was taken of a request. HTTP and gRPC each have codes of their own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// There is something wrong with it: in words.
    Bad(String),
    /// It is larger than one may be.
    TooLarge { limit: usize },
    /// It stopped coming.
    Stalled,
    /// Too many are being read at once.
    Crowded { retry_after: Option<Duration> },
    /// The queue is full.
    Busy { retry_after: Duration },
    /// Nothing is taken any more.
    Closed,
}

impl Fault {
    fn bad(error: impl fmt::Display) -> Self {
        Self::Bad(error.to_string())
    }

    /// When to come again, for those who may.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Crowded { retry_after } => *retry_after,
            Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => f.write_str(why),
            Self::TooLarge { limit } => write!(f, "a request may hold {limit} bytes, send smaller ones"),
            Self::Stalled => f.write_str("the body stopped coming"),
            Self::Crowded { .. } => f.write_str("too much is being read at once, send less"),
            Self::Busy { .. } => f.write_str("the queue is full"),
            Self::Closed => f.write_str("shutting down"),
        }
    }
}

fn announced(head: &Parts) -> Option<usize> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
