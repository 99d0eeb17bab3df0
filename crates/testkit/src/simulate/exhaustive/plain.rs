//! What: Tells instructions, accounts and commands in the plain words of the auditor's own books.

use giro::domain::account_command::Action;
use giro::domain::{Account, AccountStatus, Amount, Instruction, Limits, OverdraftLimit, PaymentId, Principal};

use crate::simulate::auditor::books::{Books, Standing};
use crate::simulate::legs::Leg;
use crate::simulate::limits::Limits as SmallLimits;
use crate::simulate::orders::AccountChange;
use crate::simulate::workload::Asked;

/// What an instruction asks, in plain words.
pub(super) fn asked(instruction: &Instruction) -> Asked {
    let leg = |leg: &giro::domain::Leg| Leg {
        debtor: leg.debtor.to_string(),
        creditor: leg.creditor.to_string(),
        amount: leg.amount.minor_units(),
        currency: currency(leg.currency.as_str()),
    };
    let transfer = instruction.transfer();
    Asked {
        id: instruction.id().to_string(),
        debtor: instruction.debtor().to_string(),
        creditor: transfer.map_or(String::new(), |transfer| transfer.creditor.to_string()),
        amount: instruction.amount().map_or(0, Amount::minor_units),
        currency: transfer.map_or("", |transfer| currency(transfer.currency.as_str())),
        reference: instruction.reference().map(str::to_owned),
        refunds: instruction.original().map(PaymentId::to_string),
        leg: instruction.leg().map(|leg| leg.get().into()),
        legs: instruction.legs().iter().map(leg).collect(),
    }
}

/// The books of an account, without its lanes' money.
pub(super) fn books_of(account: &Account) -> Books {
    Books {
        currency: currency(account.currency.as_str()),
        balance: account.balance.minor_units().into(),
        lowest: account.overdraft_limit.lowest_balance(),
        standing: match account.status {
            AccountStatus::Open => Standing::Open,
            AccountStatus::Frozen => Standing::Frozen,
            AccountStatus::Closed => Standing::Closed,
        },
        lanes: account.credit_lanes.count(),
        limits: account.limits.as_ref().map_or(SmallLimits::default(), |stored| limits(stored.limits())),
        owner: account.owner.as_ref().map(owner),
    }
}

/// Limits as small worlds know them: no months.
pub(super) fn limits(of: Limits) -> SmallLimits {
    let small = |most: Option<u64>| most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    let window = |place: usize| of.windows[place].map(|limit| (small(limit.amount), small(limit.count)));
    SmallLimits {
        max_payment: small(of.max_payment.map(Amount::minor_units)),
        max_balance: small(of.max_balance),
        hour: window(0),
        day: window(1),
    }
}

/// Small worlds know two owners.
fn owner(principal: &Principal) -> &'static str {
    if principal.as_str() == "ann" { "ann" } else { "bob" }
}

/// Small worlds know two currencies.
pub(super) fn currency(name: &str) -> &'static str {
    if name == "EUR" { "EUR" } else { "USD" }
}

/// What a command changes.
pub(super) fn change(action: &Action) -> AccountChange {
    let limit = |limit| match limit {
        OverdraftLimit::Limited(limit) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        OverdraftLimit::Unlimited => None,
    };
    match action {
        Action::Open(terms) => AccountChange::Open {
            currency: currency(terms.currency.as_str()),
            limit: limit(terms.overdraft_limit),
            lanes: terms.credit_lanes.count(),
            owner: terms.owner.as_ref().map(owner),
        },
        Action::SetOverdraftLimit(to) => AccountChange::Limit(limit(*to)),
        Action::Freeze => AccountChange::Freeze,
        Action::Unfreeze => AccountChange::Unfreeze,
        Action::Close => AccountChange::Close,
        Action::AddLanes(lanes) => AccountChange::Lanes(lanes.count()),
        Action::SetLimits(to) => AccountChange::Limits(limits(*to)),
        Action::SetOwner(to) => AccountChange::Owner(to.as_ref().map(owner)),
    }
}
