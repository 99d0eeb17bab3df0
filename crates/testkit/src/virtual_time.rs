//! What: The time of day of what runs on tokio's clock, which tests and models stop and move.
//!
//! Data: Takes when the clock began. Gives the time since then, as if it had begun in 1970.

use std::time::Duration;

use giro::domain::Timestamp;
use tokio::time::Instant;

/// The clock of a machine that is this much ahead.
pub fn time_of_day(began: Instant, ahead: Duration) -> impl Fn() -> Timestamp + Copy + Send + Sync + 'static {
    move || {
        let millis = began.elapsed().saturating_add(ahead).as_millis();
        i64::try_from(millis).ok().and_then(|ms| Timestamp::try_from_millis(ms).ok()).unwrap_or(Timestamp::EPOCH)
    }
}
