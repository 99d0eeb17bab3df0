//! What: Says when each request is due, and what its outcomes come to. It is pure.
//!
//! Data: Takes a rate, and when outcomes came. Gives latencies, and what was lost.

use std::collections::BTreeMap;
use std::time::Duration;

const NANOS_A_SECOND: u128 = 1_000_000_000;

/// How fast, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second.
    pub requests_s: u32,
    /// Seconds before, in which the rate rises from none to the whole. Their requests aren't counted.
    pub warm_up_s: u32,
    /// Seconds whose requests are counted.
    pub seconds: u32,
}

impl Pace {
    /// How many requests there are, with those of the warm-up.
    #[must_use]
    pub fn requests(self) -> usize {
        self.of_the_warm_up().saturating_add(whole(u64::from(self.requests_s).saturating_mul(self.seconds.into())))
    }

    /// How long the warm-up lasts.
    #[must_use]
    pub fn warm_up(self) -> Duration {
        Duration::from_secs(self.warm_up_s.into())
    }

    /// When this request is due, counted from the start.
    #[must_use]
    pub fn due(self, number: usize) -> Duration {
        let number = u128::try_from(number).unwrap_or(u128::MAX);
        let rate = u128::from(self.requests_s).max(1);
        let before = u128::try_from(self.of_the_warm_up()).unwrap_or(u128::MAX);
        let Some(counted) = number.checked_sub(before) else { return self.due_rising(number, rate) };
        self.warm_up().saturating_add(nanos(counted.saturating_mul(NANOS_A_SECOND).checked_div(rate)))
    }

    /// As the rate rises evenly, so many requests are due after `t` seconds: rate × t² / (2 × warm-up).
    fn due_rising(self, number: u128, rate: u128) -> Duration {
        let twice = number.saturating_mul(2).saturating_mul(self.warm_up_s.into());
        let squared = twice.saturating_mul(NANOS_A_SECOND).saturating_mul(NANOS_A_SECOND);
        nanos(squared.checked_div(rate).map(u128::isqrt))
    }

    /// How many requests aren't counted.
    fn of_the_warm_up(self) -> usize {
        whole(u64::from(self.requests_s).saturating_mul(self.warm_up_s.into()) / 2)
    }
}

fn nanos(nanos: Option<u128>) -> Duration {
    Duration::from_nanos(nanos.and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or(u64::MAX))
}

fn whole(requests: u64) -> usize {
    usize::try_from(requests).unwrap_or(usize::MAX)
}

/// An outcome on the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The number of its payment, from 0 on.
    pub(super) number: usize,
    /// When it came, counted from when the first request was due.
    pub(super) after: Duration,
}

/// The outcomes so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By the number of a payment: when its first outcome came.
    first: BTreeMap<usize, Duration>,
    again: usize,
}

impl Seen {
    pub(super) fn add(&mut self, Arrival { number, after }: Arrival) {
        let mut is_first = false;
        self.first.entry(number).or_insert_with(|| {
            is_first = true;
            after
        });
        if !is_first {
            self.again = self.again.saturating_add(1);
        }
    }

    /// Whether every payment has its outcome.
    pub(super) fn all(&self, pace: Pace) -> bool {
        self.first.len() >= pace.requests()
    }

    pub(super) fn latencies(&self, pace: Pace) -> Latencies {
        let counted = self.first.range(pace.of_the_warm_up()..);
        let latency = |(number, after): (&usize, &Duration)| after.saturating_sub(pace.due(*number));
        let mut ascending: Vec<Duration> = counted.map(latency).collect();
        ascending.sort_unstable();
        let last_due = pace.due(pace.requests().saturating_sub(1));
        let in_time = self.first.values().filter(|after| **after <= last_due).count();
        Latencies {
            ascending,
            lost: pace.requests().saturating_sub(self.first.len()),
            again: self.again,
            open: pace.requests().saturating_sub(in_time),
        }
    }
}

/// What the outcomes come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    /// From due to outcome, of all that are counted.
    pub ascending: Vec<Duration>,
    /// Payments without an outcome.
    pub lost: usize,
    /// Outcomes that came once more.
    pub again: usize,
    /// Payments that had no outcome when the last one was due. If they are many more than come in a latency, the rate
    /// is more than is carried.
    pub open: usize,
}

impl Latencies {
    /// The smallest latency that so many of a thousand don't exceed.
    #[must_use]
    pub fn at(&self, thousandths: usize) -> Duration {
        let rank = self.ascending.len().saturating_mul(thousandths).div_ceil(1_000).max(1);
        self.ascending.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two requests in the first second, then four in each of two.
    const PACE: Pace = Pace { requests_s: 4, warm_up_s: 1, seconds: 2 };

    fn seen(arrivals: &[(usize, u64)]) -> Seen {
        let mut seen = Seen::default();
        for (number, ms) in arrivals {
            seen.add(Arrival { number: *number, after: Duration::from_millis(*ms) });
        }
        seen
    }

    #[test]
    fn requests_are_due_at_even_distances_after_a_rise() {
        let due: Vec<u128> = (0..10).map(|number| PACE.due(number).as_millis()).collect();
        assert_eq!(due, [0, 707, 1_000, 1_250, 1_500, 1_750, 2_000, 2_250, 2_500, 2_750]);
        assert_eq!(PACE.requests(), due.len());
        let odd = Pace { requests_s: 3, warm_up_s: 0, seconds: 60 };
        assert_eq!((odd.due(1).as_nanos(), odd.requests()), (333_333_333, 180));
        assert_eq!(odd.due(3 * 86_400), Duration::from_secs(86_400), "no error adds up");
        let large = Pace { requests_s: 1_000_000, warm_up_s: 3_600, seconds: 3_600 };
        assert_eq!(large.due(450_000_000), Duration::from_secs(1_800), "a quarter of the requests in half of the rise");
        assert_eq!(large.due(large.requests()), Duration::from_secs(7_200));
    }

    #[test]
    fn latency_counts_from_due_and_after_the_warm_up() {
        let arrivals: Vec<(usize, u64)> = (2..10).zip((1_100..).step_by(250)).chain([(0, 900), (1, 900)]).collect();
        let steady = seen(&arrivals);
        assert!(steady.all(PACE));
        let ascending = vec![Duration::from_millis(100); 8];
        assert_eq!(steady.latencies(PACE), Latencies { ascending, lost: 0, again: 0, open: 1 });
    }

    #[test]
    fn what_is_missing_and_what_came_again_is_told() {
        let some = seen(&[(3, 1_300), (2, 1_900), (3, 1_301), (0, 10), (9, 9_000), (0, 9_001)]);
        assert!(!some.all(PACE));
        let ascending = [50, 900, 6_250].map(Duration::from_millis).into();
        assert_eq!(some.latencies(PACE), Latencies { ascending, lost: 6, again: 2, open: 7 });
    }

    #[test]
    fn a_percentile_is_a_latency_that_was_seen() {
        let ascending: Vec<Duration> = (1..=1_000).map(Duration::from_millis).collect();
        let latencies = Latencies { ascending, lost: 0, again: 0, open: 0 };
        let at = [0, 1, 500, 990, 999, 1_000].map(|thousandths| latencies.at(thousandths).as_millis());
        assert_eq!(at, [1, 1, 500, 990, 999, 1_000]);
        let few = Latencies { ascending: [3, 7].map(Duration::from_millis).into(), ..latencies };
        assert_eq!([500, 501, 1_000].map(|it| few.at(it).as_millis()), [3, 7, 7]);
        assert_eq!(Latencies { ascending: vec![], ..few }.at(990), Duration::ZERO);
    }
}
