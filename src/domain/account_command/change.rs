//! What: What an applied command does to its account, and the conditions under which it happens.

use std::ops::Range;

use crate::domain::{
    Account, AccountId, AccountLimits, AccountStatus, Balance, CreditLanes, Currency, Lane, LaneId, Limits,
    OverdraftLimit, Principal, Timestamp,
};

/// The change of an account. The version of each item rises by one, but not by a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Nothing: the account is as the command wants it. [`Precondition`](super::Precondition) checks that this is still
    /// so.
    Nothing,
    /// A new account. Condition: no account has its id. Its lanes come into being with their first credits, unless the
    /// account isn't open.
    Open(Account),
    /// Payments that name the account wait until then, so that they don't keep a command from being applied. Condition:
    /// the account is open. It is a step before the command, and any other change of an account ends it.
    Pause(Timestamp),
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
        /// Condition: the version of its limits, 0 if none were ever set.
        limits_version: u64,
        /// Whether its lanes take no payment, because it has a maximum balance. A command that stopped half-way may
        /// have told some of them otherwise.
        shut: bool,
        /// Condition, if the rule depends on balances: exactly these, of the main item and then of each lane. A lane
        /// that isn't there holds zero.
        balances: Option<Vec<Balance>>,
    },
    /// Another overdraft limit, of the main item and of the lanes that must be told. Condition: the main item's balance
    /// is within it, after what its lanes give.
    Limit {
        /// Condition: status, limit and number of lanes are those of the account as it was read.
        account: Account,
        /// The limit after.
        to: OverdraftLimit,
        /// What it does to lanes.
        lanes: Vec<LaneChange>,
    },
    /// Other limits. If it gets a maximum balance, its lanes give all that they hold, and take no payment from now on.
    /// If it has none any more, they do again. Condition: the main item's balance is within the maximum, after what its
    /// lanes give.
    Limits {
        /// Condition: status, overdraft limit, number of lanes and version of limits are those of the account as it was
        /// read.
        account: Account,
        /// The limits after.
        to: Limits,
        /// What it does to lanes.
        lanes: Vec<LaneChange>,
    },
    /// More lanes. If the account isn't open, they are made, so that no credit makes one that is. If it has no limit,
    /// it may pay from its lanes from now on.
    Lanes {
        /// Condition: status and number of lanes are those of the account as it was read.
        account: Account,
        /// The number of lanes after.
        to: CreditLanes,
    },
    /// Another owner, or none.
    Owner {
        /// Condition: the status as it was read.
        from: AccountStatus,
        /// The owner after.
        to: Option<Principal>,
    },
}

impl AccountChange {
    /// Whether the account's main item, as it is, fulfils the conditions of the change.
    #[must_use]
    pub fn may_happen(&self, account: Option<&Account>) -> bool {
        match (self, account) {
            (Self::Nothing, _) | (Self::Open(_), None) => true,
            (Self::Pause(_), Some(account)) => account.status == AccountStatus::Open,
            (Self::Status { from, lanes, balances, limits_version, .. }, Some(account)) => {
                let balance = balances.as_ref().and_then(|balances| balances.first());
                account.status == *from
                    && account.credit_lanes == *lanes
                    && account.limits_version() == *limits_version
                    && balance.is_none_or(|balance| account.balance == *balance)
            }
            (Self::Limit { account: read, .. } | Self::Limits { account: read, .. }, Some(account)) => {
                let (balance, (least, most)) = (i128::from(account.balance.minor_units()), self.balance_bounds());
                account.terms() == read.terms()
                    && least.is_none_or(|least| balance >= least)
                    && most.is_none_or(|most| balance <= most)
            }
            (Self::Lanes { account: read, .. }, Some(account)) => {
                let terms = |account: &Account| (account.status, account.credit_lanes, account.limits_version());
                terms(account) == terms(read)
            }
            (Self::Owner { from, .. }, Some(account)) => account.status == *from,
            (Self::Open(_), Some(_))
            | (
                Self::Pause(_)
                | Self::Status { .. }
                | Self::Limit { .. }
                | Self::Limits { .. }
                | Self::Lanes { .. }
                | Self::Owner { .. },
                None,
            ) => false,
        }
    }

    /// The account's main item as the change leaves it.
    #[must_use]
    pub fn applied_to(&self, account: Option<Account>) -> Option<Account> {
        let with = |change: &dyn Fn(&mut Account)| {
            account.clone().map(|mut account| {
                account.paused_until = None;
                change(&mut account);
                account.version = account.version.saturating_add(1);
                account
            })
        };
        match self {
            Self::Nothing => account,
            Self::Open(opened) => Some(opened.clone()),
            Self::Pause(until) => account.map(|account| Account { paused_until: Some(*until), ..account }),
            Self::Status { to, .. } => with(&|account| account.status = *to),
            Self::Owner { to, .. } => with(&|account| account.owner = to.clone()),
            Self::Limits { to, .. } => with(&|account| {
                account.balance = self.given_to(account.balance);
                account.limits = Some(Box::new(AccountLimits::replaced(account.limits.as_deref(), *to)));
            }),
            Self::Limit { to, .. } => with(&|account| {
                account.balance = self.given_to(account.balance);
                account.overdraft_limit = *to;
                account.lane_debits |= self.begins_lane_debits();
            }),
            Self::Lanes { to, .. } => with(&|account| {
                account.credit_lanes = *to;
                account.lane_debits |= self.begins_lane_debits();
            }),
        }
    }

    /// The main item's balance after what lanes give.
    fn given_to(&self, balance: Balance) -> Balance {
        let after = i128::from(balance.minor_units()).saturating_add(self.gives());
        // The bounds keep it in range.
        i64::try_from(after).map_or(balance, Balance::new)
    }

    /// What lanes give to the main item, in minor units.
    #[must_use]
    pub fn gives(&self) -> i128 {
        let (Self::Limit { lanes, .. } | Self::Limits { lanes, .. }) = self else { return 0 };
        lanes.iter().fold(0, |sum, lane| sum.saturating_add(lane.gives.minor_units().into()))
    }

    /// Conditions of another limit: the least and the most that the main item holds before its lanes give. So the
    /// balance afterwards is within the limits, and fits.
    #[must_use]
    pub fn balance_bounds(&self) -> (Option<i128>, Option<i128>) {
        let gives = self.gives();
        let fits = (gives > 0).then(|| i128::from(i64::MAX));
        let (lowest, highest) = match self {
            Self::Limit { to, .. } => (to.lowest_balance().or_else(|| (gives < 0).then(|| i64::MIN.into())), fits),
            Self::Limits { to, .. } => (None, to.max_balance.map(i128::from).or(fits)),
            Self::Nothing
            | Self::Open(_)
            | Self::Pause(_)
            | Self::Status { .. }
            | Self::Lanes { .. }
            | Self::Owner { .. } => (None, None),
        };
        let before = |after: i128| after.saturating_sub(gives);
        (lowest.map(before), highest.map(before))
    }

    /// Whether payments may be taken from the account's lanes from now on.
    #[must_use]
    pub fn begins_lane_debits(&self) -> bool {
        match self {
            Self::Limit { account, to, .. } => {
                Account { overdraft_limit: *to, ..account.clone() }.could_pay_from_lanes()
            }
            Self::Lanes { account, to } => Account { credit_lanes: *to, ..account.clone() }.could_pay_from_lanes(),
            Self::Nothing
            | Self::Open(_)
            | Self::Pause(_)
            | Self::Status { .. }
            | Self::Limits { .. }
            | Self::Owner { .. } => false,
        }
    }

    /// What it does to the main item in the step before the last that changes these lanes. `None`: nothing.
    pub(super) fn beside(&self, lanes: &[LaneChange]) -> Option<Self> {
        let (Self::Limit { account, .. } | Self::Limits { account, .. }) = self else { return None };
        // The main item takes what lanes give, and keeps its limits until the last step.
        Some(Self::Limit { account: account.clone(), to: account.overdraft_limit, lanes: lanes.to_vec() })
    }

    /// What it does to the main item in the last step, after steps that changed its lanes.
    pub(super) fn after_lanes(&self) -> Self {
        match self {
            Self::Limit { account, to, .. } => Self::Limit { account: account.clone(), to: *to, lanes: Vec::new() },
            Self::Limits { account, to, .. } => Self::Limits { account: account.clone(), to: *to, lanes: Vec::new() },
            Self::Nothing
            | Self::Open(_)
            | Self::Pause(_)
            | Self::Status { .. }
            | Self::Lanes { .. }
            | Self::Owner { .. } => self.clone(),
        }
    }

    /// What it does to the lanes of its account, `id`, in their order.
    #[must_use]
    pub fn lanes(&self, id: &AccountId) -> Vec<LaneChange> {
        match self {
            Self::Nothing | Self::Pause(_) | Self::Owner { .. } => Vec::new(),
            Self::Limit { lanes, .. } | Self::Limits { lanes, .. } => lanes.clone(),
            Self::Open(account) => beside(account, account.credit_lanes.numbers()),
            Self::Lanes { account, to } => beside(account, account.credit_lanes.count()..to.count()),
            Self::Status { from, to, lanes, currency, shut, balances, .. } => {
                let mut balances = balances.iter().flatten().skip(1).copied();
                let turn = |lane| LaneChange {
                    id: LaneId { account: id.clone(), lane },
                    currency: *currency,
                    from: *from,
                    to: *to,
                    balance: balances.next(),
                    gives: Balance::ZERO,
                    limited: None,
                    shut: Some(*shut),
                };
                lanes.numbers().map(turn).collect()
            }
        }
    }
}

/// The lanes that must be there beside this account from now on: none if it is open and has no maximum balance. A lane
/// that is there already was left over when an older version stopped half-way. It is open, or of the account's status.
fn beside(account: &Account, lanes: Range<u16>) -> Vec<LaneChange> {
    let made = |lane| LaneChange {
        id: LaneId { account: account.id.clone(), lane },
        currency: account.currency,
        from: AccountStatus::Open,
        to: account.status,
        balance: Some(Balance::ZERO),
        gives: Balance::ZERO,
        limited: None,
        shut: account.max_balance().map(|_| true),
    };
    let needs_none = account.status == AccountStatus::Open && account.max_balance().is_none();
    lanes.filter(|_| !needs_none).map(made).collect()
}

/// The lanes of an account that gets a limit. `balances` are what they hold. No lane may owe anything afterwards, and
/// the main item must be within the limit.
///
/// Each lane that owes gives its balance to the main item. So do as many of the fullest lanes as that needs. The order
/// is such that the main item's balance fits after each of them.
pub(super) fn limited(account: &Account, to: OverdraftLimit, balances: &[Balance]) -> Vec<LaneChange> {
    let units = |balance: Balance| i128::from(balance.minor_units());
    let lowest = to.lowest_balance().unwrap_or(i64::MIN.into());
    let change = |lane: u16, balance, gives| LaneChange {
        balance: Some(balance),
        gives,
        limited: Some(true),
        ..told(account, lane)
    };
    let (mut owing, mut holding): (Vec<_>, Vec<_>) =
        (0..).zip(balances.iter().copied()).partition(|&(_, balance): &(u16, Balance)| balance < Balance::ZERO);
    holding.sort_by_key(|&(_, balance)| balance);
    let mut main = units(account.balance);
    let mut lanes = Vec::with_capacity(balances.len());
    while main < lowest || !owing.is_empty() {
        let next = if main < 0 { holding.pop().or_else(|| owing.pop()) } else { owing.pop() };
        let Some((lane, balance)) = next else { break };
        main = main.saturating_add(units(balance));
        lanes.push(change(lane, balance, balance));
    }
    lanes.extend(holding.into_iter().map(|(lane, balance)| change(lane, balance, Balance::ZERO)));
    lanes
}

/// The lanes of an account that has no limit any more.
pub(super) fn unlimited(account: &Account) -> Vec<LaneChange> {
    let change = |lane| LaneChange { limited: Some(false), ..told(account, lane) };
    account.credit_lanes.numbers().map(change).collect()
}

/// The lanes of an account that gets these limits. `balances` are what they hold, if it gets a maximum balance.
pub(super) fn shut(account: &Account, to: Limits, balances: &[Balance]) -> Vec<LaneChange> {
    match (account.max_balance(), to.max_balance) {
        (None, Some(_)) => {
            let change = |(lane, &balance)| LaneChange {
                balance: Some(balance),
                gives: balance,
                shut: Some(true),
                ..told(account, lane)
            };
            (0..).zip(balances).map(change).collect()
        }
        (Some(_), None) => {
            let change = |lane| LaneChange { shut: Some(false), ..told(account, lane) };
            account.credit_lanes.numbers().map(change).collect()
        }
        (None, None) | (Some(_), Some(_)) => Vec::new(),
    }
}

/// A lane that keeps its account's status.
fn told(account: &Account, lane: u16) -> LaneChange {
    LaneChange {
        id: LaneId { account: account.id.clone(), lane },
        currency: account.currency,
        from: account.status,
        to: account.status,
        balance: None,
        gives: Balance::ZERO,
        limited: None,
        shut: None,
    }
}

/// What one lane gets, safe to repeat: a status, and perhaps a limit. If the lane isn't there, it is made, and holds
/// zero.
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
    /// What it gives to the main item: nothing, or all of its balance.
    pub gives: Balance,
    /// Whether payments may not take it below zero afterwards. `None`: that stays as it is.
    pub limited: Option<bool>,
    /// Whether it takes no payment afterwards. `None`: that stays as it is.
    pub shut: Option<bool>,
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
        let was_shut = lane.is_some_and(|lane| lane.is_shut);
        let was_limited = lane.is_some_and(|lane| lane.is_limited);
        Lane {
            id: self.id.clone(),
            currency: self.currency,
            status: self.to,
            balance: Balance::new(balance.minor_units().saturating_sub(self.gives.minor_units())),
            is_limited: self.limited.unwrap_or(was_limited),
            is_shut: self.shut.unwrap_or(was_shut),
            is_debited: lane.is_some_and(|lane| lane.is_debited),
            version: version.saturating_add(1),
        }
    }
}
