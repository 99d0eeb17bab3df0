//! What: Says what would be decided on an instruction now, by the very rules, and changes nothing.
//!
//! Data: Takes an instruction. Gives the outcome that it would get. Only reads are sent to the ledger. A transaction is
//! not sent. It counts as applied, once the sums of refunds that it would change were read.
//!
//! Limits: It promises nothing: the next payment may change the answer.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::{Backoff, Deadline, settle_requests};
use crate::domain::plan::Transaction;
use crate::domain::{
    Account, AccountId, Balance, DeadLetter, Instruction, LaneId, LegId, Outcome, PaymentId, Request, Source, Timestamp,
};
use crate::store::{AccountRead, Cancelled, Commit, LaneRead, Ledger, PaymentRead, Read, StoreError, TotalRead, Usage};

/// The id of what is not asked for in earnest. Nobody reads whether it has an outcome.
const DRY_RUN_ID: &str = "dry-run-3f0c1c9e-6a52-4f0e-9d4b-0b5f4a6f8e21";

/// The id that stands for an instruction's own in a dry run.
#[must_use]
pub fn dry_run_id() -> PaymentId {
    PaymentId::try_stored(DRY_RUN_ID).unwrap_or_else(|_| unreachable!("the text is an id"))
}

/// What would be decided on an instruction now, as if its id were new. An account that `sees` refuses counts as empty,
/// without limits, and not paused. So no answer depends on what it holds. `sees` is asked with `None` of what can't be
/// read, which then counts as missing.
///
/// # Errors
/// The error of the store that kept it from being decided before the deadline.
pub async fn dry_run<L: Ledger>(
    ledger: &L,
    mut instruction: Instruction,
    sees: impl Fn(Option<&Account>) -> bool + Sync,
    deadline: Instant,
    now: impl Fn() -> Timestamp,
) -> Result<Outcome, StoreError> {
    instruction.set_id(dry_run_id());
    // Whoever asks doesn't wait for damaged items to be mended.
    let deadline = Deadline { done: deadline, mended: Instant::now() };
    let ledger = DryRun { ledger, sees, outcome: Mutex::default() };
    let request = Request::new(instruction, Source { topic: "dry-run".into(), partition: 0, offset: 0 });
    let settled = settle_requests(&ledger, vec![request], 1, deadline, now, Backoff::new()).await;
    let outcome = ledger.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    let no_answer = || StoreError::Unavailable("nothing was decided before the deadline".into());
    outcome.ok_or_else(|| settled.error.unwrap_or_else(no_answer))
}

/// A ledger that is only read.
struct DryRun<'l, L, S> {
    ledger: &'l L,
    /// Whether the caller may learn what an account holds.
    sees: S,
    /// What would be written.
    outcome: Mutex<Option<Outcome>>,
}

impl<L: Ledger, S: Fn(Option<&Account>) -> bool + Sync> Ledger for DryRun<'_, L, S> {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        let mut reads = self.ledger.read_accounts(ids).await?;
        for read in &mut reads {
            match read {
                Read::Found(account) if !(self.sees)(Some(account)) => {
                    (account.balance, account.limits, account.paused_until) = (Balance::ZERO, None, None);
                }
                Read::Corrupt(_) if !(self.sees)(None) => *read = Read::Missing,
                Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread => {}
            }
        }
        Ok(reads)
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.ledger.read_lanes(ids).await
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        match ids {
            [own] if own.as_str() == DRY_RUN_ID => Ok(vec![Read::Missing]),
            ids => {
                let mut reads = self.ledger.read_payments(ids).await?;
                let damaged = reads.iter_mut().filter(|read| matches!(read, Read::Corrupt(_)) && !(self.sees)(None));
                damaged.for_each(|read| *read = Read::Missing);
                Ok(reads)
            }
        }
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        self.ledger.read_totals(ids).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        // Nothing but its condition tells the sum of refunds that a refund would exceed.
        for (ix, total) in transaction.totals.iter().enumerate() {
            match self.ledger.read_totals(&[&total.id]).await?.pop() {
                Some(Read::Found(sum)) if sum <= total.total_max => {}
                Some(Read::Missing) => {}
                Some(Read::Unread) | None => return Err(StoreError::Unavailable("a sum was not read".into())),
                Some(read) => {
                    return Ok(Commit::Cancelled(Cancelled { totals: vec![(ix, read)], ..Cancelled::default() }));
                }
            }
        }
        if let Some(entry) = transaction.entries.first() {
            let outcome = entry.outcome();
            *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
        Ok(Commit::Applied)
    }

    async fn write_dead_letter(&self, _: &DeadLetter) -> Result<(), StoreError> {
        Err(StoreError::Rejected("a dry run writes no dead letter".into()))
    }

    fn usage(&self) -> Usage {
        self.ledger.usage()
    }
}
