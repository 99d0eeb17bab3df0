//! What: The rules: what a command does to an account, or why it is refused.

use super::change::{limited, shut, unlimited};
use super::{AccountChange, AccountCommand, Action, LANES_TOGETHER_MAX, Policy, Refusal, Terms};
use crate::domain::{Account, AccountId, AccountStatus, Balance, Lane, Limits, OverdraftLimit, Timestamp};

/// Whether a command needs the lanes of its account, and not only the main item.
#[must_use]
pub fn looks_at_lanes(action: &Action, account: &Account) -> bool {
    let depends = match action {
        Action::Close => true,
        // Its lanes may owe.
        Action::SetOverdraftLimit(to) => gets_limit(account, *to),
        // They give all that they hold.
        Action::SetLimits(to) => to.max_balance.is_some() && account.max_balance().is_none(),
        Action::Open(_) | Action::Freeze | Action::Unfreeze | Action::AddLanes(_) | Action::SetOwner(_) => false,
    };
    depends && account.status != AccountStatus::Closed && !account.credit_lanes.is_none()
}

/// Whether the account has no limit, and this is one.
fn gets_limit(account: &Account, to: OverdraftLimit) -> bool {
    account.overdraft_limit == OverdraftLimit::Unlimited && to != OverdraftLimit::Unlimited
}

/// Why a command is refused if payments keep changing its account between a read of its lanes and the commit. The
/// command rests on what lanes hold, and the account isn't frozen. Either it may pay from them, or all of them must be
/// emptied. `None`: it doesn't rest on
/// that, or nothing moves.
#[must_use]
pub fn too_busy(action: &Action, account: Option<&Account>) -> Option<Refusal> {
    let empties = matches!(action, Action::SetLimits(_));
    let moves = |account: &&Account| empties || account.could_pay_from_lanes();
    let account = account.filter(|account| account.status == AccountStatus::Open).filter(moves)?;
    looks_at_lanes(action, account).then_some(Refusal::NotFrozen)
}

/// Decides a command on the account as it is. `lanes` are all lanes that the account counts, if the command [needs
/// them](looks_at_lanes); those that aren't there yet hold zero.
///
/// # Errors
/// The first [`Refusal`] that holds.
pub fn decide(
    command: &AccountCommand,
    account: Option<&Account>,
    lanes: &[Lane],
    policy: Policy,
    now: Timestamp,
) -> Result<AccountChange, Refusal> {
    let Some(account) = account else {
        return match &command.action {
            Action::Open(terms) => {
                let terms = Terms { credit_lanes: terms.credit_lanes.max(policy.lanes_min), ..terms.clone() };
                Ok(AccountChange::Open(opened(&command.account, terms, now)))
            }
            Action::SetOverdraftLimit(_)
            | Action::Freeze
            | Action::Unfreeze
            | Action::Close
            | Action::AddLanes(_)
            | Action::SetLimits(_)
            | Action::SetOwner(_) => Err(Refusal::AccountNotFound),
        };
    };
    let status = account.status;
    if status == AccountStatus::Closed {
        return if command.action == Action::Close { Ok(AccountChange::Nothing) } else { Err(Refusal::AccountClosed) };
    }
    let status_of = |to, balances| {
        let (lanes, currency) = (account.credit_lanes, account.currency);
        let (limits_version, shut) = (account.limits_version(), account.max_balance().is_some());
        AccountChange::Status { from: status, to, lanes, currency, limits_version, shut, balances }
    };
    let turn = |to| if to == status { AccountChange::Nothing } else { status_of(to, None) };
    match &command.action {
        Action::Open(terms) if is_open_on(account, terms) => Ok(AccountChange::Nothing),
        Action::Open(_) => Err(Refusal::AccountExists),
        Action::Freeze => Ok(turn(AccountStatus::Frozen)),
        Action::Unfreeze => Ok(turn(AccountStatus::Open)),
        Action::Close => {
            if takes_steps(account) && status != AccountStatus::Frozen {
                return Err(Refusal::NotFrozen);
            }
            if sum(account, lanes) != 0 {
                return Err(Refusal::BalanceNotZero);
            }
            let balances = std::iter::once(account.balance).chain(lanes.iter().map(|lane| lane.balance)).collect();
            Ok(status_of(AccountStatus::Closed, Some(balances)))
        }
        Action::SetOverdraftLimit(to) => set_limit(account, lanes, *to),
        Action::SetLimits(to) => set_limits(account, lanes, *to, policy),
        Action::AddLanes(to) => {
            let more = || AccountChange::Lanes { account: account.clone(), to: (*to).max(account.credit_lanes) };
            Ok(if account.lacks(*to) { more() } else { AccountChange::Nothing })
        }
        Action::SetOwner(to) => {
            let change = || AccountChange::Owner { from: status, to: to.clone() };
            Ok(if *to == account.owner { AccountChange::Nothing } else { change() })
        }
    }
}

/// Whether the account is open on these terms. It may have been opened with more lanes, and some may have been added.
fn is_open_on(account: &Account, terms: &Terms) -> bool {
    account.status == AccountStatus::Open
        && terms.currency == account.currency
        && terms.overdraft_limit == account.overdraft_limit
        && terms.owner == account.owner
        && terms.credit_lanes <= account.credit_lanes
}

/// Whether the account has more lanes than fit one transaction. Then what they hold is only sure while it is frozen.
fn takes_steps(account: &Account) -> bool {
    usize::from(account.credit_lanes.count()) > LANES_TOGETHER_MAX
}

/// What an account holds with these lanes.
fn sum(account: &Account, lanes: &[Lane]) -> i128 {
    let all = std::iter::once(account.balance).chain(lanes.iter().map(|lane| lane.balance));
    all.fold(0, |sum, balance| sum.saturating_add(balance.minor_units().into()))
}

/// Another overdraft limit. The lanes of an account without one may owe, so when it gets one, all that it holds counts.
/// Otherwise the main item alone counts, because only a debit sweeps lanes.
fn set_limit(account: &Account, lanes: &[Lane], to: OverdraftLimit) -> Result<AccountChange, Refusal> {
    if to == account.overdraft_limit && !account.awaits_lane_debits() {
        return Ok(AccountChange::Nothing);
    }
    if to == OverdraftLimit::Unlimited && account.has_limits() {
        return Err(Refusal::LimitsNeedOverdraftLimit);
    }
    let gets_limit = gets_limit(account, to) && !account.credit_lanes.is_none();
    if gets_limit && takes_steps(account) && account.status != AccountStatus::Frozen {
        return Err(Refusal::NotFrozen);
    }
    // No balance may be below its limit, so an account that owes more must pay back first.
    if to.lowest_balance().is_some_and(|lowest| sum(account, if gets_limit { lanes } else { &[] }) < lowest) {
        return Err(Refusal::LimitBelowBalance);
    }
    let loses_limit = to == OverdraftLimit::Unlimited && to != account.overdraft_limit;
    let lanes = match gets_limit {
        true => limited(account, to, &lanes.iter().map(|lane| lane.balance).collect::<Vec<_>>()),
        // Lanes that still say that they are limited pay nothing, which is safe. So no steps are needed.
        false if loses_limit && !takes_steps(account) => unlimited(account),
        false => Vec::new(),
    };
    Ok(AccountChange::Limit { account: account.clone(), to, lanes })
}

/// Other limits. An account with a maximum balance has all of its money on its main item, so its lanes give what they
/// hold, and take no payment.
fn set_limits(account: &Account, lanes: &[Lane], to: Limits, policy: Policy) -> Result<AccountChange, Refusal> {
    if to == account.limits.as_ref().map_or(Limits::NONE, |limits| limits.limits()) {
        return Ok(AccountChange::Nothing);
    }
    if !to.is_none() && !policy.accepts_limits {
        return Err(Refusal::LimitsNotAccepted);
    }
    if !to.is_none() && account.overdraft_limit == OverdraftLimit::Unlimited {
        return Err(Refusal::LimitsNeedOverdraftLimit);
    }
    let turns_lanes = account.max_balance().is_some() != to.max_balance.is_some();
    if turns_lanes && takes_steps(account) && account.status != AccountStatus::Frozen {
        return Err(Refusal::NotFrozen);
    }
    // Its lanes hold nothing if it has a maximum already.
    if to.max_balance.is_some_and(|most| sum(account, lanes) > most.into()) {
        return Err(Refusal::BalanceAboveLimit);
    }
    let balances: Vec<Balance> = lanes.iter().map(|lane| lane.balance).collect();
    Ok(AccountChange::Limits { account: account.clone(), to, lanes: shut(account, to, &balances) })
}

/// A new account on these terms.
#[must_use]
pub fn opened(id: &AccountId, terms: Terms, now: Timestamp) -> Account {
    let account = Account {
        id: id.clone(),
        currency: terms.currency,
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit: terms.overdraft_limit,
        version: 1,
        opened_at: now,
        credit_lanes: terms.credit_lanes,
        lane_debits: false,
        paused_until: None,
        limits: None,
        owner: terms.owner,
    };
    Account { lane_debits: account.could_pay_from_lanes(), ..account }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account_command::tests::{actions, command};
    use crate::domain::{CreditLanes, Currency, OverdraftLimit};

    /// Lanes are read only for a command that depends on them, since there may be a thousand.
    #[test]
    fn only_closing_the_first_limit_and_a_maximum_look_at_lanes() {
        let currency = Currency::try_new("EUR").unwrap();
        for (status, lanes, looks) in [
            (AccountStatus::Open, 1, true),
            (AccountStatus::Frozen, 1_024, true),
            (AccountStatus::Closed, 1, false),
            (AccountStatus::Open, 0, false),
            (AccountStatus::Frozen, 0, false),
        ] {
            let credit_lanes = CreditLanes::try_new(lanes).unwrap();
            let terms = Terms { currency, overdraft_limit: OverdraftLimit::Unlimited, credit_lanes, owner: None };
            let id = AccountId::try_new("shop").unwrap();
            let account = Account { status, ..opened(&id, terms, Timestamp::EPOCH) };
            for action in actions() {
                let first_limit = matches!(action, Action::SetOverdraftLimit(OverdraftLimit::Limited(_)));
                let empties = matches!(action, Action::SetLimits(limits) if limits.max_balance.is_some());
                let expected = looks && (first_limit || empties || action == Action::Close);
                assert_eq!(looks_at_lanes(&action, &account), expected, "{action:?} {status} {lanes}");
                let limited = Account { overdraft_limit: OverdraftLimit::Limited(3), ..account.clone() };
                let expected = looks && (empties || action == Action::Close);
                assert_eq!(looks_at_lanes(&action, &limited), expected, "{action:?}");
            }
        }
    }

    /// A decided change may happen at once. Then the same command finds its account as it wants it.
    #[test]
    fn a_change_may_happen_and_leaves_nothing_to_do() {
        let now = Timestamp::EPOCH;
        let policy = Policy { accepts_limits: true, ..Policy::default() };
        let decide = |command: &AccountCommand, account: Option<&Account>| decide(command, account, &[], policy, now);
        for status in AccountStatus::ALL {
            for balance in [-2, -1, 0, 1] {
                for overdraft_limit in
                    [OverdraftLimit::Limited(0), OverdraftLimit::Limited(2), OverdraftLimit::Unlimited]
                {
                    let id = AccountId::try_new("alice").unwrap();
                    let currency = Currency::try_new("EUR").unwrap();
                    let credit_lanes = CreditLanes::NONE;
                    let terms = Terms { currency, overdraft_limit, credit_lanes, owner: None };
                    let account = Account { status, balance: Balance::new(balance), ..opened(&id, terms, now) };
                    for account in [Some(account), None] {
                        for action in actions() {
                            let command = command("alice", action.clone());
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
