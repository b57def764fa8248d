//! What a function's extension and the program beside Lambda have in common: a pipeline, the way in, and who is told.

use crate::{
    account::Account,
    config::Config,
    log::{self, Level},
    receive::{Intake, Otlp, Room, Signal},
};
use spanlayer_host::panics;
use spanlayer_pipeline::{Notice, Pipeline};
use std::{pin::Pin, sync::Arc};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Stages put together, and nothing running.
#[derive(Debug)]
pub(crate) struct Wiring {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) intake: Intake,
    pub(crate) signals: UnboundedReceiver<Signal>,
}

impl Wiring {
    /// As the settings say; what is told of invocations goes to `account`.
    pub(crate) fn of(config: &mut Config, account: Account) -> Self {
        config.pipeline.observer = Some(Arc::new(notice));
        let pipeline = Arc::new(Pipeline::new(config.pipeline.clone()));
        let (sender, signals) = unbounded_channel();
        let intake = Intake::new(Arc::clone(&pipeline), Arc::clone(&config.flow), account, sender)
            .told_by(config.remote.clone());
        Self { pipeline, intake, signals }
    }
}

/// What OTLP is received by, and the room that it and others read into.
pub(crate) fn otlp(intake: Intake, config: &Config) -> (Arc<Otlp>, Room) {
    let limit = MAX_BODY.min(config.queue_bytes);
    // The largest request, and as much again: what it unfolds by, or others meanwhile.
    let room = Room::new(limit.saturating_mul(2));
    let when_full = config.pipeline.when_full;
    (Arc::new(Otlp { intake, room: room.clone(), limit, when_full }), room)
}

/// Has panics told. The task that one was in is begun anew, or what it was about is given up.
pub(crate) fn tell_panics() {
    panics::watch(|words, place| log::error("panicked, going on", &[("error", &words), ("place", &place)]));
}

/// The pipeline's turning points, for the log.
fn notice(notice: Notice<'_>) {
    match notice {
        _ if notice.is_loss() => log::error(&notice.to_string(), &[]),
        Notice::FirstDelivery { .. } | Notice::Recovered { .. } => {
            log::always(Level::Info, &notice.to_string(), &[]);
        }
        _ => log::warn(&notice.to_string(), &[]),
    }
}

/// A future on the heap, made in a frame of its own. All that an asynchronous function awaits is part of its own state
/// otherwise, and the stack for the largest of it is touched, page by page, before the first instruction: 17 pages at
/// every start, most of them for the end.
#[inline(never)]
pub(crate) fn apart<'a, F: Future + 'a>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = F::Output> + 'a>> {
    Box::pin(make())
}

/// The OTLP specification's recommendation for what a request may hold, decoded.
const MAX_BODY: usize = 64 << 20;
