//! What: Names the credit lanes of an account: how many it has, and the id of each.
//!
//! Data: A number of lanes, and a text for each lane. What a lane holds is in [`lane`](super::lane).
//!
//! Invariants: A number of lanes is never past [`CREDIT_LANES_MAX`]. Each lane has one text only, which names no
//! account.

use std::fmt;

use super::AccountId;

/// The most lanes that an account may have: four for each of 256 partitions. All of them are read before a payment is
/// declined for insufficient funds. That is eleven reads of a hundred, side by side.
pub const CREDIT_LANES_MAX: u16 = 1_024;

/// The most lanes that an account gets by itself when it is opened. All of them fit one transaction. A freeze has room
/// for 98 lanes beside its record and the main item. A debit sweeps 97 beside its payment and two main items.
pub const OPENED_LANES_MAX: u16 = 97;

/// How many lanes of an account each partition gets, if they fit.
const LANES_EACH: u16 = 2;

/// The number of credit lanes of an account. Accounts of older versions may have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CreditLanes(u16);

/// Why a number is not a number of lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most 1024 credit lanes")]
pub struct InvalidCreditLanes;

impl CreditLanes {
    /// An account that takes its credits on its main item.
    pub const NONE: Self = Self(0);

    /// Takes a number of lanes.
    ///
    /// # Errors
    /// [`InvalidCreditLanes`] if it is past [`CREDIT_LANES_MAX`].
    pub const fn try_new(count: u16) -> Result<Self, InvalidCreditLanes> {
        if count <= CREDIT_LANES_MAX { Ok(Self(count)) } else { Err(InvalidCreditLanes) }
    }

    /// Two lanes for each partition of the topic of requests, which take credits by turns ([`slice`](super::slice)).
    /// One for each if two are more than [`OPENED_LANES_MAX`], and never more than that. None for a single partition,
    /// which meets nobody on the main item.
    #[must_use]
    pub fn of_partitions(partitions: u32) -> Self {
        match u16::try_from(partitions).unwrap_or(u16::MAX) {
            0 | 1 => Self::NONE,
            partitions => {
                let each = OPENED_LANES_MAX.checked_div(partitions).unwrap_or_default().min(LANES_EACH);
                Self(partitions.saturating_mul(each.max(1)).min(OPENED_LANES_MAX))
            }
        }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.0
    }

    /// Whether the account takes its credits on its main item.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The lanes' numbers.
    pub fn numbers(self) -> std::ops::Range<u16> {
        0..self.0
    }
}

impl std::str::FromStr for CreditLanes {
    type Err = InvalidCreditLanes;
    fn from_str(text: &str) -> Result<Self, InvalidCreditLanes> {
        Self::try_new(text.parse().map_err(|_| InvalidCreditLanes)?)
    }
}

impl fmt::Display for CreditLanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a lane. Shown as `account/lane`, which is its key. The id of an account holds no `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    /// Whose lane it is.
    pub account: AccountId,
    /// Which one, from 0 on.
    pub lane: u16,
}

/// Why a text is not the id of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected account/lane, such as shop-1/0")]
pub struct InvalidLaneId;

impl std::str::FromStr for LaneId {
    type Err = InvalidLaneId;
    fn from_str(text: &str) -> Result<Self, InvalidLaneId> {
        let (account, lane) = text.split_once('/').ok_or(InvalidLaneId)?;
        let id = Self {
            account: AccountId::try_stored(account).map_err(|_| InvalidLaneId)?,
            lane: lane.parse().ok().filter(|&lane| lane < CREDIT_LANES_MAX).ok_or(InvalidLaneId)?,
        };
        // Each lane has one text only: no leading zeros, no sign.
        if id.lane.to_string() == lane { Ok(id) } else { Err(InvalidLaneId) }
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_one_text_and_no_account_has_it() {
        let id = LaneId { account: AccountId::try_new("shop-1").unwrap(), lane: 10 };
        assert_eq!((id.to_string().as_str(), "shop-1/10".parse()), ("shop-1/10", Ok(id)));
        assert_eq!("shop-1/1023".parse::<LaneId>().unwrap().lane, 1_023);
        for bad in
            ["shop-1", "shop-1/", "/0", "shop-1/01", "shop-1/+1", "shop-1/-1", "shop-1/0/0", "shop-1/1024", "a b/0"]
        {
            assert_eq!(bad.parse::<LaneId>(), Err(InvalidLaneId), "{bad}");
        }
        assert!(AccountId::try_new("shop-1/0").is_err());
    }

    #[test]
    fn each_partition_has_two_lanes_or_one_as_long_as_all_fit_one_transaction() {
        for (partitions, lanes) in
            [(0, 0), (1, 0), (2, 4), (16, 32), (48, 96), (49, 49), (64, 64), (97, 97), (98, 97), (70_000, 97)]
        {
            assert_eq!(CreditLanes::of_partitions(partitions).count(), lanes, "{partitions}");
        }
        let items_of_debit = 3;
        let items = usize::from(OPENED_LANES_MAX) + items_of_debit;
        assert_eq!(items, super::super::plan::TRANSACTION_ITEMS_MAX);
        assert!(usize::from(OPENED_LANES_MAX) <= super::super::account_command::LANES_TOGETHER_MAX);
    }

    #[test]
    fn lanes_have_a_bound() {
        assert_eq!("1024".parse::<CreditLanes>().unwrap().numbers(), 0..1_024);
        assert_eq!("0".parse(), Ok(CreditLanes::NONE));
        for bad in ["1025", "65536", "-1", "", "x"] {
            assert_eq!(bad.parse::<CreditLanes>(), Err(InvalidCreditLanes), "{bad}");
        }
    }
}
