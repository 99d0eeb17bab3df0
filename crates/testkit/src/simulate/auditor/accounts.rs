//! What: Checks accounts: each is what its payments and commands made of it, and per currency all balances sum to zero.
//!
//! Data: Takes the store after every step. Gives nothing, or what is wrong.

use std::collections::BTreeMap;

use super::books::{Books, Standing};
use super::{Auditor, Wrong, read};
use crate::memory_store::MemoryStore;
use crate::simulate::network::at_once;
use giro::domain::{AccountId, Balance, Holding, Lane, OverdraftLimit, Principal};
use giro::store::LedgerQueries;

impl Auditor {
    pub(super) fn observe_accounts(&self, store: &MemoryStore) -> Result<(), Wrong> {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for (id, books) in &self.books {
            let sum = sums.entry(books.currency).or_default();
            *sum = sum.saturating_add(books.balance);
            if let Some(lowest) = books.lowest.filter(|lowest| books.balance < *lowest) {
                return Err(format!("{id} is at {}, and may not be below {lowest}", books.balance));
            }
            if self.unreadable.contains(id) {
                continue;
            }
            let key = AccountId::try_new(id).map_err(|error| error.to_string())?;
            match read(at_once(store.account(&key)))? {
                None => return Err(format!("the account {id} went")),
                Some(holding) => {
                    compare(id, books, &holding)?;
                    self.windows.compare(id, &holding.account)?;
                }
            }
        }
        if self.unreadable.is_empty() {
            let stored = read(at_once(store.accounts()))?.len();
            let stray = read(at_once(store.stray_lanes()))?.len();
            if (stored, stray) != (self.books.len(), 0) {
                let known = self.books.len();
                return Err(format!(
                    "{stored} accounts and {stray} lanes of none are there, of {known} that were opened"
                ));
            }
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => Err(format!("the balances in {currency} sum to {sum}")),
            None => Ok(()),
        }
    }
}

fn compare(id: &str, books: &Books, holding: &Holding) -> Result<(), Wrong> {
    let account = &holding.account;
    let owes = |lane: &&Lane| lane.balance < Balance::ZERO && (lane.is_limited || !books.lets_lanes_owe());
    if let Some(lane) = holding.lanes.iter().find(owes) {
        return Err(format!("the lane {} is at {}", lane.id, lane.balance));
    }
    let unlike = |lane: &&Lane| (lane.status, lane.currency) != (account.status, account.currency);
    if let Some(lane) = holding.lanes.iter().find(unlike) {
        return Err(format!("the lane {} is {}, and its account {}", lane.id, lane.status, account.status));
    }
    let has_maximum = account.max_balance().is_some();
    let open = |lane: &&Lane| lane.is_shut != has_maximum || has_maximum && lane.balance != Balance::ZERO;
    if let Some(lane) = holding.lanes.iter().find(open) {
        return Err(format!("the lane {} is shut: {}, and holds {}", lane.id, lane.is_shut, lane.balance));
    }
    let limit = match account.overdraft_limit {
        OverdraftLimit::Limited(limit) => Some(i128::from(limit).saturating_neg()),
        OverdraftLimit::Unlimited => None,
    };
    let balance = holding.balance();
    if balance != books.balance {
        return Err(format!("{id} is at {balance}, and its settled payments make {}", books.balance));
    }
    let same = (account.currency.as_str(), account.status.name(), limit)
        == (books.currency, Standing::name(books.standing), books.lowest)
        && account.credit_lanes.count() == books.lanes
        && account.owner.as_ref().map(Principal::as_str) == books.owner;
    if same { Ok(()) } else { Err(format!("{id} is not what it was made: {account:?}")) }
}
