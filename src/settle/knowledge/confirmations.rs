//! How far accounts are confirmed: read as they were at one moment, with all of their lanes.
//!
//! Invariant: an account is confirmed only if every call that read of it saw the same version of its main item.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Account, AccountIx};

/// How far accounts are confirmed.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    begun: BTreeMap<AccountIx, Confirmation>,
    /// Accounts that have had their turn in this round, and are not confirmed.
    waiting: BTreeSet<AccountIx>,
}

/// How far one account is confirmed.
#[derive(Debug)]
pub(super) struct Confirmation {
    /// The version of the main item that every call so far has seen.
    version: u64,
    /// Lanes that are still to be read beside it.
    left: BTreeSet<u16>,
}

impl Confirmations {
    /// Whether all that is known of an account is what it was at one moment.
    pub(super) fn has(&self, account: AccountIx) -> bool {
        self.begun.get(&account).is_some_and(|begun| begun.left.is_empty())
    }

    /// Whether an account has had its turn in this round, and is not confirmed.
    pub(super) fn waits(&self, account: AccountIx) -> bool {
        self.waiting.contains(&account)
    }

    /// The lanes that are still to be read of an account, if its confirmation has begun.
    pub(super) fn left(&self, account: AccountIx) -> Option<Vec<u16>> {
        self.begun.get(&account).map(|begun| begun.left.iter().copied().collect())
    }

    /// An account has had its turn: if it isn't confirmed, it waits for the next round.
    pub(super) fn end_turn(&mut self, account: AccountIx) {
        if !self.has(account) {
            self.waiting.insert(account);
        }
    }

    /// What is known of an account is no longer of one moment.
    pub(super) fn forget(&mut self, account: AccountIx) {
        self.begun.remove(&account);
    }

    pub(super) fn end_round(&mut self) {
        self.waiting.clear();
    }

    /// What an account's confirmation has come to, until it goes on.
    pub(super) fn take(&mut self, account: AccountIx) -> Option<Confirmation> {
        self.begun.remove(&account)
    }

    /// Some lanes of an account were read together with this main item, after what had `begun`.
    pub(super) fn go_on(&mut self, ix: AccountIx, begun: Option<Confirmation>, main: &Account, lanes: &[u16]) {
        let anew = || Confirmation { version: main.version, left: main.credit_lanes.numbers().collect() };
        let mut begun = begun.filter(|begun| begun.version == main.version).unwrap_or_else(anew);
        begun.left.retain(|lane| !lanes.contains(lane));
        self.begun.insert(ix, begun);
    }
}
