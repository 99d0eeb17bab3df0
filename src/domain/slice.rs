//! What: Slices of time. If a partition owns several lanes of an account, half of them take its credits in one slice,
//! and the other half in the next. So a debit finds lanes to sweep that nobody credits at the time.
//!
//! Data: Takes the time of day. Says which lanes take credits, and which are free for sweeps.
//!
//! Invariants: A slice decides which lane is taken first, and what waits for a later slice. It never decides what is
//! allowed: each write has its conditions. A wrong clock only makes transactions conflict.

use super::Timestamp;

/// How long a slice is, in milliseconds. A shorter one cuts batches into more rounds, and in a longer one debits wait
/// longer. On the model a batch took 6.5 rounds with 250 ms, and 4.5 with 400 ms.
const LENGTH_MS: i64 = 400;

/// How long most transactions are in flight, at the longest. Sweeps keep this far from both ends of a slice.
const IN_FLIGHT_MS: i64 = 60;

/// Lanes of one parity take credits in slices of that parity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// The first lane of a partition, the third, and so on.
    Even,
    /// The others.
    Odd,
}

impl Parity {
    /// The parity of a number.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        if number.rem_euclid(2) == 0 { Self::Even } else { Self::Odd }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }
}

/// A slice of time, and how much of it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    number: i64,
    gone_ms: i64,
}

impl Slice {
    /// The slice at this time.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { number: now.millis().div_euclid(LENGTH_MS), gone_ms: now.millis().rem_euclid(LENGTH_MS) }
    }

    /// The parity of the lanes that take credits in this slice.
    #[must_use]
    pub const fn parity(self) -> Parity {
        Parity::of(self.number)
    }

    /// Whether lanes of this parity are free for sweeps: no credit is in flight to them, and none will be for a while.
    #[must_use]
    pub fn frees(self, parity: Parity) -> bool {
        let is_inside = self.gone_ms >= IN_FLIGHT_MS && self.gone_ms < LENGTH_MS.saturating_sub(IN_FLIGHT_MS);
        is_inside && parity != self.parity()
    }

    /// The time until lanes become free that aren't free now, in milliseconds.
    #[must_use]
    pub const fn until_others_are_free_ms(self) -> i64 {
        let next = if self.gone_ms < IN_FLIGHT_MS { 0 } else { LENGTH_MS };
        next.saturating_add(IN_FLIGHT_MS).saturating_sub(self.gone_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_free_in_the_middle_of_the_slices_of_the_other_parity() {
        use Parity::{Even, Odd};
        for (at_ms, credited, free, wait_ms) in [
            (0, Even, None, 60),
            (59, Even, None, 1),
            (60, Even, Some(Odd), 400),
            (339, Even, Some(Odd), 121),
            (340, Even, None, 120),
            (399, Even, None, 61),
            (400, Odd, None, 60),
            (460, Odd, Some(Even), 400),
            (739, Odd, Some(Even), 121),
            (800, Even, None, 60),
            (-1, Odd, None, 61),
            (-100, Odd, Some(Even), 160),
        ] {
            let slice = Slice::at(Timestamp::try_from_millis(at_ms).unwrap());
            let found = [Even, Odd].into_iter().find(|&parity| slice.frees(parity));
            assert_eq!((slice.parity(), found), (credited, free), "{at_ms}");
            assert_eq!(slice.until_others_are_free_ms(), wait_ms, "{at_ms}");
            assert_eq!((Even.other(), Odd.other()), (Odd, Even));
        }
    }
}
