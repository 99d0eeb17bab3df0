//! What: The figures of a batch as metrics.
//!
//! | dimensions | metrics |
//! |---|---|
//! | none | all of the batch |
//! | `Kind`, `Decision` | `Decisions` of that kind |
//! | `Reason` | `Declines` for that reason |
//!
//! Limits: What is zero among kinds and reasons is left out. No dimension holds data of an account holder.

use std::collections::BTreeMap;

use super::metric::{Measured, Metric, Metrics, called, counted, each};

/// The figures of a batch of records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchMetrics {
    /// Records of the event.
    pub records: usize,
    /// Records that are reported, to be delivered again.
    pub unfinished: usize,
    /// Dead letters written.
    pub dead_letters: usize,
    /// Requests that had their outcome already.
    pub replayed: usize,
    /// How long the oldest record had waited when the batch came, in seconds. `None`: no record has a timestamp.
    pub lag_seconds: Option<i64>,
    /// How long the batch took, without the wait before unfinished records are reported.
    pub duration_ms: u64,
    /// How old each finished record was when the batch was done, by the record's timestamp.
    pub finished_after_ms: Vec<u64>,
    /// Calls and units of the store.
    pub calls: StoreCalls,
    /// What settling took.
    pub effort: Option<Effort>,
    /// How many were decided how, by kind and decision.
    pub decisions: BTreeMap<(&'static str, &'static str), usize>,
    /// How often each reason was given.
    pub reasons: BTreeMap<&'static str, usize>,
}

/// Calls of the store, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreCalls {
    /// Read calls.
    pub reads: u64,
    /// Transactions sent.
    pub transactions: u64,
    /// Those of them that were cancelled.
    pub cancelled: u64,
    /// Read units, in thousandths.
    pub read_milliunits: u64,
    /// Write units, in thousandths.
    pub write_milliunits: u64,
}

/// What settling a batch took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Rounds of deciding and planning.
    pub rounds: u32,
    /// Calls that conflicted with a transaction in flight.
    pub conflicts: u64,
    /// How often the store had no time: for a transaction, or for a round of reads.
    pub throttled: u64,
    /// The most transactions that were in flight at once.
    pub in_flight: usize,
}

impl BatchMetrics {
    /// The metrics: first those of all of the batch.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metrics> {
        let mut metrics = vec![Metrics { dimensions: Vec::new(), metrics: self.all() }];
        metrics.extend(self.decisions.iter().filter(|(_, decided)| **decided > 0).map(
            |((kind, decision), decided)| {
                let dimensions = vec![("Kind", *kind), ("Decision", *decision)];
                Metrics { dimensions, metrics: vec![counted("Decisions", *decided)] }
            },
        ));
        metrics.extend(self.reasons.iter().map(|(reason, declined)| {
            let dimensions = vec![("Reason", *reason)];
            Metrics { dimensions, metrics: vec![counted("Declines", *declined)] }
        }));
        metrics
    }

    fn all(&self) -> Vec<Metric> {
        let metric = |name, measured| Metric { name, measured };
        let mut metrics = vec![
            counted("Records", self.records),
            counted("Unfinished", self.unfinished),
            counted("DeadLetters", self.dead_letters),
            counted("Replayed", self.replayed),
            metric("BatchDuration", Measured::Milliseconds(self.duration_ms)),
            called("ReadCalls", self.calls.reads),
            called("Transactions", self.calls.transactions),
            called("CancelledTransactions", self.calls.cancelled),
            metric("ReadUnits", Measured::Milliunits(self.calls.read_milliunits)),
            metric("WriteUnits", Measured::Milliunits(self.calls.write_milliunits)),
        ];
        if let Some(Effort { rounds, conflicts, throttled, in_flight }) = self.effort {
            metrics.push(called("Rounds", rounds.into()));
            metrics.push(called("Conflicts", conflicts));
            metrics.push(called("Throttled", throttled));
            metrics.push(metric("InFlight", Measured::Most(u64::try_from(in_flight).unwrap_or(u64::MAX))));
        }
        metrics.extend(self.lag_seconds.map(|lag| metric("Lag", Measured::Seconds(lag))));
        metrics.extend(each("FinishedAfter", &self.finished_after_ms));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::wire::embedded_metric;
    use serde_json::{Value, json};

    fn lines(batch: &BatchMetrics, function: &str) -> Vec<Value> {
        let lines = embedded_metric::lines(&batch.metrics(), function, Timestamp::EPOCH);
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_batch_has_a_line_and_each_kind_and_reason_has_one() {
        let batch = BatchMetrics {
            records: 7,
            unfinished: 1,
            dead_letters: 2,
            replayed: 3,
            lag_seconds: Some(4),
            duration_ms: 25,
            finished_after_ms: vec![30, 10, 20],
            calls: StoreCalls {
                reads: 5,
                transactions: 6,
                cancelled: 1,
                read_milliunits: 1_500,
                write_milliunits: 8_000,
            },
            effort: Some(Effort { rounds: 2, conflicts: 11, throttled: 12, in_flight: 13 }),
            decisions: [(("payment", "settled"), 4), (("refund", "settled"), 0), (("refund", "declined"), 1)].into(),
            reasons: [("insufficient_funds", 1)].into(),
        };
        let lines = lines(&batch, "prod-payment-processor");
        let [all, paid, refunded, reason] = &lines[..] else { panic!("{lines:#?}") };
        for (name, value) in [
            ("Records", json!(7)),
            ("Unfinished", json!(1)),
            ("DeadLetters", json!(2)),
            ("Replayed", json!(3)),
            ("Lag", json!(4)),
            ("BatchDuration", json!(25)),
            ("FinishedAfter", json!([10, 20, 30])),
            ("ReadCalls", json!(5)),
            ("Transactions", json!(6)),
            ("CancelledTransactions", json!(1)),
            ("ReadUnits", json!(1.5)),
            ("WriteUnits", json!(8.0)),
            ("Rounds", json!(2)),
            ("Conflicts", json!(11)),
            ("Throttled", json!(12)),
            ("InFlight", json!(13)),
        ] {
            assert_eq!(all[name], value, "{name}");
        }
        let directive = |line: &Value| line["_aws"]["CloudWatchMetrics"][0].clone();
        assert_eq!(directive(all)["Dimensions"], json!([["Function"]]));
        assert_eq!(directive(all)["Metrics"].as_array().unwrap().len(), 16);
        assert_eq!(directive(paid)["Dimensions"], json!([["Function", "Kind", "Decision"]]));
        let decided = |line: &Value| json!([line["Function"], line["Kind"], line["Decision"], line["Decisions"]]);
        assert_eq!(decided(paid), json!(["prod-payment-processor", "payment", "settled", 4]));
        assert_eq!(decided(refunded), json!(["prod-payment-processor", "refund", "declined", 1]));
        assert_eq!(directive(reason)["Dimensions"], json!([["Function", "Reason"]]));
        assert_eq!(json!([reason["Reason"], reason["Declines"]]), json!(["insufficient_funds", 1]));
    }

    #[test]
    fn what_a_batch_does_not_have_is_left_out() {
        let lines = lines(&BatchMetrics::default(), "f");
        let [all] = &lines[..] else { panic!("{lines:#?}") };
        for name in ["Lag", "FinishedAfter", "Rounds", "Conflicts", "Throttled", "InFlight"] {
            assert!(all.get(name).is_none(), "{name}");
        }
    }
}
