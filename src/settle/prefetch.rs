//! Reads the accounts that a batch names, and lanes where what they hold is needed: each once.
//!
//! In: what is not known yet. Out: what each read found, noted in [`Work`]. What could not be read before time was up
//! stays [`AccountRead::Unread`].

use tokio::time::Instant;

use super::backoff::Backoff;
use super::reads::{self, done};
use super::work::Work;
use crate::domain::{AccountIx, LaneId};
use crate::store::{AccountRead, LaneRead, Ledger};

/// Reads every account of a batch that is unread, until all are read or it is `until`.
pub(super) async fn accounts<L: Ledger>(ledger: &L, work: &mut Work<'_>, until: Instant, backoff: &mut Backoff) {
    reads::mains(ledger, work.batch.accounts(), &mut work.accounts, &mut work.met, until, backoff).await;
}

/// Reads every lane of these accounts, until all are read or it is `until`.
pub(super) async fn lanes<L: Ledger>(
    ledger: &L,
    work: &mut Work<'_>,
    accounts: &[AccountIx],
    until: Instant,
    backoff: &mut Backoff,
) {
    // Some may be known from another moment.
    accounts.iter().for_each(|&account| work.forget_lanes(account));
    loop {
        let unread: Vec<(AccountIx, LaneId)> = accounts.iter().flat_map(|&account| unknown(work, account)).collect();
        if unread.is_empty() {
            return;
        }
        let asked: Vec<((AccountIx, u16), &LaneId)> = unread.iter().map(|(ix, id)| ((*ix, id.lane), id)).collect();
        let (found, fault) = reads::lanes(ledger, &asked, "reading accounts", until).await;
        let mut whole = fault.is_none();
        for ((account, lane), read) in found {
            whole &= read != LaneRead::Unread;
            work.found_lane(account, lane, read);
        }
        fault.into_iter().for_each(|fault| work.met.meet(fault));
        if done(whole, until, backoff).await {
            return;
        }
    }
}

/// The lanes of an account that are not known yet; none if the account can't be used.
fn unknown(work: &Work<'_>, account: AccountIx) -> Vec<(AccountIx, LaneId)> {
    let AccountRead::Found(found) = &work.accounts[account] else { return Vec::new() };
    let known = work.lanes.get(&account);
    let numbers = found.credit_lanes.numbers().filter(|&lane| known.is_none_or(|known| known.balance(lane).is_none()));
    numbers.map(|lane| (account, LaneId { account: found.id.clone(), lane })).collect()
}
