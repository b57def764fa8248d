//! The listener for Lambda's Telemetry API. Whatever comes is answered 200: Lambda repeats what is refused, and there
//! is next to nothing that it could do better the second time.

use super::{
    Intake, RuntimeDone, Signal,
    body::{ContentEncoding, Source, Unreadable},
    reply::Reply,
    room::Room,
};
use crate::{
    ledger::platform::{self, Event, Status},
    log,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_ENCODING};
use hyper::body::Body;
use std::{error::Error, time::Duration};

/// What takes in what Lambda tells.
#[derive(Debug)]
pub struct Platform {
    /// Who wants to know.
    pub intake: Intake,
    /// What requests are read into.
    pub room: Room,
}

impl Platform {
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Reply>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Error + 'static,
    {
        let _reading = self.intake.begin();
        let (head, body) = request.into_parts();
        let encoding =
            ContentEncoding::parse(head.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()));
        let encoding = encoding.unwrap_or(ContentEncoding::Identity);
        let mut share = self.room.share();
        let mut response = Response::new(Reply::default());
        match Source::new(body).read(None, encoding, LIMIT, &mut share).await {
            Ok(batch) => take(&batch, &self.intake),
            // The one thing that may be better the second time.
            Err(Unreadable::Crowded) => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
            Err(why) => log::debug("a telemetry batch could not be read", &[("error", &format!("{why:?}"))]),
        }
        response
    }
}

fn take(batch: &[u8], intake: &Intake) {
    let (skipped, wrong) = intake.account().note(|ledger, now| {
        platform::parse(batch, |told| {
            ledger.platform(&told, now);
            if let Event::RuntimeDone(done) = told.event {
                intake.tell(Signal::RuntimeDone(RuntimeDone {
                    request_id: done.request_id,
                    success: done.outcome.status == Status::Success,
                    duration: done.outcome.duration.map(Duration::from_nanos),
                }));
            }
        })
    });
    if let Some(error) = wrong {
        log::debug("a telemetry batch breaks off", &[("error", &error), ("skipped", &skipped)]);
    }
    intake.told();
}

/// Twice the most that may be subscribed to (1 MiB), and then as much again.
const LIMIT: usize = 4 << 20;
