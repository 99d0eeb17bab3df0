//! What an audit can find, and how it says so.

use std::fmt;

use crate::domain::{AccountId, Currency, LaneId, PaymentId};

/// Something that doesn't add up. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The balances of a currency don't sum to zero.
    NotZero {
        /// The currency.
        currency: Currency,
        /// What they sum to.
        sum: i128,
    },
    /// A balance isn't the sum of its settled postings.
    Balance {
        /// The account.
        account: AccountId,
        /// The sum of its postings.
        expected: i128,
        /// Its balance.
        found: i128,
    },
    /// The balance of a main item is below its account's overdraft limit: lanes cover nothing until they are emptied.
    BelowLimit {
        /// The account.
        account: AccountId,
        /// The lowest balance it may have.
        lowest: i128,
        /// Its balance.
        found: i128,
    },
    /// A lane is of another currency or status than its account, or below zero.
    Lane {
        /// The lane.
        lane: LaneId,
        /// What it isn't.
        expected: &'static str,
    },
    /// An account counts a lane that isn't there.
    NoLane {
        /// The lane.
        lane: LaneId,
    },
    /// A lane is there, and no account counts it.
    StrayLane {
        /// The lane.
        lane: LaneId,
        /// Its balance, which is part of no account's.
        found: i128,
    },
    /// A settled payment names an account that isn't there.
    NoAccount {
        /// The payment.
        payment: PaymentId,
        /// The account.
        account: AccountId,
    },
    /// A settled payment names an account of another currency.
    Currency {
        /// The payment.
        payment: PaymentId,
        /// The account.
        account: AccountId,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotZero { currency, sum } => write!(f, "the balances in {currency} sum to {sum}, not to 0"),
            Self::Balance { account, expected, found } => {
                write!(f, "account {account}: its settled payments make {expected}, its balance is {found}")
            }
            Self::BelowLimit { account, lowest, found } => {
                write!(f, "account {account}: its balance is {found}, and may not be below {lowest}")
            }
            Self::Lane { lane, expected } => write!(f, "lane {lane}: expected {expected}"),
            Self::NoLane { lane } => write!(f, "lane {lane} does not exist, and its account counts it"),
            Self::StrayLane { lane, found } => {
                write!(f, "lane {lane} holds {found}, and no account counts it")
            }
            Self::NoAccount { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} does not exist")
            }
            Self::Currency { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} is of another currency")
            }
        }
    }
}
