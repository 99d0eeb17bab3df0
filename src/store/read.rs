//! What: What a read finds of an item: found, missing, damaged, or not read this time.

use crate::domain::{Account, Lane, Recorded};

/// What a read found of one account.
pub type AccountRead = Read<Account>;

/// What a read found of one lane.
pub type LaneRead = Read<Lane>;

/// What a read found of one payment.
pub type PaymentRead = Read<Recorded>;

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
    /// The lane, for a read of a lane that its account counts. `None` if it was not read this time.
    ///
    /// # Errors
    /// What was expected, if the lane is missing or can't be read. Then the stored account is damaged.
    pub fn counted(self) -> Result<Option<Lane>, String> {
        match self {
            Self::Found(lane) => Ok(Some(lane)),
            Self::Unread => Ok(None),
            Self::Missing => Err("credit_lanes: expected an item for each".into()),
            Self::Corrupt(expected) => Err(expected),
        }
    }
}
