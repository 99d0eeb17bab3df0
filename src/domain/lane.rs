//! What: Credit lanes: extra items on which an account takes its credits, so that payments to it don't conflict on one
//! item. DynamoDB's documentation calls this write sharding. An account without a limit pays from its lanes too.
//!
//! Data: What a lane holds, what is known of lanes, and an account with all of its lanes.
//!
//! A lane comes into being with its first payment. Before that it holds zero, like a lane that was swept.
//!
//! Invariants: A lane carries the currency and status of its account, so that a credit needs its lane alone. If an
//! account isn't open, all lanes that it counts are there. So none comes into being beside a frozen account. A lane is
//! below zero only while its account has no limit. When the account gets one, all lanes that it counts are told
//! ([`Lane::is_limited`]), and what they owe goes to the main item. So a debit of a lane needs the lane alone, too. The
//! balance of an account is the sum of its main item and its lanes.

use super::{Account, AccountStatus, Balance, Currency, LaneId};

/// A lane that holds more than this, in minor units, takes no credit: 2^62. One that owes more takes no debit. One
/// transaction moves fewer than 100 payments of less than 2^53, which always fit into a balance. So a payment needs to
/// know nothing of its lane.
pub const LANE_BALANCE_FULL: i64 = 1 << 62;

/// A lane as the `accounts` table holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name and key.
    pub id: LaneId,
    /// Its account's currency.
    pub currency: Currency,
    /// Its account's status.
    pub status: AccountStatus,
    /// What was credited here and not yet swept into the main item, in minor units. Less what was paid from here.
    pub balance: Balance,
    /// Whether no payment may be taken from it: its account had a limit when the lane was last told. Lanes that were
    /// never counted while the account had no limit don't say so, because no worker ever takes them to pay.
    pub is_limited: bool,
    /// Whether it takes no payment: its account had a maximum balance when the lane was last told. Then it holds
    /// nothing.
    pub is_shut: bool,
    /// Whether a leg has ever taken back from it what an earlier leg of the same payment had paid. Then a statement
    /// lists its debits too.
    pub is_debited: bool,
    /// Rises by one with every write.
    pub version: u64,
}

impl Lane {
    /// An empty lane of this account, as its first write leaves it.
    #[must_use]
    pub fn new(account: &Account, lane: u16) -> Self {
        Self {
            id: LaneId { account: account.id.clone(), lane },
            currency: account.currency,
            status: account.status,
            balance: Balance::ZERO,
            is_limited: false,
            is_shut: account.max_balance().is_some(),
            is_debited: false,
            version: 1,
        }
    }

    /// A lane that this account counts and that isn't there yet. It holds zero.
    #[must_use]
    pub fn unborn(account: &Account, lane: u16) -> Self {
        Self { version: 0, ..Self::new(account, lane) }
    }
}

/// What is known of an account's lanes, by lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownLanes(Vec<KnownLane>);

/// What is known of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct KnownLane {
    balance: Option<Balance>,
    /// It was seen to be limited, whatever its account's main item says.
    is_limited: bool,
}

impl KnownLanes {
    /// What a lane holds, if that is known.
    #[must_use]
    pub fn balance(&self, lane: u16) -> Option<Balance> {
        self.0.get(usize::from(lane)).and_then(|known| known.balance)
    }

    /// Whether a lane may be credited: it isn't known to be full.
    #[must_use]
    pub fn takes_credit(&self, lane: u16) -> bool {
        self.balance(lane).is_none_or(|balance| balance.minor_units() <= LANE_BALANCE_FULL)
    }

    /// Whether payments may be taken from a lane whose account has no limit: it isn't known to be limited, nor to owe
    /// too much.
    #[must_use]
    pub fn takes_debit(&self, lane: u16) -> bool {
        let known = self.0.get(usize::from(lane)).copied().unwrap_or_default();
        let owes_little = |balance: Balance| balance.minor_units() >= LANE_BALANCE_FULL.saturating_neg();
        !known.is_limited && known.balance.is_none_or(owes_little)
    }

    /// Notes what a lane holds.
    pub fn learn(&mut self, lane: u16, balance: Balance) {
        self.known(lane).balance = Some(balance);
    }

    /// Notes that a lane is limited.
    pub fn learn_limited(&mut self, lane: u16) {
        self.known(lane).is_limited = true;
    }

    /// Forgets what lanes hold. Lanes that were seen to be limited are still avoided.
    pub fn forget(&mut self) {
        self.0.iter_mut().for_each(|known| known.balance = None);
    }

    fn known(&mut self, lane: u16) -> &mut KnownLane {
        let lane = usize::from(lane);
        if self.0.len() <= lane {
            self.0.resize(lane.saturating_add(1), KnownLane::default());
        }
        &mut self.0[lane]
    }
}

/// An account with its lanes: all that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The account. Its balance is that of the main item alone; [`Holding::balance`] is the whole.
    pub account: Account,
    /// Those of its lanes that are there, in their order. The others hold zero.
    pub lanes: Vec<Lane>,
}

impl Holding {
    /// What the account holds in all, in minor units. It has 128 bits, because a sum of balances may be larger than a
    /// balance.
    #[must_use]
    pub fn balance(&self) -> i128 {
        let lanes = self.lanes.iter().map(|lane| lane.balance);
        let all = std::iter::once(self.account.balance).chain(lanes);
        all.fold(0, |sum, balance| sum.saturating_add(balance.minor_units().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_takes_debits_until_it_owes_too_much_or_is_limited() {
        let mut known = KnownLanes::default();
        assert!(known.takes_debit(1) && known.takes_credit(1), "nothing is known");
        for (balance, debit, credit) in [
            (LANE_BALANCE_FULL + 1, true, false),
            (LANE_BALANCE_FULL, true, true),
            (-LANE_BALANCE_FULL, true, true),
            (-LANE_BALANCE_FULL - 1, false, true),
        ] {
            known.learn(1, Balance::new(balance));
            assert_eq!((known.takes_debit(1), known.takes_credit(1)), (debit, credit), "{balance}");
        }
        known.learn(1, Balance::ZERO);
        known.learn_limited(1);
        known.learn(1, Balance::new(5));
        known.forget();
        assert_eq!(known.balance(1), None);
        assert_eq!((known.takes_debit(0), known.takes_debit(1), known.takes_credit(1)), (true, false, true));
    }
}
