//! What: Limits how fast tables are read, by a bucket of read units that fills at a steady rate.
//!
//! The cost of a page is known only after it was read. So a page may be asked for while the bucket holds anything, and
//! may take it below zero. The next page waits until the bucket is back at zero.
//!
//! Invariants: Over any time the rate holds, except for the pages in flight.

use std::time::Duration;

use tokio::time::Instant;

/// Read units a second. A page is 1 MB, which is 256 units, and comes from one partition of the table. A partition
/// gives 3,000 units a second to all readers, and a third of them leaves enough for the prefetch of settling. At 8
/// payments a unit this reads 8,000 payments a second, four times as many as 2,000 payments/s write.
pub const READ_UNITS_PER_SECOND: u32 = 1_000;

/// A bucket of read units.
#[derive(Debug)]
pub struct Pace {
    /// Thousandths of a unit a millisecond; the same number as units a second.
    rate: u64,
    filled: Instant,
    milliunits: i64,
    taken: u64,
}

impl Pace {
    /// A full bucket: what one second gives.
    #[must_use]
    pub fn per_second(units: u32) -> Self {
        let rate = u64::from(units.max(1));
        Self { rate, filled: Instant::now(), milliunits: full(rate), taken: 0 }
    }

    /// What was taken so far, in thousandths of a unit.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes what a page has cost.
    pub fn take(&mut self, milliunits: u64) {
        self.taken = self.taken.saturating_add(milliunits);
        self.milliunits = self.milliunits.saturating_sub(i64::try_from(milliunits).unwrap_or(i64::MAX));
    }

    /// When the next page may be asked for.
    #[must_use]
    pub fn ready(&mut self) -> Instant {
        let now = Instant::now();
        let passed_ms = u64::try_from(now.saturating_duration_since(self.filled).as_millis()).unwrap_or(u64::MAX);
        // Only whole milliseconds count, so that no part of one is lost or counted twice.
        self.filled = self.filled.checked_add(Duration::from_millis(passed_ms)).unwrap_or(now);
        let gained = i64::try_from(passed_ms.saturating_mul(self.rate)).unwrap_or(i64::MAX);
        self.milliunits = self.milliunits.saturating_add(gained).min(full(self.rate));
        let lacking = u64::try_from(self.milliunits.saturating_neg()).unwrap_or_default();
        let wait = Duration::from_millis(lacking.div_ceil(self.rate));
        now.checked_add(wait).unwrap_or(now)
    }
}

fn full(rate: u64) -> i64 {
    i64::try_from(rate.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_over_any_time() {
        let mut pace = Pace::per_second(1_000);
        let started = Instant::now();
        for _ in 0..40 {
            tokio::time::sleep_until(pace.ready()).await;
            pace.take(256_000);
        }
        // 39 pages of 256 units had to be paid for when the last was asked for, less the bucket that was full.
        let took = started.elapsed().as_millis();
        assert!((8_984..=8_990).contains(&took), "{took}");
        assert_eq!(pace.taken(), 40 * 256_000);
    }
}
