//! What: What an applied command does to its account, and the conditions under which it happens.

use std::ops::Range;

use crate::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, Lane, LaneId, OverdraftLimit};

/// The change of an account. The version of each item rises by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Nothing: the account is as the command wants it. [`Precondition`](super::Precondition) checks that this is still
    /// so.
    Nothing,
    /// A new account. Condition: no account has its id. Its lanes come into being with their first credits, unless the
    /// account isn't open.
    Open(Account),
    /// Another status, of the main item and of every lane that it counts. Lanes that aren't there yet are made.
    Status {
        /// Condition: the status before.
        from: AccountStatus,
        /// The status after.
        to: AccountStatus,
        /// Condition: this number of lanes.
        lanes: CreditLanes,
        /// The account's currency, which is that of its lanes.
        currency: Currency,
        /// Condition, if the rule depends on balances: exactly these, of the main item and then of each lane. A lane
        /// that isn't there holds zero.
        balances: Option<Vec<Balance>>,
    },
    /// Another overdraft limit. Condition: the main item's balance is within it.
    Limit {
        /// Condition: the status.
        status: AccountStatus,
        /// The limit after.
        to: OverdraftLimit,
    },
    /// More lanes. If the account isn't open, they are made, so that no credit makes one that is.
    Lanes {
        /// Condition: status and number of lanes are those of the account as it was read.
        account: Account,
        /// The number of lanes after.
        to: CreditLanes,
    },
}

impl AccountChange {
    /// Whether the account's main item, as it is, fulfils the conditions of the change.
    #[must_use]
    pub fn may_happen(&self, account: Option<&Account>) -> bool {
        match (self, account) {
            (Self::Nothing, _) | (Self::Open(_), None) => true,
            (Self::Status { from, lanes, balances, .. }, Some(account)) => {
                let balance = balances.as_ref().and_then(|balances| balances.first());
                account.status == *from
                    && account.credit_lanes == *lanes
                    && balance.is_none_or(|balance| account.balance == *balance)
            }
            (Self::Limit { status, to }, Some(account)) => account.status == *status && to.allows(account.balance),
            (Self::Lanes { account: read, .. }, Some(account)) => {
                (account.status, account.credit_lanes) == (read.status, read.credit_lanes)
            }
            (Self::Open(_), Some(_)) | (Self::Status { .. } | Self::Limit { .. } | Self::Lanes { .. }, None) => false,
        }
    }

    /// The account's main item as the change leaves it.
    #[must_use]
    pub fn applied_to(&self, account: Option<Account>) -> Option<Account> {
        let with = |change: &dyn Fn(&mut Account)| {
            account.clone().map(|mut account| {
                change(&mut account);
                account.version = account.version.saturating_add(1);
                account
            })
        };
        match self {
            Self::Nothing => account,
            Self::Open(opened) => Some(opened.clone()),
            Self::Status { to, .. } => with(&|account| account.status = *to),
            Self::Limit { to, .. } => with(&|account| account.overdraft_limit = *to),
            Self::Lanes { to, .. } => with(&|account| account.credit_lanes = *to),
        }
    }

    /// What it does to the lanes of its account, `id`, in their order.
    #[must_use]
    pub fn lanes(&self, id: &AccountId) -> Vec<LaneChange> {
        match self {
            Self::Nothing | Self::Limit { .. } => Vec::new(),
            Self::Open(account) => beside(account, account.credit_lanes.numbers()),
            Self::Lanes { account, to } => beside(account, account.credit_lanes.count()..to.count()),
            Self::Status { from, to, lanes, currency, balances } => {
                let mut balances = balances.iter().flatten().skip(1).copied();
                let turn = |lane| LaneChange {
                    id: LaneId { account: id.clone(), lane },
                    currency: *currency,
                    from: *from,
                    to: *to,
                    balance: balances.next(),
                };
                lanes.numbers().map(turn).collect()
            }
        }
    }
}

/// The lanes that must be there beside this account from now on: none if it is open. A lane that is there already was
/// left over when an older version stopped half-way. It is open, or of the account's status.
fn beside(account: &Account, lanes: Range<u16>) -> Vec<LaneChange> {
    let made = |lane| LaneChange {
        id: LaneId { account: account.id.clone(), lane },
        currency: account.currency,
        from: AccountStatus::Open,
        to: account.status,
        balance: Some(Balance::ZERO),
    };
    let is_open = account.status == AccountStatus::Open;
    lanes.filter(|_| !is_open).map(made).collect()
}

/// The status that one lane gets, safe to repeat. If the lane isn't there, it is made, and holds zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneChange {
    /// The lane.
    pub id: LaneId,
    /// Condition: the lane's currency.
    pub currency: Currency,
    /// Condition: the status before, or already the status after.
    pub from: AccountStatus,
    /// The status after.
    pub to: AccountStatus,
    /// Condition, if the rule depends on it: exactly this balance.
    pub balance: Option<Balance>,
}

impl LaneChange {
    /// Whether a lane that isn't there fulfils the conditions of the change.
    #[must_use]
    pub fn makes_lane(&self) -> bool {
        self.balance.is_none_or(|balance| balance == Balance::ZERO)
    }

    /// Whether the lane, as it is, fulfils the conditions of the change.
    #[must_use]
    pub fn may_happen(&self, lane: Option<&Lane>) -> bool {
        let Some(lane) = lane else { return self.makes_lane() };
        [self.from, self.to].contains(&lane.status)
            && lane.currency == self.currency
            && self.balance.is_none_or(|balance| lane.balance == balance)
    }

    /// The lane as the change leaves it.
    #[must_use]
    pub fn applied_to(&self, lane: Option<&Lane>) -> Lane {
        let (balance, version) = lane.map_or((Balance::ZERO, 0), |lane| (lane.balance, lane.version));
        let (id, version) = (self.id.clone(), version.saturating_add(1));
        Lane { id, currency: self.currency, status: self.to, balance, version }
    }
}
