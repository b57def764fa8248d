//! The invocation that goes on, as far as it was told of: by Lambda, by the function, by the platform, in any order.

use crate::{ledger::Usage, proc::Totals};
use std::time::Duration;
use tokio::time::Instant;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Current {
    invocation: Option<Invocation>,
    /// The invocation that was last said to be over, until the machine was told.
    last_over: Option<String>,
    /// What the environment had used when the last invocation was over: while frozen it uses nothing, and reading it
    /// takes time that the beginning of an invocation has not got.
    used: Option<Totals>,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    /// When we heard of it, in Unix time, to compare with the function's clock.
    began: Duration,
    /// No wait lasts longer.
    by: Instant,
    /// Its length is known.
    measured: bool,
    /// It is over.
    ended: bool,
}

impl Current {
    /// One begins: at this Unix time, and nothing of it is waited for longer than this.
    pub(super) fn begins(&mut self, request_id: &str, began: Duration, by: Instant) {
        let request_id = request_id.to_owned();
        self.invocation = Some(Invocation { request_id, began, by, measured: false, ended: false });
    }

    /// From here on what invocations use is measured.
    pub(super) fn measure_usage(&mut self) {
        self.used.get_or_insert_with(Totals::read);
    }

    /// Whether one was begun that nobody has called over.
    pub(super) fn goes_on(&self) -> bool {
        self.invocation.as_ref().is_some_and(|invocation| !invocation.ended)
    }

    /// Until when it is waited for at most.
    pub(super) fn by(&self) -> Option<Instant> {
        self.invocation.as_ref().map(|invocation| invocation.by)
    }

    /// Somebody says that this one is over, which may be another one. What it used, if that is measured and it is the first
    /// word of it.
    pub(super) fn is_over(&mut self, request_id: &str) -> Option<Usage> {
        self.last_over = Some(request_id.to_owned());
        self.over(request_id)
    }

    /// The end of the invocation that goes on, and what it used, once: it may have been told before the invocation was
    /// announced to us.
    pub(super) fn end(&mut self) -> Option<(String, Option<Usage>)> {
        let current = &self.invocation.as_ref()?.request_id;
        let request = self.last_over.take_if(|over| over == current)?;
        let used = self.over(&request);
        Some((request, used))
    }

    /// The one that goes on while everything ends, and what it used.
    pub(super) fn stops(&mut self) -> Option<(String, Option<Usage>)> {
        let request = self.invocation.as_ref().map(|invocation| invocation.request_id.clone())?;
        let used = self.over(&request);
        Some((request, used))
    }

    fn over(&mut self, request_id: &str) -> Option<Usage> {
        let invocation = self.invocation.as_mut().filter(|one| one.request_id == request_id)?;
        if std::mem::replace(&mut invocation.ended, true) {
            return None;
        }
        let before = self.used.as_mut()?;
        let now = Totals::read();
        let used = now.since(before);
        *before = now;
        Some(used)
    }

    /// How long its handler took, from when it began, the first time that this is told of the one that goes on.
    pub(super) fn took(
        &mut self,
        request_id: &str,
        length: impl FnOnce(Duration) -> Option<Duration>,
    ) -> Option<Duration> {
        let invocation = self.invocation.as_mut().filter(|one| one.request_id == request_id)?;
        let length = length(invocation.began).filter(|_| !invocation.measured)?;
        invocation.measured = true;
        Some(length)
    }
}
