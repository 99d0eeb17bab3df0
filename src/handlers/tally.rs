//! What: Writes the one log line of an invocation: what came, what became of it, and what it cost.
//!
//! Invariants: The line holds no data of an account holder. It holds counts, partitions, offsets, and the store's error
//! without items.

use std::collections::BTreeMap;
use std::time::Instant;

use super::clock;
use super::records::DeadLettersOfBatch;
use crate::account_commands::Applied;
use crate::domain::{Decline, Refusal};
use crate::settle::{Disposition, Settled};
use crate::store::{StoreError, Usage};
use crate::wire::kafka_event::KafkaEvent;

const MS_PER_SECOND: i64 = 1_000;

/// The counts of a running invocation.
#[derive(Debug)]
pub struct Tally {
    request_id: String,
    started: Instant,
    records: usize,
    /// Partition and offsets, such as `payment-requests-3:100..=599`.
    partitions: String,
    /// How long the oldest record had waited, by its own timestamp.
    oldest_age_seconds: Option<i64>,
    usage: Usage,
}

impl Tally {
    /// Starts counting. `usage` is the store's usage before this invocation.
    #[must_use]
    pub fn start(request_id: &str, event: &KafkaEvent, usage: Usage) -> Self {
        let span = |partition: &crate::wire::kafka_event::PartitionRecords| {
            let (first, last) = (partition.records.first()?, partition.records.last()?);
            let source = &first.source;
            Some(format!("{}-{}:{}..={}", source.topic, source.partition, source.offset, last.source.offset))
        };
        let stamps =
            event.partitions.iter().flat_map(|partition| &partition.records).filter_map(|record| record.timestamp);
        let age = |oldest: i64| clock::now().millis().saturating_sub(oldest).max(0) / MS_PER_SECOND;
        let spans: Vec<String> = event.partitions.iter().filter_map(span).collect();
        Self {
            request_id: request_id.into(),
            started: Instant::now(),
            records: event.partitions.iter().map(|partition| partition.records.len()).sum(),
            partitions: spans.join(" "),
            oldest_age_seconds: stamps.min().map(age),
            usage,
        }
    }

    /// Logs a record whose account others hold again and again, and what helps. It names the record and not the
    /// account: only people who may read the record may know the account.
    pub fn contended(&self, settled: &Settled) {
        for (source, rounds) in &settled.contended {
            tracing::warn!(
                request_id = self.request_id,
                %source,
                rounds,
                remedy = "key the records by debtor; give old accounts lanes (giro accounts add-lanes --all); past 97 \
                          partitions, partitions share lanes",
                "an account of this record is held by other transactions again and again"
            );
        }
    }

    /// Writes the line. `error` is the error of settling, `unfinished` counts the reported records, and `usage` is the
    /// store's usage up to now.
    pub fn finish(
        self,
        dispositions: &Dispositions,
        error: Option<&StoreError>,
        dead_letters: &DeadLettersOfBatch,
        unfinished: usize,
        usage: Usage,
    ) {
        let since = |now: u64, before: u64| now.saturating_sub(before);
        let error = error.filter(|error| !error.passes()).or(dead_letters.written.error.as_ref()).or(error);
        tracing::info!(
            request_id = self.request_id,
            partitions = self.partitions,
            records = self.records,
            oldest_age_seconds = self.oldest_age_seconds,
            settled = dispositions.settled,
            declined = dispositions.declined,
            reasons = dispositions.reasons,
            applied = dispositions.applied,
            refused = dispositions.refused,
            replayed = dispositions.replayed,
            dead_letters = dead_letters.count.saturating_sub(dead_letters.written.left.len()),
            unfinished,
            rounds = dispositions.rounds,
            conflicts = dispositions.conflicts,
            read_calls = since(usage.read_calls, self.usage.read_calls),
            transactions = since(usage.transactions, self.usage.transactions),
            cancelled = since(usage.cancelled, self.usage.cancelled),
            puts = since(usage.puts, self.usage.puts),
            read_milliunits = since(usage.read_milliunits, self.usage.read_milliunits),
            write_milliunits = since(usage.write_milliunits, self.usage.write_milliunits),
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            fault_kind = error.map(StoreError::name),
            fault = error.map(tracing::field::display),
            "batch finished"
        );
    }
}

/// The dispositions of a batch's requests, counted. What a handler doesn't count is left out of its line.
#[derive(Debug, Default)]
pub struct Dispositions {
    settled: Option<usize>,
    declined: Option<usize>,
    /// Why, with how often, such as `insufficient_funds=3 velocity_limit=1`.
    reasons: Option<String>,
    applied: Option<usize>,
    refused: Option<usize>,
    replayed: usize,
    rounds: Option<u32>,
    conflicts: Option<u64>,
}

impl Dispositions {
    /// Of payments: settled or declined.
    #[must_use]
    pub fn of_payments(settled: &Settled) -> Self {
        let [yes, no, replayed] = counts(&settled.dispositions);
        Self {
            settled: Some(yes),
            declined: Some(no),
            reasons: Some(reasons(&settled.dispositions, Decline::name)).filter(|reasons| !reasons.is_empty()),
            replayed,
            rounds: Some(settled.rounds),
            conflicts: Some(settled.conflicts),
            ..Self::default()
        }
    }

    /// Of account commands: applied or refused.
    #[must_use]
    pub fn of_commands(applied: &Applied) -> Self {
        let [yes, no, replayed] = counts(&applied.dispositions);
        let reasons = Some(reasons(&applied.dispositions, Refusal::name)).filter(|reasons| !reasons.is_empty());
        Self { applied: Some(yes), refused: Some(no), reasons, replayed, ..Self::default() }
    }
}

/// How often each reason was given, in the order of their names.
fn reasons<E: Copy>(dispositions: &[Disposition<Result<(), E>>], name: fn(E) -> &'static str) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for disposition in dispositions {
        if let Disposition::Decided(Err(reason)) = disposition {
            let count = counts.entry(name(*reason)).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts.into_iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}

/// How many were answered with yes, how many with no, and how many were replays.
fn counts<E>(dispositions: &[Disposition<Result<(), E>>]) -> [usize; 3] {
    let count =
        |is: fn(&Disposition<Result<(), E>>) -> bool| dispositions.iter().filter(|disposition| is(disposition)).count();
    [
        count(|disposition| matches!(disposition, Disposition::Decided(Ok(())))),
        count(|disposition| matches!(disposition, Disposition::Decided(Err(_)))),
        count(|disposition| matches!(disposition, Disposition::Replayed)),
    ]
}
