//! What: What a command asks of its account.

use crate::domain::{CreditLanes, Currency, Limits, OverdraftLimit, Principal};

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new account on these terms.
    Open(Terms),
    /// Another overdraft limit.
    SetOverdraftLimit(OverdraftLimit),
    /// No payment from or to the account until it is unfrozen.
    Freeze,
    /// Payments again.
    Unfreeze,
    /// No payment ever again.
    Close,
    /// This number of credit lanes in all. Lanes are never taken away.
    AddLanes(CreditLanes),
    /// These limits instead of all that it has.
    SetLimits(Limits),
    /// This owner instead of the one that it has. `None`: no owner.
    SetOwner(Option<Principal>),
}

/// The terms of a new account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Its currency.
    pub currency: Currency,
    /// Its overdraft limit.
    pub overdraft_limit: OverdraftLimit,
    /// The fewest credit lanes that it gets.
    pub credit_lanes: CreditLanes,
    /// Its owner, if it gets one.
    pub owner: Option<Principal>,
}

impl Action {
    /// The owner that it gives to an account.
    #[must_use]
    pub const fn owner(&self) -> Option<&Principal> {
        match self {
            Self::Open(terms) => terms.owner.as_ref(),
            Self::SetOwner(owner) => owner.as_ref(),
            Self::SetOverdraftLimit(_)
            | Self::Freeze
            | Self::Unfreeze
            | Self::Close
            | Self::AddLanes(_)
            | Self::SetLimits(_) => None,
        }
    }

    /// The name of every command, in the order of the variants.
    pub const NAMES: [&'static str; 8] =
        ["open", "set_overdraft_limit", "freeze", "unfreeze", "close", "add_lanes", "set_limits", "set_owner"];

    /// The stable name, as sent and stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::SetOverdraftLimit(_) => "set_overdraft_limit",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Close => "close",
            Self::AddLanes(_) => "add_lanes",
            Self::SetLimits(_) => "set_limits",
            Self::SetOwner(_) => "set_owner",
        }
    }
}
