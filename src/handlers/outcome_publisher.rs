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

use lambda_runtime::{Context, LambdaEvent};
use tokio::time::{self, timeout_at};

use super::clock::{self, Deadlines};
use super::unfinished::Unfinished;
use crate::domain::{Header, NewerOutcome, Outcome, PaymentId, Recorded, Timestamp, Trace};
use crate::publish::{Publish, PublishError, Sending};
use crate::store::NotRead;
use crate::telemetry;
use crate::wire::published_metrics::PublishedMetrics;
use crate::wire::stream_event::{ItemChange, Plain, StreamEvent, StreamRecord, StreamResponse};
use crate::wire::{cloud_event, outcome, traceparent};

/// How long a record may take before its producer gives it up. It is shorter than the function's time-out (60 seconds
/// in the template), so that an invocation can always say what is missing. It is longer than a broker's change of
/// leader.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// What reads a payment's item from its texts and numbers, and from its lists of maps. Or it says that the item tells
/// no outcome, that a newer version wrote it, or what was expected of it.
pub type ReadPayment = fn(&Plain, &HashMap<String, Vec<Plain>>) -> Result<Recorded, NotRead>;

/// Publishes outcomes.
#[derive(Debug)]
pub struct OutcomePublisher<P> {
    producer: P,
    topic: String,
    writes_metrics: bool,
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
    /// Its outcome is on its way, and was decided then.
    Sending(Sending, Option<Timestamp>),
    /// It can't be published, and stops the shard here.
    Missing(Missing),
}

/// How far the broker acknowledged a batch.
#[derive(Debug, Default)]
struct Acknowledged {
    published: usize,
    /// How long after its decision each outcome was published, if metrics are written.
    published_after_ms: Option<Vec<u64>>,
    /// Records that aren't new payments.
    ignored: usize,
    /// The first record that is not published, by its place in the batch, and why.
    missing: Option<(usize, Missing)>,
}

impl Acknowledged {
    /// Waits until the broker has acknowledged the records, up to the first that is missing.
    async fn of(handed: Vec<Handed>, deadline: time::Instant, writes_metrics: bool) -> Self {
        let mut acknowledged = Self { published_after_ms: writes_metrics.then(Vec::new), ..Self::default() };
        for (ix, handed) in handed.into_iter().enumerate() {
            let end = match handed {
                Handed::Nothing => {
                    acknowledged.ignored = acknowledged.ignored.saturating_add(1);
                    continue;
                }
                Handed::Missing(missing) => Err(missing),
                Handed::Sending(sending, decided_at) => match timeout_at(deadline, sending.placed()).await {
                    Ok(placed) => placed.map(|_| decided_at).map_err(Missing::Publish),
                    Err(_) => Err(Missing::Deadline),
                },
            };
            match end {
                Ok(decided_at) => acknowledged.publish(decided_at),
                Err(why) => {
                    acknowledged.missing = Some((ix, why));
                    break;
                }
            }
        }
        acknowledged
    }

    /// Counts an outcome that was decided then.
    fn publish(&mut self, decided_at: Option<Timestamp>) {
        self.published = self.published.saturating_add(1);
        if let (Some(ages), Some(decided_at)) = (&mut self.published_after_ms, decided_at) {
            let age = clock::now().millis().saturating_sub(decided_at.millis());
            ages.push(u64::try_from(age).unwrap_or_default());
        }
    }

    /// Writes the log line of the invocation, and an error if the shard can't go on. Writes metrics, if they are on.
    fn log(&self, context: &Context, records: &[StreamRecord], started: Instant) {
        let request_id = &context.request_id;
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
        if let Some(ages) = &self.published_after_ms {
            let (published, published_after_ms) = (self.published, ages.clone());
            let metrics = PublishedMetrics { published, unfinished, duration_ms, published_after_ms };
            telemetry::metrics(&[metrics.metrics()], &context.env_config.function_name, clock::now());
        }
    }
}

impl<P: Publish> OutcomePublisher<P> {
    /// A publisher to this topic. `read_payment` reads the stream's items.
    pub fn new(producer: P, topic: String, read_payment: ReadPayment) -> Self {
        Self { producer, topic, writes_metrics: false, read_payment }
    }

    /// Writes metrics of each batch, or none. Without this it writes none.
    #[must_use]
    pub fn writing_metrics(self, writes_metrics: bool) -> Self {
        Self { writes_metrics, ..self }
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

        let handed = self.hand_over_all(&event.records, deadline).await;
        let acknowledged = Acknowledged::of(handed, deadline, self.writes_metrics).await;
        acknowledged.log(&context, &event.records, started);
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
        let (sent, decided_at) = match (self.read_payment)(&image.plain, &image.lists) {
            Ok(Recorded { outcome, .. }) => {
                (hand_over(&self.producer, &self.topic, &outcome).await, Some(outcome.decided_at))
            }
            // The item of its payment tells the whole outcome.
            Err(NotRead::Leg) => return Handed::Nothing,
            Err(NotRead::Newer(newer)) => {
                tracing::warn!(sequence_number = record.sequence_number, "a newer version wrote an outcome");
                (hand_over_newer(&self.producer, &self.topic, &newer).await, None)
            }
            Err(NotRead::Damaged(expected)) => return Handed::Missing(Missing::Unreadable(expected)),
        };
        match sent {
            Ok(sending) => Handed::Sending(sending, decided_at),
            Err(error) => Handed::Missing(Missing::Publish(error)),
        }
    }
}
