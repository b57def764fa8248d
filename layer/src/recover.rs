//! What an extension that was killed left to this one: data that was not delivered, and invocations that it saw begin and
//! not end. They are completed as they would have been then.

use crate::{
    account,
    ledger::{self, Ledger},
    log,
};
use spanlayer_host::{clock, random};
use spanlayer_link::{Decoder, Frame};
use spanlayer_pipeline::Pipeline;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Opens the spool, at once or when `restored` says that no snapshot is made of this process any more.
pub(crate) async fn recover(
    pipeline: Arc<Pipeline>,
    settings: ledger::Settings,
    restored: Option<oneshot::Receiver<()>>,
) {
    if let Some(restored) = restored {
        // Told or dropped: either way it goes on.
        let _ = restored.await;
    }
    let found = pipeline.recover().await;
    let Some((last, _)) = found.notes.last() else { return };
    let frames: Vec<u8> = found.notes.iter().flat_map(|(_, note)| note.iter().copied()).collect();
    conclude(&frames, settings).into_iter().for_each(|ready| account::deliver(ready, &pipeline));
    pipeline.forget_notes(*last);
}

/// What a ledger makes of these frames, if nothing comes after them.
fn conclude(frames: &[u8], settings: ledger::Settings) -> Vec<ledger::Ready> {
    // Whatever Lambda tells from now on is of other invocations.
    let settings = ledger::Settings { logs: None, metrics: None, ..settings };
    let mut ledger = Ledger::new(settings, Box::new(random::bytes));
    let now = clock::unix_nanos();
    let mut decoder = Decoder::new();
    decoder.buffer().extend_from_slice(frames);
    while let Ok(Some(frame)) = decoder.next_frame() {
        match frame {
            Frame::Hello(hello) => ledger.hello(&hello),
            Frame::Started(started) => ledger.started(&started, now),
            Frame::Ended(ended) => ledger.ended(&ended, now),
            Frame::Unfinished(unfinished) => ledger.unfinished(&unfinished, now),
            Frame::Telemetry(..) => {}
        }
    }
    ledger.shutdown("failure", now);
    ledger.close(now);
    let ready = ledger.take(now);
    log::debug("left by an extension that was killed", &[("payloads", &ready.len())]);
    ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    use spanlayer_link::{Ended, Started};

    fn started(id: &str, number: u8) -> Frame {
        Frame::Started(Started {
            request_id: id.to_owned(),
            trace_id: [number; 16],
            span_id: [number; 8],
            flags: 1,
            name: "process orders".to_owned(),
            kind: 2,
            start_unix_nano: 1,
            ..Started::default()
        })
    }

    #[test]
    fn an_invocation_that_began_and_did_not_end_gets_its_span_and_one_that_ended_does_not() {
        let ended =
            Ended { request_id: "first".to_owned(), end_unix_nano: 5, error: false, dropped_spans: 0 };
        let mut frames = Vec::new();
        for frame in [started("first", 1), Frame::Ended(ended), started("second", 2)] {
            frame.encode(&mut frames);
        }
        let ready = conclude(&frames, ledger::Settings::new(false));
        assert_eq!(ready.len(), 1);
        let request = ExportTraceServiceRequest::decode(ready[0].request.clone()).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.len(), 1);
        assert_eq!((&spans[0].span_id[..], &*spans[0].name), (&[2; 8][..], "process orders"));
        assert_eq!(spans[0].status.as_ref().unwrap().code, 2);
    }
}
