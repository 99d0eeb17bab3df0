//! What: Limits how many transactions are in flight at once. The limit rises while all goes well, and halves when the
//! store asks to slow down.
//!
//! This is additive increase and multiplicative decrease, as TCP finds its share of a link. Workers that share a table
//! come to fair shares, and don't know of each other.
//!
//! Invariants: One burst of throttling halves once, however many of its calls are throttled.
//!
//! Source: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms", 1989.

/// The limit at the start. A batch of 1,000 payments is about 31 transactions, so it takes one round of calls.
const FIRST: usize = 32;
/// The lowest limit. If a table throttles even one call at a time, the backoff waits for it.
const LEAST: usize = 1;
/// The highest limit. Each call in flight holds about 150 KB, and a worker has little memory.
const MOST: usize = 64;

/// The concurrency limit, and what it has seen.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    limit: usize,
    /// Calls that went well since the limit last rose.
    well: usize,
    sent: u64,
    /// The last call that was sent before the limit was last halved.
    halved_at: u64,
    /// The most calls that were in flight at once.
    most: usize,
}

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call(u64);

impl ConcurrencyLimit {
    pub(super) fn new() -> Self {
        Self { limit: FIRST, well: 0, sent: 0, halved_at: 0, most: 0 }
    }

    /// Whether another call may be sent beside those in flight.
    pub(super) fn allows(&self, in_flight: usize) -> bool {
        in_flight < self.limit
    }

    /// The most calls that were in flight at once.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Notes a call that is sent now, beside those in flight.
    pub(super) fn send(&mut self, in_flight: usize) -> Call {
        self.most = self.most.max(in_flight.saturating_add(1));
        self.sent = self.sent.saturating_add(1);
        Call(self.sent)
    }

    /// Notes a call that the store had time for. The limit rises by one when as many calls went well as it allows at
    /// once.
    pub(super) fn went_well(&mut self) {
        self.well = self.well.saturating_add(1);
        if self.well >= self.limit {
            self.well = 0;
            self.limit = self.limit.saturating_add(1).min(MOST);
        }
    }

    /// Notes a call that the store had no time for.
    pub(super) fn was_throttled(&mut self, call: Call) {
        if call.0 > self.halved_at {
            self.halved_at = self.sent;
            self.well = 0;
            self.limit = (self.limit >> 1).max(LEAST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_halves_once_and_the_next_again() {
        let mut limit = ConcurrencyLimit::new();
        let burst: Vec<Call> = (0..FIRST).map(|in_flight| limit.send(in_flight)).collect();
        assert!(limit.allows(FIRST - 1) && !limit.allows(FIRST));
        burst.iter().for_each(|&call| limit.was_throttled(call));
        assert_eq!(limit.limit, FIRST / 2, "one burst, one cut");
        let next = limit.send(0);
        limit.was_throttled(next);
        assert_eq!(limit.limit, FIRST / 4);
        assert_eq!(limit.most(), FIRST);
    }

    #[test]
    fn it_stays_between_its_ends_and_recovers() {
        let mut limit = ConcurrencyLimit::new();
        for _ in 0..20 {
            let call = limit.send(0);
            limit.was_throttled(call);
        }
        assert_eq!(limit.limit, LEAST);
        assert!(limit.allows(0) && !limit.allows(1));
        // One more for each round of calls that goes well: 1 + 2 + … + 63 calls to the top.
        for _ in 0..(MOST * (MOST - 1) / 2) {
            limit.went_well();
        }
        assert_eq!(limit.limit, MOST);
        (0..10_000).for_each(|_| limit.went_well());
        assert_eq!(limit.limit, MOST);
    }

    #[test]
    fn a_throttle_takes_back_the_progress_to_the_next_rise() {
        let mut limit = ConcurrencyLimit::new();
        (1..FIRST).for_each(|_| limit.went_well());
        let call = limit.send(0);
        limit.was_throttled(call);
        limit.went_well();
        assert_eq!(limit.limit, FIRST / 2);
    }
}
