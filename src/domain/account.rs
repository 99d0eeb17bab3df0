//! What: An account: its balance, how much it may owe, and whether it may be used.

use std::fmt;

use super::{AccountId, AccountLimits, Balance, CreditLanes, Currency, LaneId, Principal, Timestamp};

/// The longest that payments wait for account commands, in milliseconds. It is longer than a command asks for.
pub const PAUSE_MAX_MS: i64 = 15_000;

/// An account, as its main item in the `accounts` table holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name and key.
    pub id: AccountId,
    /// The one currency it holds; never changes.
    pub currency: Currency,
    /// Whether it may be debited and credited.
    pub status: AccountStatus,
    /// The balance of the main item, in minor units. The balances of lanes are not in it.
    pub balance: Balance,
    /// How far below zero a debit may take it.
    pub overdraft_limit: OverdraftLimit,
    /// Rises by one with every write but a pause, so that a decision can depend on exactly this state.
    pub version: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The number of its credit lanes. It never falls.
    pub credit_lanes: CreditLanes,
    /// Whether its lanes may be, or may have been, debited by payments. Once set, it stays. Accounts of older versions
    /// don't have it, and their statements list no debits of lanes.
    pub lane_debits: bool,
    /// Until then, payments that name the account wait, because an account command can't be applied beside them. No
    /// decision rests on it, so whoever doesn't know it is only in the way for longer.
    pub paused_until: Option<Timestamp>,
    /// Its limits, and what was used of them. `None`: none were ever set.
    pub limits: Option<Box<AccountLimits>>,
    /// Who may pay from it and read it over HTTP. `None`: nobody without a scope for all accounts. No decision on a
    /// payment rests on it.
    pub owner: Option<Principal>,
}

impl Account {
    /// The version of its limits: 0 if none were ever set.
    #[must_use]
    pub fn limits_version(&self) -> u64 {
        self.limits.as_ref().map_or(0, |limits| limits.version)
    }

    /// All that a command may rest on beside what it holds.
    pub(super) fn terms(&self) -> (AccountStatus, OverdraftLimit, CreditLanes, u64) {
        (self.status, self.overdraft_limit, self.credit_lanes, self.limits_version())
    }

    /// Whether it has limits now.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits.as_ref().is_some_and(|limits| !limits.limits().is_none())
    }

    /// The most that it may hold after a credit, in minor units.
    #[must_use]
    pub fn max_balance(&self) -> Option<u64> {
        self.limits.as_ref().and_then(|limits| limits.max_balance)
    }

    /// The lanes on which payments may be: none if it has a maximum balance. Then its main item must know all that it
    /// holds.
    #[must_use]
    pub fn payment_lanes(&self) -> CreditLanes {
        if self.max_balance().is_some() { CreditLanes::NONE } else { self.credit_lanes }
    }

    /// When payments from it are decided: by the clock, but no earlier than its windows began.
    #[must_use]
    pub fn decided_at(&self, clock: Timestamp) -> Timestamp {
        self.limits.as_ref().map_or(clock, |limits| limits.decided_at(clock))
    }

    /// The lanes that it counts, in order.
    pub fn lane_ids(&self) -> impl Iterator<Item = LaneId> + '_ {
        self.credit_lanes.numbers().map(|lane| LaneId { account: self.id.clone(), lane })
    }

    /// Whether payments that name it wait now for an account command. A pause that ends later than [`PAUSE_MAX_MS`]
    /// from now comes from a wrong clock. It counts only once it is that near.
    #[must_use]
    pub fn is_paused(&self, now: Timestamp) -> bool {
        let left = |until: Timestamp| until.millis().saturating_sub(now.millis());
        self.status == AccountStatus::Open
            && self.paused_until.is_some_and(|until| (1..=PAUSE_MAX_MS).contains(&left(until)))
    }

    /// Whether its payments may be taken from its lanes. Nothing is conditional on its balance, so its debits commute,
    /// and each partition may debit lanes of its own.
    #[must_use]
    pub fn pays_from_lanes(&self) -> bool {
        self.lane_debits && self.could_pay_from_lanes()
    }

    /// Whether it could pay from its lanes, and doesn't yet: an older version opened it or took its limit away.
    #[must_use]
    pub fn awaits_lane_debits(&self) -> bool {
        !self.lane_debits && self.could_pay_from_lanes()
    }

    /// Whether it has fewer lanes than this, or could pay from its lanes and doesn't yet.
    #[must_use]
    pub fn lacks(&self, lanes: CreditLanes) -> bool {
        self.credit_lanes < lanes || self.awaits_lane_debits()
    }

    /// Whether nothing but [`lane_debits`](Self::lane_debits) may keep it from paying from its lanes.
    #[must_use]
    pub(super) fn could_pay_from_lanes(&self) -> bool {
        self.overdraft_limit == OverdraftLimit::Unlimited && !self.credit_lanes.is_none()
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountStatus {
    /// May be debited and credited.
    Open,
    /// May be neither debited nor credited for a while.
    Frozen,
    /// May never be debited or credited again. Its balance was zero.
    Closed,
}

impl AccountStatus {
    /// Every status, for tables and readers.
    pub const ALL: [Self; 3] = [Self::Open, Self::Frozen, Self::Closed];

    /// The name as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How far below zero a debit may take an account, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverdraftLimit {
    /// At most this far (0 for an account that must stay in credit), up to [`AMOUNT_MAX`](super::money::AMOUNT_MAX).
    Limited(u64),
    /// No limit: a settlement account, through which money enters. All balances of a currency still sum to zero.
    Unlimited,
}

impl OverdraftLimit {
    /// The lowest balance that a debit may leave, in minor units. `None` if there is no limit.
    #[must_use]
    pub fn lowest_balance(self) -> Option<i128> {
        match self {
            Self::Limited(limit) => Some(i128::from(limit).saturating_neg()),
            Self::Unlimited => None,
        }
    }

    /// Whether a debit may leave this balance.
    #[must_use]
    pub fn allows(self, balance: Balance) -> bool {
        self.lowest_balance().is_none_or(|lowest| i128::from(balance.minor_units()) >= lowest)
    }
}

#[cfg(test)]
pub(crate) mod given {
    use super::*;

    /// The plainest account of this name: open, in euros, empty, with neither an overdraft nor lanes.
    pub(crate) fn account(name: &str) -> Account {
        Account {
            id: name.parse().unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            status: AccountStatus::Open,
            balance: Balance::ZERO,
            overdraft_limit: OverdraftLimit::Limited(0),
            version: 1,
            opened_at: Timestamp::EPOCH,
            credit_lanes: CreditLanes::NONE,
            lane_debits: false,
            paused_until: None,
            limits: None,
            owner: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account pays from its lanes if it has some, no limit, and was told so.
    #[test]
    fn an_account_without_a_limit_pays_from_its_lanes() {
        let one = CreditLanes::try_new(1).unwrap();
        for (overdraft_limit, credit_lanes, lane_debits, could, pays) in [
            (OverdraftLimit::Unlimited, one, true, true, true),
            (OverdraftLimit::Unlimited, one, false, true, false),
            (OverdraftLimit::Unlimited, CreditLanes::NONE, true, false, false),
            (OverdraftLimit::Limited(5), one, true, false, false),
            (OverdraftLimit::Limited(5), CreditLanes::NONE, false, false, false),
        ] {
            let account = Account { overdraft_limit, credit_lanes, lane_debits, ..given::account("a") };
            assert_eq!((account.could_pay_from_lanes(), account.pays_from_lanes()), (could, pays), "{account:?}");
            assert_eq!(account.awaits_lane_debits(), could && !pays, "{account:?}");
            assert_eq!(account.lacks(one), could && !pays || credit_lanes < one, "{account:?}");
        }
    }

    #[test]
    fn only_an_open_account_is_paused_and_only_until_then() {
        let at = |millis| Timestamp::try_from_millis(millis).unwrap();
        for (status, until, paused) in [
            (AccountStatus::Open, Some(11), true),
            (AccountStatus::Open, Some(10 + PAUSE_MAX_MS), true),
            (AccountStatus::Open, Some(11 + PAUSE_MAX_MS), false),
            (AccountStatus::Open, Some(10), false),
            (AccountStatus::Open, None, false),
            (AccountStatus::Frozen, Some(11), false),
            (AccountStatus::Closed, Some(11), false),
        ] {
            let account = Account { status, paused_until: until.map(at), ..given::account("a") };
            assert_eq!(account.is_paused(at(10)), paused, "{status} {until:?}");
        }
    }

    #[test]
    fn a_limit_allows_what_is_not_below_it() {
        for (limit, balance, allowed) in [
            (OverdraftLimit::Limited(0), 0, true),
            (OverdraftLimit::Limited(0), -1, false),
            (OverdraftLimit::Limited(0), i64::MAX, true),
            (OverdraftLimit::Limited(7), -7, true),
            (OverdraftLimit::Limited(7), -8, false),
            (OverdraftLimit::Limited(super::super::money::AMOUNT_MAX), i64::MIN, false),
            (OverdraftLimit::Unlimited, i64::MIN, true),
        ] {
            assert_eq!(limit.allows(Balance::new(balance)), allowed, "{limit:?} {balance}");
        }
    }
}
