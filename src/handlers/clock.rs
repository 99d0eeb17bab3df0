//! What: The time now, and the deadlines of an invocation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::Timestamp;
use crate::settle::Deadline;

/// The time of an invocation that is kept for storing dead letters, after settling has stopped.
const DEAD_LETTER_RESERVE: Duration = Duration::from_millis(600);
/// Unfinished records are reported no earlier than after this part of an invocation's time: 3 of 4, so 45 of 60
/// seconds.
///
/// No source says that Lambda waits between two tries of a batch from Kafka. If a try failed at once, all tries of a
/// mapping would be used up within minutes. 10,000 tries of 45 seconds last for five days.
const REPORT_AFTER: (u32, u32) = (3, 4);
/// The time that is kept for the answer: to log, to serialise up to 10,000 failures, and to reach Lambda.
const REPORT_RESERVE: Duration = Duration::from_millis(400);

/// No invocation is longer than this, and no deadline in milliseconds since 1970 is this early.
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

/// The deadline of each part of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Settling stops here.
    pub settle: Deadline,
    /// Storing dead letters stops here.
    pub dead_letters: Instant,
    /// Unfinished records are not reported before this.
    pub report: Instant,
}

impl Deadlines {
    /// The deadlines of an invocation that Lambda ends at `deadline_ms`, in milliseconds since 1970.
    ///
    /// `cargo lambda watch` gives the time that is left instead. A number that is this small is taken as that.
    #[must_use]
    pub fn of(deadline_ms: u64) -> Self {
        let left = match Duration::from_millis(deadline_ms) {
            left if left < LONGEST_INVOCATION => left,
            deadline => deadline.saturating_sub(since_epoch()),
        };
        let dead_letters = left.saturating_sub(REPORT_RESERVE);
        let settle = dead_letters.saturating_sub(DEAD_LETTER_RESERVE);
        let (part, of) = REPORT_AFTER;
        let report = left.checked_div(of).unwrap_or_default().saturating_mul(part).min(dead_letters);
        let now = Instant::now();
        let at = |after: Duration| now.checked_add(after).unwrap_or(now);
        let settle = Deadline { done: at(settle), mended: at(settle.min(report)) };
        Self { settle, dead_letters: at(dead_letters), report: at(report) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle_ms(deadline_ms: u128) -> u128 {
        let deadlines = Deadlines::of(u64::try_from(deadline_ms).unwrap());
        assert!(deadlines.settle.done <= deadlines.dead_letters && deadlines.report <= deadlines.dead_letters);
        assert!(deadlines.settle.mended <= deadlines.settle.done && deadlines.settle.mended <= deadlines.report);
        deadlines.settle.done.saturating_duration_since(Instant::now()).as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_unfinished_is_reported_after_three_quarters_of_the_time() {
        let now = Instant::now();
        for (left_ms, report_ms, mended_ms) in
            [(60_000, 45_000, 45_000), (20_000, 15_000, 15_000), (2_000, 1_500, 1_000), (1_000, 600, 0), (0, 0, 0)]
        {
            let Deadlines { settle, report, .. } = Deadlines::of(left_ms);
            let after = |at: Instant| at.saturating_duration_since(now).as_millis();
            assert_eq!((after(report), after(settle.mended)), (report_ms, mended_ms), "{left_ms}");
        }
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
