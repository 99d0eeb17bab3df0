//! What: Writes the one log line of an invocation: what came, what became of it, and what it cost.
//!
//! Invariants: The line holds no data of an account holder. It holds counts, partitions, offsets, and the store's error
//! without items.

use std::collections::BTreeMap;
use std::time::Instant;

use super::clock;
use super::records::DeadLettersOfBatch;
use crate::account_commands::Applied;
use crate::domain::{Decline, Instruction, Refusal, Request};
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
            settled_with_legs = dispositions.with_legs.settled,
            declined_with_legs = dispositions.with_legs.declined,
            settled_refunds = dispositions.refunds.settled,
            declined_refunds = dispositions.refunds.declined,
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
    /// Those of `settled` and `declined` that are payments with legs, and those that are refunds.
    with_legs: OfKind,
    refunds: OfKind,
    applied: Option<usize>,
    refused: Option<usize>,
    replayed: usize,
    rounds: Option<u32>,
    conflicts: Option<u64>,
}

/// How many instructions of one kind were settled and declined. `None` if there was none.
#[derive(Debug, Default)]
struct OfKind {
    settled: Option<usize>,
    declined: Option<usize>,
}

/// The kinds of a batch's instructions, in the order of their requests.
#[derive(Debug)]
pub struct Kinds(Vec<Kind>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Payment,
    WithLegs,
    Refund,
}

impl Kinds {
    /// The kinds of these requests.
    #[must_use]
    pub fn of(requests: &[Request]) -> Self {
        let kind = |request: &Request| match request.instruction {
            Instruction::Payment(_) => Kind::Payment,
            Instruction::Legged(_) => Kind::WithLegs,
            Instruction::Refund(_) => Kind::Refund,
        };
        Self(requests.iter().map(kind).collect())
    }

    /// How many of this kind were settled and declined.
    fn count(&self, kind: Kind, dispositions: &[Disposition<Result<(), Decline>>]) -> OfKind {
        let of_kind =
            self.0.iter().zip(dispositions).filter(|(of, _)| **of == kind).map(|(_, disposition)| disposition);
        let [settled, declined, _] = counts(of_kind).map(|count| Some(count).filter(|&count| count > 0));
        OfKind { settled, declined }
    }
}

impl Dispositions {
    /// Of payments: settled or declined. `kinds` are those of the same requests.
    #[must_use]
    pub fn of_payments(settled: &Settled, kinds: &Kinds) -> Self {
        let [yes, no, replayed] = counts(&settled.dispositions);
        Self {
            settled: Some(yes),
            declined: Some(no),
            reasons: Some(reasons(&settled.dispositions, Decline::name)).filter(|reasons| !reasons.is_empty()),
            with_legs: kinds.count(Kind::WithLegs, &settled.dispositions),
            refunds: kinds.count(Kind::Refund, &settled.dispositions),
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
fn counts<'d, E: 'd>(dispositions: impl IntoIterator<Item = &'d Disposition<Result<(), E>>>) -> [usize; 3] {
    let [mut yes, mut no, mut replayed] = [0_usize; 3];
    for disposition in dispositions {
        let count = match disposition {
            Disposition::Decided(Ok(())) => &mut yes,
            Disposition::Decided(Err(_)) => &mut no,
            Disposition::Replayed => &mut replayed,
            Disposition::IdReused | Disposition::Unfinished => continue,
        };
        *count = count.saturating_add(1);
    }
    [yes, no, replayed]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays and reused ids are no decisions, so they count in no kind.
    #[test]
    fn decisions_are_counted_by_kind() {
        let kinds = Kinds(vec![Kind::Refund, Kind::WithLegs, Kind::Refund, Kind::Payment, Kind::Refund, Kind::Refund]);
        let dispositions = [
            Disposition::Decided(Ok(())),
            Disposition::Decided(Err(Decline::InsufficientFunds)),
            Disposition::Replayed,
            Disposition::Decided(Ok(())),
            Disposition::IdReused,
            Disposition::Decided(Ok(())),
        ];
        let counted = |kind| {
            let OfKind { settled, declined } = kinds.count(kind, &dispositions);
            (settled, declined)
        };
        assert_eq!(counted(Kind::Refund), (Some(2), None));
        assert_eq!(counted(Kind::WithLegs), (None, Some(1)));
    }
}
