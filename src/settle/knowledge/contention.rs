//! What others hold while we are at work: how often it was met, and how small our transactions are to be for it.

use std::collections::BTreeSet;

use crate::domain::AccountIx;
use crate::domain::plan::{Limits, TRANSACTION_ITEMS_MAX};

/// What was met of others.
#[derive(Debug)]
pub(super) struct Contention {
    limits: Limits,
    /// The accounts that others held in this round.
    held: BTreeSet<AccountIx>,
    conflicts: u64,
}

impl Contention {
    pub(super) fn new() -> Self {
        Self { limits: Limits::of(TRANSACTION_ITEMS_MAX), held: BTreeSet::new(), conflicts: 0 }
    }

    /// A call met another one in flight on these accounts.
    pub(super) fn meet(&mut self, accounts: impl IntoIterator<Item = AccountIx>) {
        self.conflicts = self.conflicts.saturating_add(1);
        self.held.extend(accounts);
    }

    /// A round is over: what others held in it is planned apart from now on.
    pub(super) fn end_round(&mut self) {
        for account in std::mem::take(&mut self.held) {
            self.limits.contend(account);
        }
    }

    /// How large transactions may be, and in how many rounds each account was held.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Calls that met another one in flight.
    pub(super) fn conflicts(&self) -> u64 {
        self.conflicts
    }
}
