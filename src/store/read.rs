//! What a read finds of an item: there, missing, damaged, or not read this time.

use crate::domain::{Account, Lane};

/// What a read found of one account.
pub type AccountRead = Read<Account>;

/// What a read found of one lane.
pub type LaneRead = Read<Lane>;

/// What a read found of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// It is there.
    Found(T),
    /// There is no such item.
    Missing,
    /// The item is not one this version can read; says what was expected.
    Corrupt(String),
    /// Not read this time: ask again.
    Unread,
}

impl LaneRead {
    /// The lane, if this read concerns one that its account counts. `None` if it was not read this time.
    ///
    /// # Errors
    /// What was expected, if the lane is missing or can't be read: the stored account is damaged.
    pub fn counted(self) -> Result<Option<Lane>, String> {
        match self {
            Self::Found(lane) => Ok(Some(lane)),
            Self::Unread => Ok(None),
            Self::Missing => Err("credit_lanes: expected an item for each".into()),
            Self::Corrupt(expected) => Err(expected),
        }
    }
}

/// What a read of several items at one moment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// The accounts, in the order in which they were asked for. Never [`Read::Unread`].
    pub accounts: Vec<AccountRead>,
    /// The same of the lanes.
    pub lanes: Vec<LaneRead>,
}
