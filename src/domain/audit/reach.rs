//! What: How far the postings of an account are read at once, by their times.
//!
//! Data: Takes the times of the postings up to the end of a slice, list by list. If they are too many, it gives an
//! earlier end. All lists are then read up to that one. So a slice holds every posting of its time, in whatever list.
//!
//! Limits: Memory grows with the most that a slice may hold, by eight bytes for each.

use crate::domain::Timestamp;

/// The times of the postings that were read of a slice.
#[derive(Debug)]
pub struct Reach {
    until: Timestamp,
    at_most: usize,
    times: Vec<Timestamp>,
}

impl Reach {
    /// A slice up to this time, with so many postings at most.
    #[must_use]
    pub const fn new(until: Timestamp, at_most: usize) -> Self {
        Self { until, at_most, times: Vec::new() }
    }

    /// Takes the time of a posting. Those after the end don't count.
    pub fn take(&mut self, decided_at: Timestamp) {
        if decided_at <= self.until {
            self.times.push(decided_at);
        }
    }

    /// Whether the slice has too many postings.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.times.len() > self.at_most
    }

    /// How many postings were taken.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.times.len()
    }

    /// An earlier end, up to which about half of the most were taken: lists that were not read yet will add to them.
    /// `None`: no time is left between `after` and the end.
    #[must_use]
    pub fn earlier(mut self, after: Timestamp) -> Option<Timestamp> {
        let half = self.at_most.checked_div(2).unwrap_or_default().min(self.times.len().saturating_sub(1));
        let latest = self.until.earlier_by(1);
        let at = match self.times.is_empty() {
            true => latest,
            false => *self.times.select_nth_unstable(half).1,
        };
        Some(at.min(latest)).filter(|at| *at > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::try_from_millis(ms).unwrap()
    }

    #[test]
    fn a_slice_with_too_many_postings_ends_earlier() {
        for (until, at_most, after, times, expected) in [
            (100, 4, 0, &[10, 20, 30, 40, 50][..], Some(30)),
            // In whatever order, and those after the end are left out.
            (100, 4, 0, &[50, 40, 101, 30, 20, 10], Some(30)),
            (100, 1, 0, &[30, 20], Some(20)),
            // Postings of one time stay together.
            (100, 2, 0, &[30, 30, 30], Some(30)),
            (30, 2, 0, &[30, 30, 30], Some(29)),
            (30, 2, 29, &[30, 30, 30], None),
            (30, 0, 28, &[30], Some(29)),
        ] {
            let mut reach = Reach::new(at(until), at_most);
            times.iter().for_each(|ms| reach.take(at(*ms)));
            assert!(reach.is_over(), "{times:?}");
            assert_eq!(reach.earlier(at(after)), expected.map(at), "{until} {at_most} {times:?}");
        }
        let mut reach = Reach::new(at(10), 2);
        [at(1), at(10), at(11)].into_iter().for_each(|at| reach.take(at));
        assert!(!reach.is_over() && reach.count() == 2);
    }
}
