//! What: Settles a batch: prefetch, decide, plan, commit. What is left is done again, until nothing is left or the
//! deadline has come.
//!
//! Data: Takes a [`Batch`] in deciding order, a [`Ledger`], and deadlines ([`Deadline`]). Gives a [`Disposition`] for
//! every request.
//!
//! All of it is one loop. It reads the accounts that aren't known, then does what `next` says, until that says `Done`.
//!
//! | next | where | what |
//! |---|---|---|
//! | | `next` | pure: decides and plans ([`crate::domain`]) what is pending, and says what must be done |
//! | | `prefetch` | reads each account that the batch names, once |
//! | | `duplicates` | reads a sample of the payment ids at the same time, and all of them if one has its outcome |
//! | `ReadLanes` | `prefetch` | reads lanes, only where a debit needs what they hold |
//! | `ReadTotals` | `prefetch` | reads sums of refunds, only where a decline rests on them |
//! | `Commit` | `commit` | sends the transactions; those with no account in common run side by side. If requests wait for free lanes, the next round begins when these are free |
//! | | `learn` | notes why a transaction was cancelled; its requests are decided and planned again |
//! | `Pause` | `look` | an account asks payments to wait for a command |
//! | `Wait` | `look` | somebody may mend a stored item that can't be read |
//! | `Done` | here | the disposition of every request |
//!
//! | beside the loop | where | what |
//! |---|---|---|
//! | before it | `stages` | reads the originals of refunds, and makes batches of requests |
//! | state | `knowledge` | what is known of accounts and lanes; it knows nothing of `progress` |
//! | state | `progress` | how far each request is |
//! | pace | `concurrency_limit` | how many transactions are in flight |
//! | pace | `backoff` | how long to wait after an error |
//! | pace | `deadline` | when a batch must stop, and calls that end by then |
//! | reads | `reads` | main items and lanes, 100 a call |
//! | result | `disposition` | what became of a request |
//! | result | `seen_errors` | which error of the store is reported |
//! | result | `dead_letters` | stores dead letters |
//! | instead | `dry_run` | says what would be decided, and changes nothing |
//!
//! Account commands are applied one by one elsewhere: [`crate::account_commands`].
//!
//! Invariants: A request has a disposition only if the ledger said so, or if it repeats a request that has one. What is
//! unknown stays unfinished, and the next try finds out. Payments of one debtor are never committed out of order:
//! whatever waits for a failed transaction isn't sent. If a stored item can't be read, or the store rejects a request,
//! the partition stops there.
//!
//! Limits: At the deadline it sends nothing more, and gives up what is in flight. That may still happen; the payment's
//! own item says so next time.

mod backoff;
mod commit;
mod concurrency_limit;
pub mod dead_letters;
pub(crate) mod deadline;
mod disposition;
mod dry_run;
mod duplicates;
mod knowledge;
mod learn;
mod look;
mod next;
mod prefetch;
mod progress;
pub(crate) mod reads;
pub(crate) mod seen_errors;
mod stages;

use futures_util::future::join;
use tokio::time::Instant;

use crate::domain::{Batch, Source, Timestamp};
use crate::store::{Ledger, StoreError};

pub use backoff::Backoff;
use commit::Way;
use concurrency_limit::ConcurrencyLimit;
pub use deadline::Deadline;
pub use disposition::Disposition;
pub use dry_run::{dry_run, dry_run_id};
use knowledge::Knowledge;
use next::{Next, Round, next};
use progress::Progress;
pub use stages::settle_requests;

/// An account that others held in this many rounds of one batch is reported. Fewer are bad luck.
const CONTENDED_ROUNDS_TOLD: u32 = 3;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The disposition of each request, in their order.
    pub dispositions: Vec<Disposition>,
    /// How often what was pending was decided and planned, with the rounds that only waited for free lanes.
    pub rounds: u32,
    /// The error of the store that stopped a request, else the last one, if any. It tells why a request is unfinished,
    /// or was slow.
    pub error: Option<StoreError>,
    /// How many calls conflicted with a transaction in flight.
    pub conflicts: u64,
    /// How often the store had no time: for a transaction, or for a round of reads.
    pub throttled: u64,
    /// The most transactions that were in flight at once.
    pub in_flight: usize,
    /// Accounts that others held again and again, each as the first record that names it, with the number of rounds.
    /// Either requests aren't keyed by debtor, or an old account has no lanes, or more than 97 partitions share lanes.
    pub contended: Vec<(Source, u32)>,
}

/// Settles a batch, until all of it is done or the deadline has come.
///
/// `now` gives the time that is written into outcomes; `backoff` paces tries after an error.
pub async fn settle<L: Ledger>(
    ledger: &L,
    batch: &Batch,
    deadline: impl Into<Deadline>,
    now: impl Fn() -> Timestamp,
    mut backoff: Backoff,
) -> Settled {
    let deadline = deadline.into();
    let mut knowledge = Knowledge::new(batch.accounts());
    let mut progress = Progress::new(batch);
    let mut limit = ConcurrencyLimit::new();
    let (mut looks, mut pauses) = (backoff.patient(), backoff.clone());
    let mut rounds: u32 = 0;
    first_reads(ledger, deadline.done, &mut knowledge, &mut progress, &mut backoff).await;
    loop {
        knowledge.forget_stale(|| progress.rested_on());
        prefetch::accounts(ledger, &mut knowledge, deadline.done, &mut backoff).await;
        knowledge.note_paused(now());
        match next(batch, &knowledge, &progress, deadline, &now) {
            Next::ReadLanes(accounts) => {
                prefetch::lanes(ledger, &mut knowledge, &accounts, deadline.done, &mut backoff).await;
            }
            Next::ReadTotals(totals) => {
                let damaged = prefetch::totals(ledger, &mut knowledge, totals, deadline.done, &mut backoff).await;
                progress.cannot_read_totals(&damaged);
            }
            Next::Commit(Round { steps, free_at }) => {
                rounds = rounds.saturating_add(1);
                let way =
                    commit::commit(ledger, steps, &now, deadline.done, &mut limit, &mut knowledge, &mut progress).await;
                knowledge.end_round(free_at.is_some());
                match way {
                    Way::Clear => backoff.reset(),
                    Way::Blocked => backoff.wait(deadline.done).await,
                }
                if let Some(free_at) = free_at {
                    tokio::time::sleep_until(free_at.min(deadline.done)).await;
                }
            }
            Next::Pause => {
                pauses.wait(deadline.done).await;
                look::after_pause(ledger, &mut knowledge, &progress, &now, deadline.done, &mut backoff).await;
            }
            Next::Wait => {
                looks.wait(deadline.mended).await;
                look::look_again(ledger, &mut knowledge, &mut progress, deadline.done, &mut backoff).await;
            }
            Next::Done => break,
        }
    }
    Settled {
        dispositions: progress.dispositions(),
        rounds,
        conflicts: knowledge.conflicts(),
        throttled: knowledge.throttled(),
        in_flight: limit.most(),
        contended: contended(&knowledge, &progress),
        error: knowledge.error(),
    }
}

/// Reads accounts, and whether requests have their outcomes already.
async fn first_reads<L: Ledger>(
    ledger: &L,
    deadline: Instant,
    knowledge: &mut Knowledge<'_>,
    progress: &mut Progress<'_>,
    backoff: &mut Backoff,
) {
    let batch = progress.batch();
    let accounts = prefetch::accounts(ledger, knowledge, deadline, backoff);
    let ((), mut found) = join(accounts, duplicates::sample(ledger, batch, deadline)).await;
    if !found.is_empty() {
        found.extend(duplicates::rest(ledger, batch, deadline).await);
        found.into_iter().for_each(|(ix, read)| learn::payment(ix, read, knowledge, progress));
    }
}

/// The accounts that others held again and again, each as the first record that names it.
fn contended(knowledge: &Knowledge<'_>, progress: &Progress<'_>) -> Vec<(Source, u32)> {
    let often = knowledge.capacity().contended().filter(|&(_, rounds)| rounds >= CONTENDED_ROUNDS_TOLD);
    let mut contended: Vec<(Source, u32)> =
        often.filter_map(|(account, rounds)| Some((progress.first_to_name(account)?, rounds))).collect();
    contended.sort();
    contended
}
