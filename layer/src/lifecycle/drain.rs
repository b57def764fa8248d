//! The end, in two phases: nothing new comes in, then everything that is there goes out, by the deadline that Lambda
//! gave. What is left then is lost, and said to be.

use super::exports::InFlight;
use crate::{
    ledger,
    log::{self, Level},
    receive::Intake,
};
use spanlayer_host::{
    panics::{self, caught, planted},
    vars::Process,
};
use spanlayer_pipeline::{Deadline, Lost, Pipeline, Report, Signal, SignalTotals, Stats};
use std::time::Duration;
use tokio::{
    select,
    time::{Instant, sleep, sleep_until},
};

/// Why and by when everything is to be over, and what was under way.
#[derive(Debug)]
pub(crate) struct Stop {
    /// In a word, for the log.
    pub(crate) reason: String,
    /// No wait lasts longer.
    pub(crate) by: Instant,
    /// Lambda tells how invocations end.
    pub(crate) platform: bool,
    /// The exports that were in flight.
    pub(crate) exports: Vec<InFlight>,
    /// How long exports usually take, if any has succeeded.
    pub(crate) usual: Option<Duration>,
}

/// Drains the pipeline and says how that went. Returns how many items were lost at the end: neither delivered nor kept.
pub(crate) async fn drain(stop: Stop, intake: &Intake, pipeline: &Pipeline) -> u64 {
    let began = Instant::now();
    // Whatever that panics about, what was accepted goes out.
    let _ = caught(hear_out(&stop, intake)).await;
    let report = shut_down(&stop, pipeline).await;
    let sum = |left: &[Lost]| left.iter().map(|one| one.items).sum::<u64>();
    // With an environment that goes, its files go.
    let (lost, spooled) = match (sum(&report.lost), sum(&report.spooled)) {
        (lost, spooled) if stop.reason == GOES => (lost + spooled, 0),
        kept => kept,
    };
    let elsewhere = pipeline.stats().letters.elsewhere;
    let Settled { delivered, refused, dead_lettered } = Settled::by(pipeline);
    let dropped = Dropped::by(pipeline);
    let millis = began.elapsed().as_millis();
    let config = intake.account().config();
    let (panics, counts) = (panics::count(), pipeline.counts());
    let counts: Vec<_> = counts.iter().collect();
    let mut fields: Vec<log::Field<'_>> = vec![
        ("reason", &stop.reason),
        ("delivered", &delivered),
        ("refused", &refused),
        ("deadLettered", &dead_lettered),
        ("lettersElsewhere", &elsewhere),
        ("spooled", &spooled),
        ("lost", &lost),
        ("evicted", &dropped.evicted),
        ("turnedAway", &dropped.turned_away),
        ("unrouted", &dropped.unrouted),
        ("filtered", &dropped.filtered),
        ("sampledOut", &dropped.sampled_out),
        ("panics", &panics),
        ("millis", &millis),
    ];
    // Of what there is none without a file, nothing is told.
    fields.extend(counts.iter().map(|(name, times)| (*name, times as &dyn std::fmt::Display)));
    if !config.is_empty() {
        fields.push(("config", &config));
    }
    let cost = cost(&pipeline.stats(), &ledger::service(&Process));
    // Senders in a function are told that it is gone; others come again with it.
    let turned_away = if intake.has_function() { dropped.turned_away } else { 0 };
    if lost + spooled + dead_lettered + refused + dropped.evicted + turned_away > 0 {
        log::last(Level::Error, "shut down before everything was delivered", &fields, &cost);
    } else {
        log::last(Level::Info, "shut down", &fields, &cost);
    }
    lost
}

/// What `spanlayer-cli cost` adds up: what came in and was left out, by signal; what each destination was sent, by signal.
fn cost(stats: &Stats, service: &str) -> String {
    let mut out = r#","service":"#.to_owned();
    log::push_json(&mut out, service);
    out.push_str(r#","signals":{"#);
    for signal in Signal::ALL {
        let SignalTotals { accepted, filtered, sampled_out, .. } = *stats.signal(signal);
        let counts = [("accepted", accepted), ("filtered", filtered), ("sampledOut", sampled_out)];
        push_counts(&mut out, signal, &counts);
    }
    out.push_str(r#"},"destinations":["#);
    for one in stats.destinations.iter().filter(|one| one.traffic.attempts > 0) {
        out.push_str(if out.ends_with('[') { r#"{"name":"# } else { r#",{"name":"# });
        log::push_json(&mut out, &one.name);
        for signal in Signal::ALL {
            let traffic = one.traffic_of(signal);
            let counts = [
                ("delivered", one.signal(signal).delivered),
                ("requests", traffic.attempts),
                ("failed", traffic.failures),
                ("bytes", traffic.bytes),
                ("sent", traffic.compressed_bytes),
            ];
            push_counts(&mut out, signal, &counts);
        }
        out.push('}');
    }
    out.push(']');
    out
}

/// Adds a member with these counts, if there is anything to tell.
fn push_counts(out: &mut String, signal: Signal, counts: &[(&str, u64)]) {
    if counts.iter().all(|(_, count)| *count == 0) {
        return;
    }
    out.push_str(if out.ends_with('{') { "\"" } else { ",\"" });
    out.push_str(signal.name());
    let mut before = r#"":{""#;
    for (name, count) in counts {
        for part in [before, name, "\":", &count.to_string()] {
            out.push_str(part);
        }
        before = ",\"";
    }
    out.push('}');
}

/// Takes in whatever there still is to be taken in.
async fn hear_out(stop: &Stop, intake: &Intake) {
    // The function's last words are in our sockets, or in its journal.
    intake.close();
    // The end can come before anything else has.
    intake.recover().await;
    planted("drain");
    let left = stop.by.saturating_duration_since(Instant::now());
    intake.read_dry(LAST_WORDS.min(left / 4)).await;
    if stop.platform {
        intake.last_word(LATE_WORDS.min(left / 8), left / 4).await;
    }
    intake.conclude_left();
    intake.account().close();
    intake.collect(true);
    intake.decide_all();
    intake.account().report();
    intake.report_strange();
}

/// An export that is in flight when the end comes is waited for: cut off and sent again, it would arrive twice. But
/// one that hangs, because it does so since before a freeze or an outage, would take its data along, so after a while
/// without any progress the rest of the time is given to a fresh attempt. What is in flight when no time is left is
/// written down.
async fn shut_down(stop: &Stop, pipeline: &Pipeline) -> Report {
    let by = Deadline::at(stop.by);
    let end = pipeline.attempts_end(by).instant().and_then(|end| end.checked_sub(MOMENT)).unwrap_or(stop.by);
    let mut shutdown = std::pin::pin!(pipeline.shutdown(by));
    let mut hanging: Vec<&InFlight> = stop.exports.iter().filter(|one| one.hangs).collect();
    let patience = stop.usual.map_or(UNKNOWN, |usual| (usual * 2).max(HANGS));
    let mut settled = Settled::by(pipeline);
    let mut since = Instant::now();
    loop {
        select! {
            // In this order, so that it is not given up unseen what is in flight.
            biased;
            () = sleep_until(end), if !stop.exports.is_empty() => break,
            report = &mut shutdown => return report,
            () = sleep(patience / 8), if !hanging.is_empty() => {
                let now = Settled::by(pipeline);
                if now != settled {
                    (settled, since) = (now, Instant::now());
                } else if since.elapsed() >= patience {
                    abort(hanging.drain(..)).await;
                    pipeline.probe_at_once();
                }
            }
        }
    }
    abort(stop.exports.iter()).await;
    pipeline.give_up(by).await
}

/// Stops exports. What they were about is back in the queue then.
async fn abort(exports: impl Iterator<Item = &InFlight>) {
    for InFlight { task, .. } in exports {
        task.abort();
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

/// Items that were accepted or offered, and that no destination will see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dropped {
    /// Given up to make room.
    evicted: u64,
    /// Not taken for want of room.
    turned_away: u64,
    /// Of a signal that has no destination.
    unrouted: u64,
    /// Left out by a processor.
    filtered: u64,
    /// Left out with their trace.
    sampled_out: u64,
}

impl Dropped {
    fn by(pipeline: &Pipeline) -> Self {
        let stats = pipeline.stats();
        let mut dropped = Self::default();
        for totals in Signal::ALL.map(|signal| *stats.signal(signal)) {
            dropped.evicted += totals.evicted_healthy + totals.evicted_errors;
            dropped.turned_away += totals.turned_away;
            dropped.unrouted += totals.unrouted;
            dropped.filtered += totals.filtered;
            dropped.sampled_out += totals.sampled_out;
        }
        dropped
    }
}

/// Items that left the pipeline, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settled {
    delivered: u64,
    refused: u64,
    dead_lettered: u64,
}

impl Settled {
    fn by(pipeline: &Pipeline) -> Self {
        let mut settled = Self::default();
        for one in pipeline.stats().destinations {
            for totals in Signal::ALL.map(|signal| *one.signal(signal)) {
                settled.delivered += totals.delivered;
                settled.refused += totals.rejected + totals.refused;
                settled.dead_lettered += totals.dead_lettered;
            }
        }
        settled
    }
}

/// Lambda's word for the end of an environment that is not needed any more; after a failure `/tmp` stays.
const GOES: &str = "spindown";

/// How long a request that is half read at the end is waited for.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long the platform's last report is waited for. It comes within a few milliseconds, or not at all, but behind
/// whatever else the platform has to say, which after a flood of lines takes longer.
const LATE_WORDS: Duration = Duration::from_millis(40);

/// Half a second without an answer is a hanging destination, unless it usually takes that long,
const HANGS: Duration = Duration::from_millis(500);

/// or was never seen to answer: then it gets half of what Lambda leaves.
const UNKNOWN: Duration = Duration::from_secs(1);

/// So long before the last attempt may end, what is in flight is given up.
const MOMENT: Duration = Duration::from_millis(10);
