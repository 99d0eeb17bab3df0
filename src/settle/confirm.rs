//! What: Confirms accounts. It reads the main item and all lanes of each account in snapshot reads.
//!
//! Data: Takes the accounts on which declines for insufficient funds rest. Notes in [`Knowledge`] what was read of
//! them, and which of them are confirmed.
//!
//! | accounts | are asked for | and confirmed if |
//! |---|---|---|
//! | without lanes | up to 100 a call | they were read |
//! | with lanes | alone: the main item and up to 99 lanes a call | every call saw the same version of the main item |
//!
//! Lanes are only credited, or swept into the main item. Suppose every call saw the same version of the main item. Then
//! no lane held more at the first call than what was read of it. So a debit that the sum doesn't cover was not covered
//! at that time either. Our own later credits on lanes don't change this.
//!
//! If a transaction in flight holds an item of a call, the call reads nothing. It is split into two calls, so that one
//! busy item doesn't keep the others from being read. If one account alone is busy, or changed between two calls, the
//! next round tries it again. What was read of it is kept while its main item stays the same. So lanes that are almost
//! never free together are read one by one.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::deadline::within;
use super::knowledge::Knowledge;
use super::reads::{READS_IN_FLIGHT_MAX, done};
use crate::domain::plan::TRANSACTION_ITEMS_MAX;
use crate::domain::{AccountId, AccountIx, LaneId};
use crate::store::{LaneRead, Ledger, SnapshotRead, StoreError};

/// What one call reads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    /// Accounts without lanes.
    Mains(Vec<AccountIx>),
    /// An account's main item and some of its lanes.
    Lanes(AccountIx, Vec<u16>),
}

impl Ask {
    /// The call split in two. If it can't be split, the account that it asks for.
    fn halves(self) -> Result<[Self; 2], AccountIx> {
        match self {
            Self::Mains(accounts) => match accounts.as_slice() {
                [account] => Err(*account),
                all => {
                    let (first, second) = all.split_at(all.len() / 2);
                    Ok([first, second].map(|half| Self::Mains(half.to_vec())))
                }
            },
            Self::Lanes(account, lanes) => match lanes.as_slice() {
                [] | [_] => Err(account),
                all => {
                    let (first, second) = all.split_at(all.len() / 2);
                    Ok([first, second].map(|half| Self::Lanes(account, half.to_vec())))
                }
            },
        }
    }

    async fn send<L: Ledger>(
        &self,
        ledger: &L,
        ids: &[AccountId],
        deadline: Instant,
    ) -> Result<SnapshotRead, StoreError> {
        let (accounts, lanes) = match self {
            Self::Mains(accounts) => (accounts.iter().map(|&account| &ids[account]).collect(), vec![]),
            Self::Lanes(account, lanes) => {
                let id = |&lane| LaneId { account: ids[*account].clone(), lane };
                (vec![&ids[*account]], lanes.iter().map(id).collect())
            }
        };
        let lanes: Vec<&LaneId> = lanes.iter().collect();
        within(deadline, "confirming accounts", ledger.read_together(&accounts, &lanes)).await
    }
}

/// Tries to confirm each of these accounts once. Returns early if the deadline has come.
pub(super) async fn confirm<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    accounts: &BTreeSet<AccountIx>,
    deadline: Instant,
    backoff: &mut Backoff,
) {
    let mut left = asks(knowledge, accounts);
    while !left.is_empty() {
        let ids = knowledge.ids();
        let calls = left.drain(..).map(|ask| async move { (ask.send(ledger, ids, deadline).await, ask) });
        let answers: Vec<_> = stream::iter(calls).buffer_unordered(READS_IN_FLIGHT_MAX).collect().await;
        let mut whole = true;
        for (answer, ask) in answers {
            match answer {
                Ok(read) => learn(knowledge, ask, read),
                Err(StoreError::Conflict) => match ask.halves() {
                    Ok(halves) => left.extend(halves),
                    Err(account) => {
                        knowledge.contend([account]);
                        knowledge.note(StoreError::Conflict);
                    }
                },
                Err(error) => {
                    whole = false;
                    knowledge.note(error);
                    left.push(ask);
                }
            }
        }
        if !whole && done(false, deadline, backoff).await {
            return;
        }
    }
    accounts.iter().for_each(|&account| knowledge.end_turn(account));
}

/// The calls that read what is not yet read of these accounts.
fn asks(knowledge: &Knowledge<'_>, accounts: &BTreeSet<AccountIx>) -> Vec<Ask> {
    let (with_lanes, plain): (Vec<AccountIx>, Vec<AccountIx>) =
        accounts.iter().partition(|&&account| !knowledge.lanes_of(account).is_none());
    let mut asks: Vec<Ask> = plain.chunks(TRANSACTION_ITEMS_MAX).map(|chunk| Ask::Mains(chunk.to_vec())).collect();
    for account in with_lanes {
        let lanes = knowledge.unconfirmed_lanes(account);
        let chunks = lanes.chunks(TRANSACTION_ITEMS_MAX.saturating_sub(1));
        asks.extend(chunks.map(|chunk| Ask::Lanes(account, chunk.to_vec())));
    }
    asks
}

fn learn(knowledge: &mut Knowledge<'_>, ask: Ask, read: SnapshotRead) {
    let (accounts, lanes) = match ask {
        Ask::Mains(accounts) => (accounts, vec![]),
        Ask::Lanes(account, lanes) => (vec![account], lanes),
    };
    let mut lanes: Vec<(u16, LaneRead)> = lanes.into_iter().zip(read.lanes).collect();
    for (account, main) in accounts.into_iter().zip(read.accounts) {
        knowledge.learn_together(account, main, std::mem::take(&mut lanes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_lose_nothing_and_end_at_one_item() {
        let mut asks = vec![Ask::Mains((0..100).collect()), Ask::Lanes(7, (0..99).collect()), Ask::Lanes(8, vec![3])];
        let (mut mains, mut lanes) = (Vec::new(), Vec::new());
        while let Some(ask) = asks.pop() {
            let whole = ask.clone();
            match (ask.halves(), whole) {
                (Ok(halves), _) => asks.extend(halves),
                (Err(account), Ask::Mains(_)) => mains.push(account),
                (Err(account), Ask::Lanes(_, one)) => lanes.extend(one.into_iter().map(|lane| (account, lane))),
            }
        }
        mains.sort_unstable();
        lanes.sort_unstable();
        assert_eq!(mains, (0..100).collect::<Vec<_>>());
        assert_eq!(lanes, (0..99).map(|lane| (7, lane)).chain([(8, 3)]).collect::<Vec<_>>());
    }
}
