//! Time, as handlers see it: now, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// What is kept of an invocation's time for setting dead letters aside, after settling has stopped.
const PARK_RESERVE: Duration = Duration::from_millis(600);
/// What is kept for the answer itself: to log, to serialise up to 10,000 failures, and to reach Lambda.
const REPORT_RESERVE: Duration = Duration::from_millis(400);

/// The time now.
#[must_use]
pub fn now() -> Timestamp {
    i64::try_from(since_epoch().as_millis())
        .ok()
        .and_then(|ms| Timestamp::try_from_millis(ms).ok())
        .unwrap_or(Timestamp::EPOCH)
}

/// The milliseconds from an earlier time, in milliseconds since 1970, until now; 0 if it lies ahead.
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
    #[must_use]
    pub fn of(deadline_ms: u64) -> Self {
        let left = Duration::from_millis(deadline_ms).saturating_sub(since_epoch());
        let park = left.saturating_sub(REPORT_RESERVE);
        let settle = park.saturating_sub(PARK_RESERVE);
        let now = Instant::now();
        Self { settle: now.checked_add(settle).unwrap_or(now), park: now.checked_add(park).unwrap_or(now) }
    }
}
