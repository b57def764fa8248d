//! The extension's own metrics, on their way to where other metrics go.

use crate::ledger::Temporality;
use bytes::Bytes;
use spanlayer_pipeline::{Pipeline, Signal, metrics::Snapshot};

/// What was told of them so far.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// `None`: nothing is.
    pub(crate) temporality: Option<Temporality>,
    /// What was told last, where the next is to say what is new.
    told: Option<Snapshot>,
    /// What the pipeline had received by then, what was told included.
    received: u64,
}

impl Own {
    /// As a request; `None` if nothing came in since the last time but that. An attempt to deliver what was told must not be
    /// news, or each would call for another.
    pub(crate) fn take(&mut self, pipeline: &Pipeline, resource: &[u8], config: &str) -> Option<Bytes> {
        let temporality = self.temporality?;
        if received(pipeline) == self.received {
            return None;
        }
        let now = pipeline.metrics().with_config(config);
        match temporality {
            Temporality::Cumulative => Some(now.to_otlp(resource).into()),
            Temporality::Delta => {
                let new = now.since(self.told.as_ref()).to_otlp(resource);
                self.told = Some(now);
                Some(new.into())
            }
        }
    }

    /// What was taken is on its way.
    pub(crate) fn is_told(&mut self, pipeline: &Pipeline) {
        self.received = received(pipeline);
    }
}

/// In bytes, of all signals.
fn received(pipeline: &Pipeline) -> u64 {
    let senders = pipeline.senders();
    senders.iter().flat_map(|one| Signal::ALL.map(|signal| one.volume(signal).bytes)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        metrics::v1::{AggregationTemporality, Metric, metric::Data},
    };
    use prost::Message as _;
    use spanlayer_pipeline::{Deadline, Destination, Memory, Payload, Settings};

    fn pipeline() -> Pipeline {
        Pipeline::new(Settings::to([Destination::memory(Memory::default())]))
    }

    async fn serve(pipeline: &Pipeline, signal: Signal, request: Bytes) {
        pipeline.accept(Payload::scan(signal, request).unwrap());
        pipeline.flush(Deadline::never()).await;
    }

    fn spans() -> Bytes {
        let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
            {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}"#;
        spanlayer_otlp::json::to_protobuf(Signal::Traces, json.as_bytes()).unwrap().into()
    }

    fn sum(request: &[u8], name: &str) -> Option<(AggregationTemporality, f64)> {
        let request = ExportMetricsServiceRequest::decode(request).unwrap();
        let metrics: Vec<Metric> = request
            .resource_metrics
            .into_iter()
            .flat_map(|r| r.scope_metrics)
            .flat_map(|s| s.metrics)
            .collect();
        let Data::Sum(sum) = metrics.into_iter().find(|metric| metric.name == name)?.data? else { panic!() };
        let value = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point.value {
            Some(opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsInt(value)) => {
                value as f64
            }
            _ => panic!("a whole number"),
        };
        Some((sum.aggregation_temporality(), sum.data_points.iter().map(value).sum()))
    }

    const EXPORTED: &str = "otel.sdk.exporter.span.exported";

    #[tokio::test]
    async fn nothing_is_told_unless_it_is_asked_for_and_something_came_in() {
        let pipeline = pipeline();
        let mut own = Own { temporality: Some(Temporality::Delta), ..Own::default() };
        assert_eq!(own.take(&pipeline, b"", ""), None, "nothing came in");
        serve(&pipeline, Signal::Traces, spans()).await;
        assert_eq!(Own::default().take(&pipeline, b"", ""), None, "nobody asked");
        assert!(own.take(&pipeline, b"", "").is_some());
    }

    #[tokio::test]
    async fn the_request_that_tells_of_requests_calls_for_no_other() {
        let pipeline = pipeline();
        let mut own = Own { temporality: Some(Temporality::Delta), ..Own::default() };
        serve(&pipeline, Signal::Traces, spans()).await;
        for exported in [1.0, 2.0] {
            let request = own.take(&pipeline, b"", "").unwrap();
            assert_eq!(sum(&request, EXPORTED), Some((AggregationTemporality::Delta, exported)));
            pipeline.accept(Payload::scan(Signal::Metrics, request).unwrap());
            own.is_told(&pipeline);
            pipeline.flush(Deadline::never()).await;
            assert_eq!(own.take(&pipeline, b"", ""), None);
            serve(&pipeline, Signal::Traces, spans()).await;
            serve(&pipeline, Signal::Traces, spans()).await;
        }
    }

    #[tokio::test]
    async fn cumulative_sums_go_on() {
        let pipeline = pipeline();
        let mut own = Own { temporality: Some(Temporality::Cumulative), ..Own::default() };
        for exported in [1.0, 2.0] {
            serve(&pipeline, Signal::Traces, spans()).await;
            let request = own.take(&pipeline, b"", "").unwrap();
            assert_eq!(sum(&request, EXPORTED), Some((AggregationTemporality::Cumulative, exported)));
        }
    }
}
