//! The listener for Lambda's Telemetry API. Whatever comes is answered 200: Lambda repeats what is refused, and there
//! is nothing that it could do better the second time.

use super::{
    Bound, Intake, RuntimeDone, Signal,
    body::{self, ContentEncoding},
    http::serve,
};
use crate::{
    ledger::platform::{self, Event, Status},
    log,
};
use bytes::Bytes;
use http::{Request, Response, header::CONTENT_ENCODING};
use http_body_util::Full;
use hyper::body::Body;
use std::time::Duration;
use tokio::sync::oneshot;

/// Answers requests for as long as the process lives, from the moment on that `opened` is told (or given up).
///
/// Until Lambda has something for us to do, what it tells of our own start waits in the socket: reading it would take
/// the processor from the function's init, a quarter of a millisecond that is 4 ms with 7 % of a core.
pub(crate) async fn serve_platform(bound: Bound, intake: Intake, opened: oneshot::Receiver<()>) {
    // Given up is as good as told: somebody wants to know.
    let _ = opened.await;
    serve(bound, move |request| {
        let intake = intake.clone();
        async move { answer(request, &intake).await }
    })
    .await;
}

async fn answer<B: Body<Data = Bytes> + Unpin>(
    request: Request<B>,
    intake: &Intake,
) -> Response<Full<Bytes>> {
    let _reading = intake.begin();
    let (head, body) = request.into_parts();
    let encoding = ContentEncoding::parse(head.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()));
    match body::read(body, encoding.unwrap_or(ContentEncoding::Identity), LIMIT).await {
        Ok(batch) => take(&batch, intake),
        Err(why) => log::debug("a telemetry batch could not be read", &[("error", &format!("{why:?}"))]),
    }
    Response::new(Full::default())
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
