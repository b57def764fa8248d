//! What goes into the metrics of an invocation, once each.

use super::{
    super::{
        Usage,
        invocation::Invocation,
        metrics::{Metric, OTHER},
        platform::Status,
    },
    Desk,
};

impl Desk {
    /// Counts how an invocation ended: by the platform's word; by the function's own where the platform says nothing.
    pub(super) fn count(&mut self, invocation: &mut Invocation, last_word: bool) {
        let answer = || invocation.answer().filter(|_| last_word || !self.informed);
        let Some(outcome) = invocation.outcome().or_else(answer) else {
            // Nobody knows, and nobody will.
            invocation.concluded.outcome = last_word;
            return;
        };
        invocation.concluded.outcome = true;
        if !invocation.has_begun() {
            // The end of one that another process saw.
            return;
        }
        let Some(metrics) = &mut self.metrics else { return };
        let trigger = invocation.trigger.as_deref().unwrap_or(OTHER);
        metrics.count(
            match outcome.status {
                Status::Success | Status::Unknown => Metric::Invocations,
                Status::Error | Status::Failure => Metric::Errors,
                Status::Timeout => Metric::Timeouts,
            },
            trigger,
        );
        let measured = outcome.duration.or_else(|| invocation.answered_in());
        let duration = measured.or_else(|| {
            let began = invocation.began()?;
            Some(invocation.finished(began) - began)
        });
        metrics.duration(Metric::InvokeDuration, trigger, duration);
    }

    /// Counts what an invocation cost, once it was counted itself.
    pub(super) fn count_cost(&mut self, invocation: &mut Invocation) {
        let Some((_, report)) = invocation.report.as_ref().filter(|_| invocation.concluded.outcome) else {
            return;
        };
        let Some(metrics) = self.metrics.as_mut().filter(|_| invocation.has_begun()) else { return };
        if std::mem::replace(&mut invocation.concluded.cost, true) {
            return;
        }
        let trigger = invocation.trigger.as_deref().unwrap_or(OTHER);
        if let Some(used) = report.used {
            metrics.record(Metric::MemoryUsage, trigger, used as f64);
        }
        metrics.duration(Metric::BilledDuration, trigger, report.billed);
        let after = report.parts.extension_overhead.or_else(|| {
            let (_, done) = invocation.done.as_ref()?;
            report.outcome.duration?.checked_sub(done.outcome.duration?)
        });
        metrics.duration(Metric::PostRuntimeDuration, trigger, after);
    }

    /// Takes in what was measured from outside.
    pub(in crate::ledger) fn used(&mut self, invocation: Option<&Invocation>, usage: Usage) {
        let Some(metrics) = &mut self.metrics else { return };
        let trigger = invocation.and_then(|one| one.trigger.as_deref()).unwrap_or(OTHER);
        if let Some(seconds) = usage.cpu_seconds {
            metrics.record(Metric::CpuUsage, trigger, seconds);
        }
        if let Some(bytes) = usage.network_bytes {
            metrics.record(Metric::NetworkIo, trigger, bytes as f64);
        }
    }
}
