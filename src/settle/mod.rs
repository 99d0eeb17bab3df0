//! Settles a batch: prefetch, decide, plan, commit, and again for what is left, until all is done or time is up.
//!
//! In: a [`Batch`] in deciding order, a [`Ledger`], and until when ([`Until`]). Out: an [`End`] for every request.
//!
//! | phase | where | what |
//! |---|---|---|
//! | prefetch | `prefetch` | reads each account that the batch names, once; lanes only where a debit needs what they hold |
//! | decide, plan | [`crate::domain`] | pure: verdicts, then transactions; between them `grounds` sees to it that declines rest on one moment |
//! | confirm | `confirm` | reads again, as it was at one moment, what a decline for want of money rests on |
//! | commit | `commit` | sends the transactions, those with no account in common side by side, as many as the store has time for (`bound`) |
//! | learn | `work` | a cancelled transaction says what stood in its way; the rest is decided and planned again |
//! | look again | here | once nothing else is left: a stored item that could not be read may have been mended |
//! | park | [`park`] | sets dead letters aside |
//!
//! Account commands go another way, each by itself: [`crate::account_commands`].
//!
//! Invariants: a request has an end only if the ledger said so, or it repeats one that has; what is unknown stays
//! unfinished, and trying again finds out. Payments of one debtor are never committed out of order: whatever waits for
//! a transaction that failed isn't sent. A stored item that can't be read stops its partition there, and so does a
//! request that the store rejects.
//!
//! Limits: stops sending when time is up; what is in flight then is given up, and may still happen. The payment's own
//! item says so next time.

mod backoff;
mod bound;
mod commit;
mod confirm;
mod end;
mod grounds;
pub(crate) mod met;
pub mod park;
mod prefetch;
pub(crate) mod reads;
pub(crate) mod until;
mod work;

use tokio::time::Instant;

use crate::domain::decide::{Snapshot, decide_all};
use crate::domain::plan::plan;
use crate::domain::{Batch, Source, Timestamp};
use crate::store::{Ledger, StoreError};

pub use backoff::Backoff;
use bound::Bound;
pub use end::End;
pub use until::Until;
use work::Work;

/// In how many rounds of one batch an account is held by others before it is told: the first few are bad luck.
const CONTENDED_ROUNDS_TOLD: u32 = 3;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The end of each request, in their order.
    pub ends: Vec<End>,
    /// How often the rest was decided and planned again, the first time included.
    pub rounds: u32,
    /// The fault of the store that stopped something, else the last one, if any: why something is unfinished, or was
    /// slow.
    pub fault: Option<StoreError>,
    /// Transactions that met another one in flight on an item of theirs.
    pub conflicts: u64,
    /// Accounts that others held time and again, each by the first record that names it, and in how many rounds. If it
    /// is popular as a creditor, it needs credit lanes.
    pub contended: Vec<(Source, u32)>,
}

/// Settles a batch, until all of it is done or time is up.
///
/// `now` tells the time that outcomes are stamped with; `backoff` paces tries after a fault.
pub async fn settle<L: Ledger>(
    ledger: &L,
    batch: &Batch,
    until: impl Into<Until>,
    now: impl Fn() -> Timestamp,
    mut backoff: Backoff,
) -> Settled {
    let Until { done: until, mended } = until.into();
    let mut work = Work::new(batch);
    let mut bound = Bound::new();
    let mut looks = backoff.patient();
    let mut looking = false;
    let mut rounds: u32 = 0;
    loop {
        work.forget_stale();
        prefetch::accounts(ledger, &mut work, until, &mut backoff).await;
        let pending = work.pending();
        if Instant::now() >= until {
            break;
        }
        if pending.is_empty() && work.hindered.is_empty() {
            if !work.is_damaged() || Instant::now() >= mended {
                break;
            }
            looks.wait(mended).await;
            work.look_again();
            looking = true;
            continue;
        }
        if std::mem::take(&mut looking) {
            // What comes after it was read long ago.
            work.forget_left();
            continue;
        }
        if pending.is_empty() {
            // Somebody else is at work on all that is left.
            work.end_round();
            backoff.wait(until).await;
            continue;
        }
        let accounts = work.mains();
        let snapshot = Snapshot { accounts: &accounts, lanes: &work.lanes };
        let decisions = decide_all(batch, &pending, snapshot);
        if !decisions.unread.is_empty() {
            prefetch::lanes(ledger, &mut work, &decisions.unread, until, &mut backoff).await;
            continue;
        }
        let doubts = grounds::doubts(&work, &pending, &decisions);
        if !doubts.confirm.is_empty() {
            confirm::confirm(ledger, &mut work, &doubts.confirm, until, &mut backoff).await;
            continue;
        }
        if !doubts.hold.is_empty() || !doubts.hindered.is_empty() {
            work.held.extend(doubts.hold);
            work.hindered.extend(doubts.hindered);
            continue;
        }
        rounds = rounds.saturating_add(1);
        let steps = plan(batch, &pending, &decisions, snapshot, now(), &work.limits);
        let progress = commit::commit(ledger, &steps, until, &mut bound, &mut work).await;
        work.end_round();
        match progress {
            commit::Progress::Clear => backoff.reset(),
            commit::Progress::Hindered => backoff.wait(until).await,
        }
    }
    let contended = work.contended(CONTENDED_ROUNDS_TOLD);
    Settled { ends: work.ends(), rounds, conflicts: work.conflicts, contended, fault: work.met.told() }
}
