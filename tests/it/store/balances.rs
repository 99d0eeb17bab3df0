//! Balances at a time: on both stores each is the naive sum of the postings up to then, whatever audits have proved,
//! and so is each running balance of a statement, in pages of any size.

mod bounds;
mod histories;

use giro::balances::{BalanceError, Balances};
use giro::domain::audit::newest_closed;
use giro::domain::balance_at::BalanceAt;
use giro::domain::{AccountId, Holding, Recorded, Timestamp};
use giro::store::{LedgerQueries, PostingLists, ProvedBalances};
use giro_testkit::given::id;

/// What the settled payments up to a time make, one by one.
fn naive(payments: &[Recorded], account: &AccountId, at: Timestamp) -> i128 {
    let outcomes = payments.iter().map(|recorded| &recorded.outcome);
    let settled = outcomes.filter(|outcome| outcome.decision.is_ok() && outcome.decided_at <= at);
    let mut sum = 0;
    for transfer in settled.flat_map(|outcome| outcome.transfers()) {
        let amount = i128::from(transfer.amount.minor_units());
        sum -= if transfer.debtor == account { amount } else { 0 };
        sum += if transfer.creditor == account { amount } else { 0 };
    }
    sum
}

/// The balances of a store as they are told at this time.
fn balances<S>(store: &S, has_checkpoints: bool, now: Timestamp) -> Balances<'_, S> {
    Balances { store, has_checkpoints, closed: newest_closed(now) }
}

/// The balance of an account at a time, asked at another.
async fn told(
    store: &(impl LedgerQueries + PostingLists + ProvedBalances),
    account: &str,
    at: Timestamp,
    now: Timestamp,
) -> Result<BalanceAt, BalanceError> {
    let holding: Holding = store.account(&id(account)).await.unwrap().unwrap();
    balances(store, true, now).at(&holding, at).await
}
