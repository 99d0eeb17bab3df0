//! Reads the accounts that a batch names, and lanes where what they hold is needed: each once.
//!
//! In: what is not known yet. Out: what each read found, noted in [`Knowledge`]. What could not be read before time was up
//! stays unread.

use tokio::time::Instant;

use super::backoff::Backoff;
use super::knowledge::Knowledge;
use super::reads::{self, done};
use crate::domain::{AccountIx, LaneId};
use crate::store::{LaneRead, Ledger};

/// Reads every account of a batch that is unread, until all are read or it is `until`.
pub(super) async fn accounts<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    until: Instant,
    backoff: &mut Backoff,
) {
    let (ids, mains, met) = knowledge.reading();
    reads::mains(ledger, ids, mains, met, until, backoff).await;
}

/// Reads every lane of these accounts, until all are read or it is `until`.
pub(super) async fn lanes<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    accounts: &[AccountIx],
    until: Instant,
    backoff: &mut Backoff,
) {
    // Some may be known from another moment.
    accounts.iter().for_each(|&account| knowledge.forget_lanes(account));
    loop {
        let unread: Vec<(AccountIx, LaneId)> =
            accounts.iter().flat_map(|&account| knowledge.unknown_lanes(account)).collect();
        if unread.is_empty() {
            return;
        }
        let asked: Vec<((AccountIx, u16), &LaneId)> = unread.iter().map(|(ix, id)| ((*ix, id.lane), id)).collect();
        let (found, fault) = reads::lanes(ledger, &asked, "reading accounts", until).await;
        let mut whole = fault.is_none();
        for ((account, lane), read) in found {
            whole &= read != LaneRead::Unread;
            knowledge.found_lane(account, lane, read);
        }
        fault.into_iter().for_each(|fault| knowledge.meet(fault));
        if done(whole, until, backoff).await {
            return;
        }
    }
}
