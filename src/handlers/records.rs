//! What: The part that all handlers of Kafka batches share: read each record, store dead letters, and answer for the
//! rest.
//!
//! Data: Takes the event, a reader of values, then the disposition of each request. Gives requests, dead letters, and
//! the batch response.
//!
//! Invariants: A record is acknowledged only if its disposition or its bytes are known to be stored. A bad record
//! doesn't affect other records. Each partition is reported from its first unfinished record on. Unfinished records are
//! reported late, because each report uses up one of the mapping's tries.

use tokio::time::{Instant, sleep_until};

use super::clock;
use super::unfinished::Unfinished;
use crate::domain::{DeadLetter, Source};
use crate::settle::dead_letters::{DeadLettersWritten, write_dead_letters};
use crate::settle::{Backoff, Disposition};
use crate::store::Ledger;
use crate::wire::batch_response::BatchResponse;
use crate::wire::json::fields::Malformed;
use crate::wire::kafka_event::{KafkaEvent, Record};

/// The records of an event, and what each is: a request, by its index, or not a request.
#[derive(Debug)]
pub struct Records<'e> {
    event: &'e KafkaEvent,
    records: Vec<&'e Record>,
    decoded: Vec<Result<usize, Malformed>>,
}

/// What became of the dead letters of a batch.
#[derive(Debug)]
pub struct DeadLettersOfBatch {
    /// How many records had to become dead letters.
    pub count: usize,
    /// Which of them are not known to be stored.
    pub written: DeadLettersWritten,
}

impl<'e> Records<'e> {
    /// Reads each record by itself. Requests are in the order of the records. `request` makes them from what was read
    /// and its place.
    pub fn decode<T, R>(
        event: &'e KafkaEvent,
        read: impl Fn(&Record) -> Result<T, Malformed>,
        request: impl Fn(T, Source) -> R,
    ) -> (Self, Vec<R>) {
        let records: Vec<&Record> = event.partitions.iter().flat_map(|partition| &partition.records).collect();
        let mut requests = Vec::with_capacity(records.len());
        let mut decoded = Vec::with_capacity(records.len());
        for record in &records {
            decoded.push(read(record).map(|value| {
                requests.push(request(value, record.source.clone()));
                requests.len().saturating_sub(1)
            }));
        }
        (Self { event, records, decoded }, requests)
    }

    /// Stores a dead letter for every record that isn't a request, or whose request reuses an id. The latter gets
    /// `id_reused` as reason and detail.
    pub async fn write_dead_letters<L: Ledger, V>(
        &self,
        ledger: &L,
        dispositions: &[Disposition<V>],
        id_reused: (&str, &str),
        deadline: Instant,
    ) -> DeadLettersOfBatch {
        let is_dead_letter = |ix: &usize| match &self.decoded[*ix] {
            Err(_) => true,
            Ok(request) => matches!(dispositions[*request], Disposition::IdReused),
        };
        let letter = |ix: usize| -> DeadLetter {
            let (reason, detail) = match &self.decoded[ix] {
                Err(malformed) => (malformed.name(), malformed.to_string()),
                Ok(_) => (id_reused.0, id_reused.1.to_owned()),
            };
            self.records[ix].dead_letter(reason, detail, clock::now())
        };
        let dead_letters: Vec<usize> = (0..self.records.len()).filter(is_dead_letter).collect();
        DeadLettersOfBatch {
            count: dead_letters.len(),
            written: write_dead_letters(ledger, &dead_letters, letter, deadline, Backoff::new()).await,
        }
    }

    /// The response. It names each partition's records from the first unfinished one on.
    pub fn report<V>(&self, dispositions: &[Disposition<V>], dead_letters: &DeadLettersOfBatch) -> BatchResponse {
        let unfinished = |ix: usize| match &self.decoded[ix] {
            Ok(request) if matches!(dispositions[*request], Disposition::Unfinished) => true,
            Ok(_) | Err(_) => dead_letters.written.left.binary_search(&ix).is_ok(),
        };
        let mut response = BatchResponse::default();
        let mut start: usize = 0;
        for partition in &self.event.partitions {
            let end = start.saturating_add(partition.records.len());
            if let Some(first) = (start..end).find(|&ix| unfinished(ix)) {
                response.report_from(partition, first.saturating_sub(start));
            }
            start = end;
        }
        response
    }

    /// The response that Lambda will understand. If records are unfinished, it comes no earlier than `report`.
    /// `partial_batch_response` says whether the event source mapping asks for partial batch responses. If it doesn't,
    /// a list of failures counts as success.
    ///
    /// # Errors
    /// [`Unfinished`] if an element can't be named in a response, or if records are unfinished and Lambda didn't ask
    /// for a partial response. Lambda then delivers the batch again.
    pub async fn answer(
        &self,
        response: BatchResponse,
        partial_batch_response: bool,
        report: Instant,
    ) -> Result<BatchResponse, Unfinished> {
        let answer = self.understood(response, partial_batch_response);
        if answer.as_ref().map_or(true, |response| !response.failures.is_empty()) {
            sleep_until(report).await;
        }
        answer
    }

    fn understood(&self, response: BatchResponse, partial_batch_response: bool) -> Result<BatchResponse, Unfinished> {
        let mut unplaced = self.event.partitions.iter().flat_map(|partition| &partition.unplaced);
        if let Some(first) = unplaced.next() {
            return Err(Unfinished::Unplaced { count: unplaced.count().saturating_add(1), first: first.clone() });
        }
        if !partial_batch_response && !response.failures.is_empty() {
            return Err(Unfinished::Records(response.failures.len()));
        }
        Ok(response)
    }
}
