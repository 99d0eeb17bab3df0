//! What: Reads accounts with their lanes, page by page.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::again::again;
use giro::domain::{AccountId, Holding, Lane};
use giro::store::{ScannedItem, Segment, StoreError, Table, TableScan};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// By their ids.
    pub(super) held: BTreeMap<AccountId, Holding>,
    /// Whether these are all accounts that there are.
    pub(super) is_whole: bool,
    /// How many items can't be read.
    pub(super) unreadable: u64,
}

/// Reads at most so many pages of the table, each of at most 1,000 items. Lanes that no account counts are left out.
///
/// # Errors
/// [`StoreError`] if the store didn't answer in time, or refuses.
pub(super) async fn read(store: &impl TableScan, pages_max: usize, deadline: Instant) -> Result<Accounts, StoreError> {
    let (mut accounts, mut mark) = (Accounts::default(), None);
    let mut lanes: BTreeMap<AccountId, Vec<Lane>> = BTreeMap::new();
    for _ in 0..pages_max {
        let whole = Segment { number: 0, of: 1 };
        let page = again(deadline, || store.page(Table::Accounts, whole, mark.clone())).await?;
        for item in page.items {
            match item {
                ScannedItem::Account(account) => {
                    accounts.held.insert(account.id.clone(), Holding { account, lanes: Vec::new() });
                }
                ScannedItem::Lane(lane) => lanes.entry(lane.id.account.clone()).or_default().push(lane),
                ScannedItem::Unreadable { .. } => accounts.unreadable = accounts.unreadable.saturating_add(1),
                ScannedItem::Payment(_)
                | ScannedItem::Leg(_)
                | ScannedItem::RefundSum(..)
                | ScannedItem::DeadLetterPart { .. } => {}
            }
        }
        mark = page.next;
        if mark.is_none() {
            accounts.is_whole = true;
            break;
        }
    }
    for holding in accounts.held.values_mut() {
        holding.lanes = lanes.remove(&holding.account.id).unwrap_or_default();
        holding.lanes.retain(|lane| lane.id.lane < holding.account.credit_lanes.count());
        holding.lanes.sort_unstable_by_key(|lane| lane.id.lane);
    }
    Ok(accounts)
}
