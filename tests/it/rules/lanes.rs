//! Settling with credit lanes: what it costs, counted; and sweeps.
//!
//! The memory store holds the same conditions as DynamoDB. The port between it and settling is watched: how many
//! transactions are in flight at once, and that none of them share an item.

mod contention;
mod costs;
mod pauses;
mod paying;
mod side_by_side;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use giro::domain::account_command::CommandStep;
use giro::domain::lane::LANE_BALANCE_FULL;
use giro::domain::plan::Transaction;
use giro::domain::{AccountStatus, Balance, Batch, CreditLanes, Decline, Lane, Request};
use giro::settle::Disposition;
use giro::store::{
    AccountLedger, Cancelled, CancelledCommand, CommandCommit, Commit, Ledger, LedgerQueries, StoreError,
};
use giro_testkit::given::{currency, id, lane};
use giro_testkit::hooked::{Hooked, Hooks};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::scenario;

use crate::rules::batches::{self, SETTLED, SHORT, balances, check_books, count, request, settle_within};

/// The shop has so many lanes, and 10,000 customers.
fn store_of(lanes: u16, faults: Faults) -> MemoryStore {
    batches::store_of(10_000, lanes, faults)
}

fn to_shop(partition: i32, payments: i64, seed: u64) -> Vec<Request> {
    batches::to_shop(partition, payments, 10_000, seed)
}

/// Watches transactions for as long as they take. One that shares an item with one in flight is cancelled, as DynamoDB
/// does it.
struct Watch {
    latency: Duration,
    in_flight: Mutex<Vec<String>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone)]
struct Seen {
    now: usize,
    most_at_once: usize,
    conflicts: usize,
}

fn watched(store: &MemoryStore, latency: Duration) -> Hooked<Watch> {
    let hooks = Watch { latency, in_flight: Mutex::default(), seen: Mutex::default() };
    Hooked { store: store.clone(), hooks }
}

impl Watch {
    fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Somebody else holds these items and no others: `shop`, `shop/3`, `payment p0-1`.
    fn hold(&self, items: impl IntoIterator<Item = String>) {
        *self.in_flight.lock().unwrap() = items.into_iter().collect();
    }

    fn is_held(&self, item: &String) -> bool {
        self.in_flight.lock().unwrap().contains(item)
    }
}

fn items(transaction: &Transaction<'_>) -> Vec<String> {
    let updates = transaction.updates.iter().map(|update| match update.lane {
        Some(lane) => format!("{}/{lane}", update.account),
        None => update.account.to_string(),
    });
    let entries = transaction.entries.iter().map(|entry| format!("payment {}", entry.request.instruction.id()));
    updates.chain(entries).collect()
}

impl Hooks for Watch {
    async fn commit(&self, store: &MemoryStore, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let items = items(transaction);
        if items.iter().any(|item| self.is_held(item)) {
            self.seen.lock().unwrap().conflicts += 1;
            let busy = (0..transaction.updates.len()).filter(|&ix| self.is_held(&items[ix])).collect();
            let transient = Some(StoreError::Conflict);
            return Ok(Commit::Cancelled(Cancelled { transient, busy, ..Cancelled::default() }));
        }
        {
            let mut seen = self.seen.lock().unwrap();
            seen.now += 1;
            seen.most_at_once = seen.most_at_once.max(seen.now);
        }
        self.in_flight.lock().unwrap().extend(items.iter().cloned());
        tokio::time::sleep(self.latency).await;
        let answer = store.commit(transaction).await;
        self.in_flight.lock().unwrap().retain(|held| !items.contains(held));
        self.seen.lock().unwrap().now -= 1;
        answer
    }

    async fn commit_command(&self, store: &MemoryStore, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        let main = step.main.iter().map(|_| step.decided.request.command.account.to_string());
        let items: Vec<String> = step.lanes.iter().map(|lane| lane.id.to_string()).chain(main).collect();
        if items.iter().any(|item| self.is_held(item)) {
            let transient = Some(StoreError::Conflict);
            return Ok(CommandCommit::Cancelled(CancelledCommand { transient, ..CancelledCommand::default() }));
        }
        self.in_flight.lock().unwrap().extend(items.iter().cloned());
        tokio::time::sleep(self.latency).await;
        let answer = store.commit_command(step).await;
        self.in_flight.lock().unwrap().retain(|held| !items.contains(held));
        answer
    }
}

// The hot merchant, counted.

#[tokio::test(start_paused = true)]
async fn a_thousand_payments_to_a_shop_with_16_lanes_go_16_side_by_side() {
    for seed in 0..5 {
        let store = store_of(16, Faults::default());
        let requests = to_shop(0, 1_000, seed);
        let debtors: BTreeSet<_> = requests.iter().map(|request| request.instruction.debtor().clone()).collect();
        let watched = watched(&store, Duration::from_millis(20));
        let batch = Batch::new(requests).with_partitions(1);
        let settled = settle_within(&watched, &batch, 10, seed).await;
        assert_eq!(count(&settled.dispositions, &SETTLED), 1_000);
        let (usage, seen) = (store.usage(), watched.hooks.seen());
        assert!(usage.transactions <= 22, "{usage:?}");
        assert_eq!((usage.cancelled, seen.conflicts, settled.rounds, settled.conflicts), (0, 0, 1, 0));
        assert_eq!(seen.most_at_once, 16, "as many as there are lanes");
        // No lane is read to credit it: only the accounts named, once each, and a sample of a hundred ids.
        assert_eq!(usage.read_milliunits, (debtors.len() as u64 + 1 + 100) * 1_000);
        // The floor: two units an item, one an index entry; the shop counted once.
        let floor = 2_000 * (1_000 + debtors.len() as u64 + 1) + 2_000 * 1_000;
        assert!(usage.write_milliunits * 100 <= floor * 110, "{} against {floor}", usage.write_milliunits);
        let shop = store.account(&id("shop")).await.unwrap().unwrap();
        assert_eq!((shop.account.balance, shop.account.version, shop.balance()), (Balance::ZERO, 1, 1_000));
        assert!(shop.lanes.iter().all(|lane| lane.balance > Balance::ZERO), "each lane took its turn");
    }
}

#[tokio::test(start_paused = true)]
async fn sixteen_partitions_with_a_lane_each_never_meet() {
    let store = store_of(16, Faults::default());
    let opened = balances(&store).await;
    let watched = watched(&store, Duration::from_millis(20));
    // Each partition has customers of its own, as records keyed by debtor have.
    let batches: Vec<Batch> = (0..16)
        .map(|partition| {
            let mut random = fastrand::Rng::with_seed(partition as u64);
            let mut one = |offset| {
                let customer = random.usize(0..600) * 16 + partition as usize;
                request(partition, offset, &format!("a{customer}"), "shop", 1)
            };
            Batch::new((0..200).map(&mut one).collect()).with_partitions(16)
        })
        .collect();
    let all = futures_util::future::join_all(batches.iter().map(|batch| settle_within(&watched, batch, 60, 1))).await;
    assert!(all.iter().all(|settled| count(&settled.dispositions, &SETTLED) == 200 && settled.conflicts == 0));
    assert_eq!((watched.hooks.seen().conflicts, watched.hooks.seen().most_at_once), (0, 16));
    check_books(&store, &opened).await;
}

/// With fewer lanes than partitions, or a wrong number of partitions, lanes are shared: slower, and as right.
#[tokio::test(start_paused = true)]
async fn shared_lanes_conflict_and_heal() {
    for (lanes, partitions_of) in [(3, 8), (8, 1), (8, 5)] {
        let store = store_of(lanes, Faults::default());
        let opened = balances(&store).await;
        let watched = watched(&store, Duration::from_millis(20));
        let batches: Vec<Batch> = (0..8)
            .map(|partition| {
                let customer = |offset: i64| format!("a{}", offset * 8 + i64::from(partition));
                let requests = (0..120).map(|offset| request(partition, offset, &customer(offset), "shop", 1));
                Batch::new(requests.collect()).with_partitions(partitions_of)
            })
            .collect();
        let settling = (0_u64..).zip(&batches).map(|(seed, batch)| settle_within(&watched, batch, 600, seed));
        let all = futures_util::future::join_all(settling).await;
        assert!(all.iter().all(|settled| count(&settled.dispositions, &SETTLED) == 120), "{lanes} of {partitions_of}");
        assert!(watched.hooks.seen().conflicts > 0, "they do meet: {lanes} of {partitions_of}");
        check_books(&store, &opened).await;
    }
}

// Sweeps.

#[test]
fn a_debit_that_the_main_item_covers_reads_no_lane() {
    scenario::check(
        "account shop EUR 5 lanes 4x0
         account bob  EUR 0
         pay k0 shop bob EUR 5   -> settled
         calls accounts payments commit",
    );
}

#[tokio::test(start_paused = true)]
async fn a_debit_sweeps_lanes_in_its_own_transaction() {
    let store = scenario::ledger(
        "account shop EUR 5 lanes 200x1
         account bob  EUR 0",
    );
    let opened = balances(&store).await;
    let batch = Batch::new(vec![request(0, 0, "shop", "bob", 90), request(0, 1, "shop", "bob", 116)]);
    let settled = settle_within(&store, &batch, 10, 1).await;
    assert_eq!(settled.dispositions, [SETTLED, SHORT], "205 in all");
    // The accounts, a sample of the ids, 200 lanes; then one transaction of 85 lanes. The decline rests on the version
    // that it proves.
    assert_eq!((store.usage().read_calls, store.usage().cancelled, settled.rounds), (4, 0, 1));
    check_books(&store, &opened).await;
    // Lanes that don't fit beside the payment are swept before it.
    let batch = Batch::new(vec![request(0, 2, "shop", "bob", 115)]);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.dispositions, [SETTLED]);
    assert_eq!(balances(&store).await["shop"], 0);
    check_books(&store, &opened).await;
}

#[test]
fn a_decline_for_insufficient_funds_has_seen_every_lane() {
    scenario::check(
        "account shop EUR 5 lanes 149x0,10
         account bob  EUR 0
         pay k0 shop bob EUR 16   -> declined insufficient_funds
         pay k1 shop bob EUR 15   -> settled",
    );
}

#[tokio::test(start_paused = true)]
async fn lanes_that_cannot_be_read_stop_their_partition() {
    let store = scenario::ledger(
        "account shop EUR 5 lanes 0,0
         account bob  EUR 1
         account amy  EUR 1",
    );
    store.insert_lane(Lane { currency: currency("USD"), ..lane("shop/1", 10) });
    let requests =
        vec![request(0, 0, "shop", "bob", 9), request(0, 1, "bob", "amy", 1), request(1, 0, "amy", "bob", 1)];
    let settled = settle_within(&store, &Batch::new(requests), 10, 1).await;
    assert_eq!(settled.dispositions, [Disposition::Unfinished, Disposition::Unfinished, SETTLED]);
    assert!(matches!(&settled.error, Some(StoreError::Corrupt(text)) if text.starts_with("currency")), "{settled:?}");
}

/// Freezing past 98 lanes takes steps: a lane that is frozen before its main item speaks for all.
#[tokio::test(start_paused = true)]
async fn a_frozen_lane_speaks_for_its_account() {
    for (status, decline) in
        [(AccountStatus::Frozen, Decline::CreditorFrozen), (AccountStatus::Closed, Decline::CreditorClosed)]
    {
        let store = store_of(2, Faults::default());
        store.insert_lane(Lane { status, ..lane("shop/0", 0) });
        let settled = settle_within(&store, &Batch::new(to_shop(0, 10, 1)), 10, 1).await;
        assert_eq!(count(&settled.dispositions, &Disposition::Decided(Err(decline))), 10, "{settled:?}");
        assert_eq!(settled.rounds, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn full_lanes_are_passed_over_and_then_declined() {
    let store = store_of(3, Faults::default());
    for number in [0, 2] {
        store.insert_lane(lane(&format!("shop/{number}"), LANE_BALANCE_FULL + 1));
    }
    let settled = settle_within(&store, &Batch::new(to_shop(0, 200, 1)), 10, 1).await;
    assert_eq!(count(&settled.dispositions, &SETTLED), 200, "{settled:?}");
    store.insert_lane(lane("shop/1", LANE_BALANCE_FULL + 1));
    let again: Vec<Request> = (0..10).map(|offset| request(1, offset, "a1", "shop", 1)).collect();
    let settled = settle_within(&store, &Batch::new(again), 10, 1).await;
    assert_eq!(count(&settled.dispositions, &Disposition::Decided(Err(Decline::BalanceOverflow))), 10, "{settled:?}");
}

#[tokio::test(start_paused = true)]
async fn lanes_added_while_payments_flow_are_used_from_the_next_batch_on() {
    let store = store_of(0, Faults::default());
    let opened = balances(&store).await;
    settle_within(&store, &Batch::new(to_shop(0, 200, 1)), 10, 1).await;
    let shop = id("shop");
    let batch = Batch::new(to_shop(1, 200, 2));
    let (settled, _) =
        tokio::join!(settle_within(&store, &batch, 10, 1), store.add_lanes(&shop, CreditLanes::try_new(8).unwrap()));
    assert_eq!(count(&settled.dispositions, &SETTLED), 200);
    settle_within(&store, &Batch::new(to_shop(2, 200, 3)), 10, 1).await;
    check_books(&store, &opened).await;
    let held = store.account(&shop).await.unwrap().unwrap();
    assert!(held.lanes.iter().any(|lane| lane.balance > Balance::ZERO) && held.account.balance >= Balance::new(200));
}
