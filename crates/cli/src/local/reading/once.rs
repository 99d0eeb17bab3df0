//! What: Reports an error once, however often it is noticed. It is pure.
//!
//! A client notices an error again with every try. It is reported when it begins, and again if it comes back after
//! [`FORGOTTEN_AFTER`]. Another error is reported at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After this time without being noticed, an error is new again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// What was reported.
#[derive(Debug, Default)]
pub(crate) struct Once {
    /// By error: when it was last noticed.
    noticed: BTreeMap<String, Instant>,
}

impl Once {
    /// Whether an error that is noticed now must be reported.
    pub(crate) fn is_news(&mut self, what: &str, now: Instant) -> bool {
        self.noticed.retain(|_, last| now.saturating_duration_since(*last) < FORGOTTEN_AFTER);
        self.noticed.insert(what.to_owned(), now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_and_again_when_it_comes_back() {
        let mut once = Once::default();
        let start = Instant::now();
        let mut told = |what: &str, ms: u64| once.is_news(what, start + Duration::from_millis(ms));
        assert!(told("partition 0 is blocked", 0));
        // Ten times a second for five minutes.
        assert!((1..3_000).all(|tick| !told("partition 0 is blocked", tick * 100)));
        assert!(told("partition 1 is blocked", 300_000), "another one is news");
        assert!(!told("partition 0 is blocked", 300_100), "and changes nothing for the first");
        assert!(told("partition 0 is blocked", 360_100), "it was gone for a minute");
        assert!(!told("partition 0 is blocked", 360_200));
    }
}
