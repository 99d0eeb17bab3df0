//! What: Publishes each payment's outcome from the stream of the `payments` table, which is the outbox.
//!
//! Data: Takes a stream event. Gives a stream response, once the broker has acknowledged the outcome of each inserted
//! payment.
//!
//! Invariants: A record of the stream is acknowledged only if its outcome is known to be published, so each outcome is
//! published at least once. The order of a shard is kept, because all records from the first missing one on are
//! delivered again. No other order matters: an item's changes are in one shard, and a payment never changes.
//!
//! What a newer version wrote, of a kind or with a reason that this one doesn't know, is published in the
//! form of other outcomes ([`NewerOutcome`]). Any other image that can't be read stops its
//! shard, as a corrupt item stops a partition. Until it can be read, each try logs an error.
//!
//! Limits: The event source mapping must give up records before the stream's 24 hours are over, and must have a
//! destination for them. So nothing is lost silently. The payment itself stays in its table.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lambda_runtime::LambdaEvent;
use tokio::time::{self, timeout_at};

use super::clock::{self, Deadlines};
use super::observed_batch::of_topic;
use super::unfinished::Unfinished;
use crate::domain::{Header, NewerOutcome, Outcome, PaymentId, Recorded, Timestamp, Trace};
use crate::publish::{Publish, PublishError, Sending};
use crate::store::NotRead;
use crate::telemetry::observer::{Observer, SpanContent};
use crate::wire::otlp::spans::SpanKind;
use crate::wire::published_metrics::PublishedMetrics;
use crate::wire::stream_event::{ItemChange, Plain, StreamEvent, StreamRecord, StreamResponse};
use crate::wire::{cloud_event, outcome, traceparent};

/// How long a record may take before its producer gives it up. It is shorter than the function's time-out (60 seconds
/// in the template), so that an invocation can always say what is missing. It is longer than a broker's change of
/// leader.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// What the span of a batch says if outcomes are not published.
const UNPUBLISHED: &str = "outcomes are not published";

/// What reads a payment's item from its texts and numbers, and from its lists of maps. Or it says that the item tells
/// no outcome, that a newer version wrote it, or what was expected of it.
pub type ReadPayment = fn(&Plain, &HashMap<String, Vec<Plain>>) -> Result<Recorded, NotRead>;

/// Publishes outcomes.
#[derive(Debug)]
pub struct OutcomePublisher<P> {
    producer: P,
    topic: String,
    observer: Observer,
    read_payment: ReadPayment,
}

/// Why a record of the stream is not published.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("an inserted item can't be read: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("no time is left for the broker to acknowledge a record")]
    Deadline,
}

/// Hands over an outcome to its topic. The key is the payment's id, the value is its JSON, and the headers are those of
/// a CloudEvent. Every way to publish an outcome of this version uses this function, so that consumers get the same
/// bytes.
///
/// # Errors
/// [`PublishError`] if the record was not taken.
pub async fn hand_over(producer: &impl Publish, topic: &str, outcome: &Outcome) -> Result<Sending, PublishError> {
    let (id, kind) = (outcome.instruction.id(), outcome.instruction.kind());
    let headers = cloud_event::headers(id, kind, outcome.status(), outcome.decided_at);
    send(producer, topic, id, &outcome::encode(outcome), headers, outcome.trace).await
}

/// Hands over an outcome of a newer version, in the same form.
async fn hand_over_newer(producer: &impl Publish, topic: &str, newer: &NewerOutcome) -> Result<Sending, PublishError> {
    let headers = cloud_event::headers(&newer.id, newer.kind.as_deref(), &newer.status, newer.decided_at);
    send(producer, topic, &newer.id, &outcome::encode_newer(newer), headers, newer.trace).await
}

/// The record that every outcome becomes: its key is the payment's id, its value is this JSON.
async fn send(
    producer: &impl Publish,
    topic: &str,
    id: &PaymentId,
    json: &str,
    event: [Header; 6],
    trace: Option<Trace>,
) -> Result<Sending, PublishError> {
    let headers: Vec<Header> = event.into_iter().chain(trace.as_ref().map(traceparent::header)).collect();
    producer.send(topic, Some(id.as_str().as_bytes()), Some(json.as_bytes()), &headers).await
}

/// What became of a record so far.
enum Handed {
    /// It isn't the item of a new payment.
    Nothing,
    /// Its outcome is on its way.
    Sending(Sending, Decided),
    /// It can't be published, and stops the shard here.
    Missing(Missing),
}

/// What observers are told of an outcome.
#[derive(Debug, Clone, Copy)]
struct Decided {
    /// When it was decided. `None`: a newer version wrote it.
    at: Option<Timestamp>,
    trace: Option<Trace>,
}

/// How far the broker acknowledged a batch.
#[derive(Debug, Default)]
struct Acknowledged {
    published: usize,
    /// How long after its decision each outcome was published.
    published_after_ms: Vec<u64>,
    /// The traces of published outcomes.
    traces: Vec<Trace>,
    /// Records that aren't new payments.
    ignored: usize,
    /// The first record that is not published, by its place in the batch, and why.
    missing: Option<(usize, Missing)>,
}

impl Acknowledged {
    /// Waits until the broker has acknowledged the records, up to the first that is missing.
    async fn of(handed: Vec<Handed>, deadline: time::Instant, is_observed: bool) -> Self {
        let mut acknowledged = Self::default();
        for (ix, handed) in handed.into_iter().enumerate() {
            let end = match handed {
                Handed::Nothing => {
                    acknowledged.ignored = acknowledged.ignored.saturating_add(1);
                    continue;
                }
                Handed::Missing(missing) => Err(missing),
                Handed::Sending(sending, decided) => match timeout_at(deadline, sending.placed()).await {
                    Ok(placed) => placed.map(|_| decided).map_err(Missing::Publish),
                    Err(_) => Err(Missing::Deadline),
                },
            };
            match end {
                Ok(decided) => acknowledged.publish(decided, is_observed),
                Err(why) => {
                    acknowledged.missing = Some((ix, why));
                    break;
                }
            }
        }
        acknowledged
    }

    /// Counts an outcome.
    fn publish(&mut self, decided: Decided, is_observed: bool) {
        self.published = self.published.saturating_add(1);
        if !is_observed {
            return;
        }
        self.traces.extend(decided.trace);
        if let Some(decided_at) = decided.at {
            let age = clock::now().millis().saturating_sub(decided_at.millis());
            self.published_after_ms.push(u64::try_from(age).unwrap_or_default());
        }
    }

    /// Writes the log line of the invocation, and an error if the shard can't go on.
    fn log(&self, request_id: &str, records: &[StreamRecord], started: Instant) -> PublishedMetrics {
        let unfinished = records.len().saturating_sub(self.published).saturating_sub(self.ignored);
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let fault = self.missing.as_ref().map(|(_, why)| why);
        if let Some(Missing::Unreadable(_)) = fault {
            tracing::error!(request_id, fault = fault.map(tracing::field::display), "shard stopped");
        }
        tracing::info!(
            request_id,
            first = records.first().map(|record| record.sequence_number.as_str()),
            last = records.last().map(|record| record.sequence_number.as_str()),
            records = records.len(),
            published = self.published,
            ignored = self.ignored,
            unfinished,
            duration_ms,
            fault = fault.map(tracing::field::display),
            "outcomes published"
        );
        let published_after_ms = self.published_after_ms.clone();
        PublishedMetrics { published: self.published, unfinished, duration_ms, published_after_ms }
    }
}

impl<P: Publish> OutcomePublisher<P> {
    /// A publisher to this topic. `read_payment` reads the stream's items.
    pub fn new(producer: P, topic: String, read_payment: ReadPayment) -> Self {
        Self { producer, topic, observer: Observer::default(), read_payment }
    }

    /// Tells this observer of each batch. Without this it tells nobody.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Publishes the outcomes of one batch.
    ///
    /// # Errors
    /// [`Unfinished::Unplaced`] if an element of the event can't be named in a response. Then Lambda delivers the batch
    /// again.
    pub async fn handle(&self, event: LambdaEvent<StreamEvent>) -> Result<StreamResponse, Unfinished> {
        let (event, context) = event.into_parts();
        let started = Instant::now();
        let deadline = Deadlines::of(context.deadline).dead_letters;

        let observed = self.observer.begin_batch(&context);
        let handed = self.hand_over_all(&event.records, deadline).await;
        let mut acknowledged = Acknowledged::of(handed, deadline, observed.is_some()).await;
        let metrics = acknowledged.log(&context.request_id, &event.records, started);
        if let Some(observed) = observed {
            let links = std::mem::take(&mut acknowledged.traces);
            let attributes = of_topic(&self.topic, "send", metrics.published, context.request_id);
            let is_failed = acknowledged.missing.is_some() || !event.unplaced.is_empty();
            let error = is_failed.then_some(UNPUBLISHED);
            let name = format!("send {}", self.topic);
            let told = SpanContent { kind: SpanKind::Producer, name, attributes, links, error };
            observed.end(told, &[metrics.metrics()], clock::now(), deadline).await;
        }
        if let Some(first) = event.unplaced.first() {
            return Err(Unfinished::Unplaced { count: event.unplaced.len(), first: first.clone() });
        }
        let missing = acknowledged.missing.and_then(|(ix, _)| event.records.get(ix));
        Ok(missing.map(StreamResponse::from_record_on).unwrap_or_default())
    }

    /// Hands over all records before the first answer is awaited, so that the producer can send them together. It stops
    /// at the first that can't be published.
    async fn hand_over_all(&self, records: &[StreamRecord], deadline: time::Instant) -> Vec<Handed> {
        let mut handed = Vec::with_capacity(records.len());
        for record in records {
            let next = timeout_at(deadline, self.hand_over(record)).await;
            handed.push(next.unwrap_or(Handed::Missing(Missing::Deadline)));
            if matches!(handed.last(), Some(Handed::Missing(_))) {
                break;
            }
        }
        handed
    }

    async fn hand_over(&self, record: &StreamRecord) -> Handed {
        let image = match &record.change {
            ItemChange::Inserted(image) => image,
            ItemChange::Other(what) => {
                // A payment never changes, so somebody else has written to the table.
                tracing::warn!(sequence_number = record.sequence_number, what, "a payment's item was changed");
                return Handed::Nothing;
            }
            ItemChange::Unreadable(expected) => return Handed::Missing(Missing::Unreadable((*expected).into())),
        };
        let (sent, decided) = match (self.read_payment)(&image.plain, &image.lists) {
            Ok(Recorded { outcome, .. }) => {
                let decided = Decided { at: Some(outcome.decided_at), trace: outcome.trace };
                (hand_over(&self.producer, &self.topic, &outcome).await, decided)
            }
            // The item of its payment tells the whole outcome.
            Err(NotRead::Leg) => return Handed::Nothing,
            Err(NotRead::Newer(newer)) => {
                tracing::warn!(sequence_number = record.sequence_number, "a newer version wrote an outcome");
                let decided = Decided { at: None, trace: newer.trace };
                (hand_over_newer(&self.producer, &self.topic, &newer).await, decided)
            }
            Err(NotRead::Damaged(expected)) => return Handed::Missing(Missing::Unreadable(expected)),
        };
        match sent {
            Ok(sending) => Handed::Sending(sending, decided),
            Err(error) => Handed::Missing(Missing::Publish(error)),
        }
    }
}
