//! What an account at 64 partitions costs, counted: it has 64 lanes, and perhaps none of them is there.

use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, Policy};
use giro::domain::{Batch, CreditLanes, Decline, Timestamp};
use giro::settle::{Backoff, Disposition};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::given::{Placed as _, Setters as _, account, command, id};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

use crate::rules::batches::{request, settle_within};

const PARTITIONS: u32 = 64;

fn store_at_64_partitions() -> MemoryStore {
    let store = MemoryStore::new();
    let lanes = CreditLanes::of_partitions(PARTITIONS).count();
    assert_eq!(lanes, 64);
    for name in ["alice", "shop"] {
        store.insert_account(account(name).lanes(lanes));
    }
    store
}

/// Applies one command. Gives the transactions that it took.
async fn transactions_of(store: &MemoryStore, action: Action) -> u64 {
    let before = store.usage().transactions;
    let requests = [command(action.name(), "alice", action.clone()).at(0, 1)];
    let deadline = Instant::now() + Duration::from_secs(10);
    let backoff = || Backoff::with_seed(1);
    let applied = apply(store, &requests, Policy::default(), deadline, || Timestamp::EPOCH, backoff).await;
    assert_eq!(applied.dispositions, [Disposition::Decided(Ok(()))], "{}", action.name());
    store.usage().transactions - before
}

#[tokio::test(start_paused = true)]
async fn freezing_and_closing_is_one_transaction_each() {
    let store = store_at_64_partitions();
    assert_eq!(transactions_of(&store, Action::Freeze).await, 1);
    assert_eq!(store.account(&id("alice")).await.unwrap().unwrap().lanes.len(), 64, "no payment can make one now");
    assert_eq!(transactions_of(&store, Action::Close).await, 1);
    assert_eq!(transactions_of(&store_at_64_partitions(), Action::Close).await, 1, "open before");
}

/// The decline writes its payment with two index entries, and checks that nobody swept lanes meanwhile.
#[tokio::test(start_paused = true)]
async fn a_cold_account_is_declined_after_one_more_read() {
    let store = store_at_64_partitions();
    let batch = Batch::new(vec![request(5, 0, "alice", "shop", 1)]).with_partitions(PARTITIONS);
    let settled = settle_within(&store, &batch, 10, 1).await;
    assert_eq!(settled.dispositions, [Disposition::Decided(Err(Decline::InsufficientFunds))]);
    let usage = store.usage();
    assert_eq!(usage.read_calls, 3, "accounts, a sample of payment ids, the lanes of the debtor");
    assert_eq!(usage.read_milliunits, (2 + 1 + 64) * 1_000);
    assert_eq!((usage.transactions, usage.write_milliunits), (1, (4 + 2) * 1_000));
}
