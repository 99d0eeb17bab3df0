//! What: Settles a batch of payment requests from Kafka. This is the main job of Giro.
//!
//! Data: Takes a Kafka event. Gives a batch response, once every record has its disposition: an outcome, a replay, a
//! dead letter, or a reported failure.
//!
//! Invariants: A record is acknowledged only if its outcome or its bytes are known to be stored. A decline is an
//! outcome, not a failure. An unfinished record is reported late, so that its tries last for days.
//!
//! If Lambda didn't ask for a partial batch response, an unfinished batch fails as a whole.

use lambda_runtime::LambdaEvent;

use super::clock::{self, Deadlines};
use super::observed_batch::ObservedBatch;
use super::records::Records;
use super::tally::{Dispositions, Kinds, Tally};
use super::unfinished::Unfinished;
use crate::domain::dead_letter::PAYMENT_ID_REUSED;
use crate::domain::{Request, Timestamp};
use crate::settle::{Backoff, settle_requests};
use crate::store::Ledger;
use crate::telemetry::observer::Observer;
use crate::wire::batch_response::BatchResponse;
use crate::wire::kafka_event::{KafkaEvent, Record};
use crate::wire::{instruction, requested_by, traceparent};

/// Why a well-formed payment becomes a dead letter: the reason, and what was expected.
const ID_REUSED: (&str, &str) = (PAYMENT_ID_REUSED, "payment_id: expected an id that names no other payment");

/// Settles batches on a ledger.
#[derive(Debug)]
pub struct PaymentProcessor<L, C = fn() -> Timestamp> {
    ledger: L,
    partial_batch_response: bool,
    requests_partitions: u32,
    observer: Observer,
    clock: C,
}

impl<L: Ledger> PaymentProcessor<L> {
    /// A processor on this ledger. `partial_batch_response` says whether the event source mapping asks for partial
    /// batch responses. If it doesn't, a list of failures counts as success.
    pub fn new(ledger: L, partial_batch_response: bool) -> Self {
        Self {
            ledger,
            partial_batch_response,
            requests_partitions: 1,
            observer: Observer::default(),
            clock: clock::now,
        }
    }
}

impl<L: Ledger, C: Fn() -> Timestamp> PaymentProcessor<L, C> {
    /// Sets how many partitions the topic of requests has. Without this it is 1. So each partition's batches credit
    /// lanes of their own. A wrong number makes settling slower, never wrong.
    #[must_use]
    pub fn with_partitions(self, requests_partitions: u32) -> Self {
        Self { requests_partitions, ..self }
    }

    /// Tells this observer of each batch. Without this it tells nobody.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Sets the clock. Without this it is the system's. A wrong clock makes settling slower, never wrong.
    #[must_use]
    pub fn with_clock<D: Fn() -> Timestamp>(self, clock: D) -> PaymentProcessor<L, D> {
        let Self { ledger, partial_batch_response, requests_partitions, observer, .. } = self;
        PaymentProcessor { ledger, partial_batch_response, requests_partitions, observer, clock }
    }

    /// Settles one batch.
    ///
    /// # Errors
    /// [`Unfinished`] if records are unfinished and Lambda didn't ask for a partial response, or if an element can't be
    /// named in one. Lambda then delivers the batch again.
    pub async fn handle(&self, event: LambdaEvent<KafkaEvent>) -> Result<BatchResponse, Unfinished> {
        let (event, context) = event.into_parts();
        let deadlines = Deadlines::of(context.deadline);
        let observed = ObservedBatch::begin(&self.observer, &context, &event);
        let tally = Tally::start(&context, &event, self.ledger.usage(), self.observer.wants_metrics());

        let read = |record: &Record| {
            let headers = record.headers();
            Ok((instruction::decode(&record.value)?, requested_by::read(&headers)?, traceparent::read(&headers)))
        };
        let request =
            |(instruction, principal, trace), source| Request::new(instruction, source).by(principal).traced(trace);
        let (records, requests) = Records::decode(&event, read, request);
        let kinds = Kinds::of(&requests);
        let (ledger, partitions) = (&self.ledger, self.requests_partitions);
        let settled =
            settle_requests(ledger, requests, partitions, deadlines.settle, &self.clock, Backoff::new()).await;
        let dead_letters =
            records.write_dead_letters(&self.ledger, &settled.dispositions, ID_REUSED, deadlines.dead_letters).await;

        let response = records.report(&settled.dispositions, &dead_letters);
        tally.contended(&settled);
        let dispositions = Dispositions::of_payments(&settled, &kinds);
        let batch = tally.finish(&dispositions, settled.error.as_ref(), &dead_letters, &response, self.ledger.usage());
        if let Some(observed) = observed {
            observed.end(&batch, deadlines.dead_letters).await;
        }
        records.answer(response, self.partial_batch_response, deadlines.report).await
    }
}
