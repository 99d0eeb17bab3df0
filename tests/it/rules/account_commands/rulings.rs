//! What a ruling rests on: money moves between what a command reads and what it writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, CommandStep};
use giro::domain::plan::Transaction;
use giro::domain::{
    Account, AccountId, Balance, CommandRequest, DeadLetter, Lane, LaneId, OverdraftLimit, Refusal, Timestamp,
};
use giro::settle::{Backoff, End};
use giro::store::{
    AccountLedger, AccountRead, CommandCommit, Commit, Inspect, LaneRead, Ledger, StoreError, Together, Usage,
};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

use super::{account, laned, request};

/// What somebody else adds to main items and lanes (`shop`, `shop/0`).
type Writes = &'static [(&'static str, i64)];

/// A ledger on which money moves before the n-th command is committed, counted from 1.
struct Meddled {
    store: MemoryStore,
    commits: AtomicUsize,
    meddling: (usize, Writes),
}

impl Meddled {
    fn new(store: &MemoryStore, before: usize, writes: Writes) -> Self {
        Self { store: store.clone(), commits: AtomicUsize::new(0), meddling: (before, writes) }
    }

    async fn meddle(&self) {
        if self.commits.fetch_add(1, Ordering::SeqCst) + 1 != self.meddling.0 {
            return;
        }
        for (item, net) in self.meddling.1 {
            let (name, lane) = item.split_once('/').unwrap_or((item, ""));
            let held = self.store.account(&AccountId::try_new(name).unwrap()).await.unwrap().unwrap();
            let moved = |balance: Balance| Balance::new(balance.minor_units() + net);
            match lane.parse::<usize>() {
                Ok(lane) => {
                    let Lane { balance, version, .. } = held.lanes[lane];
                    let lane = Lane { balance: moved(balance), version: version + 1, ..held.lanes[lane].clone() };
                    self.store.insert_lane(lane);
                }
                Err(_) => {
                    let Account { balance, version, .. } = held.account;
                    let main = Account { balance: moved(balance), version: version + 1, ..held.account };
                    self.store.insert_account(main);
                }
            }
        }
    }
}

impl Ledger for Meddled {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.store.read_accounts(ids).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.store.read_lanes(ids).await
    }

    async fn read_together(&self, accounts: &[&AccountId], lanes: &[&LaneId]) -> Result<Together, StoreError> {
        self.store.read_together(accounts, lanes).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        self.store.commit(transaction).await
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.store.park(letter).await
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

impl AccountLedger for Meddled {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        self.meddle().await;
        self.store.commit_command(step).await
    }
}

async fn apply_meddled(
    store: &MemoryStore,
    commands: &[CommandRequest],
    before: usize,
    writes: Writes,
) -> Vec<End<Result<(), Refusal>>> {
    let ledger = Meddled::new(store, before, writes);
    let until = Instant::now() + Duration::from_secs(10);
    apply(&ledger, commands, until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await.ends
}

/// The last of the money is paid out while the limit is being set: the condition on the limit lets that pass, so the
/// balance that was read before is not the one that closing finds.
#[tokio::test(start_paused = true)]
async fn a_command_after_another_looks_at_the_account_again() {
    let store = MemoryStore::new();
    store.insert_account(account("bank", "EUR", "-7", "unlimited", "open"));
    store.insert_account(account("shop", "EUR", "7", "0", "open"));
    let commands = [
        request("c1", "shop", Action::SetOverdraftLimit(OverdraftLimit::Limited(5)), 1),
        request("c2", "shop", Action::Close, 2),
    ];
    let ends = apply_meddled(&store, &commands, 1, &[("shop", -7), ("bank", 7)]).await;
    assert_eq!(ends, [End::Decided(Ok(())), End::Decided(Ok(()))]);
}

/// A refusal changes nothing, and still is written only if what it rests on is so: here it was so when it was read, and
/// is not any more.
#[tokio::test(start_paused = true)]
async fn a_refusal_holds_when_it_is_written() {
    let limit = Action::SetOverdraftLimit(OverdraftLimit::Limited(5));
    let cases: [(&str, i64, &[i64], Action, Writes); 6] = [
        ("money is paid out", 7, &[], Action::Close, &[("shop", -7)]),
        ("a debt is paid", -7, &[], Action::Close, &[("shop", 7)]),
        ("a debt is paid in part", -7, &[], limit, &[("shop", 2)]),
        ("a lane is swept and paid out", 0, &[0, 7], Action::Close, &[("shop/1", -7)]),
        ("a debt is paid on a lane", -7, &[3, 0], Action::Close, &[("shop/1", 4)]),
        ("lanes are swept for a debt", -3, &[2, 7], Action::Close, &[("shop/1", -7), ("shop", 1)]),
    ];
    for (what, main, lanes, action, writes) in cases {
        let store = MemoryStore::new();
        let shop = laned(account("shop", "EUR", &main.to_string(), "9", "open"), lanes.len() as u16);
        store.insert_account(shop.clone());
        for (number, balance) in (0..).zip(lanes) {
            store.insert_lane(Lane { balance: Balance::new(*balance), ..Lane::new(&shop, number) });
        }
        let ends = apply_meddled(&store, &[request("c1", "shop", action, 1)], 1, writes).await;
        assert_eq!(ends, [End::Decided(Ok(()))], "{what}");
    }
}

/// Payments that leave the reason standing don't keep a refusal from being written.
#[tokio::test(start_paused = true)]
async fn money_that_comes_in_does_not_hold_up_a_refusal() {
    let cases: [(i64, [i64; 2], Writes); 2] =
        [(7, [0, 0], &[("shop", 1), ("shop/0", 1)]), (0, [2, 7], &[("shop/1", 1), ("shop/0", 1)])];
    for (main, lanes, writes) in cases {
        let store = MemoryStore::new();
        let shop = laned(account("shop", "EUR", &main.to_string(), "9", "open"), 2);
        store.insert_account(shop.clone());
        for (number, balance) in (0..).zip(lanes) {
            store.insert_lane(Lane { balance: Balance::new(balance), ..Lane::new(&shop, number) });
        }
        let ends = apply_meddled(&store, &[request("c1", "shop", Action::Close, 1)], 1, writes).await;
        assert_eq!(ends, [End::Decided(Err(Refusal::BalanceNotZero))]);
        assert_eq!((store.usage().transactions, store.usage().cancelled), (1, 0), "the first try was written");
    }
}
