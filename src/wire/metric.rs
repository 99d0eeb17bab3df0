//! What: A metric of a batch, before it is written in one format or another.

/// A metric: what it is called, and what was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name, in the words of `docs/metrics.md`.
    pub name: &'static str,
    /// What was measured.
    pub measured: Measured,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// How many there were. It adds up over batches.
    Count(u64),
    /// Request units, in thousandths. They add up over batches.
    Milliunits(u64),
    /// The most that there were at once.
    Most(u64),
    /// How many seconds something had waited.
    Seconds(i64),
    /// How many milliseconds it took.
    Milliseconds(u64),
    /// How many milliseconds each of many took.
    EachMilliseconds(Vec<u64>),
}

/// Metrics that have the same dimensions, each with its name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// What the metrics are of. None: all of the batch.
    pub dimensions: Vec<(&'static str, &'static str)>,
    /// The metrics.
    pub metrics: Vec<Metric>,
}

/// A count of things.
pub(super) fn counted(name: &'static str, things: usize) -> Metric {
    called(name, u64::try_from(things).unwrap_or(u64::MAX))
}

/// A count.
pub(super) fn called(name: &'static str, count: u64) -> Metric {
    Metric { name, measured: Measured::Count(count) }
}

/// What each of many took, if there is one.
pub(super) fn each(name: &'static str, ms: &[u64]) -> Option<Metric> {
    (!ms.is_empty()).then(|| Metric { name, measured: Measured::EachMilliseconds(ms.to_vec()) })
}
