//! Every metric: name, unit, attributes and what it says.

use crate::message::{self, Instrument};

use super::prometheus;

/// The order is that of [`METRICS`]; where there is one for each signal, the first, and the others in the order of
/// [`Signal::ALL`](crate::Signal::ALL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    Exported = 0,
    InFlight = 3,
    Duration = 6,
    Attempts,
    Retries,
    Resends,
    Authentication,
    BatchSize,
    Uncompressed,
    Compressed,
    DeadLettered,
    QueueSize,
    Processed = 18,
    Breaker = 21,
    Age,
    Skew,
    Expiry,
    Held,
    Capacity,
    Received,
    ReceivedSize,
    Dropped,
    Letters,
    Redacted,
    Changes,
    Spool,
    Unspooled,
    Recovered,
    Damaged,
    Cpu,
    Memory,
    Uptime,
    Info,
}

/// A metric, and what its data points are told apart by, for the reader.
struct Definition {
    head: message::Metric,
    attributes: &'static str,
}

use Instrument::{Counter, Gauge, Histogram, UpDownCounter};

const fn metric(
    instrument: Instrument,
    name: &'static str,
    unit: &'static str,
    attributes: &'static str,
    about: &'static str,
) -> Definition {
    Definition { head: message::Metric { name, unit, about, instrument }, attributes }
}

/// See [`Metric`].
pub(super) static METRICS: [message::Metric; TABLE.len()] = {
    let mut metrics = [TABLE[0].head; TABLE.len()];
    let mut place = 0;
    while place < metrics.len() {
        metrics[place] = TABLE[place].head;
        place += 1;
    }
    metrics
};

/// What a program does not need to know of them goes no further than this.
const TABLE: [Definition; 41] = [
    metric(Counter, "otel.sdk.exporter.span.exported", "{span}", EXPORTED, EXPORTS),
    metric(Counter, "otel.sdk.exporter.metric_data_point.exported", "{data_point}", EXPORTED, EXPORTS),
    metric(Counter, "otel.sdk.exporter.log.exported", "{log_record}", EXPORTED, EXPORTS),
    metric(UpDownCounter, "otel.sdk.exporter.span.inflight", "{span}", EXPORTER, FLIGHT),
    metric(UpDownCounter, "otel.sdk.exporter.metric_data_point.inflight", "{data_point}", EXPORTER, FLIGHT),
    metric(UpDownCounter, "otel.sdk.exporter.log.inflight", "{log_record}", EXPORTER, FLIGHT),
    metric(
        Histogram,
        "otel.sdk.exporter.operation.duration",
        "s",
        ANSWERED,
        "How long exports of batches took, with their retries and the waits between them",
    ),
    metric(
        Counter,
        "spanlayer.exporter.attempts",
        "{attempt}",
        ANSWERED,
        "Requests, each repetition by itself",
    ),
    metric(
        Counter,
        "spanlayer.exporter.retries",
        "{attempt}",
        EXPORTER,
        "Requests that repeated one within the same export, after a wait",
    ),
    metric(
        Counter,
        "spanlayer.exporter.resends",
        "{attempt}",
        EXPORTER,
        "Requests with a batch that had been sent before, in the same export or an earlier one",
    ),
    metric(
        Counter,
        "spanlayer.exporter.authentication.failures",
        "{attempt}",
        EXPORTER,
        "Requests that were turned away for who sent them, or not sent for want of credentials",
    ),
    metric(Histogram, "spanlayer.exporter.batch.size", "{item}", EXPORTER, "Items in a request"),
    metric(
        Counter,
        "spanlayer.exporter.egress.uncompressed",
        "By",
        EXPORTER,
        "Bodies of requests before compression; of payloads where no OTLP is sent",
    ),
    metric(
        Counter,
        "spanlayer.exporter.egress.compressed",
        "By",
        EXPORTER,
        "Bodies of requests as they were sent; only where OTLP is sent",
    ),
    metric(
        Counter,
        "spanlayer.exporter.dead_lettered",
        "{item}",
        EXPORTER,
        "Items that are kept as dead letters",
    ),
    metric(UpDownCounter, "otel.sdk.processor.span.queue.size", "{span}", PROCESSOR, QUEUED),
    metric(
        UpDownCounter,
        "spanlayer.processor.metric_data_point.queue.size",
        "{data_point}",
        PROCESSOR,
        QUEUED,
    ),
    metric(UpDownCounter, "otel.sdk.processor.log.queue.size", "{log_record}", PROCESSOR, QUEUED),
    metric(Counter, "otel.sdk.processor.span.processed", "{span}", PROCESSED, LEFT),
    metric(Counter, "spanlayer.processor.metric_data_point.processed", "{data_point}", PROCESSED, LEFT),
    metric(Counter, "otel.sdk.processor.log.processed", "{log_record}", PROCESSED, LEFT),
    metric(
        Gauge,
        "spanlayer.exporter.breaker.open",
        "{breaker}",
        NAME,
        "1 while the destination is left alone after failures, else 0",
    ),
    metric(
        Gauge,
        "spanlayer.exporter.queue.age",
        "s",
        NAME,
        "How long the oldest item waits that is not in flight",
    ),
    metric(
        Gauge,
        "spanlayer.exporter.clock.skew",
        "s",
        EXPORTER,
        "The destination's clock less this one when it answered last, in whole seconds",
    ),
    metric(
        Gauge,
        "spanlayer.exporter.certificate.expiry",
        "s",
        NAME,
        "How long until the first certificate that is trusted or shown expires; less than 0 if it has",
    ),
    metric(UpDownCounter, "spanlayer.queue.size", "By", "", "What is held for delivery"),
    metric(UpDownCounter, "spanlayer.queue.capacity", "By", "", "The most that is held"),
    metric(Counter, "spanlayer.received", "{item}", SENDER, "Items that came in, by who sent them"),
    metric(Counter, "spanlayer.received.size", "By", SENDER, "The requests that held them, as protobuf"),
    metric(
        Counter,
        "spanlayer.dropped",
        "{item}",
        "`spanlayer.signal`; `spanlayer.drop.reason` = `queue_full`, `evicted_healthy`, `evicted_errors`, `unrouted`, \
         `filtered`, `sampled_out`",
        "Items that no destination gets, or at least one does not for want of room",
    ),
    metric(
        Counter,
        "spanlayer.dead_letters",
        "{letter}",
        "`spanlayer.letter.outcome` = `kept`, `elsewhere` (on standard output instead), `lost`",
        "Dead letters",
    ),
    metric(
        Counter,
        "spanlayer.redacted",
        "{value}",
        "`spanlayer.redaction.rule`: a recogniser's name, `key`, `pattern`, `deleted`",
        "Values that were made unreadable, or removed",
    ),
    metric(
        Counter,
        "spanlayer.processor.changes",
        "{change}",
        "`spanlayer.processor.change`: as the last line calls it, such as `fromFuture`",
        "What processors found, or put right",
    ),
    metric(UpDownCounter, "spanlayer.spool.size", "By", "", "Files that what is held survives a kill in"),
    metric(Counter, "spanlayer.spool.unspooled", "{payload}", "", "Requests that are held in memory only"),
    metric(Counter, "spanlayer.spool.recovered", "{item}", "", "Items that an earlier process left"),
    metric(Counter, "spanlayer.spool.damaged", "{segment}", "", "Files of the spool that were not all there"),
    metric(
        Counter,
        "process.cpu.time",
        "s",
        "`cpu.mode` = `user`, `system`",
        "Processor time of this process",
    ),
    metric(UpDownCounter, "process.memory.usage", "By", "", "Resident memory of this process"),
    metric(Gauge, "spanlayer.uptime", "s", "", "Since the pipeline was made"),
    metric(Gauge, "spanlayer.info", "{pipeline}", "`spanlayer.version`, `spanlayer.config.hash`", "Always 1"),
];

const EXPORTER: &str = "`otel.component.type`, `otel.component.name`, `server.address`, `server.port`";
const EXPORTED: &str = "those of an exporter; `error.type` = none (delivered), `rejected` (partial success), `refused` (for good)";
const ANSWERED: &str = "those of an exporter; `http.response.status_code` or `rpc.status_code`; `error.type` = none, the code, \
                        `rejected`, `timeout`, `no_answer`, `credentials`, `refused`, `cancelled`, `_OTHER`";
const PROCESSOR: &str = "`otel.component.type`, `otel.component.name`";
const PROCESSED: &str = "`otel.component.type`, `otel.component.name`; `error.type` = none, `queue_full`";
const NAME: &str = "`otel.component.name`";
const SENDER: &str =
    "`spanlayer.signal` = `traces`, `metrics`, `logs`; `service.name`, of the first 20, then `other`";

const EXPORTS: &str = "Items whose export is over, whatever came of it";
const FLIGHT: &str = "Items out on a request";
const QUEUED: &str = "Items held for a destination";
const LEFT: &str = "Items that left a destination's queue";

/// Every metric, for the reader: name, instrument, unit, its name as a scraper sees it, attributes, what it says.
pub fn table() -> impl Iterator<Item = [String; 6]> {
    TABLE.into_iter().map(|Definition { head, attributes }| {
        let scraped = prometheus::name(&head);
        let message::Metric { name, unit, about, instrument } = head;
        [name, instrument.name(), unit, &scraped, attributes, about].map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_its_metrics_and_names_each_once() {
        for (metric, name) in [
            (Metric::Exported, "otel.sdk.exporter.span.exported"),
            (Metric::InFlight, "otel.sdk.exporter.span.inflight"),
            (Metric::Duration, "otel.sdk.exporter.operation.duration"),
            (Metric::DeadLettered, "spanlayer.exporter.dead_lettered"),
            (Metric::QueueSize, "otel.sdk.processor.span.queue.size"),
            (Metric::Processed, "otel.sdk.processor.span.processed"),
            (Metric::Breaker, "spanlayer.exporter.breaker.open"),
            (Metric::Dropped, "spanlayer.dropped"),
            (Metric::Damaged, "spanlayer.spool.damaged"),
            (Metric::Info, "spanlayer.info"),
        ] {
            assert_eq!(METRICS[metric as usize].name, name);
        }
        let mut names: Vec<String> = METRICS.iter().map(prometheus::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
