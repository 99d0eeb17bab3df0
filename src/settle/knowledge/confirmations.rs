//! What: How far accounts are confirmed: the main item and all lanes come from one snapshot.
//!
//! Invariants: An account is confirmed only if every call that read it saw the same version of its main item.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Account, AccountIx};

/// How far accounts are confirmed.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    begun: BTreeMap<AccountIx, Confirmation>,
    /// Accounts that this round tried to confirm and could not.
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
    /// Whether all that is known of an account comes from one snapshot.
    pub(super) fn has(&self, account: AccountIx) -> bool {
        self.begun.get(&account).is_some_and(|begun| begun.left.is_empty())
    }

    /// Whether this round tried to confirm an account and could not.
    pub(super) fn waits(&self, account: AccountIx) -> bool {
        self.waiting.contains(&account)
    }

    /// The lanes that are still to be read of an account, if its confirmation has begun.
    pub(super) fn left(&self, account: AccountIx) -> Option<Vec<u16>> {
        self.begun.get(&account).map(|begun| begun.left.iter().copied().collect())
    }

    /// This round has tried to confirm an account. If it isn't confirmed, it waits for the next round.
    pub(super) fn end_turn(&mut self, account: AccountIx) {
        if !self.has(account) {
            self.waiting.insert(account);
        }
    }

    /// What is known of an account no longer comes from one snapshot.
    pub(super) fn forget(&mut self, account: AccountIx) {
        self.begun.remove(&account);
    }

    pub(super) fn end_round(&mut self) {
        self.waiting.clear();
    }

    /// Takes out the unfinished confirmation of an account.
    pub(super) fn take(&mut self, account: AccountIx) -> Option<Confirmation> {
        self.begun.remove(&account)
    }

    /// A snapshot read found this main item and some lanes of an account. It goes on with the confirmation that had
    /// `begun`.
    pub(super) fn go_on(&mut self, ix: AccountIx, begun: Option<Confirmation>, main: &Account, lanes: &[u16]) {
        let anew = || Confirmation { version: main.version, left: main.credit_lanes.numbers().collect() };
        let mut begun = begun.filter(|begun| begun.version == main.version).unwrap_or_else(anew);
        begun.left.retain(|lane| !lanes.contains(lane));
        self.begun.insert(ix, begun);
    }
}
