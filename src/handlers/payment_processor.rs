//! The main job: settles a batch of payment requests from Kafka.
//!
//! In: a Kafka event. Out: a batch response, once every record has its end: an outcome, a replay, a dead letter, or a
//! reported failure.
//!
//! Invariants: a record is acknowledged only if its outcome or its bytes are known to be stored. A decline is an outcome,
//! not a failure. Where Lambda did not ask for a partial batch response, a batch that can't be finished fails as a whole.

use lambda_runtime::LambdaEvent;

use super::clock::{self, Deadlines};
use super::tally::Tally;
use super::unfinished::Unfinished;
use crate::domain::dead_letter::PAYMENT_ID_REUSED;
use crate::domain::{Batch, DeadLetter, RequestIx};
use crate::settle::park::park;
use crate::settle::{Backoff, End, settle};
use crate::store::Ledger;
use crate::wire::batch_response::BatchResponse;
use crate::wire::kafka_event::{KafkaEvent, Record};
use crate::wire::payment_request::{self, Malformed};

/// Settles batches on a ledger.
#[derive(Debug)]
pub struct PaymentProcessor<L> {
    ledger: L,
    partial_batch_response: bool,
    requests_partitions: u32,
}

/// What a record turned out to be: a request of the batch, or none.
type Decoded = Result<RequestIx, Malformed>;

impl<L: Ledger> PaymentProcessor<L> {
    /// A processor on this ledger. `partial_batch_response` says whether the event source mapping asks for partial
    /// batch responses; if it doesn't, a list of failures would count as success.
    pub fn new(ledger: L, partial_batch_response: bool) -> Self {
        Self { ledger, partial_batch_response, requests_partitions: 1 }
    }

    /// Says how many partitions the topic of requests has; 1 if this isn't said. So each partition's batches credit lanes
    /// of their own. A wrong number is slower, never wrong.
    #[must_use]
    pub fn with_partitions(self, requests_partitions: u32) -> Self {
        Self { requests_partitions, ..self }
    }

    /// Settles one batch.
    ///
    /// # Errors
    /// [`Unfinished`] if records are left over and no partial response was asked for, or if an element of the event
    /// can't be named in one. Lambda then delivers the batch again.
    pub async fn handle(&self, event: LambdaEvent<KafkaEvent>) -> Result<BatchResponse, Unfinished> {
        let (event, context) = event.into_parts();
        let deadlines = Deadlines::of(context.deadline);
        let tally = Tally::start(&context.request_id, &event, self.ledger.usage());

        let records: Vec<&Record> = event.partitions.iter().flat_map(|partition| &partition.records).collect();
        let (batch, decoded) = decode(&records);
        let batch = batch.with_partitions(self.requests_partitions);
        let settled = settle(&self.ledger, &batch, deadlines.settle, clock::now, Backoff::new()).await;

        let aside: Vec<usize> = (0..records.len()).filter(|&ix| is_dead_letter(&decoded[ix], &settled.ends)).collect();
        let letter = |ix: usize| dead_letter(records[ix], &decoded[ix]);
        let parked = park(&self.ledger, &aside, letter, deadlines.park, Backoff::new()).await;

        let unfinished = |ix: usize| match decoded[ix] {
            Ok(request) if settled.ends[request] == End::Unfinished => true,
            Ok(_) | Err(_) => parked.left.binary_search(&ix).is_ok(),
        };
        let response = report(&event, unfinished);
        tally.finish(&settled, aside.len(), &parked, response.failures.len(), self.ledger.usage());
        self.answer(&event, response)
    }

    /// The response as Lambda will understand it.
    fn answer(&self, event: &KafkaEvent, response: BatchResponse) -> Result<BatchResponse, Unfinished> {
        let mut unplaced = event.partitions.iter().flat_map(|partition| &partition.unplaced);
        if let Some(first) = unplaced.next() {
            return Err(Unfinished::Unplaced { count: unplaced.count().saturating_add(1), first: first.clone() });
        }
        if !self.partial_batch_response && !response.failures.is_empty() {
            return Err(Unfinished::Records(response.failures.len()));
        }
        Ok(response)
    }
}

/// Each record by itself: a bad one is none of its neighbours' business.
fn decode(records: &[&Record]) -> (Batch, Vec<Decoded>) {
    let mut requests = Vec::with_capacity(records.len());
    let mut decoded = Vec::with_capacity(records.len());
    for record in records {
        decoded.push(payment_request::decode(&record.value).map(|payment| {
            requests.push(crate::domain::Request { payment, source: record.source.clone() });
            requests.len().saturating_sub(1)
        }));
    }
    (Batch::new(requests), decoded)
}

fn is_dead_letter(decoded: &Decoded, ends: &[End]) -> bool {
    match decoded {
        Err(_) => true,
        Ok(request) => ends[*request] == End::IdReused,
    }
}

fn dead_letter(record: &Record, decoded: &Decoded) -> DeadLetter {
    let (reason, detail) = match decoded {
        Err(malformed) => (malformed.name(), malformed.to_string()),
        Ok(_) => (PAYMENT_ID_REUSED, "payment_id: expected an id that names no other payment".to_owned()),
    };
    payment_request::dead_letter(record, reason, detail, clock::now())
}

/// Reports each partition from its first unfinished record on. Records are counted through the whole event.
fn report(event: &KafkaEvent, unfinished: impl Fn(usize) -> bool) -> BatchResponse {
    let mut response = BatchResponse::default();
    let mut start: usize = 0;
    for partition in &event.partitions {
        let end = start.saturating_add(partition.records.len());
        if let Some(first) = (start..end).find(|&ix| unfinished(ix)) {
            response.report_from(partition, first.saturating_sub(start));
        }
        start = end;
    }
    response
}
