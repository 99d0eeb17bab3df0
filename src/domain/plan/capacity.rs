//! What: Says how many items a transaction may write, and how often a batch may wait for free lanes.
//!
//! A transaction may write fewer items if others contend for one of its accounts. Then the account is soon free, and
//! nothing else waits for it.

use std::collections::HashMap;

use crate::domain::AccountIx;

/// A payment and its two accounts: a transaction must hold at least these. A refund and its sum are one item more.
const ITEMS_MIN: usize = 3;

/// How often a transaction is halved for a contended account, so at most to a quarter. Smaller ones only conflict more
/// often.
const HALVINGS_MAX: u32 = 2;

/// In how many rounds of a batch requests may wait for free lanes. A popular debtor needs two. More don't help: the
/// clock is wrong, or the money comes faster than it can be swept.
const HOLDS_MAX: u32 = 8;

/// How many items a transaction may write, and which accounts are contended.
#[derive(Debug, Clone, Default)]
pub struct Capacity {
    items_max: usize,
    /// By account: in how many rounds others held it.
    contended: HashMap<AccountIx, u32>,
    /// In how many rounds requests waited for free lanes.
    holds: u32,
}

impl Capacity {
    /// Transactions of at most `items_max` items. That is [`TRANSACTION_ITEMS_MAX`](super::TRANSACTION_ITEMS_MAX);
    /// tests plan with less. It is at least 3: a payment and its two accounts.
    #[must_use]
    pub fn of(items_max: usize) -> Self {
        Self { items_max: items_max.max(ITEMS_MIN), contended: HashMap::new(), holds: 0 }
    }

    /// Notes that others held an account. Requests that touch it are planned apart from the rest, and after that in
    /// smaller transactions.
    pub fn contend(&mut self, account: AccountIx) {
        let rounds = self.contended.entry(account).or_default();
        *rounds = rounds.saturating_add(1);
    }

    /// Notes that requests wait for free lanes.
    pub fn hold(&mut self) {
        self.holds = self.holds.saturating_add(1);
    }

    /// Whether requests may wait for free lanes once more.
    pub(super) fn may_hold(&self) -> bool {
        self.holds < HOLDS_MAX
    }

    /// The accounts that others held, and how often.
    pub fn contended(&self) -> impl Iterator<Item = (AccountIx, u32)> + '_ {
        self.contended.iter().map(|(&account, &rounds)| (account, rounds))
    }

    /// The most items of any transaction.
    pub(super) fn items_max(&self) -> usize {
        self.items_max
    }

    /// In how many rounds others held one of these accounts.
    pub(super) fn rounds(&self, accounts: impl IntoIterator<Item = AccountIx>) -> u32 {
        if self.contended.is_empty() {
            return 0;
        }
        let rounds = |account| self.contended.get(&account).copied().unwrap_or_default();
        accounts.into_iter().map(rounds).max().unwrap_or_default()
    }

    /// The most items of a transaction that touches an account which others held in this many rounds. After the first
    /// round it is only kept apart.
    pub(super) fn items(&self, rounds: u32) -> usize {
        let halvings = rounds.saturating_sub(1).min(HALVINGS_MAX);
        (self.items_max >> halvings).max(ITEMS_MIN)
    }
}
