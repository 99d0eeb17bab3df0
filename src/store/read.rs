//! What: What a read finds of an item: found, missing, damaged, or not read this time.

use crate::domain::{Account, Lane, NewerOutcome, Recorded};

/// What a read found of one account.
pub type AccountRead = Read<Account>;

/// What a read found of one lane.
pub type LaneRead = Read<Lane>;

/// What a read found of one payment.
pub type PaymentRead = Read<Recorded>;

/// What a read found of the sum of an original's refunds, in minor units.
pub type TotalRead = Read<u64>;

/// What a read found of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// The item exists.
    Found(T),
    /// The item doesn't exist.
    Missing,
    /// This version can't read the item. Says what was expected.
    Corrupt(String),
    /// The item was not read this time. Ask again.
    Unread,
}

impl LaneRead {
    /// The lane of this number, for a read of a lane that `account` counts. A lane that isn't there yet holds zero.
    /// `None` if it was not read this time.
    ///
    /// # Errors
    /// What was expected, if the lane can't be read. Then the stored account is damaged.
    pub fn counted(self, account: &Account, number: u16) -> Result<Option<Lane>, String> {
        match self {
            Self::Found(lane) if lane.currency == account.currency => Ok(Some(lane)),
            Self::Found(_) => Err("currency: expected a lane to be of its account's".to_owned()),
            Self::Unread => Ok(None),
            Self::Missing => Ok(Some(Lane::unborn(account, number))),
            Self::Corrupt(expected) => Err(expected),
        }
    }
}

/// Why an item of the stream is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRead {
    /// It is the item of a further leg, and the item of its payment tells the outcome.
    Leg,
    /// A newer version wrote it: of a kind, or with a reason, that this one doesn't know.
    Newer(Box<NewerOutcome>),
    /// It can't be read. Says which attribute is wrong, and what was expected.
    Damaged(String),
}
