//! What: What an applied command does to its account, and the conditions under which it happens.

use crate::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Lane, LaneId, OverdraftLimit};

/// The change of an account. The version of each item rises by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Nothing: the account is as the command wants it. [`Precondition`](super::Precondition) checks that this is still
    /// so.
    Nothing,
    /// A new account, with its lanes. Condition: no account has its id.
    Open(Account),
    /// Another status, of main item and lanes.
    Status {
        /// Condition: the status before.
        from: AccountStatus,
        /// The status after.
        to: AccountStatus,
        /// Condition: this number of lanes.
        lanes: CreditLanes,
        /// Condition, if the rule depends on balances: exactly these, of the main item and then of each lane.
        balances: Option<Vec<Balance>>,
    },
    /// Another overdraft limit. Condition: the main item's balance is within it.
    Limit {
        /// Condition: the status.
        status: AccountStatus,
        /// The limit after.
        to: OverdraftLimit,
    },
    /// More lanes.
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
            Self::Open(account) => {
                account.credit_lanes.numbers().map(|lane| LaneChange::New(Lane::new(account, lane))).collect()
            }
            Self::Lanes { account, to } => (account.credit_lanes.count()..to.count())
                .map(|lane| LaneChange::New(Lane::new(account, lane)))
                .collect(),
            Self::Status { from, to, lanes, balances } => {
                let mut balances = balances.iter().flatten().skip(1).copied();
                let turn = |lane| LaneChange::Status {
                    id: LaneId { account: id.clone(), lane },
                    from: *from,
                    to: *to,
                    balance: balances.next(),
                };
                lanes.numbers().map(turn).collect()
            }
        }
    }
}

/// The change of one lane, safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneChange {
    /// A new lane. Condition: it isn't there, or was never used.
    New(Lane),
    /// Another status.
    Status {
        /// The lane.
        id: LaneId,
        /// Condition: the status before, or already the status after.
        from: AccountStatus,
        /// The status after.
        to: AccountStatus,
        /// Condition, if the rule depends on it: exactly this balance.
        balance: Option<Balance>,
    },
}

impl LaneChange {
    /// The lane.
    #[must_use]
    pub fn id(&self) -> &LaneId {
        match self {
            Self::New(lane) => &lane.id,
            Self::Status { id, .. } => id,
        }
    }

    /// Whether the lane, as it is, fulfils the conditions of the change.
    #[must_use]
    pub fn may_happen(&self, lane: Option<&Lane>) -> bool {
        match (self, lane) {
            (Self::New(_), None) => true,
            (Self::New(new), Some(lane)) => {
                (lane.currency, lane.balance, lane.version) == (new.currency, Balance::ZERO, 1)
            }
            (Self::Status { from, to, balance, .. }, Some(lane)) => {
                [*from, *to].contains(&lane.status) && balance.is_none_or(|balance| lane.balance == balance)
            }
            (Self::Status { .. }, None) => false,
        }
    }

    /// The lane as the change leaves it.
    #[must_use]
    pub fn applied_to(&self, lane: Option<&Lane>) -> Option<Lane> {
        match self {
            Self::New(new) => Some(new.clone()),
            Self::Status { to, .. } => {
                lane.map(|lane| Lane { status: *to, version: lane.version.saturating_add(1), ..lane.clone() })
            }
        }
    }
}
