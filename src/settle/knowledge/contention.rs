//! What: Counts conflicts with transactions of others, and makes the transactions of this batch smaller for them.

use std::collections::BTreeSet;

use crate::domain::AccountIx;
use crate::domain::plan::{Capacity, TRANSACTION_ITEMS_MAX};

/// The conflicts with others so far.
#[derive(Debug)]
pub(super) struct Contention {
    capacity: Capacity,
    /// The accounts that others held in this round.
    held: BTreeSet<AccountIx>,
    conflicts: u64,
}

impl Contention {
    pub(super) fn new() -> Self {
        Self { capacity: Capacity::of(TRANSACTION_ITEMS_MAX), held: BTreeSet::new(), conflicts: 0 }
    }

    /// A transaction in flight holds these accounts.
    pub(super) fn note(&mut self, accounts: impl IntoIterator<Item = AccountIx>) {
        self.conflicts = self.conflicts.saturating_add(1);
        self.held.extend(accounts);
    }

    /// A round is over. From now on, accounts that others held in it are planned apart. `holds`: some requests waited
    /// for free lanes.
    pub(super) fn end_round(&mut self, holds: bool) {
        if holds {
            self.capacity.hold();
        }
        for account in std::mem::take(&mut self.held) {
            self.capacity.contend(account);
        }
    }

    /// How large transactions may be, and in how many rounds others held each account.
    pub(super) fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// How many calls conflicted with a transaction in flight.
    pub(super) fn conflicts(&self) -> u64 {
        self.conflicts
    }
}
