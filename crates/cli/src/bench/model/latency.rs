//! What: Models how long DynamoDB takes, from its published distributions.
//!
//! Data: Takes a source of randomness and the number of items. Gives microseconds.
//!
//! A single-item call takes a log-normal time, given by its median and 99th percentile. A call with several items waits
//! for the slowest of them. A transaction is DynamoDB's two-phase commit. Its coordinator writes to its ledger,
//! prepares every item, writes to its ledger again, and commits every item:
//!
//! ```text
//! transaction(n) = put + slowest of n puts + n·item  (prepared: from here on it is decided)
//!                + put + slowest of n puts           (committed)
//! ```
//!
//! So a transaction of one item takes four times a PutItem, and the time rises with its items, as the paper says.
//! `item` is the coordinator's own work, which the paper doesn't give. It is set high enough that large transactions
//! don't look too fast. With the defaults the median of a transaction of 3 items is about 21 ms, of 100 items about 46
//! ms.
//!
//! Source: Idziorek et al., "Distributed Transactions at Scale in Amazon DynamoDB", USENIX ATC 2023, §3 and §6.
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a distribution is drawn in floats; the result is whole microseconds"
)]

use std::time::Duration;

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874;

/// A distribution of times, by its median and its 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogNormal {
    /// The median, in microseconds.
    pub p50_us: u64,
    /// The 99th percentile, in microseconds.
    pub p99_us: u64,
}

/// How long each call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies {
    /// A PutItem: 4 ms, and 12 ms at the 99th percentile.
    pub put: LogNormal,
    /// A strongly consistent GetItem. It takes half a PutItem, because it waits for no replica. A slower one would
    /// favour a contender that reads many accounts in one call.
    pub get: LogNormal,
    /// What the coordinator of a transaction does for each item, in microseconds.
    pub item_us: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            put: LogNormal { p50_us: 4_000, p99_us: 12_000 },
            get: LogNormal { p50_us: 2_000, p99_us: 6_000 },
            item_us: 100,
        }
    }
}

impl LogNormal {
    /// One draw.
    pub fn draw(self, random: &mut fastrand::Rng) -> Duration {
        self.slowest_of(1, random)
    }

    /// The slowest of this many draws.
    pub fn slowest_of(self, draws: usize, random: &mut fastrand::Rng) -> Duration {
        let deviate = (0..draws.max(1)).map(|_| normal(random)).fold(f64::NEG_INFINITY, f64::max);
        let sigma = (self.p99_us as f64 / self.p50_us as f64).ln() / NORMAL_P99;
        Duration::from_micros((self.p50_us as f64 * (sigma * deviate).exp()) as u64)
    }
}

/// The two halves of a transaction's time.
#[derive(Debug, Clone, Copy)]
pub struct Phases {
    /// Until every item is prepared, or one is refused. A cancelled transaction answers here.
    pub prepare: Duration,
    /// From there until every item is committed.
    pub commit: Duration,
}

impl Latencies {
    /// A transaction's times.
    pub fn transaction(self, items: usize, random: &mut fastrand::Rng) -> Phases {
        let work = Duration::from_micros(self.item_us.saturating_mul(u64::try_from(items).unwrap_or(u64::MAX)));
        let mut phase = || self.put.draw(random).saturating_add(self.put.slowest_of(items, random));
        Phases { prepare: phase().saturating_add(work), commit: phase() }
    }
}

/// A draw from the standard normal distribution, by Box and Muller.
fn normal(random: &mut fastrand::Rng) -> f64 {
    // Never 0, whose logarithm has no end.
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentiles(mut draw: impl FnMut(&mut fastrand::Rng) -> Duration) -> (u128, u128) {
        let mut random = fastrand::Rng::with_seed(1);
        let mut draws: Vec<u128> = (0..20_000).map(|_| draw(&mut random).as_micros()).collect();
        draws.sort_unstable();
        (draws[10_000], draws[19_800])
    }

    #[test]
    fn a_put_takes_its_median_and_its_percentile() {
        let (p50, p99) = percentiles(|random| Latencies::default().put.draw(random));
        assert!((3_900..=4_100).contains(&p50), "{p50}");
        assert!((11_400..=12_600).contains(&p99), "{p99}");
    }

    #[test]
    fn a_transaction_takes_four_puts_and_more_with_its_items() {
        let whole = |items| {
            percentiles(|random| {
                let phases = Latencies::default().transaction(items, random);
                phases.prepare + phases.commit
            })
            .0
        };
        let (put, one) = (4_000, whole(1));
        assert!((4 * put..=5 * put).contains(&one), "{one}");
        let (three, ten, hundred) = (whole(3), whole(10), whole(100));
        assert!(one < three && three < ten && ten < hundred, "{one} {three} {ten} {hundred}");
        assert!((19_000..=24_000).contains(&three), "{three}");
        assert!((42_000..=50_000).contains(&hundred), "{hundred}");
    }
}
