//! Reads the accounts that a batch names, and lanes where what they hold is needed: each once, up to 100 a call, the
//! calls side by side.
//!
//! In: what is not known yet. Out: what each read found, noted in [`Work`]. What could not be read before time was up
//! stays [`AccountRead::Unread`].

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::met::Met;
use super::{Backoff, Work};
use crate::domain::{AccountId, AccountIx, LaneId};
use crate::store::{AccountRead, LaneRead, Ledger, READ_ACCOUNTS_MAX, Read, StoreError};

/// Read calls in flight: enough for a batch of 1,600 accounts in one round trip, few enough to stay within a fresh
/// connection pool.
pub(super) const READS_IN_FLIGHT_MAX: usize = 16;

/// Reads every account of a batch that is unread, until all are read or it is `until`.
pub(super) async fn accounts<L: Ledger>(ledger: &L, work: &mut Work<'_>, until: Instant, backoff: &mut Backoff) {
    mains(ledger, work.batch.accounts(), &mut work.accounts, &mut work.met, until, backoff).await;
}

/// Reads the main item of every account that is unread, until all are read or it is `until`. `reads` stand beside
/// `ids`.
pub(super) async fn mains<L: Ledger>(
    ledger: &L,
    ids: &[AccountId],
    reads: &mut [AccountRead],
    met: &mut Met,
    until: Instant,
    backoff: &mut Backoff,
) {
    loop {
        let is_unread = |&ix: &AccountIx| reads[ix] == AccountRead::Unread;
        let unread: Vec<(AccountIx, &AccountId)> = (0..ids.len()).filter(is_unread).map(|ix| (ix, &ids[ix])).collect();
        if unread.is_empty() || Instant::now() >= until {
            return;
        }
        let call = |ids: Vec<_>| async move { ledger.read_accounts(&ids).await };
        let (found, fault) = read_all(&unread, call, until).await;
        let mut whole = fault.is_none();
        fault.into_iter().for_each(|fault| met.meet(fault));
        for (account, read) in found {
            whole &= read != AccountRead::Unread;
            if let AccountRead::Corrupt(expected) = &read {
                met.meet(StoreError::Corrupt(expected.clone()));
            }
            reads[account] = read;
        }
        if done(whole, until, backoff).await {
            return;
        }
    }
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
        let call = |ids: Vec<_>| async move { ledger.read_lanes(&ids).await };
        let (reads, fault) = read_all(&asked, call, until).await;
        let mut whole = fault.is_none();
        for ((account, lane), read) in reads {
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

/// One round of reads: what each found, and the last fault, if any.
async fn read_all<'i, K: Copy, I, T, F>(
    asked: &[(K, &'i I)],
    call: impl Fn(Vec<&'i I>) -> F,
    until: Instant,
) -> (Vec<(K, Read<T>)>, Option<StoreError>)
where
    F: Future<Output = Result<Vec<Read<T>>, StoreError>>,
{
    let call = &call;
    let calls = asked.chunks(READ_ACCOUNTS_MAX).map(|chunk| async move {
        let answer = timeout_at(until, call(chunk.iter().map(|&(_, id)| id).collect())).await;
        (chunk, answer.unwrap_or_else(|_| Err(StoreError::Unavailable("reading accounts: time is up".into()))))
    });
    let mut answers = stream::iter(calls).buffer_unordered(READS_IN_FLIGHT_MAX);
    let (mut found, mut fault) = (Vec::with_capacity(asked.len()), None);
    while let Some((chunk, answer)) = answers.next().await {
        match answer {
            Ok(reads) => found.extend(chunk.iter().map(|&(key, _)| key).zip(reads)),
            Err(error) => fault = Some(error),
        }
    }
    (found, fault)
}

/// After a round of reads: waits if something is left. `true` once all is read, or time is up.
pub(super) async fn done(whole: bool, until: Instant, backoff: &mut Backoff) -> bool {
    if whole {
        backoff.reset();
        return true;
    }
    backoff.wait(until).await;
    Instant::now() >= until
}
