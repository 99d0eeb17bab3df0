//! What: A run of the scheduled audit, which may take several invocations.

use super::times::newest_closed;
use crate::domain::Timestamp;

/// A run whose closed time is older is not gone on with. What came after that time is open, so each look reads it and
/// proves nothing of it. Two hours let a run take two invocations of each hour.
const GONE_ON_WITH_MS: i64 = 2 * 60 * 60 * 1_000;

/// Two clocks differ by less.
const CLOCKS_DIFFER_MS: i64 = 60 * 1_000;

/// A run of the scheduled audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRun {
    /// The closed time up to which it proves accounts. It is the same in all of its invocations.
    pub closed: Timestamp,
    /// When its first invocation began.
    pub began_at: Timestamp,
    /// When all accounts had been looked at. `None`: the next invocation goes on.
    pub finished_at: Option<Timestamp>,
    /// The newest closed time up to which all accounts were proved. `None`: they never were.
    pub proved_at: Option<Timestamp>,
}

impl AuditRun {
    /// A run that begins now. `before` is the run before.
    #[must_use]
    pub fn begun(now: Timestamp, before: Option<&Self>) -> Self {
        let proved_at = before.and_then(|before| before.proved_at);
        Self { closed: newest_closed(now), began_at: now, finished_at: None, proved_at }
    }

    /// Whether an audit can have written it by now. If one of its times is still to come, somebody else wrote it.
    #[must_use]
    pub fn is_credible(&self, now: Timestamp) -> bool {
        let now = now.earlier_by(-CLOCKS_DIFFER_MS);
        let closed = newest_closed(now);
        let is_past = |at: Option<Timestamp>, latest: Timestamp| at.is_none_or(|at| at <= latest);
        self.began_at <= now
            && is_past(self.finished_at, now)
            && self.closed <= closed
            && is_past(self.proved_at, closed)
    }

    /// Whether an invocation that begins now goes on with it.
    #[must_use]
    pub fn goes_on(&self, now: Timestamp) -> bool {
        let is_closed = self.closed <= newest_closed(now);
        self.finished_at.is_none() && is_closed && self.closed > now.earlier_by(GONE_ON_WITH_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::try_from_millis(minute.saturating_mul(MINUTE_MS)).unwrap()
    }

    fn run(closed: i64, began: i64, finished: Option<i64>, proved: Option<i64>) -> AuditRun {
        let (finished_at, proved_at) = (finished.map(minute), proved.map(minute));
        AuditRun { closed: minute(closed), began_at: minute(began), finished_at, proved_at }
    }

    /// At minute 1,000. Two clocks may differ by a minute.
    #[test]
    fn a_run_of_the_future_is_not_credible_and_an_old_one_does_not_go_on() {
        for (run, is_credible, goes_on) in [
            (run(980, 1_000, None, None), true, true),
            (run(980, 1_000, None, Some(980)), true, true),
            (run(980, 1_000, Some(1_000), Some(980)), true, false),
            (run(881, 901, None, None), true, true),
            (run(880, 900, None, None), true, false),
            (run(981, 1_001, None, None), true, false),
            (run(982, 1_000, None, None), false, false),
            (run(980, 1_002, None, None), false, true),
            (run(980, 1_000, Some(1_002), None), false, false),
            (run(980, 1_000, None, Some(982)), false, true),
        ] {
            assert_eq!((run.is_credible(minute(1_000)), run.goes_on(minute(1_000))), (is_credible, goes_on), "{run:?}");
        }
        let before = run(1, 2, None, Some(3));
        assert_eq!(AuditRun::begun(minute(1_000), Some(&before)), run(980, 1_000, None, Some(3)));
        assert_eq!(AuditRun::begun(minute(1_000), None).proved_at, None);
    }
}
