//! What: The times that divide the postings of an account: closed, firm and open. Says when a time is closed.
//!
//! The module [`since`](super::since) says what they are for.

use crate::domain::Timestamp;

/// A time is closed this much later. It is longer than the time-out of a function, the difference of two clocks, and
/// the delay of an index together.
pub const CLOSED_AFTER_MS: i64 = 20 * 60 * 1_000;

/// The newest time that is closed now.
#[must_use]
pub fn newest_closed(now: Timestamp) -> Timestamp {
    now.earlier_by(CLOSED_AFTER_MS)
}

/// The times of a look at an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// No posting of this time or before can still be committed.
    pub closed: Timestamp,
    /// What was decided up to then was committed before the account was read.
    pub firm: Timestamp,
    /// They are those of a slice: later postings aren't read.
    pub is_slice: bool,
}

/// Which of the times a posting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Closed,
    Firm,
    Open,
}

impl Times {
    /// The times of a look that reads all postings.
    #[must_use]
    pub const fn look(closed: Timestamp, firm: Timestamp) -> Self {
        Self { closed, firm, is_slice: false }
    }

    /// The times of a slice, which ends at a closed time and has no posting after it.
    #[must_use]
    pub const fn slice(until: Timestamp) -> Self {
        Self { closed: until, firm: until, is_slice: true }
    }

    pub(super) fn part(self, decided_at: Timestamp) -> Part {
        if decided_at <= self.closed {
            Part::Closed
        } else if decided_at <= self.firm {
            Part::Firm
        } else {
            Part::Open
        }
    }
}
