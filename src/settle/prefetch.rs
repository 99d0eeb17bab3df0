//! What: Reads the accounts that a batch names, each once. It reads lanes, and sums of refunds, where they are needed.
//!
//! Data: Takes what is not known yet. Notes what each read found in [`Knowledge`]. What could not be read before the
//! deadline stays unread.

use tokio::time::Instant;

use super::backoff::Backoff;
use super::knowledge::Knowledge;
use super::reads::{self, done};
use crate::domain::{AccountIx, LaneId, LegId};
use crate::store::{LaneRead, Ledger, Read, TotalRead};

/// Reads every unread account of a batch, until all are read or the deadline has come.
pub(super) async fn accounts<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    deadline: Instant,
    backoff: &mut Backoff,
) {
    let (ids, mains, errors) = knowledge.reading();
    reads::mains(ledger, ids, mains, errors, deadline, backoff).await;
}

/// Reads every lane of these accounts, until all are read or the deadline has come.
pub(super) async fn lanes<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    accounts: &[AccountIx],
    deadline: Instant,
    backoff: &mut Backoff,
) {
    // Some lanes may have been read at another time.
    accounts.iter().for_each(|&account| knowledge.forget_lanes(account));
    loop {
        let unread: Vec<(AccountIx, LaneId)> =
            accounts.iter().flat_map(|&account| knowledge.unknown_lanes(account)).collect();
        if unread.is_empty() {
            return;
        }
        let asked: Vec<((AccountIx, u16), &LaneId)> = unread.iter().map(|(ix, id)| ((*ix, id.lane), id)).collect();
        let (found, error) = reads::lanes(ledger, &asked, "reading accounts", deadline).await;
        let mut whole = error.is_none();
        for ((account, lane), read) in found {
            whole &= read != LaneRead::Unread;
            knowledge.found_lane(account, lane, read);
        }
        error.into_iter().for_each(|error| knowledge.note(error));
        if done(whole, deadline, backoff).await {
            return;
        }
    }
}

/// Reads these sums of refunds, until all are read or the deadline has come. Gives those whose
/// item is damaged.
pub(super) async fn totals<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    mut totals: Vec<LegId>,
    deadline: Instant,
    backoff: &mut Backoff,
) -> Vec<LegId> {
    let mut damaged = Vec::new();
    loop {
        let asked: Vec<(&LegId, &LegId)> = totals.iter().map(|id| (id, id)).collect();
        let (found, error) = reads::totals(ledger, &asked, deadline).await;
        error.into_iter().for_each(|error| knowledge.note(error));
        let mut read: Vec<LegId> = Vec::new();
        for (id, total) in found {
            match &total {
                TotalRead::Unread => continue,
                TotalRead::Corrupt(_) => damaged.push(id.clone()),
                TotalRead::Found(_) | Read::Missing => {}
            }
            knowledge.learn_total(id, total);
            read.push(id.clone());
        }
        totals.retain(|id| !read.contains(id));
        if done(totals.is_empty(), deadline, backoff).await {
            return damaged;
        }
    }
}
