//! What: The accounts table as one scan showed it: accounts, lanes, and the keys of items that can't be read.
//!
//! Limits: The scan reads each item at some time of its own, so two items may be from different times.

use std::collections::BTreeMap;

use super::Finding;
use crate::domain::{Account, AccountId, AccountLimits, Currency, Holding, Lane, LaneId, Timestamp};

/// The accounts table as one scan showed it.
#[derive(Debug, Clone, Default)]
pub struct Books {
    accounts: BTreeMap<AccountId, Account>,
    lanes: BTreeMap<LaneId, Lane>,
    /// By key, what was expected.
    unreadable: BTreeMap<String, String>,
}

impl Books {
    /// Takes an account's main item.
    pub fn account(&mut self, account: Account) {
        self.accounts.insert(account.id.clone(), account);
    }

    /// Takes a lane.
    pub fn lane(&mut self, lane: Lane) {
        self.lanes.insert(lane.id.clone(), lane);
    }

    /// Takes the key of an item that can't be read, and what was expected of it.
    pub fn unread(&mut self, key: String, expected: String) {
        self.unreadable.insert(key, expected);
    }

    /// Every account, without its lanes.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// What can't be read.
    pub fn unreadable(&self) -> impl Iterator<Item = Finding> {
        self.unreadable.iter().map(|(key, expected)| Finding::Unreadable {
            table: "accounts",
            key: key.clone(),
            expected: expected.clone(),
        })
    }

    /// Whether the account's main item or one of its lanes can't be read.
    #[must_use]
    pub fn is_partly_unreadable(&self, id: &AccountId) -> bool {
        // `/` is the character before `0`, and no account's id holds it.
        let lanes = format!("{id}/")..format!("{id}0");
        self.unreadable.contains_key(id.as_str()) || self.unreadable.range(lanes).next().is_some()
    }

    /// The currency of an account that is there.
    #[must_use]
    pub fn currency(&self, id: &AccountId) -> Option<Currency> {
        self.accounts.get(id).map(|account| account.currency)
    }

    /// When an account that is there was opened.
    #[must_use]
    pub fn opened_at(&self, id: &AccountId) -> Option<Timestamp> {
        self.accounts.get(id).map(|account| account.opened_at)
    }

    pub(super) fn limits(&self, id: &AccountId) -> Option<&AccountLimits> {
        self.accounts.get(id)?.limits.as_deref()
    }

    /// An account with its lanes: those that it counts and that are there.
    #[must_use]
    pub fn holding(&self, id: &AccountId) -> Option<Holding> {
        let account = self.accounts.get(id)?.clone();
        let lane = |lane| LaneId { account: id.clone(), lane };
        let lanes = self.lanes.range(lane(0)..lane(account.credit_lanes.count())).map(|(_, lane)| lane.clone());
        Some(Holding { lanes: lanes.collect(), account })
    }

    /// Lanes that no account counts. If an account can't be read, its lanes are left out, because it may count them.
    pub fn strays(&self) -> impl Iterator<Item = &Lane> {
        let counts = |lane: &Lane| match self.accounts.get(&lane.id.account) {
            Some(account) => lane.id.lane < account.credit_lanes.count(),
            None => self.unreadable.contains_key(lane.id.account.as_str()),
        };
        self.lanes.values().filter(move |lane| !counts(lane))
    }

    /// Whether the same lane is a stray here too.
    pub(super) fn is_stray(&self, lane: &Lane) -> bool {
        let counted = self.accounts.get(&lane.id.account).is_some_and(|a| lane.id.lane < a.credit_lanes.count());
        !counted && self.lanes.get(&lane.id) == Some(lane)
    }

    /// Per currency, the sum of all balances, in minor units.
    pub(super) fn sums(&self) -> BTreeMap<Currency, i128> {
        let accounts = self.accounts.values().map(|account| (account.currency, account.balance));
        let lanes = self.lanes.values().map(|lane| (lane.currency, lane.balance));
        let mut sums = BTreeMap::<Currency, i128>::new();
        for (currency, balance) in accounts.chain(lanes) {
            let sum = sums.entry(currency).or_default();
            *sum = sum.saturating_add(balance.minor_units().into());
        }
        sums
    }

    /// Per currency, the sum of the positive balances, in minor units.
    pub(super) fn circulation(&self) -> BTreeMap<Currency, i128> {
        let mut sums = BTreeMap::<Currency, i128>::new();
        for holding in self.accounts.keys().filter_map(|id| self.holding(id)) {
            let sum = sums.entry(holding.account.currency).or_default();
            *sum = sum.saturating_add(holding.balance().max(0));
        }
        sums
    }
}
