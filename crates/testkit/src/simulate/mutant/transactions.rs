//! What: Transactions as handlers with a planted mistake would have sent them.
//!
//! Data: Takes the store, and the transaction of the code under test. Gives the one of the mistake, or the same if the
//! mistake makes no difference.

use crate::memory_store::MemoryStore;
use crate::sent::{Sent, SentEntry};
use crate::simulate::network::at_once;
use giro::domain::limits::{Used, WindowLimit};
use giro::domain::plan::{AccountUpdate, WindowUpdate};
use giro::domain::{Account, AccountId, Decline};
use giro::store::LedgerQueries;

/// The transaction without those payments whose Put would overwrite an item. That leaves the same items.
pub(super) fn without_duplicates(store: &MemoryStore, mut sent: Sent) -> Sent {
    sent.entries.retain(|entry| !matches!(at_once(store.payment(entry.request.instruction.id())), Some(Ok(Some(_)))));
    sent
}

/// The transaction in which the last leg of its payments moves nothing.
pub(super) fn without_last_leg(mut sent: Sent) -> Sent {
    for entry in sent.entries.iter().filter(|entry| entry.decision.is_ok()) {
        let Some(last) = entry.request.instruction.legs().last() else { continue };
        let amount = i128::from(last.amount.minor_units());
        for (account, net) in [(&last.debtor, amount), (&last.creditor, amount.saturating_neg())] {
            if let Some(update) = sent.updates.iter_mut().find(|update| update.account == *account) {
                update.net = update.net.saturating_add(net);
            }
        }
    }
    sent
}

/// The transaction in which a debit counts as covered if the balance at its end is enough. It is unchanged if that
/// helps no debit.
pub(super) fn netted(store: &MemoryStore, sent: Sent) -> Sent {
    let mut netted = sent.clone();
    for SentEntry { request, decision, .. } in &mut netted.entries {
        if *decision != Err(Decline::InsufficientFunds) {
            continue;
        }
        let Some(transfer) = request.instruction.transfer() else { return sent };
        // Its payments would count in windows too.
        if account(store, transfer.debtor).is_none_or(|debtor| debtor.limits.is_some()) {
            return sent;
        }
        let amount = i128::from(transfer.amount.minor_units());
        for (account, net) in [(transfer.debtor, amount.saturating_neg()), (transfer.creditor, amount)] {
            if add(store, &mut netted.updates, account, net).is_none() {
                return sent;
            }
        }
        *decision = Ok(());
    }
    let covered = netted.updates.iter().all(|update| {
        let Some(Ok(Some(holding))) = at_once(store.account(&update.account)) else { return false };
        let account = holding.account;
        let left = i128::from(account.balance.minor_units()).saturating_add(update.net);
        account.overdraft_limit.lowest_balance().is_none_or(|lowest| left >= lowest)
    });
    if covered { netted } else { sent }
}

fn add(store: &MemoryStore, updates: &mut Vec<AccountUpdate>, id: &AccountId, net: i128) -> Option<()> {
    if let Some(update) = updates.iter_mut().find(|update| update.account == *id && update.lane.is_none()) {
        update.net = update.net.saturating_add(net);
        update.balance_min = None;
        update.version = None;
        return Some(());
    }
    let account = at_once(store.account(id))?.ok()??.account;
    updates.push(AccountUpdate {
        limits_version: None,
        windows: Vec::new(),
        takes_back: false,
        account: id.clone(),
        lane: None,
        net,
        currency: account.currency,
        overdraft_limit: None,
        balance_min: None,
        balance_max: None,
        version: None,
    });
    Some(())
}

fn account(store: &MemoryStore, id: &AccountId) -> Option<Account> {
    Some(at_once(store.account(id))?.ok()??.account)
}

/// The transaction in which a payment counts as allowed if it would be the first of its batch in the windows of its
/// debtor. It is unchanged if that helps no payment.
pub(super) fn each_alone(store: &MemoryStore, sent: Sent) -> Sent {
    let mut changed = sent.clone();
    for entry in &mut changed.entries {
        let Err(Decline::VelocityLimit(_)) = entry.decision else { continue };
        if settle_alone(store, entry, &mut changed.updates).is_none() {
            return sent;
        }
    }
    changed
}

/// Settles a payment whose debtor's windows allow it, as they are stored. `None`: they don't, or it can't be told.
fn settle_alone(store: &MemoryStore, entry: &mut SentEntry, updates: &mut Vec<AccountUpdate>) -> Option<()> {
    let transfer = entry.request.instruction.transfer()?;
    let limits = account(store, transfer.debtor)?.limits?;
    let units = transfer.amount.minor_units();
    let counted = |(period, window): (_, giro::domain::limits::Window)| {
        let used = Used::of(window.used, giro::domain::Period::start_of(period, entry.decided_at));
        window.limit.allows(used.and(units)).then_some((period, used.count == 0, used.start))
    };
    let windows: Option<Vec<_>> = limits.windows().map(counted).collect();
    let amount = i128::from(units);
    for (id, net) in [(transfer.debtor, amount.saturating_neg()), (transfer.creditor, amount)] {
        add(store, updates, id, net)?;
    }
    let debtor = updates.iter_mut().find(|update| update.account == *transfer.debtor && update.lane.is_none())?;
    let limit = WindowLimit { amount: None, count: None };
    for (period, begins, start) in windows? {
        match debtor.windows.iter_mut().find(|window| window.period == period) {
            Some(window) => (window.used, window.limit) = (window.used.and(units), limit),
            None => {
                let used = Used { start, amount: units, count: 1 };
                debtor.windows.push(WindowUpdate { period, begins, used, limit });
            }
        }
    }
    (entry.decision, entry.limits_version) = (Ok(()), Some(limits.version));
    Some(())
}
