//! What: Tells instructions, accounts and commands in the plain words of the auditor's own books.

use giro::domain::account_command::Action;
use giro::domain::{Account, AccountStatus, Amount, Instruction, Limits, OverdraftLimit};

use crate::simulate::auditor::books::{Books, Standing};
use crate::simulate::limits::Limits as SmallLimits;
use crate::simulate::orders::AccountChange;

/// What an instruction asks, in plain words.
pub(super) fn asked(instruction: &Instruction) -> (&str, &str, i128, &str) {
    let Instruction::Payment(payment) = instruction else { return ("", "", 0, "") };
    let amount = i128::from(payment.amount.minor_units());
    (payment.debtor.as_str(), payment.creditor.as_str(), amount, payment.currency.as_str())
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
    }
}

/// Limits as small worlds know them: no months.
fn limits(of: Limits) -> SmallLimits {
    let small = |most: Option<u64>| most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    let window = |place: usize| of.windows[place].map(|limit| (small(limit.amount), small(limit.count)));
    SmallLimits {
        max_payment: small(of.max_payment.map(Amount::minor_units)),
        max_balance: small(of.max_balance),
        hour: window(0),
        day: window(1),
    }
}

/// Small worlds know two currencies.
fn currency(name: &str) -> &'static str {
    if name == "EUR" { "EUR" } else { "USD" }
}

/// What a command changes.
pub(super) fn change(action: Action) -> AccountChange {
    let limit = |limit| match limit {
        OverdraftLimit::Limited(limit) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        OverdraftLimit::Unlimited => None,
    };
    match action {
        Action::Open(terms) => AccountChange::Open {
            currency: currency(terms.currency.as_str()),
            limit: limit(terms.overdraft_limit),
            lanes: terms.credit_lanes.count(),
        },
        Action::SetOverdraftLimit(to) => AccountChange::Limit(limit(to)),
        Action::Freeze => AccountChange::Freeze,
        Action::Unfreeze => AccountChange::Unfreeze,
        Action::Close => AccountChange::Close,
        Action::AddLanes(lanes) => AccountChange::Lanes(lanes.count()),
        Action::SetLimits(to) => AccountChange::Limits(limits(to)),
    }
}
