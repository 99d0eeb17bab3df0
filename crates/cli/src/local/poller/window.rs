//! What: Says how long a batch waits for more records. It is pure.
//!
//! Data: Takes a mapping's window, when the batch's first record arrived, and the time. Gives what is left of the
//! window.
//!
//! The window begins when the first record arrives on the topic. While a batch is with its function, the window of the
//! next one passes. So a batch that takes long doesn't make the next one wait longer.
//!
//! Limits: Where producers set the timestamps of records, an old one ends the window early. The batch is smaller then.
//!
//! Source: AWS Lambda developer guide, "Batching behavior".

use std::time::Duration;

/// What is left of a window.
pub(super) fn rest(window: Duration, arrived_ms: Option<i64>, now_ms: i64) -> Duration {
    let age_ms = arrived_ms.map_or(0, |arrived_ms| now_ms.saturating_sub(arrived_ms));
    // A clock that is ahead doesn't make the window longer.
    window.saturating_sub(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_when_its_first_record_arrives() {
        for (window, arrived_ms, rest_ms) in [
            (500, Some(9_999), 499),
            (500, Some(9_700), 200),
            (500, Some(9_500), 0),
            (500, Some(1), 0),
            (500, Some(10_000), 500),
            (500, Some(10_300), 500),
            (500, Some(-1), 0),
            (500, Some(i64::MIN), 0),
            (500, Some(i64::MAX), 500),
            (500, None, 500),
            (0, Some(9_999), 0),
            (0, None, 0),
        ] {
            let rest = rest(Duration::from_millis(window), arrived_ms, 10_000);
            assert_eq!(rest.as_millis(), rest_ms, "{window} {arrived_ms:?}");
        }
    }
}
