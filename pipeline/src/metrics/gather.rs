//! Where the figures come from: queue, lanes, meters, the door, the spool, dead letters, and the machine.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use spanlayer_host::{clock, process};
use spanlayer_otlp::Signal;

use super::{
    Attributes, Metric, Snapshot,
    Text::{self, Integer},
    Value, attributes,
};
use crate::{Code, DestinationTotals, Ending, LetterFigures, Pipeline, SignalTotals, Stats, lane::Lane};

impl Pipeline {
    /// What it has counted and holds, as [metrics](crate::metrics). Takes the queue's lock for a moment.
    pub fn metrics(&self) -> Snapshot {
        let (since, at) = (self.began(), clock::unix_nanos());
        let mut all = Snapshot::begin(since, at);
        for (place, lane) in self.lanes().iter().enumerate() {
            all.lane(lane, &name(self.lanes(), place));
        }
        let whole = Arc::default();
        let (held, capacity) = self.bounds();
        all.add(Metric::Held, &whole, &[], Value::Whole(held as u64));
        all.add(Metric::Capacity, &whole, &[], Value::Whole(capacity as u64));
        all.door(&whole, self, &self.stats());
        all.machine(&whole);
        all.add(Metric::Uptime, &whole, &[], Value::Real(at.saturating_sub(since) as f64 / 1e9));
        let version = ("spanlayer.version", Text::Text(env!("CARGO_PKG_VERSION")));
        all.add(Metric::Info, &whole, &[version], Value::Whole(1));
        all
    }
}

/// A destination's name; one that another before it has too is told apart by its place.
fn name(lanes: &[Lane], place: usize) -> Arc<str> {
    let name = &lanes[place].name;
    match lanes[..place].iter().any(|other| other.name == *name) {
        true => format!("{name}/{place}").into(),
        false => Arc::clone(name),
    }
}

impl Snapshot {
    fn lane(&mut self, lane: &Lane, name: &str) {
        let (held, totals) = (lane.held(), lane.totals());
        let named = Arc::new(attributes(&[(COMPONENT, Text::Text(name))]));
        self.add(Metric::Breaker, &named, &[], Value::Whole(lane.circuit.is_open().into()));
        let age = held.oldest.map_or(0.0, |oldest| oldest.elapsed().as_secs_f64());
        self.add(Metric::Age, &named, &[], Value::Real(age));
        if let expires @ 1.. = lane.expires.load(Relaxed) {
            self.add(Metric::Expiry, &named, &[], Value::Real(expires as f64 - self.at as f64 / 1e9));
        }
        for signal in Signal::ALL.into_iter().filter(|signal| lane.signals.contains(signal)) {
            let exporter = exporter(lane, name, signal);
            self.items(&exporter, name, signal, &totals[signal as usize], held.out[signal as usize]);
            self.requests(lane, &exporter, signal);
        }
    }

    fn items(
        &mut self,
        exporter: &Arc<Attributes>,
        name: &str,
        signal: Signal,
        totals: &DestinationTotals,
        out: usize,
    ) {
        let kind = match signal {
            Signal::Traces => "batching_span_processor",
            Signal::Metrics => "batching_metric_processor",
            Signal::Logs => "batching_log_processor",
        };
        let queue = Arc::new(attributes(&[(KIND, Text::Text(kind)), (COMPONENT, Text::Text(name))]));
        let DestinationTotals { accepted, delivered, rejected, refused, dead_lettered, evicted } = *totals;
        let handed_on = delivered + rejected + refused + dead_lettered;
        for (metric, of, error, count) in [
            (Metric::Exported, exporter, "", delivered),
            (Metric::Exported, exporter, "rejected", rejected),
            (Metric::Exported, exporter, "refused", refused + dead_lettered),
            (Metric::InFlight, exporter, "", out as u64),
            (Metric::QueueSize, &queue, "", accepted.saturating_sub(handed_on + evicted)),
            (Metric::Processed, &queue, "", handed_on),
            (Metric::Processed, &queue, "queue_full", evicted),
        ] {
            let told = [(ERROR, Text::Text(error))];
            let told = if error.is_empty() { &[][..] } else { &told };
            self.put(metric as usize + signal as usize, of, told, Value::Whole(count));
        }
        self.add(Metric::DeadLettered, exporter, &[], Value::Whole(dead_lettered));
    }

    fn requests(&mut self, lane: &Lane, exporter: &Arc<Attributes>, signal: Signal) {
        let traffic = lane.meter.by_signal()[signal as usize];
        let measured = lane.meter.measured(signal);
        let mut turned_away = 0;
        for (ending, times) in measured.attempts {
            turned_away += if ending.is_of_authentication() { times } else { 0 };
            self.ended(Metric::Attempts, exporter, ending, Value::Whole(times));
        }
        for (ending, took) in measured.operations {
            self.ended(Metric::Duration, exporter, ending, Value::Histogram(took.into()));
        }
        let sizes = measured.sizes.map(|sizes| (Metric::BatchSize, Value::Histogram(sizes.into())));
        let skew = measured.skew.map(|skew| (Metric::Skew, Value::Real(skew as f64)));
        let counts = [
            (Metric::Retries, traffic.retries),
            (Metric::Resends, traffic.resends),
            (Metric::Authentication, turned_away),
            (Metric::Uncompressed, traffic.bytes),
            (Metric::Compressed, traffic.compressed_bytes),
        ];
        let counts = counts.map(|(metric, count)| (metric, Value::Whole(count)));
        for (metric, value) in counts.into_iter().chain(sizes).chain(skew) {
            self.add(metric, exporter, &[], value);
        }
    }

    fn ended(&mut self, metric: Metric, exporter: &Arc<Attributes>, ending: Ending, value: Value) {
        let (code, error) = (ending.code.map(Code::name), ending.error_type());
        let code = ending.code.zip(code.as_ref()).map(|(code, name)| match code {
            Code::Http(code) => ("http.response.status_code", Integer(code.into())),
            Code::Rpc(_) => ("rpc.status_code", Text::Text(name)),
        });
        let error = error.as_ref().map(|error| (ERROR, Text::Text(error)));
        let more: Vec<_> = code.into_iter().chain(error).collect();
        self.add(metric, exporter, &more, value);
    }

    fn door(&mut self, whole: &Arc<Attributes>, pipeline: &Pipeline, stats: &Stats) {
        for signal in Signal::ALL {
            let of = Arc::new(attributes(&[("spanlayer.signal", Text::Text(signal.name()))]));
            let totals: SignalTotals = *stats.signal(signal);
            let dropped = [
                ("queue_full", totals.turned_away),
                ("evicted_healthy", totals.evicted_healthy),
                ("evicted_errors", totals.evicted_errors),
                ("unrouted", totals.unrouted),
                ("filtered", totals.filtered),
                ("sampled_out", totals.sampled_out),
            ];
            self.by(Metric::Dropped, &of, "spanlayer.drop.reason", &mut dropped.into_iter());
            for sender in pipeline.senders() {
                let volume = *sender.volume(signal);
                let by = [("service.name", Text::Text(&sender.service))];
                if volume.bytes > 0 {
                    self.add(Metric::Received, &of, &by, Value::Whole(volume.items));
                    self.add(Metric::ReceivedSize, &of, &by, Value::Whole(volume.bytes));
                }
            }
        }
        let LetterFigures { kept, elsewhere, lost, .. } = stats.letters;
        let letters = [("kept", kept.saturating_sub(elsewhere)), ("elsewhere", elsewhere), ("lost", lost)];
        self.by(Metric::Letters, whole, "spanlayer.letter.outcome", &mut letters.into_iter());
        let redacted = pipeline.redacted();
        let deleted = Some(("deleted", redacted.deleted)).filter(|(_, times)| *times > 0);
        let mut rules = redacted.counts().chain(deleted);
        self.by(Metric::Redacted, whole, "spanlayer.redaction.rule", &mut rules);
        self.by(Metric::Changes, whole, "spanlayer.processor.change", &mut pipeline.counts().iter());
        if let Some(spool) = stats.spool {
            for (metric, count) in [
                (Metric::Spool, spool.bytes),
                (Metric::Unspooled, spool.unspooled),
                (Metric::Recovered, spool.recovered),
                (Metric::Damaged, spool.damaged),
            ] {
                self.add(metric, whole, &[], Value::Whole(count));
            }
        }
    }

    fn by(
        &mut self,
        metric: Metric,
        of: &Arc<Attributes>,
        key: &'static str,
        counts: &mut dyn Iterator<Item = (&'static str, u64)>,
    ) {
        for (word, count) in counts {
            self.add(metric, of, &[(key, Text::Text(word))], Value::Whole(count));
        }
    }

    fn machine(&mut self, whole: &Arc<Attributes>) {
        let used = process::used();
        if let Some((user, system)) = used.cpu {
            for (mode, time) in [("user", user), ("system", system)] {
                let mode = [("cpu.mode", Text::Text(mode))];
                self.add(Metric::Cpu, whole, &mode, Value::Real(time.as_secs_f64()));
            }
        }
        if let Some(memory) = used.memory {
            self.add(Metric::Memory, whole, &[], Value::Whole(memory));
        }
    }
}

/// The conventions' attributes of an exporter.
fn exporter(lane: &Lane, name: &str, signal: Signal) -> Arc<Attributes> {
    let what = match signal {
        Signal::Traces => "_span_exporter",
        Signal::Metrics => "_metric_exporter",
        Signal::Logs => "_log_exporter",
    };
    let kind = lane.speaks.to_owned() + what;
    let mut list = vec![(KIND, Text::Text(&kind)), (COMPONENT, Text::Text(name))];
    if let Some((host, port)) = &lane.servers[signal as usize] {
        list.extend([("server.address", Text::Text(host)), ("server.port", Integer((*port).into()))]);
    }
    Arc::new(attributes(&list))
}

const KIND: &str = "otel.component.type";
const COMPONENT: &str = "otel.component.name";
const ERROR: &str = "error.type";
