//! What: Makes the accounts that a world begins with, and items that can't be read for a while.

use super::World;
use crate::given::{self, Setters as _};
use crate::simulate::auditor::books::{Books, Standing};
use crate::simulate::network::at_once;
use crate::simulate::workload::BUSY;
use giro::domain::{Account, AccountId, AccountLimits, AccountStatus, Balance, OverdraftLimit};
use giro::store::LedgerQueries;

/// An account as the store holds it; none if no store can hold the balance of its books.
pub(super) fn account(id: &str, books: &Books) -> Option<Account> {
    let balance = Balance::new(i64::try_from(books.balance).ok()?);
    let account = given::account(id).currency(given::currency(books.currency)).lanes(books.lanes);
    let account = Account { balance, overdraft_limit: limit(books), ..account.status(status(books.standing)) };
    let limits = (!books.limits.is_none()).then(|| Box::new(AccountLimits::replaced(None, books.limits.told())));
    Some(Account { lane_debits: books.commutes(), limits, ..account })
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
    /// An account's item becomes one that can't be read, or is mended.
    pub(super) fn spoil_or_mend(&mut self) {
        if let Some(id) = self.spoilt.keys().next().cloned() {
            self.mend(&id);
            return;
        }
        let id = BUSY[self.tape.index(BUSY.len())];
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
