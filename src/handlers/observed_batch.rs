//! What: Tells observers of a batch of records: its metrics, and a span with links to the spans that made its records.
//!
//! Invariants: If nobody observes, no record is looked at.

use lambda_runtime::Context;
use tokio::time::Instant;

use super::clock;
use crate::domain::Trace;
use crate::telemetry::observer::{Observed, Observer, SpanContent};
use crate::wire::batch_metrics::BatchMetrics;
use crate::wire::kafka_event::{KafkaEvent, Record};
use crate::wire::otlp::Attribute::{Number, Text};
use crate::wire::otlp::Attributes;
use crate::wire::otlp::spans::SpanKind;
use crate::wire::traceparent;

/// What the span of a batch says that Lambda delivers again, in part or whole.
const UNFINISHED: &str = "records are unfinished";

/// A batch that is observed.
#[derive(Debug)]
pub(super) struct ObservedBatch<'o> {
    observed: Observed<'o>,
    request_id: String,
    topic: Option<String>,
    links: Vec<Trace>,
    /// An element can't be named in a response, so the batch fails as a whole.
    is_unplaced: bool,
}

impl<'o> ObservedBatch<'o> {
    /// Begins to observe a batch. `None`: nobody wants to know.
    pub(super) fn begin(observer: &'o Observer, context: &Context, event: &KafkaEvent) -> Option<Self> {
        let observed = observer.begin_batch(context)?;
        let records = || event.partitions.iter().flat_map(|partition| &partition.records);
        let trace = |record: &Record| traceparent::read(&record.headers());
        let links = if observed.has_span() { records().filter_map(trace).collect() } else { Vec::new() };
        let topic = records().next().map(|record| record.source.topic.to_string());
        let is_unplaced = event.partitions.iter().any(|partition| !partition.unplaced.is_empty());
        Some(Self { observed, request_id: context.request_id.clone(), topic, links, is_unplaced })
    }

    /// Tells of it, but not past `until`.
    pub(super) async fn end(self, batch: &BatchMetrics, until: Instant) {
        let Self { observed, request_id, topic, links, is_unplaced } = self;
        let topic = topic.unwrap_or_default();
        let attributes = of_topic(&topic, "process", batch.records, request_id);
        let error = (batch.unfinished > 0 || is_unplaced).then_some(UNFINISHED);
        let name = format!("process {topic}").trim_end().to_owned();
        let told = SpanContent { kind: SpanKind::Consumer, name, attributes, links, error };
        observed.end(told, &batch.metrics(), clock::now(), until).await;
    }
}

/// What the span of a batch says of it, in the words of OpenTelemetry's conventions.
pub(super) fn of_topic(topic: &str, operation: &str, records: usize, request_id: String) -> Attributes {
    let attributes = [
        ("messaging.system", Text("kafka".into())),
        ("messaging.operation.name", Text(operation.into())),
        ("messaging.operation.type", Text(operation.into())),
        ("messaging.destination.name", Text(topic.into())),
        ("messaging.batch.message_count", Number(u64::try_from(records).unwrap_or(u64::MAX))),
        ("faas.invocation_id", Text(request_id)),
    ];
    let said = attributes.into_iter().filter(|(_, value)| *value != Text(String::new()));
    said.map(|(name, value)| (name.to_owned(), value)).collect()
}
