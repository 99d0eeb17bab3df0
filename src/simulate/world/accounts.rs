//! What happens to accounts besides payments.

use super::World;
use crate::domain::{
    Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, Holding, Lane, OverdraftLimit, Timestamp,
};
use crate::simulate::auditor::Wrong;
use crate::simulate::auditor::books::{Books, Standing, changed};
use crate::simulate::network::at_once;
use crate::simulate::workload::account_change;
use crate::store::Inspect;
use crate::store::memory::MemoryStore;

/// An account as the store holds it; none if the books are not such as a store can hold.
pub(super) fn account(id: &str, books: &Books, version: u64) -> Option<Account> {
    Some(Account {
        id: AccountId::try_new(id).ok()?,
        currency: Currency::try_new(books.currency).ok()?,
        status: status(books.standing),
        balance: Balance::new(i64::try_from(books.balance).ok()?),
        overdraft_limit: limit(books),
        version,
        opened_at: Timestamp::EPOCH,
        credit_lanes: lanes(id)?,
    })
}

/// How many lanes an account has: the popular one has some, fewer than a world may have partitions.
fn lanes(id: &str) -> Option<CreditLanes> {
    CreditLanes::try_new(if id == "hot" { 3 } else { 0 }).ok()
}

/// Puts an account in place, and its lanes with it: as they were, or new ones; of its status.
pub(super) fn insert(store: &MemoryStore, account: Account, lanes: Vec<Lane>) {
    let status = account.status;
    for number in account.credit_lanes.numbers() {
        let known = lanes.iter().find(|lane| lane.id.lane == number).cloned();
        store.insert_lane(Lane { status, ..known.unwrap_or_else(|| Lane::new(&account, number)) });
    }
    store.insert_account(account);
}

fn status(standing: Standing) -> AccountStatus {
    match standing {
        Standing::Open => AccountStatus::Open,
        Standing::Frozen => AccountStatus::Frozen,
        Standing::Closed => AccountStatus::Closed,
    }
}

fn limit(books: &Books) -> OverdraftLimit {
    match books.lowest {
        None => OverdraftLimit::Unlimited,
        Some(lowest) => OverdraftLimit::Limited(u64::try_from(lowest.saturating_neg()).unwrap_or(0)),
    }
}

impl World {
    /// An account is opened, frozen, unfrozen, closed or re-limited in one write, as its rules allow.
    pub(super) fn change_account(&mut self) -> Result<(), Wrong> {
        let (id, change) = account_change(&mut self.tape);
        let before = self.auditor.books().get(id);
        let Some(books) = changed(before, change).filter(|_| !self.spoilt.contains_key(id)) else { return Ok(()) };
        let Ok(key) = AccountId::try_new(id) else { return Ok(()) };
        if self.flights.hold_any_of(&key) {
            return Ok(());
        }
        let written = match at_once(self.store.account(&key)) {
            Some(Ok(Some(Holding { account, lanes }))) => {
                let (status, overdraft_limit) = (status(books.standing), limit(&books));
                let version = account.version.saturating_add(1);
                Some((Account { status, overdraft_limit, version, ..account }, lanes))
            }
            Some(Ok(None)) => account(id, &books, 1).map(|account| (account, Vec::new())),
            Some(Err(_)) | None => None,
        };
        if let Some((account, lanes)) = written {
            insert(&self.store, account, lanes);
            self.note(|| format!("{id}: {change:?}"));
            self.counts.add("account changes", 1);
            self.auditor.account_changed(id, books, self.now);
        }
        self.observe(None)
    }

    /// An account's item becomes one that can't be read, or is mended.
    pub(super) fn spoil_or_mend(&mut self) {
        if let Some(id) = self.spoilt.keys().next().cloned() {
            self.mend(&id);
            return;
        }
        let (id, _) = account_change(&mut self.tape);
        let Ok(key) = AccountId::try_new(id) else { return };
        if self.flights.hold_any_of(&key) {
            return;
        }
        if let Some(Ok(Some(holding))) = at_once(self.store.account(&key)) {
            self.spoilt.insert(id.to_owned(), holding.account);
            self.store.plant_corrupt_account(&key);
            self.auditor.account_unreadable(id, true);
            self.note(|| format!("{id} can't be read"));
            self.counts.add("accounts unreadable", 1);
        }
    }

    pub(super) fn mend(&mut self, id: &str) {
        if let Some(account) = self.spoilt.remove(id) {
            self.store.insert_account(account);
            self.auditor.account_unreadable(id, false);
            self.note(|| format!("{id} can be read again"));
        }
    }
}
