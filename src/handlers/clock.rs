//! Time, as handlers see it: now, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// What is kept of an invocation's time for setting dead letters aside, after settling has stopped.
const PARK_RESERVE: Duration = Duration::from_millis(600);
/// What is kept for the answer itself: to log, to serialise up to 10,000 failures, and to reach Lambda.
const REPORT_RESERVE: Duration = Duration::from_millis(400);

/// No invocation is longer, and no deadline since 1970 as early.
const LONGEST_INVOCATION: Duration = Duration::from_secs(24 * 60 * 60);

/// The time now.
#[must_use]
pub fn now() -> Timestamp {
    i64::try_from(since_epoch().as_millis())
        .ok()
        .and_then(|ms| Timestamp::try_from_millis(ms).ok())
        .unwrap_or(Timestamp::EPOCH)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Until when each part of an invocation may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Settling stops here.
    pub settle: Instant,
    /// Setting aside stops here.
    pub park: Instant,
}

impl Deadlines {
    /// The deadlines of an invocation that Lambda ends at `deadline_ms`, in milliseconds since 1970.
    ///
    /// `cargo lambda watch` gives the time that is left instead; a number that small is taken as that.
    #[must_use]
    pub fn of(deadline_ms: u64) -> Self {
        let left = match Duration::from_millis(deadline_ms) {
            left if left < LONGEST_INVOCATION => left,
            deadline => deadline.saturating_sub(since_epoch()),
        };
        let park = left.saturating_sub(REPORT_RESERVE);
        let settle = park.saturating_sub(PARK_RESERVE);
        let now = Instant::now();
        Self { settle: now.checked_add(settle).unwrap_or(now), park: now.checked_add(park).unwrap_or(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle_ms(deadline_ms: u128) -> u128 {
        let deadlines = Deadlines::of(u64::try_from(deadline_ms).unwrap());
        assert!(deadlines.settle <= deadlines.park);
        deadlines.settle.saturating_duration_since(Instant::now()).as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn settling_stops_a_second_before_the_deadline() {
        let now = since_epoch().as_millis();
        assert!((28_500..=29_000).contains(&settle_ms(now + 30_000)));
        assert_eq!(settle_ms(now + 500), 0, "no time to settle");
        assert_eq!(settle_ms(now - 60_000), 0, "a stale deadline");
        assert_eq!(settle_ms(600_000), 599_000, "the time that is left, from cargo lambda watch");
    }
}
