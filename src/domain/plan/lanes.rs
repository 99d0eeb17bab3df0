//! What: Shares out the lanes that a batch owns. Each group that credits an account takes the next lane, so that as
//! many groups run side by side as there are lanes.

use std::collections::HashMap;

use crate::domain::decide::Snapshot;
use crate::domain::{AccountIx, Batch};

/// The lanes of accounts, and which comes next.
pub(super) struct Turns<'b, 's> {
    batch: &'b Batch,
    snapshot: Snapshot<'s>,
    accounts: HashMap<AccountIx, Turn>,
}

struct Turn {
    /// At least one.
    lanes: Vec<u16>,
    next: usize,
}

impl<'b, 's> Turns<'b, 's> {
    pub(super) fn new(batch: &'b Batch, snapshot: Snapshot<'s>) -> Self {
        Self { batch, snapshot, accounts: HashMap::new() }
    }

    /// The lane for the next group that credits an account with lanes. Lanes that are known to be full are left out:
    /// `decide` has found one that isn't.
    pub(super) fn next(&mut self, account: AccountIx) -> u16 {
        let turn = self.turn(account);
        let lane = turn.lanes.get(turn.next).copied().unwrap_or_default();
        turn.next = turn.next.saturating_add(1).checked_rem(turn.lanes.len()).unwrap_or_default();
        lane
    }

    /// The lane whose statement lists a payment that credits no lane. `None` if the creditor has no lanes.
    pub(super) fn statement(&mut self, creditor: AccountIx) -> Option<u16> {
        self.snapshot.accounts[creditor].as_ref().filter(|account| !account.credit_lanes.is_none())?;
        let turn = self.turn(creditor);
        turn.lanes.get(turn.next).copied()
    }

    fn turn(&mut self, account: AccountIx) -> &mut Turn {
        let (batch, snapshot) = (self.batch, self.snapshot);
        self.accounts.entry(account).or_insert_with(|| {
            let count = snapshot.accounts[account].as_ref().map(|account| account.credit_lanes).unwrap_or_default();
            let owned = batch.owned_lanes(count);
            let known = snapshot.lanes.get(&account);
            let takes_credit = |&lane: &u16| known.is_none_or(|known| known.takes_credit(lane));
            let free: Vec<u16> = owned.iter().copied().filter(takes_credit).collect();
            Turn { lanes: if free.is_empty() { owned } else { free }, next: 0 }
        })
    }
}
