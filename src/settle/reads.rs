//! What: Reads main items, lanes, outcomes and sums of refunds, up to 100 a call, with the calls side by side.
//!
//! Data: Takes ids. Gives what each read found, and nothing for a call that failed. What could not be read before the
//! deadline stays [`AccountRead::Unread`].

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::deadline::within;
use super::seen_errors::SeenErrors;
use crate::domain::{AccountId, AccountIx, LaneId, LegId, PaymentId};
use crate::store::{AccountRead, LaneRead, Ledger, PaymentRead, READ_ITEMS_MAX, Read, StoreError, TotalRead};

/// Read calls in flight. They read a batch of 1,600 accounts in one round trip, and stay within a fresh connection
/// pool.
const READS_IN_FLIGHT_MAX: usize = 16;

/// Reads the main item of every unread account, until all are read or the deadline has come. `reads` are in the order
/// of `ids`.
pub(crate) async fn mains<L: Ledger>(
    ledger: &L,
    ids: &[AccountId],
    reads: &mut [AccountRead],
    errors: &mut SeenErrors,
    deadline: Instant,
    backoff: &mut Backoff,
) {
    loop {
        let is_unread = |&ix: &AccountIx| reads[ix] == AccountRead::Unread;
        let unread: Vec<(AccountIx, &AccountId)> = (0..ids.len()).filter(is_unread).map(|ix| (ix, &ids[ix])).collect();
        if unread.is_empty() || Instant::now() >= deadline {
            return;
        }
        let call = |ids: Vec<_>| async move { ledger.read_accounts(&ids).await };
        let (found, error) = once(&unread, "reading accounts", call, deadline).await;
        let mut whole = error.is_none();
        error.into_iter().for_each(|error| errors.note(error));
        for (account, read) in found {
            whole &= read != AccountRead::Unread;
            if let AccountRead::Corrupt(expected) = &read {
                errors.note(StoreError::Corrupt(expected.clone()));
            }
            reads[account] = read;
        }
        if done(whole, deadline, backoff).await {
            return;
        }
    }
}

/// Reads lanes, each once. Returns what each read found, by its key, and the last error, if any. `what` says why they
/// are read.
pub(crate) async fn lanes<L: Ledger, K: Copy>(
    ledger: &L,
    asked: &[(K, &LaneId)],
    what: &str,
    deadline: Instant,
) -> (Vec<(K, LaneRead)>, Option<StoreError>) {
    let call = |ids: Vec<_>| async move { ledger.read_lanes(&ids).await };
    once(asked, what, call, deadline).await
}

/// Reads outcomes, each once. Returns what each read found, by its key, and the last error, if any.
pub(crate) async fn payments<L: Ledger, K: Copy>(
    ledger: &L,
    asked: &[(K, &PaymentId)],
    deadline: Instant,
) -> (Vec<(K, PaymentRead)>, Option<StoreError>) {
    let call = |ids: Vec<_>| async move { ledger.read_payments(&ids).await };
    once(asked, "reading payments", call, deadline).await
}

/// Reads sums of refunds, each once. Returns what each read found, by its key, and the last error,
/// if any.
pub(super) async fn totals<L: Ledger, K: Copy>(
    ledger: &L,
    asked: &[(K, &LegId)],
    deadline: Instant,
) -> (Vec<(K, TotalRead)>, Option<StoreError>) {
    let call = |ids: Vec<_>| async move { ledger.read_totals(&ids).await };
    once(asked, "reading refunds", call, deadline).await
}

/// Reads all that is asked for, once. Returns what each read found, by its key, and the last error, if any.
async fn once<'i, K: Copy, I, T, F>(
    asked: &[(K, &'i I)],
    what: &str,
    call: impl Fn(Vec<&'i I>) -> F,
    deadline: Instant,
) -> (Vec<(K, Read<T>)>, Option<StoreError>)
where
    F: Future<Output = Result<Vec<Read<T>>, StoreError>>,
{
    let call = &call;
    // No closure makes the calls: with one, the future of a batch could not move to another thread.
    let mut calls = Vec::new();
    for chunk in asked.chunks(READ_ITEMS_MAX) {
        let ids = chunk.iter().map(|&(_, id)| id).collect();
        calls.push(async move { (chunk, within(deadline, what, call(ids)).await) });
    }
    let mut answers = stream::iter(calls).buffer_unordered(READS_IN_FLIGHT_MAX);
    let (mut found, mut last_error) = (Vec::with_capacity(asked.len()), None);
    while let Some((chunk, answer)) = answers.next().await {
        match answer {
            Ok(reads) => found.extend(chunk.iter().map(|&(key, _)| key).zip(reads)),
            Err(error) => last_error = Some(error),
        }
    }
    (found, last_error)
}

/// Ends a round of reads, and waits if something is left. Gives `true` once all is read or the deadline has come.
pub(super) async fn done(whole: bool, deadline: Instant, backoff: &mut Backoff) -> bool {
    if whole {
        backoff.reset();
        return true;
    }
    backoff.wait(deadline).await;
    Instant::now() >= deadline
}
