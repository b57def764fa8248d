//! What the next process is told of outages, in a file beside the spool: which destinations fail, so that a process that is
//! restarted in the midst of an outage does not wait for them again, and finds out by a probe that nobody waits for.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spanlayer_host::clock;

use super::Pipeline;

/// What was written last, so that nothing is written while nothing changes.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Destinations that are not waited for any longer, though their circuits are closed, and since when in Unix time.
    suspects: BTreeMap<usize, Duration>,
    written: String,
}

impl Outages {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// A destination (by its place in the settings) is not waited for any longer, for want of any answer. This changes nothing
    /// now; a process that comes after this one, and [recovers](Self::recover) its spool within minutes, holds the
    /// destination to be failing until a probe says otherwise. A delivery takes it back.
    pub fn suspect(&self, destination: usize) {
        self.outages.state().suspects.insert(destination, clock::unix());
        self.remember_outages();
    }

    /// What was delivered speaks for a destination.
    pub(super) fn vouch(&self, destination: usize) {
        self.outages.state().suspects.remove(&destination);
    }

    /// Writes down which destinations fail, if that has changed.
    pub(super) fn remember_outages(&self) {
        let mut state = self.outages.state();
        let is_fine = self.lanes().iter().all(|lane| !lane.circuit.is_open()) && state.suspects.is_empty();
        if is_fine && state.written.is_empty() {
            return;
        }
        let Some(path) = self.outages_file() else { return };
        let mut text = String::new();
        for (number, (lane, id)) in self.lanes().iter().zip(self.lane_ids()).enumerate() {
            let outage = lane.circuit.outage();
            let suspected = state.suspects.get(&number).map(|since| (*since, Duration::ZERO));
            if let Some((until, wait)) = outage.or(suspected) {
                let name = id.name.replace(['\n', '\t'], " ");
                text.push_str(&format!("{}\t{}\t{name}\n", until.as_millis(), wait.as_millis()));
            }
        }
        if text == state.written {
            return;
        }
        // It saves a second, once: where it cannot be written there is nothing to say.
        let _ = if text.is_empty() { fs::remove_file(&path) } else { fs::write(&path, &text) };
        state.written = text;
    }

    /// Takes up what an earlier process wrote, if that was just now.
    pub(super) fn recall_outages(&self) {
        let Some(path) = self.outages_file() else { return };
        let Ok(text) = fs::read_to_string(&path) else { return };
        for (lane, id) in self.lanes().iter().zip(self.lane_ids()) {
            let name = id.name.replace(['\n', '\t'], " ");
            let outage = text.lines().filter_map(parse).find(|(.., named)| *named == name);
            if let Some((until, wait, _)) = outage.filter(|(until, ..)| clock::unix() <= *until + BRIEFLY) {
                lane.circuit.resume(until, wait);
            }
        }
        self.outages.state().written = text;
        self.remember_outages();
    }

    fn outages_file(&self) -> Option<PathBuf> {
        let spool = self.spool.as_ref()?;
        self.opened.get()?.as_ref()?;
        Some(spool.directory.join("outages"))
    }
}

/// Until when, how long each time, who.
fn parse(line: &str) -> Option<(Duration, Duration, &str)> {
    let mut fields = line.splitn(3, '\t');
    let mut millis = || fields.next()?.parse().ok().map(Duration::from_millis);
    Some((millis()?, millis()?, fields.next()?))
}

/// An outage that was last heard of longer ago may well be over.
const BRIEFLY: Duration = Duration::from_secs(300);
