//! What: Counts what pollers have done.

use std::fmt;

use anyhow::Context;
use hdrhistogram::Histogram;

/// What the pollers of a mapping have done so far.
#[derive(Clone)]
pub struct Activity {
    /// Records that were finished.
    pub acknowledged: u64,
    /// Records that were given up: put on the on-failure topic, or dropped.
    pub given_up: u64,
    /// Records that fit no filter, and were never delivered.
    pub filtered: u64,
    /// Invocations sent.
    pub invocations: u64,
    /// Invocations that failed as a whole.
    pub failed: u64,
    /// Records delivered again.
    pub redelivered: u64,
    /// The most records that one invocation took.
    pub batch_records_max: u64,
    /// From a record's timestamp to its acknowledgement, in milliseconds.
    pub latency_ms: Histogram<u64>,
    /// What the last failed invocation said.
    pub last_failure: Option<String>,
    /// Errors of reading, each once, in the order in which they were noticed.
    pub troubles: Vec<String>,
}

impl Activity {
    /// Nothing yet.
    ///
    /// # Errors
    /// If no histogram can be made.
    pub(crate) fn none() -> anyhow::Result<Self> {
        Ok(Self {
            acknowledged: 0,
            given_up: 0,
            filtered: 0,
            invocations: 0,
            failed: 0,
            redelivered: 0,
            batch_records_max: 0,
            latency_ms: Histogram::new(3).context("making a histogram")?,
            last_failure: None,
            troubles: Vec::new(),
        })
    }

    /// Counts an invocation that took `delivered` records. `finished` has the timestamps of the finished ones.
    pub(super) fn invoked(
        &mut self,
        delivered: usize,
        finished: impl Iterator<Item = Option<i64>>,
        failure: Option<String>,
        now_ms: i64,
    ) {
        let delivered = u64::try_from(delivered).unwrap_or(u64::MAX);
        let mut count: u64 = 0;
        for timestamp in finished {
            count = count.saturating_add(1);
            if let Some(age) = timestamp.and_then(|timestamp| u64::try_from(now_ms.saturating_sub(timestamp)).ok()) {
                // It grows as it must.
                let _ = self.latency_ms.record(age);
            }
        }
        self.invocations = self.invocations.saturating_add(1);
        self.failed = self.failed.saturating_add(u64::from(failure.is_some()));
        self.acknowledged = self.acknowledged.saturating_add(count);
        self.redelivered = self.redelivered.saturating_add(delivered.saturating_sub(count));
        self.batch_records_max = self.batch_records_max.max(delivered);
        self.last_failure = failure.or(self.last_failure.take());
    }

    /// Notes an error of reading.
    pub(super) fn troubled(&mut self, trouble: &str) {
        if !self.troubles.iter().any(|known| known == trouble) {
            self.troubles.push(trouble.to_owned());
        }
    }

    /// Counts records that were given up.
    pub(super) fn gave_up(&mut self, records: usize) {
        self.given_up = self.given_up.saturating_add(u64::try_from(records).unwrap_or(u64::MAX));
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the histogram's thousands of buckets.
        f.debug_struct("Activity")
            .field("acknowledged", &self.acknowledged)
            .field("given_up", &self.given_up)
            .field("filtered", &self.filtered)
            .field("invocations", &self.invocations)
            .field("failed", &self.failed)
            .field("redelivered", &self.redelivered)
            .field("batch_records_max", &self.batch_records_max)
            .field("last_failure", &self.last_failure)
            .field("troubles", &self.troubles)
            .finish_non_exhaustive()
    }
}
