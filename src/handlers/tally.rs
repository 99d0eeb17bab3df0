//! The one log line of an invocation: what came, what became of it, and what it cost.
//!
//! Invariant: no account holder's data: counts, partitions, offsets, and the store's fault without its items.

use std::time::Instant;

use crate::settle::park::Parked;
use crate::settle::{End, Settled};
use crate::store::Usage;
use crate::wire::kafka_event::KafkaEvent;

/// An invocation under way.
#[derive(Debug)]
pub struct Tally {
    request_id: String,
    started: Instant,
    records: usize,
    /// Partition and offsets, such as `payment-requests-3:100..=599`.
    partitions: String,
    usage: Usage,
}

impl Tally {
    /// Starts counting. `usage` is what the store was asked before this invocation.
    #[must_use]
    pub fn start(request_id: &str, event: &KafkaEvent, usage: Usage) -> Self {
        let span = |partition: &crate::wire::kafka_event::PartitionRecords| {
            let (first, last) = (partition.records.first()?, partition.records.last()?);
            let source = &first.source;
            Some(format!("{}-{}:{}..={}", source.topic, source.partition, source.offset, last.source.offset))
        };
        let spans: Vec<String> = event.partitions.iter().filter_map(span).collect();
        Self {
            request_id: request_id.into(),
            started: Instant::now(),
            records: event.partitions.iter().map(|partition| partition.records.len()).sum(),
            partitions: spans.join(" "),
            usage,
        }
    }

    /// Writes the line. `dead_letters` counts those to be set aside, `unfinished` the records reported; `usage` is what
    /// the store was asked up to now.
    pub fn finish(self, settled: &Settled, dead_letters: usize, parked: &Parked, unfinished: usize, usage: Usage) {
        let count = |is: fn(&End) -> bool| settled.ends.iter().filter(|end| is(end)).count();
        for (source, rounds) in &settled.contended {
            // By record, not by name: whoever may read the record may know whose account it is.
            tracing::warn!(
                request_id = self.request_id,
                %source,
                rounds,
                remedy = "if many pay to its creditor, give that account credit lanes (giro accounts add-lanes); if many pay from its debtor, key the records by debtor",
                "an account of this record is held by other transactions time and again"
            );
        }
        let fault = parked.fault.as_ref().or(settled.fault.as_ref());
        let since = |now: u64, before: u64| now.saturating_sub(before);
        tracing::info!(
            request_id = self.request_id,
            partitions = self.partitions,
            records = self.records,
            settled = count(|end| *end == End::Decided(Ok(()))),
            declined = count(|end| matches!(end, End::Decided(Err(_)))),
            replayed = count(|end| *end == End::Replayed),
            dead_letters = dead_letters.saturating_sub(parked.left.len()),
            unfinished,
            rounds = settled.rounds,
            conflicts = settled.conflicts,
            read_calls = since(usage.read_calls, self.usage.read_calls),
            transactions = since(usage.transactions, self.usage.transactions),
            cancelled = since(usage.cancelled, self.usage.cancelled),
            puts = since(usage.puts, self.usage.puts),
            read_milliunits = since(usage.read_milliunits, self.usage.read_milliunits),
            write_milliunits = since(usage.write_milliunits, self.usage.write_milliunits),
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            fault = fault.map(tracing::field::display),
            "batch finished"
        );
    }
}
