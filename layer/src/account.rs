//! The ledger at work: told by every receiver, emptied into the pipeline when the lifecycle says so.
//!
//! It is made when something is first told, so that it costs the start nothing; and it is given a resource when it is
//! first emptied, since `service.instance.id` must not be made before a snapshot of this process is.

use crate::{
    config::View,
    ledger::{Ledger, Ready, Settings, Temporality},
    log,
    own::Own,
};
use bytes::Bytes;
use spanlayer_config::{Course, Source};
use spanlayer_host::{clock, random};
use spanlayer_pipeline::{Admission, Payload, Pipeline, Signal};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is known of the invocations of this environment. Clones share it.
#[derive(Clone)]
pub struct Account(Arc<Mutex<State>>);

/// Makes the resource of a function that does not tell its own, given this environment's id.
pub type Describe = Box<dyn Fn(&str) -> Vec<u8> + Send>;

struct State {
    settings: Settings,
    ledger: Option<Ledger>,
    /// Until the resource is made.
    describe: Option<Describe>,
    /// Something was told since it was last emptied.
    news: bool,
    own: Own,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.state().ledger).finish()
    }
}

impl Account {
    /// An account with nothing in it.
    pub fn new(settings: Settings, describe: Describe) -> Self {
        let (describe, own) = (Some(describe), Own::default());
        Self(Arc::new(Mutex::new(State { settings, ledger: None, describe, news: false, own })))
    }

    /// The same, with the pipeline's own metrics beside those of invocations.
    pub(crate) fn with_own_metrics(self, temporality: Option<Temporality>) -> Self {
        self.state().own.temporality = temporality;
        self
    }

    /// Tells the ledger something. The second argument is the time, in Unix nanoseconds.
    pub(crate) fn note<T>(&self, what: impl FnOnce(&mut Ledger, u64) -> T) -> T {
        let mut state = self.state();
        state.news = true;
        let State { settings, ledger, .. } = &mut *state;
        let ledger = ledger.get_or_insert_with(|| Ledger::new(settings.clone(), Box::new(random::bytes)));
        what(ledger, clock::unix_nanos())
    }

    /// What is wanted of it from here on.
    pub(crate) fn follow(&self, view: &View, config: &str) {
        let mut state = self.state();
        state.settings.follow(view, config);
        state.own.temporality = view.own_metrics;
        if let Some(ledger) = &mut state.ledger {
            ledger.follow(view, config);
        }
    }

    /// The fingerprint of the pipeline file that counts.
    pub(crate) fn config(&self) -> String {
        self.state().settings.config.clone()
    }

    /// What was told until `before`, in Unix nanoseconds, is all that there is of it.
    pub(crate) fn settle(&self, before: u64) {
        if let Some(ledger) = &mut self.state().ledger {
            ledger.settle(before);
        }
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        if let Some(ledger) = &mut self.state().ledger {
            ledger.close(clock::unix_nanos());
        }
    }

    /// Whether the platform owes a word about the last invocation.
    pub(crate) fn awaits_report(&self) -> bool {
        self.state().ledger.as_ref().is_some_and(Ledger::awaits_report)
    }

    /// Whether emptying it may bring something.
    pub(crate) fn has_news(&self) -> bool {
        let state = self.state();
        state.ledger.as_ref().is_some_and(|ledger| state.news || ledger.is_waiting())
    }

    /// Whether more lies ready than should.
    pub(crate) fn is_full(&self) -> bool {
        self.state().ledger.as_ref().is_some_and(|ledger| ledger.ready_bytes() >= FULL)
    }

    /// Hands over spans and log records.
    pub(crate) fn empty_into(&self, pipeline: &Pipeline, flow: &Course) {
        let mut state = self.state();
        state.news = false;
        if let Some(ledger) = state.described() {
            let ready = ledger.take(clock::unix_nanos());
            drop(state);
            ready.into_iter().for_each(|ready| deliver(ready, Source::Platform, pipeline, flow));
        }
    }

    /// Hands over metrics.
    pub(crate) fn measure_into(&self, pipeline: &Pipeline, flow: &Course) {
        // Not beyond this line is the state held, that is asked for again below.
        let ready = self.state().described().map(|ledger| ledger.take_metrics(clock::unix_nanos()));
        for ready in ready.into_iter().flatten() {
            deliver(ready, Source::Platform, pipeline, flow);
        }
        self.tell_of_us(pipeline, flow);
    }

    /// Hands over what the pipeline has counted. Where metrics of invocations go nowhere, that is where the function's go.
    fn tell_of_us(&self, pipeline: &Pipeline, flow: &Course) {
        let mut state = self.state();
        let config = state.settings.config.clone();
        let Some(resource) = state.described().map(|ledger| ledger.own_resource()) else { return };
        let Some(request) = state.own.take(pipeline, &resource, &config) else { return };
        drop(state);
        let platform = flow.takes(pipeline, Source::Platform, Signal::Metrics);
        let source = if platform { Source::Platform } else { Source::Function };
        deliver(Ready { signal: Signal::Metrics, request }, source, pipeline, flow);
        self.state().own.is_told(pipeline);
    }

    /// Says what there was no room for.
    pub(crate) fn report(&self) {
        let Some(stats) = self.state().ledger.as_ref().map(Ledger::stats) else { return };
        if stats.spans_dropped + stats.logs_dropped > 0 {
            log::error(
                "there was no room for everything that the platform told",
                &[("spans", &stats.spans_dropped), ("logs", &stats.logs_dropped)],
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in there leaves at worst something untold.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The ledger, if anything was ever told, with its resource.
    fn described(&mut self) -> Option<&mut Ledger> {
        let ledger = self.ledger.as_mut()?;
        if let Some(describe) = self.describe.take() {
            ledger.describe(Bytes::from(describe(&uuid(random::bytes()))));
        }
        Some(ledger)
    }
}

fn deliver(Ready { signal, request }: Ready, source: Source, pipeline: &Pipeline, flow: &Course) {
    if !flow.takes(pipeline, source, signal) {
        return;
    }
    match Payload::scan(signal, request) {
        Ok(payload) => match flow.accept(pipeline, source, payload) {
            Admission::Accepted => {}
            // The pipeline counts and reports what it drops.
            refused => log::debug("not taken from the ledger", &[("why", &format!("{refused:?}"))]),
        },
        // Open spans are passed on as the function wrote them.
        Err(error) => log::warn("a malformed payload, dropped", &[("error", &error)]),
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    out
}

/// In bytes. What lies here is not yet defended by the pipeline's bounds and priorities.
const FULL: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
