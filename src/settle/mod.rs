//! Settles a batch: prefetch, decide, plan, commit, and again for what is left, until all is done or time is up.
//!
//! In: a [`Batch`] in deciding order, a [`Ledger`], and until when ([`Until`]). Out: an [`End`] for every request.
//!
//! All of it is one loop: read the accounts that aren't known, then do what `next` says, until it says `Done`.
//!
//! | next | where | what |
//! |---|---|---|
//! | | `next` | pure: decides and plans ([`crate::domain`]) what is pending, and says what is to be done |
//! | | `prefetch` | reads each account that the batch names, once |
//! | `ReadLanes` | `prefetch` | reads lanes, only where a debit needs what they hold |
//! | `ReadSnapshot` | `confirm` | reads again, as it was at one moment, what a decline for want of money rests on (`grounds`) |
//! | `Commit` | `commit` | sends the transactions, those with no account in common side by side, as many as the store has time for (`bound`) |
//! | | `learn` | a cancelled transaction says what stood in its way; the rest is decided and planned again |
//! | `Wait` | here, `look` | others are at work on all that is left; or a stored item that can't be read may be mended, and is looked at again |
//! | `Done` | here | the end of every request |
//!
//! Two types own what a batch has come to: `knowledge`, what is known of accounts and lanes, and `progress`, how far
//! each request is. Knowledge knows nothing of progress. Dead letters are set aside by [`park`].
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
mod knowledge;
mod learn;
mod look;
pub(crate) mod met;
mod next;
pub mod park;
mod prefetch;
mod progress;
pub(crate) mod reads;
pub(crate) mod until;

use crate::domain::{Batch, Source, Timestamp};
use crate::store::{Ledger, StoreError};

pub use backoff::Backoff;
use bound::Bound;
use commit::Way;
pub use end::End;
use knowledge::Knowledge;
use next::{For, Next, next};
use progress::Progress;
pub use until::Until;

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
    let until = until.into();
    let mut knowledge = Knowledge::new(batch.accounts());
    let mut progress = Progress::new(batch);
    let mut bound = Bound::new();
    let mut looks = backoff.patient();
    let mut rounds: u32 = 0;
    loop {
        knowledge.forget_stale(|| progress.rested_on());
        prefetch::accounts(ledger, &mut knowledge, until.done, &mut backoff).await;
        match next(batch, &knowledge, &mut progress, until, &now) {
            Next::ReadLanes(accounts) => {
                prefetch::lanes(ledger, &mut knowledge, &accounts, until.done, &mut backoff).await;
            }
            Next::ReadSnapshot(accounts) => {
                confirm::confirm(ledger, &mut knowledge, &accounts, until.done, &mut backoff).await;
            }
            Next::Commit(steps) => {
                rounds = rounds.saturating_add(1);
                let way = commit::commit(ledger, &steps, until.done, &mut bound, &mut knowledge, &mut progress).await;
                end_round(&mut knowledge, &mut progress);
                match way {
                    Way::Clear => backoff.reset(),
                    Way::Blocked => backoff.wait(until.done).await,
                }
            }
            Next::Wait(For::Others) => {
                end_round(&mut knowledge, &mut progress);
                backoff.wait(until.done).await;
            }
            Next::Wait(For::Mending) => {
                looks.wait(until.mended).await;
                look::look_again(ledger, &mut knowledge, &mut progress, until.done, &mut backoff).await;
            }
            Next::Done => break,
        }
    }
    Settled {
        ends: progress.ends(),
        rounds,
        conflicts: knowledge.conflicts(),
        contended: contended(&knowledge, &progress),
        fault: knowledge.fault(),
    }
}

/// A round is over: what waited for its end doesn't wait any longer.
fn end_round(knowledge: &mut Knowledge<'_>, progress: &mut Progress<'_>) {
    knowledge.end_round();
    progress.end_round();
}

/// The accounts that others held time and again, by the first record that names each.
fn contended(knowledge: &Knowledge<'_>, progress: &Progress<'_>) -> Vec<(Source, u32)> {
    let often = knowledge.limits().contended().filter(|&(_, rounds)| rounds >= CONTENDED_ROUNDS_TOLD);
    let mut contended: Vec<(Source, u32)> =
        often.filter_map(|(account, rounds)| Some((progress.first_to_name(account)?, rounds))).collect();
    contended.sort();
    contended
}
