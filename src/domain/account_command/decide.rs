//! What: The rules: what a command does to an account, or why it is refused.

use super::{AccountChange, AccountCommand, Action, LANES_TOGETHER_MAX, Refusal, Terms};
use crate::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Lane, Timestamp};

/// Whether a command needs the lanes of its account, and not only the main item.
#[must_use]
pub fn looks_at_lanes(action: Action, account: &Account) -> bool {
    action == Action::Close && account.status != AccountStatus::Closed && !account.credit_lanes.is_none()
}

/// Decides a command on the account as it is. `lanes` are all lanes that the account counts, if the command [needs
/// them](looks_at_lanes); those that aren't there yet hold zero. `lanes_min` are the fewest lanes that an account is
/// opened with, whatever the command asks for.
///
/// # Errors
/// The first [`Refusal`] that holds.
pub fn decide(
    command: &AccountCommand,
    account: Option<&Account>,
    lanes: &[Lane],
    lanes_min: CreditLanes,
    now: Timestamp,
) -> Result<AccountChange, Refusal> {
    let Some(account) = account else {
        return match command.action {
            Action::Open(terms) => {
                let terms = Terms { credit_lanes: terms.credit_lanes.max(lanes_min), ..terms };
                Ok(AccountChange::Open(opened(&command.account, terms, now)))
            }
            Action::SetOverdraftLimit(_) | Action::Freeze | Action::Unfreeze | Action::Close | Action::AddLanes(_) => {
                Err(Refusal::AccountNotFound)
            }
        };
    };
    let status = account.status;
    if status == AccountStatus::Closed {
        return if command.action == Action::Close { Ok(AccountChange::Nothing) } else { Err(Refusal::AccountClosed) };
    }
    let status_of = |to, balances| {
        let (lanes, currency) = (account.credit_lanes, account.currency);
        AccountChange::Status { from: status, to, lanes, currency, balances }
    };
    let turn = |to| if to == status { AccountChange::Nothing } else { status_of(to, None) };
    match command.action {
        Action::Open(terms) => {
            let as_wanted = status == AccountStatus::Open
                && terms.currency == account.currency
                && terms.overdraft_limit == account.overdraft_limit
                // It may have been opened with more, and lanes may have been added since.
                && terms.credit_lanes <= account.credit_lanes;
            if as_wanted { Ok(AccountChange::Nothing) } else { Err(Refusal::AccountExists) }
        }
        Action::Freeze => Ok(turn(AccountStatus::Frozen)),
        Action::Unfreeze => Ok(turn(AccountStatus::Open)),
        Action::Close => {
            let in_steps = usize::from(account.credit_lanes.count()) > LANES_TOGETHER_MAX;
            if in_steps && status != AccountStatus::Frozen {
                return Err(Refusal::NotFrozen);
            }
            let balances: Vec<Balance> =
                std::iter::once(account.balance).chain(lanes.iter().map(|lane| lane.balance)).collect();
            let sum: i128 = balances.iter().map(|balance| i128::from(balance.minor_units())).sum();
            if sum != 0 {
                return Err(Refusal::BalanceNotZero);
            }
            Ok(status_of(AccountStatus::Closed, Some(balances)))
        }
        Action::SetOverdraftLimit(to) if to == account.overdraft_limit => Ok(AccountChange::Nothing),
        // No balance may be below its limit, so an account that owes more must pay back first.
        Action::SetOverdraftLimit(to) if !to.allows(account.balance) => Err(Refusal::LimitBelowBalance),
        Action::SetOverdraftLimit(to) => Ok(AccountChange::Limit { status, to }),
        Action::AddLanes(lanes) if lanes <= account.credit_lanes => Ok(AccountChange::Nothing),
        Action::AddLanes(to) => Ok(AccountChange::Lanes { account: account.clone(), to }),
    }
}

/// A new account on these terms.
#[must_use]
pub fn opened(id: &AccountId, terms: Terms, now: Timestamp) -> Account {
    Account {
        id: id.clone(),
        currency: terms.currency,
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit: terms.overdraft_limit,
        version: 1,
        opened_at: now,
        credit_lanes: terms.credit_lanes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account_command::tests::{actions, command};
    use crate::domain::{CreditLanes, Currency, OverdraftLimit};

    /// Lanes are read only for a command that depends on them, since there may be a thousand.
    #[test]
    fn only_closing_an_account_with_lanes_looks_at_them() {
        let currency = Currency::try_new("EUR").unwrap();
        for (status, lanes, looks) in [
            (AccountStatus::Open, 1, true),
            (AccountStatus::Frozen, 1_024, true),
            (AccountStatus::Closed, 1, false),
            (AccountStatus::Open, 0, false),
            (AccountStatus::Frozen, 0, false),
        ] {
            let credit_lanes = CreditLanes::try_new(lanes).unwrap();
            let terms = Terms { currency, overdraft_limit: OverdraftLimit::Unlimited, credit_lanes };
            let id = AccountId::try_new("shop").unwrap();
            let account = Account { status, ..opened(&id, terms, Timestamp::EPOCH) };
            for action in actions() {
                let expected = looks && action == Action::Close;
                assert_eq!(looks_at_lanes(action, &account), expected, "{action:?} {status} {lanes}");
            }
        }
    }

    /// A decided change may happen at once. Then the same command finds its account as it wants it.
    #[test]
    fn a_change_may_happen_and_leaves_nothing_to_do() {
        let now = Timestamp::EPOCH;
        let least = CreditLanes::NONE;
        let decide = |command: &AccountCommand, account: Option<&Account>| decide(command, account, &[], least, now);
        for status in AccountStatus::ALL {
            for balance in [-2, -1, 0, 1] {
                for overdraft_limit in
                    [OverdraftLimit::Limited(0), OverdraftLimit::Limited(2), OverdraftLimit::Unlimited]
                {
                    let id = AccountId::try_new("alice").unwrap();
                    let currency = Currency::try_new("EUR").unwrap();
                    let terms = Terms { currency, overdraft_limit, credit_lanes: CreditLanes::NONE };
                    let account = Account { status, balance: Balance::new(balance), ..opened(&id, terms, now) };
                    for account in [Some(account), None] {
                        for action in actions() {
                            let command = command("alice", action);
                            let Ok(change) = decide(&command, account.as_ref()) else { continue };
                            assert!(change.may_happen(account.as_ref()), "{action:?} {account:?}");
                            let after = change.applied_to(account.clone());
                            assert_eq!(decide(&command, after.as_ref()), Ok(AccountChange::Nothing), "{action:?}");
                            let versions = [&account, &after].map(|account| account.as_ref().map_or(0, |a| a.version));
                            assert_eq!(versions[1] - versions[0], u64::from(change != AccountChange::Nothing));
                        }
                    }
                }
            }
        }
    }
}
