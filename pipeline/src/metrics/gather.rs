//! Where the figures come from: queue, lanes, meters, the door, the spool, dead letters, and the machine.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use spanlayer_host::{clock, process};
use spanlayer_otlp::Signal;

use super::{Attribute, Attributes, Metric, Snapshot, Value};
use crate::{Code, DestinationTotals, Ending, LetterFigures, Pipeline, SignalTotals, Stats, lane::Lane};

impl Pipeline {
    /// What it has counted and holds, as [metrics](crate::metrics). Takes the queue's lock for a moment.
    pub fn metrics(&self) -> Snapshot {
        let (since, at) = (self.began(), clock::unix_nanos());
        let mut all = Snapshot::begin(since, at);
        for (place, lane) in self.lanes().iter().enumerate() {
            all.lane(lane, &name(self.lanes(), place), at);
        }
        let (held, capacity) = self.bounds();
        all.add(Metric::Held, vec![], whole(held));
        all.add(Metric::Capacity, vec![], whole(capacity));
        all.door(self, &self.stats());
        all.machine();
        all.add(Metric::Uptime, vec![], Value::Real(at.saturating_sub(since) as f64 / 1e9));
        let version = vec![("spanlayer.version", Attribute::Word(env!("CARGO_PKG_VERSION")))];
        all.add(Metric::Info, version, Value::Whole(1));
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
    fn lane(&mut self, lane: &Lane, name: &Arc<str>, at: u64) {
        let (held, totals) = (lane.held(), lane.stats());
        let named = || vec![(COMPONENT, Attribute::Text(Arc::clone(name)))];
        self.add(Metric::Breaker, named(), Value::Whole(lane.circuit.is_open().into()));
        let age = held.oldest.map_or(0.0, |oldest| oldest.elapsed().as_secs_f64());
        self.add(Metric::Age, named(), Value::Real(age));
        if let expires @ 1.. = lane.expires.load(Relaxed) {
            self.add(Metric::Expiry, named(), Value::Real(expires as f64 - at as f64 / 1e9));
        }
        for signal in Signal::ALL.into_iter().filter(|signal| lane.signals.contains(signal)) {
            let exporter = exporter(lane, name, signal);
            self.items(&exporter, name, signal, totals.signal(signal), held.out[signal as usize]);
            self.requests(lane, &exporter, signal);
        }
    }

    fn items(
        &mut self,
        exporter: &Attributes,
        name: &Arc<str>,
        signal: Signal,
        totals: &DestinationTotals,
        out: usize,
    ) {
        let DestinationTotals { accepted, delivered, rejected, refused, dead_lettered, evicted } = *totals;
        let handed_on = delivered + rejected + refused + dead_lettered;
        let number = signal as usize;
        let error = |of: &Attributes, word| with(of, (ERROR, Attribute::Word(word)));
        let exported = Metric::Exported as usize + number;
        self.put(exported, exporter.clone(), Value::Whole(delivered));
        self.put(exported, error(exporter, "rejected"), Value::Whole(rejected));
        self.put(exported, error(exporter, "refused"), Value::Whole(refused + dead_lettered));
        self.put(Metric::InFlight as usize + number, exporter.clone(), whole(out));
        self.add(Metric::DeadLettered, exporter.clone(), Value::Whole(dead_lettered));
        let kind = match signal {
            Signal::Traces => "batching_span_processor",
            Signal::Metrics => "batching_metric_processor",
            Signal::Logs => "batching_log_processor",
        };
        let queue = vec![(KIND, Attribute::Word(kind)), (COMPONENT, Attribute::Text(Arc::clone(name)))];
        let queued = accepted.saturating_sub(handed_on + evicted);
        let processed = Metric::Processed as usize + number;
        self.put(processed, queue.clone(), Value::Whole(handed_on));
        self.put(processed, error(&queue, "queue_full"), Value::Whole(evicted));
        self.put(Metric::QueueSize as usize + number, queue, Value::Whole(queued));
    }

    fn requests(&mut self, lane: &Lane, exporter: &Attributes, signal: Signal) {
        let traffic = lane.meter.by_signal()[signal as usize];
        let measured = lane.meter.measured(signal);
        let mut turned_away = 0;
        for (ending, times) in measured.attempts {
            turned_away += if ending.is_of_authentication() { times } else { 0 };
            self.add(Metric::Attempts, ended(exporter, ending), Value::Whole(times));
        }
        for (ending, took) in measured.operations {
            self.add(Metric::Duration, ended(exporter, ending), Value::Histogram(took));
        }
        if let Some(sizes) = measured.sizes {
            self.add(Metric::BatchSize, exporter.clone(), Value::Histogram(sizes));
        }
        if let Some(skew) = measured.skew {
            self.add(Metric::Skew, exporter.clone(), Value::Real(skew as f64));
        }
        for (metric, count) in [
            (Metric::Retries, traffic.retries),
            (Metric::Resends, traffic.resends),
            (Metric::Authentication, turned_away),
            (Metric::Uncompressed, traffic.bytes),
            (Metric::Compressed, traffic.compressed_bytes),
        ] {
            self.add(metric, exporter.clone(), Value::Whole(count));
        }
    }

    fn door(&mut self, pipeline: &Pipeline, stats: &Stats) {
        for signal in Signal::ALL {
            let of = (SIGNAL, Attribute::Word(signal.name()));
            let SignalTotals {
                accepted: _,
                turned_away,
                evicted_healthy,
                evicted_errors,
                sampled_out,
                filtered,
                unrouted,
            } = *stats.signal(signal);
            for (reason, count) in [
                ("queue_full", turned_away),
                ("evicted_healthy", evicted_healthy),
                ("evicted_errors", evicted_errors),
                ("unrouted", unrouted),
                ("filtered", filtered),
                ("sampled_out", sampled_out),
            ] {
                let dropped = vec![of.clone(), ("spanlayer.drop.reason", Attribute::Word(reason))];
                self.add(Metric::Dropped, dropped, Value::Whole(count));
            }
            for sender in pipeline.senders() {
                let volume = *sender.volume(signal);
                let by = vec![of.clone(), ("service.name", Attribute::Text(sender.service))];
                if volume.bytes > 0 {
                    self.add(Metric::Received, by.clone(), Value::Whole(volume.items));
                    self.add(Metric::ReceivedSize, by, Value::Whole(volume.bytes));
                }
            }
        }
        let LetterFigures { kept, elsewhere, lost, .. } = stats.letters;
        let letters = [("kept", kept.saturating_sub(elsewhere)), ("elsewhere", elsewhere), ("lost", lost)];
        self.by(Metric::Letters, "spanlayer.letter.outcome", letters);
        let redacted = pipeline.redacted();
        let deleted = Some(("deleted", redacted.deleted)).filter(|(_, times)| *times > 0);
        self.by(Metric::Redacted, "spanlayer.redaction.rule", redacted.counts().chain(deleted));
        self.by(Metric::Changes, "spanlayer.processor.change", pipeline.counts().iter());
        if let Some(spool) = stats.spool {
            for (metric, count) in [
                (Metric::Spool, spool.bytes),
                (Metric::Unspooled, spool.unspooled),
                (Metric::Recovered, spool.recovered),
                (Metric::Damaged, spool.damaged),
            ] {
                self.add(metric, vec![], Value::Whole(count));
            }
        }
    }

    fn by(
        &mut self,
        metric: Metric,
        key: &'static str,
        counts: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        for (word, count) in counts {
            self.add(metric, vec![(key, Attribute::Word(word))], Value::Whole(count));
        }
    }

    fn machine(&mut self) {
        let used = process::used();
        if let Some((user, system)) = used.cpu {
            for (mode, time) in [("user", user), ("system", system)] {
                let mode = vec![("cpu.mode", Attribute::Word(mode))];
                self.add(Metric::Cpu, mode, Value::Real(time.as_secs_f64()));
            }
        }
        if let Some(memory) = used.memory {
            self.add(Metric::Memory, vec![], Value::Whole(memory));
        }
    }
}

/// The conventions' attributes of an exporter.
fn exporter(lane: &Lane, name: &Arc<str>, signal: Signal) -> Attributes {
    let what = match signal {
        Signal::Traces => "span",
        Signal::Metrics => "metric",
        Signal::Logs => "log",
    };
    let kind = format!("{}_{what}_exporter", lane.speaks);
    let mut attributes =
        vec![(KIND, Attribute::Text(kind.into())), (COMPONENT, Attribute::Text(Arc::clone(name)))];
    if let Some((host, port)) = &lane.servers[signal as usize] {
        attributes.push(("server.address", Attribute::Text(Arc::clone(host))));
        attributes.push(("server.port", Attribute::Number((*port).into())));
    }
    attributes
}

fn ended(exporter: &Attributes, ending: Ending) -> Attributes {
    let mut attributes = exporter.clone();
    match ending.code {
        Some(Code::Http(code)) => {
            attributes.push(("http.response.status_code", Attribute::Number(code.into())));
        }
        Some(code @ Code::Rpc(_)) => {
            attributes.push(("rpc.status_code", Attribute::Text(code.name().into())));
        }
        None => {}
    }
    if let Some(error) = ending.error_type() {
        attributes.push((ERROR, Attribute::Text(error.into())));
    }
    attributes
}

fn with(attributes: &Attributes, one: (&'static str, Attribute)) -> Attributes {
    attributes.iter().cloned().chain([one]).collect()
}

const fn whole(number: usize) -> Value {
    Value::Whole(number as u64)
}

const KIND: &str = "otel.component.type";
const COMPONENT: &str = "otel.component.name";
const ERROR: &str = "error.type";
const SIGNAL: &str = "spanlayer.signal";
