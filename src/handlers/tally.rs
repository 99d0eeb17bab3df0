//! What: Writes the one log line of an invocation: what came, what became of it, and what it cost. Gives the same as
//! metrics.
//!
//! Invariants: The line holds no data of an account holder. It holds counts, partitions, offsets, and the store's error
//! without items.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use lambda_runtime::Context;

use super::clock;
use super::records::DeadLettersOfBatch;
use crate::account_commands::Applied;
use crate::domain::{Decline, Instruction, Refusal, Request, Timestamp};
use crate::settle::{Disposition, Settled};
use crate::store::{StoreError, Usage};
use crate::wire::batch_metrics::{BatchMetrics, Effort, StoreCalls};
use crate::wire::batch_response::{BatchItemFailure, BatchResponse};
use crate::wire::kafka_event::{KafkaEvent, PartitionRecords, Record};

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
    stamps: Option<Stamps>,
}

/// What metrics need beside the log line, by the names of partitions: the offset and the timestamp of each record.
#[derive(Debug)]
struct Stamps(Vec<(String, Vec<(i64, i64)>)>);

impl Stamps {
    fn of(event: &KafkaEvent) -> Self {
        let stamp = |record: &Record| Some((record.source.offset, record.timestamp?));
        let stamps = |partition: &PartitionRecords| partition.records.iter().filter_map(stamp).collect();
        let named = |partition: &PartitionRecords| (partition.identifier.clone(), stamps(partition));
        Self(event.partitions.iter().map(named).collect())
    }

    /// How old the finished records are now. Of a partition, all from the first reported record on are unfinished.
    fn finished_after_ms(&self, response: &BatchResponse, now: Timestamp) -> Vec<u64> {
        let mut reported: HashMap<&str, i64> = HashMap::new();
        for BatchItemFailure { item } in &response.failures {
            let first = reported.entry(&item.partition).or_insert(item.offset);
            *first = item.offset.min(*first);
        }
        let age = |stamp: i64| u64::try_from(now.millis().saturating_sub(stamp)).unwrap_or_default();
        let finished = self.0.iter().flat_map(|(partition, stamps)| {
            let end = reported.get(&**partition).copied().unwrap_or(i64::MAX);
            stamps.iter().filter(move |(offset, _)| *offset < end)
        });
        finished.map(|(_, stamp)| age(*stamp)).collect()
    }
}

impl Tally {
    /// Starts counting. `usage` is the store's usage before this invocation. `metrics` says whether anybody wants them.
    #[must_use]
    pub fn start(context: &Context, event: &KafkaEvent, usage: Usage, metrics: bool) -> Self {
        let span = |partition: &PartitionRecords| {
            let (first, last) = (partition.records.first()?, partition.records.last()?);
            let source = &first.source;
            Some(format!("{}-{}:{}..={}", source.topic, source.partition, source.offset, last.source.offset))
        };
        let stamps =
            event.partitions.iter().flat_map(|partition| &partition.records).filter_map(|record| record.timestamp);
        let age = |oldest: i64| clock::now().millis().saturating_sub(oldest).max(0) / MS_PER_SECOND;
        let spans: Vec<String> = event.partitions.iter().filter_map(span).collect();
        Self {
            request_id: context.request_id.clone(),
            started: Instant::now(),
            records: event.partitions.iter().map(|partition| partition.records.len()).sum(),
            partitions: spans.join(" "),
            oldest_age_seconds: stamps.min().map(age),
            usage,
            stamps: metrics.then(|| Stamps::of(event)),
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

    /// Writes the line, and gives the figures for metrics. `error` is the error of settling, `response` names the
    /// reported records, and `usage` is the store's usage up to now.
    pub fn finish(
        self,
        dispositions: &Dispositions,
        error: Option<&StoreError>,
        dead_letters: &DeadLettersOfBatch,
        response: &BatchResponse,
        usage: Usage,
    ) -> BatchMetrics {
        let batch = self.batch(dispositions, dead_letters, response, usage);
        let error = error.filter(|error| !error.passes()).or(dead_letters.written.error.as_ref()).or(error);
        tracing::info!(
            request_id = self.request_id,
            partitions = self.partitions,
            records = batch.records,
            oldest_age_seconds = batch.lag_seconds,
            settled = dispositions.settled,
            declined = dispositions.declined,
            reasons = dispositions.told_reasons(),
            settled_with_legs = dispositions.with_legs.settled,
            declined_with_legs = dispositions.with_legs.declined,
            settled_refunds = dispositions.refunds.settled,
            declined_refunds = dispositions.refunds.declined,
            applied = dispositions.applied,
            refused = dispositions.refused,
            replayed = batch.replayed,
            dead_letters = batch.dead_letters,
            unfinished = batch.unfinished,
            rounds = batch.effort.map(|effort| effort.rounds),
            conflicts = batch.effort.map(|effort| effort.conflicts),
            read_calls = batch.calls.reads,
            transactions = batch.calls.transactions,
            cancelled = batch.calls.cancelled,
            puts = usage.puts.saturating_sub(self.usage.puts),
            read_milliunits = batch.calls.read_milliunits,
            write_milliunits = batch.calls.write_milliunits,
            duration_ms = batch.duration_ms,
            fault_kind = error.map(StoreError::name),
            fault = error.map(tracing::field::display),
            "batch finished"
        );
        let finished_after_ms = self.stamps.map(|stamps| stamps.finished_after_ms(response, clock::now()));
        BatchMetrics { finished_after_ms: finished_after_ms.unwrap_or_default(), ..batch }
    }

    /// The figures of the batch, without the ages of its records.
    fn batch(
        &self,
        dispositions: &Dispositions,
        dead_letters: &DeadLettersOfBatch,
        response: &BatchResponse,
        usage: Usage,
    ) -> BatchMetrics {
        let since = |now: u64, before: u64| now.saturating_sub(before);
        BatchMetrics {
            records: self.records,
            unfinished: response.failures.len(),
            dead_letters: dead_letters.count.saturating_sub(dead_letters.written.left.len()),
            replayed: dispositions.replayed,
            lag_seconds: self.oldest_age_seconds,
            duration_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            finished_after_ms: Vec::new(),
            calls: StoreCalls {
                reads: since(usage.read_calls, self.usage.read_calls),
                transactions: since(usage.transactions, self.usage.transactions),
                cancelled: since(usage.cancelled, self.usage.cancelled),
                read_milliunits: since(usage.read_milliunits, self.usage.read_milliunits),
                write_milliunits: since(usage.write_milliunits, self.usage.write_milliunits),
            },
            effort: dispositions.effort,
            decisions: dispositions.decisions(),
            reasons: dispositions.reasons.clone(),
        }
    }
}

/// The dispositions of a batch's requests, counted. What a handler doesn't count is left out of its line.
#[derive(Debug, Default)]
pub struct Dispositions {
    settled: Option<usize>,
    declined: Option<usize>,
    /// Why, with how often.
    reasons: BTreeMap<&'static str, usize>,
    /// Those of `settled` and `declined` that are payments with legs, and those that are refunds.
    with_legs: OfKind,
    refunds: OfKind,
    applied: Option<usize>,
    refused: Option<usize>,
    replayed: usize,
    effort: Option<Effort>,
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
            reasons: reasons(&settled.dispositions, Decline::name),
            with_legs: kinds.count(Kind::WithLegs, &settled.dispositions),
            refunds: kinds.count(Kind::Refund, &settled.dispositions),
            replayed,
            effort: Some(Effort {
                rounds: settled.rounds,
                conflicts: settled.conflicts,
                throttled: settled.throttled,
                in_flight: settled.in_flight,
            }),
            ..Self::default()
        }
    }

    /// Of account commands: applied or refused.
    #[must_use]
    pub fn of_commands(applied: &Applied) -> Self {
        let [yes, no, replayed] = counts(&applied.dispositions);
        let reasons = reasons(&applied.dispositions, Refusal::name);
        Self { applied: Some(yes), refused: Some(no), reasons, replayed, ..Self::default() }
    }

    /// The reasons for the log, such as `insufficient_funds=3 velocity_limit=1`. `None`: there were none.
    fn told_reasons(&self) -> Option<String> {
        let told = |(name, count): (&&str, &usize)| format!("{name}={count}");
        let told: Vec<String> = self.reasons.iter().map(told).collect();
        Some(told.join(" ")).filter(|told| !told.is_empty())
    }

    /// How many were decided how, by kind and decision.
    fn decisions(&self) -> BTreeMap<(&'static str, &'static str), usize> {
        let (legs, refunds) = (&self.with_legs, &self.refunds);
        let rest = |all: Option<usize>, of: Option<usize>, others: Option<usize>| {
            all.map(|all| all.saturating_sub(of.unwrap_or_default()).saturating_sub(others.unwrap_or_default()))
        };
        let counted = [
            (("payment", "settled"), rest(self.settled, legs.settled, refunds.settled)),
            (("payment", "declined"), rest(self.declined, legs.declined, refunds.declined)),
            (("payment_with_legs", "settled"), legs.settled),
            (("payment_with_legs", "declined"), legs.declined),
            (("refund", "settled"), refunds.settled),
            (("refund", "declined"), refunds.declined),
            (("account_command", "applied"), self.applied),
            (("account_command", "refused"), self.refused),
        ];
        counted.into_iter().filter_map(|(key, count)| Some((key, count?))).collect()
    }
}

/// How often each reason was given, in the order of their names.
fn reasons<E: Copy>(
    dispositions: &[Disposition<Result<(), E>>],
    name: fn(E) -> &'static str,
) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for disposition in dispositions {
        if let Disposition::Decided(Err(reason)) = disposition {
            let count = counts.entry(name(*reason)).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts
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
