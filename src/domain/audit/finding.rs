//! What: What an audit can find, and how it says so.

use std::fmt;

use crate::domain::limits::Used;
use crate::domain::{AccountId, Currency, DeadLetterId, LaneId, LegId, PaymentId, Period};

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
    /// The balance of a busy account is outside what its payments can have made by the time of the read.
    Range {
        /// The account.
        account: AccountId,
        /// The lowest that they can have made.
        lowest: i128,
        /// The most.
        highest: i128,
        /// Its balance.
        found: i128,
    },
    /// The balance of a main item is below its account's overdraft limit. Lanes cover nothing until they are swept.
    BelowLimit {
        /// The account.
        account: AccountId,
        /// The lowest balance it may have.
        lowest: i128,
        /// Its balance.
        found: i128,
    },
    /// An account holds more than its maximum balance.
    AboveMaximum {
        /// The account.
        account: AccountId,
        /// The most that it may hold.
        highest: i128,
        /// Its balance.
        found: i128,
    },
    /// A lane is of another currency or status than its account, or below zero though its account doesn't pay from
    /// lanes. Or it takes payments though its account has a maximum balance, or takes none though it has none.
    Lane {
        /// The lane.
        lane: LaneId,
        /// What it isn't.
        expected: &'static str,
    },
    /// An account that isn't open, or has a maximum balance, counts a lane that isn't there. A credit could make it.
    NoLane {
        /// The lane.
        lane: LaneId,
    },
    /// A lane is there, and no account counts it.
    StrayLane {
        /// The lane.
        lane: LaneId,
        /// Its balance, which no account counts.
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
    /// The item of a further leg is missing, is not that of a settled payment, or says something else than it.
    Leg {
        /// The leg.
        leg: LegId,
        /// What it isn't.
        expected: &'static str,
    },
    /// A sum of refunds isn't that of the settled refunds.
    Refunded {
        /// Of which payment, or of which of its legs.
        total: LegId,
        /// What its settled refunds make.
        expected: u64,
        /// The sum.
        found: u64,
    },
    /// More of a payment was refunded than was paid.
    OverRefunded {
        /// Of which payment, or of which of its legs.
        total: LegId,
        /// What was paid.
        paid: u64,
        /// The sum of its refunds.
        found: u64,
    },
    /// What is used of a window isn't what the payments of its period make.
    Window {
        /// The account.
        account: AccountId,
        /// The period of the window.
        period: Period,
        /// What its settled payments make.
        expected: Used,
        /// What is used.
        found: Used,
    },
    /// An account has checkpoints, and its main item isn't there.
    LostAccount {
        /// The account.
        account: AccountId,
    },
    /// The head of an account, or its newest checkpoint, isn't what an audit wrote.
    Checkpoint {
        /// The account.
        account: AccountId,
        /// What isn't so.
        expected: &'static str,
    },
    /// An item is not one that this version can read.
    Unreadable {
        /// Of which table.
        table: &'static str,
        /// Its key, as far as it is text.
        key: String,
        /// The attribute that is wrong, and what was expected.
        expected: String,
    },
    /// A dead letter is not whole.
    Letter {
        /// Which.
        letter: DeadLetterId,
        /// How many of its parts are there.
        found: usize,
        /// How many there must be; only the first part says.
        expected: Option<usize>,
    },
}

impl Finding {
    /// The name of what was found, for alarms and searches: never reused, never renamed.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotZero { .. } => "not_zero",
            Self::Balance { .. } => "balance",
            Self::Range { .. } => "balance_range",
            Self::BelowLimit { .. } => "below_limit",
            Self::AboveMaximum { .. } => "above_maximum",
            Self::Lane { .. } => "lane",
            Self::NoLane { .. } => "no_lane",
            Self::StrayLane { .. } => "stray_lane",
            Self::NoAccount { .. } => "no_account",
            Self::Currency { .. } => "currency",
            Self::Leg { .. } => "leg",
            Self::Refunded { .. } => "refunded",
            Self::OverRefunded { .. } => "over_refunded",
            Self::Window { .. } => "window",
            Self::LostAccount { .. } => "lost_account",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Unreadable { .. } => "unreadable",
            Self::Letter { .. } => "dead_letter",
        }
    }

    /// What the finding is about, by its ids alone: no balance, no amount, and no unescaped text from outside.
    #[must_use]
    pub fn at_fault(&self) -> String {
        match self {
            Self::NotZero { currency, .. } => format!("currency {currency}"),
            Self::Balance { account, .. }
            | Self::Range { account, .. }
            | Self::BelowLimit { account, .. }
            | Self::AboveMaximum { account, .. }
            | Self::Window { account, .. }
            | Self::LostAccount { account }
            | Self::Checkpoint { account, .. } => format!("account {account}"),
            Self::Lane { lane, .. } | Self::NoLane { lane } | Self::StrayLane { lane, .. } => format!("lane {lane}"),
            Self::NoAccount { payment, account } | Self::Currency { payment, account } => {
                format!("payment {payment}, account {account}")
            }
            Self::Leg { leg, .. } => format!("leg {leg}"),
            Self::Refunded { total, .. } | Self::OverRefunded { total, .. } => format!("payment {total}"),
            Self::Unreadable { table, key, .. } => format!("table {table}, key {key:?}"),
            Self::Letter { letter, .. } => format!("dead letter {letter}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotZero { currency, sum } => write!(f, "the balances in {currency} sum to {sum}, not to 0"),
            Self::Balance { account, expected, found } => {
                write!(f, "account {account}: its settled payments make {expected}, its balance is {found}")
            }
            Self::Range { account, lowest, highest, found } => {
                write!(f, "account {account}: its settled payments make {lowest} to {highest}, its balance is {found}")
            }
            Self::BelowLimit { account, lowest, found } => {
                write!(f, "account {account}: its balance is {found}, and may not be below {lowest}")
            }
            Self::AboveMaximum { account, highest, found } => {
                write!(f, "account {account}: its balance is {found}, and may not be above {highest}")
            }
            Self::Lane { lane, expected } => write!(f, "lane {lane}: expected {expected}"),
            Self::NoLane { lane } => {
                write!(f, "lane {lane} does not exist, and its account is not open or has a maximum balance")
            }
            Self::StrayLane { lane, found } => {
                write!(f, "lane {lane} holds {found}, and no account counts it")
            }
            Self::NoAccount { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} does not exist")
            }
            Self::Currency { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} is of another currency")
            }
            Self::Leg { leg, expected } => write!(f, "leg {leg}: expected {expected}"),
            Self::Refunded { total, expected, found } => {
                write!(f, "payment {total}: its settled refunds make {expected}, the sum of its refunds is {found}")
            }
            Self::OverRefunded { total, paid, found } => {
                write!(f, "payment {total}: {paid} was paid, and {found} was refunded")
            }
            Self::Window { account, period, expected, found } => {
                let (amount, count) = (expected.amount, expected.count);
                write!(f, "account {account}: the payments of the {period} from {} on make {amount}", expected.start)?;
                write!(f, " in {count}, and {} in {} is used", found.amount, found.count)?;
                if found.start == expected.start { Ok(()) } else { write!(f, ", of the one from {} on", found.start) }
            }
            Self::LostAccount { account } => write!(f, "account {account} has checkpoints, and does not exist"),
            Self::Checkpoint { account, expected } => {
                write!(f, "account {account}, its checkpoint: expected {expected}")
            }
            Self::Unreadable { table, key, expected } => write!(f, "{table}, item {key}: {expected}"),
            Self::Letter { letter, found, expected: Some(expected) } => {
                write!(f, "dead letter {letter} has {found} of its {expected} parts")
            }
            Self::Letter { letter, expected: None, .. } => write!(f, "dead letter {letter} lacks its first part"),
        }
    }
}
