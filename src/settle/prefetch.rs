//! Reads the accounts that a batch names: each once, up to 100 a call, the calls side by side.
//!
//! In: account ids. Out: what each read found, in place. What could not be read stays [`AccountRead::Unread`].

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::Backoff;
use crate::domain::{AccountId, AccountIx};
use crate::store::{AccountRead, Ledger, READ_ACCOUNTS_MAX, StoreError};

/// Read calls in flight: enough for a batch of 1,600 accounts in one round trip, few enough to stay within a fresh
/// connection pool.
const READS_IN_FLIGHT_MAX: usize = 16;

/// Reads every account, until all are read or it is `until`. Returns the last fault, if any.
pub(super) async fn prefetch<L: Ledger>(
    ledger: &L,
    ids: &[AccountId],
    accounts: &mut [AccountRead],
    until: Instant,
    backoff: &mut Backoff,
) -> Option<StoreError> {
    let mut fault = None;
    loop {
        let unread: Vec<AccountIx> = (0..ids.len()).filter(|&ix| accounts[ix] == AccountRead::Unread).collect();
        if unread.is_empty() || Instant::now() >= until {
            backoff.reset();
            return fault;
        }
        let calls = unread.chunks(READ_ACCOUNTS_MAX).map(|chunk| async move {
            let asked: Vec<&AccountId> = chunk.iter().map(|&ix| &ids[ix]).collect();
            let answer = timeout_at(until, ledger.read_accounts(&asked)).await;
            (chunk, answer.unwrap_or_else(|_| Err(StoreError::Unavailable("reading accounts: time is up".into()))))
        });
        let mut answers = stream::iter(calls).buffer_unordered(READS_IN_FLIGHT_MAX);
        let mut whole = true;
        while let Some((chunk, answer)) = answers.next().await {
            match answer {
                Ok(reads) => {
                    for (&ix, read) in chunk.iter().zip(reads) {
                        whole &= read != AccountRead::Unread;
                        if let AccountRead::Corrupt(expected) = &read {
                            fault = Some(StoreError::Corrupt(expected.clone()));
                        }
                        accounts[ix] = read;
                    }
                }
                Err(error) => {
                    whole = false;
                    fault = Some(error);
                }
            }
        }
        if !whole {
            backoff.wait(until).await;
        }
    }
}
