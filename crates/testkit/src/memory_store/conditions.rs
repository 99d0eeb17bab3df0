//! What: Says why a transaction is cancelled, in the domain's words. It has the named conditions of
//! [`giro::store::items`], and what DynamoDB refuses before it looks at any item.

use std::collections::HashSet;

use giro::domain::plan::{AccountUpdate, Entry, TRANSACTION_ITEMS_MAX, Transaction};
use giro::domain::{Account, AccountStatus, Balance, Currency, Lane, OverdraftLimit};
use giro::store::StoreError;

/// The named conditions of [`giro::store::items::account`], in the domain's words.
pub(super) fn account_allows(account: &Account, update: &AccountUpdate) -> bool {
    allows(account.status, account.currency, account.balance, account.version, update)
        && update.overdraft_limit.is_none_or(|limit| account.overdraft_limit == limit)
        && update.limits_allow(account)
}

/// The same of [`giro::store::items::lane`]. `None`: there is no such lane.
pub(super) fn lane_allows(lane: Option<&Lane>, update: &AccountUpdate) -> bool {
    let Some(lane) = lane else { return update.makes_lane() };
    let is_unlimited = |limit| limit == OverdraftLimit::Unlimited && !lane.is_limited;
    !(lane.is_shut && update.makes_lane())
        && update.overdraft_limit.is_none_or(is_unlimited)
        && allows(lane.status, lane.currency, lane.balance, lane.version, update)
}

fn allows(status: AccountStatus, currency: Currency, balance: Balance, version: u64, update: &AccountUpdate) -> bool {
    let balance = i128::from(balance.minor_units());
    status == AccountStatus::Open
        && currency == update.currency
        && update.balance_min.is_none_or(|min| balance >= min)
        && update.balance_max.is_none_or(|max| balance <= max)
        && update.version.is_none_or(|expected| version == expected)
}

/// What DynamoDB refuses before looking at any item.
pub(super) fn malformed(transaction: &Transaction<'_>) -> Option<StoreError> {
    let Transaction { entries, updates, totals, .. } = transaction;
    let items = entries
        .iter()
        .map(Entry::items)
        .fold(0, usize::saturating_add)
        .saturating_add(updates.len())
        .saturating_add(totals.len());
    if items == 0 || items > TRANSACTION_ITEMS_MAX {
        return Some(StoreError::Rejected(format!(
            "a transaction takes 1 to {TRANSACTION_ITEMS_MAX} items, not {items}"
        )));
    }
    let payments: HashSet<_> = entries.iter().map(|entry| entry.request.instruction.id()).collect();
    let accounts: HashSet<_> = updates.iter().map(|update| (&update.account, update.lane)).collect();
    let originals: HashSet<_> = totals.iter().map(|total| &total.id).collect();
    let twice = payments.len() < entries.len() || accounts.len() < updates.len() || originals.len() < totals.len();
    twice.then(|| StoreError::Rejected("a transaction can't write one item twice".into()))
}
