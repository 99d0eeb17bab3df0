//! Settling with credit lanes: what it costs, counted; and sweeps.
//!
//! The memory store holds the same conditions as DynamoDB. What stands between it and the settling here is the port
//! itself, watched: how many transactions are in flight at once, and that none of them share an item.

mod contention;
mod side_by_side;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use giro::domain::lane::LANE_BALANCE_FULL;
use giro::domain::plan::Transaction;
use giro::domain::{
    Account, AccountId, AccountStatus, Amount, Balance, Batch, CreditLanes, Currency, DeadLetter, Decline, Lane,
    LaneId, OverdraftLimit, Payment, PaymentId, Request, Source, Timestamp,
};
use giro::settle::{Backoff, End, Settled, settle};
use giro::store::{AccountRead, Cancelled, Commit, Inspect, LaneRead, Ledger, StoreError, Together, Usage};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;
use tokio::time::Instant;

const SETTLED: End = End::Decided(Ok(()));
const SHORT: End = End::Decided(Err(Decline::InsufficientFunds));

fn account(id: &str, balance: i64, lanes: u16) -> Account {
    Account {
        id: AccountId::try_new(id).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        status: AccountStatus::Open,
        balance: Balance::new(balance),
        overdraft_limit: OverdraftLimit::Limited(0),
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::try_new(lanes).unwrap(),
    }
}

fn request(partition: i32, offset: i64, debtor: &str, creditor: &str, amount: u64) -> Request {
    Request {
        payment: Payment {
            id: PaymentId::try_new(&format!("p{partition}-{offset}")).unwrap(),
            debtor: AccountId::try_new(debtor).unwrap(),
            creditor: AccountId::try_new(creditor).unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
            requested_at: None,
        },
        source: Source { topic: "payment-requests".into(), partition, offset },
    }
}

fn lane(account: &str, lane: u16, balance: i64) -> Lane {
    Lane {
        id: LaneId { account: AccountId::try_new(account).unwrap(), lane },
        currency: Currency::try_new("EUR").unwrap(),
        status: AccountStatus::Open,
        balance: Balance::new(balance),
        version: 2,
    }
}

/// 10,000 customers `a0`, `a1`, … with 1,000 each, and a shop with lanes.
fn store_of(lanes: u16, faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    (0..10_000).for_each(|ix| store.insert_account(account(&format!("a{ix}"), 1_000, 0)));
    store.insert_account(account("shop", 0, lanes));
    store
}

fn to_shop(partition: i32, payments: usize, seed: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut one = |offset| request(partition, offset, &format!("a{}", random.usize(0..10_000)), "shop", 1);
    (0..payments as i64).map(&mut one).collect()
}

async fn settle_within(store: &impl Ledger, batch: &Batch, seconds: u64, seed: u64) -> Settled {
    let until = Instant::now() + Duration::from_secs(seconds);
    settle(store, batch, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await
}

async fn balances(store: &MemoryStore) -> BTreeMap<String, i64> {
    let held = store.accounts().await.unwrap();
    held.iter().map(|held| (held.account.id.to_string(), held.balance() as i64)).collect()
}

/// Every balance is what the settled payments make of it; no main item is below its limit, and no lane below zero.
async fn check_books(store: &MemoryStore, opened: &BTreeMap<String, i64>) {
    let mut expected = opened.clone();
    for recorded in store.payments().await.unwrap() {
        if recorded.outcome.verdict.is_ok() {
            let payment = &recorded.outcome.payment;
            *expected.get_mut(payment.debtor.as_str()).unwrap() -= payment.amount.minor_units() as i64;
            *expected.get_mut(payment.creditor.as_str()).unwrap() += payment.amount.minor_units() as i64;
        }
    }
    assert_eq!(balances(store).await, expected, "every balance equals its postings");
    for held in store.accounts().await.unwrap() {
        assert!(held.account.overdraft_limit.allows(held.account.balance), "{held:?}");
        assert!(held.lanes.iter().all(|lane| lane.balance >= Balance::ZERO), "{held:?}");
    }
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}

fn count(ends: &[End], wanted: &End) -> usize {
    ends.iter().filter(|end| *end == wanted).count()
}

/// The store with a latency, watched. A transaction that shares an item with one in flight is cancelled, as DynamoDB
/// does it.
struct Watched<'s> {
    store: &'s MemoryStore,
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

impl<'s> Watched<'s> {
    fn new(store: &'s MemoryStore, latency: Duration) -> Self {
        Self { store, latency, in_flight: Mutex::default(), seen: Mutex::default() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

fn items(transaction: &Transaction<'_>) -> Vec<String> {
    let updates = transaction.updates.iter().map(|update| format!("{}/{:?}", update.account, update.lane));
    let entries = transaction.entries.iter().map(|entry| format!("payment {}", entry.request.payment.id));
    updates.chain(entries).collect()
}

impl Ledger for Watched<'_> {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.store.read_accounts(ids).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.store.read_lanes(ids).await
    }

    async fn read_together(&self, accounts: &[&AccountId], lanes: &[&LaneId]) -> Result<Together, StoreError> {
        tokio::time::sleep(self.latency).await;
        let mains = accounts.iter().map(|id| format!("{id}/None"));
        let lane_items = lanes.iter().map(|id| format!("{}/{:?}", id.account, Some(id.lane)));
        if mains.chain(lane_items).any(|item| self.in_flight.lock().unwrap().contains(&item)) {
            return Err(StoreError::Conflict);
        }
        self.store.read_together(accounts, lanes).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let items = items(transaction);
        let busy: Vec<usize> = {
            let mut in_flight = self.in_flight.lock().unwrap();
            let held = |item: &String| in_flight.contains(item);
            let busy = (0..transaction.updates.len()).filter(|&ix| held(&items[ix])).collect();
            let conflict = items.iter().any(held);
            let mut seen = self.seen.lock().unwrap();
            if conflict {
                seen.conflicts += 1;
                return Ok(Commit::Cancelled(Cancelled {
                    transient: Some(StoreError::Conflict),
                    busy,
                    ..Cancelled::default()
                }));
            }
            seen.now += 1;
            seen.most_at_once = seen.most_at_once.max(seen.now);
            in_flight.extend(items.iter().cloned());
            busy
        };
        assert!(busy.is_empty());
        tokio::time::sleep(self.latency).await;
        let answer = self.store.commit(transaction).await;
        let mut in_flight = self.in_flight.lock().unwrap();
        in_flight.retain(|held| !items.contains(held));
        self.seen.lock().unwrap().now -= 1;
        answer
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.store.park(letter).await
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

// The hot merchant, counted.

#[tokio::test(start_paused = true)]
async fn a_thousand_payments_to_a_shop_with_16_lanes_go_16_side_by_side() {
    for seed in 0..5 {
        let store = store_of(16, Faults::default());
        let requests = to_shop(0, 1_000, seed);
        let debtors: BTreeSet<_> = requests.iter().map(|request| request.payment.debtor.clone()).collect();
        let watched = Watched::new(&store, Duration::from_millis(20));
        let batch = Batch::new(requests).with_partitions(1);
        let settled = settle_within(&watched, &batch, 10, seed).await;
        assert_eq!(count(&settled.ends, &SETTLED), 1_000);
        let (usage, seen) = (store.usage(), watched.seen());
        assert!(usage.transactions <= 22, "{usage:?}");
        assert_eq!((usage.cancelled, seen.conflicts, settled.rounds, settled.conflicts), (0, 0, 1, 0));
        assert_eq!(seen.most_at_once, 16, "as many as there are lanes");
        // No lane is read to credit it: only the accounts named, once each.
        assert_eq!(usage.read_milliunits, (debtors.len() as u64 + 1) * 1_000);
        // The floor: two units an item, one an index entry; the shop counted once.
        let floor = 2_000 * (1_000 + debtors.len() as u64 + 1) + 2_000 * 1_000;
        assert!(usage.write_milliunits * 100 <= floor * 110, "{} against {floor}", usage.write_milliunits);
        let shop = store.account(&AccountId::try_new("shop").unwrap()).await.unwrap().unwrap();
        assert_eq!((shop.account.balance, shop.account.version, shop.balance()), (Balance::ZERO, 1, 1_000));
        assert!(shop.lanes.iter().all(|lane| lane.balance > Balance::ZERO), "each lane took its turn");
    }
}

#[tokio::test(start_paused = true)]
async fn sixteen_partitions_with_a_lane_each_never_meet() {
    let store = store_of(16, Faults::default());
    let opened = balances(&store).await;
    let watched = Watched::new(&store, Duration::from_millis(20));
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
    assert!(all.iter().all(|settled| count(&settled.ends, &SETTLED) == 200 && settled.conflicts == 0));
    assert_eq!((watched.seen().conflicts, watched.seen().most_at_once), (0, 16));
    check_books(&store, &opened).await;
}

/// With fewer lanes than partitions, or a wrong number of partitions, lanes are shared: slower, and as right.
#[tokio::test(start_paused = true)]
async fn shared_lanes_conflict_and_heal() {
    for (lanes, partitions_of) in [(3, 8), (8, 1), (8, 5)] {
        let store = store_of(lanes, Faults::default());
        let opened = balances(&store).await;
        let watched = Watched::new(&store, Duration::from_millis(20));
        let batches: Vec<Batch> = (0..8)
            .map(|partition| {
                let customer = |offset: i64| format!("a{}", offset * 8 + i64::from(partition));
                let requests = (0..120).map(|offset| request(partition, offset, &customer(offset), "shop", 1));
                Batch::new(requests.collect()).with_partitions(partitions_of)
            })
            .collect();
        let settling = (0_u64..).zip(&batches).map(|(seed, batch)| settle_within(&watched, batch, 600, seed));
        let all = futures_util::future::join_all(settling).await;
        assert!(all.iter().all(|settled| count(&settled.ends, &SETTLED) == 120), "{lanes} of {partitions_of}");
        assert!(watched.seen().conflicts > 0, "they do meet: {lanes} of {partitions_of}");
        check_books(&store, &opened).await;
    }
}

// Sweeps.

#[tokio::test(start_paused = true)]
async fn a_debit_that_the_main_item_covers_reads_no_lane() {
    let store = MemoryStore::new();
    store.insert_account(account("shop", 5, 4));
    store.insert_account(account("bob", 0, 0));
    let batch = Batch::new(vec![request(0, 0, "shop", "bob", 5)]);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.ends, [SETTLED]);
    assert_eq!((store.usage().read_calls, store.usage().transactions), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_debit_sweeps_lanes_in_its_own_transaction() {
    let store = MemoryStore::new();
    store.insert_account(account("shop", 5, 200));
    store.insert_account(account("bob", 0, 0));
    (0..200).for_each(|number| store.insert_lane(lane("shop", number, 1)));
    let opened = balances(&store).await;
    let batch = Batch::new(vec![request(0, 0, "shop", "bob", 90), request(0, 1, "shop", "bob", 116)]);
    let settled = settle_within(&store, &batch, 10, 1).await;
    assert_eq!(settled.ends, [SETTLED, SHORT], "205 in all");
    // The accounts, 200 lanes; then one transaction of 85 lanes. The decline rests on what is there after it: the shop
    // and 200 lanes, at one moment.
    assert_eq!((store.usage().read_calls, store.usage().cancelled, settled.rounds), (6, 0, 2));
    check_books(&store, &opened).await;
    // Lanes that don't fit beside the payment are swept before it.
    let batch = Batch::new(vec![request(0, 2, "shop", "bob", 115)]);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.ends, [SETTLED]);
    assert_eq!(balances(&store).await["shop"], 0);
    check_books(&store, &opened).await;
}

#[tokio::test(start_paused = true)]
async fn a_decline_for_insufficient_funds_has_seen_every_lane() {
    let store = MemoryStore::new();
    store.insert_account(account("shop", 5, 150));
    store.insert_account(account("bob", 0, 0));
    store.insert_lane(lane("shop", 149, 10));
    let batch = |offset, amount| Batch::new(vec![request(0, offset, "shop", "bob", amount)]);
    assert_eq!(settle_within(&store, &batch(0, 16), 10, 1).await.ends, [SHORT]);
    assert_eq!(settle_within(&store, &batch(1, 15), 10, 1).await.ends, [SETTLED]);
}

#[tokio::test(start_paused = true)]
async fn lanes_that_cannot_be_read_stop_their_partition() {
    let store = MemoryStore::new();
    store.insert_account(account("shop", 5, 2));
    for id in ["bob", "amy"] {
        store.insert_account(account(id, 1, 0));
    }
    store.insert_lane(Lane { currency: Currency::try_new("USD").unwrap(), ..lane("shop", 1, 10) });
    let requests =
        vec![request(0, 0, "shop", "bob", 9), request(0, 1, "bob", "amy", 1), request(1, 0, "amy", "bob", 1)];
    let settled = settle_within(&store, &Batch::new(requests), 10, 1).await;
    assert_eq!(settled.ends, [End::Unfinished, End::Unfinished, SETTLED]);
    assert!(matches!(&settled.fault, Some(StoreError::Corrupt(text)) if text.starts_with("currency")), "{settled:?}");
}

/// Freezing past 98 lanes takes steps: a lane that is frozen before its main item speaks for all.
#[tokio::test(start_paused = true)]
async fn a_frozen_lane_speaks_for_its_account() {
    for (status, decline) in
        [(AccountStatus::Frozen, Decline::CreditorFrozen), (AccountStatus::Closed, Decline::CreditorClosed)]
    {
        let store = store_of(2, Faults::default());
        store.insert_lane(Lane { status, ..lane("shop", 0, 0) });
        let settled = settle_within(&store, &Batch::new(to_shop(0, 10, 1)), 10, 1).await;
        assert_eq!(count(&settled.ends, &End::Decided(Err(decline))), 10, "{settled:?}");
        assert_eq!(settled.rounds, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn full_lanes_are_passed_over_and_then_declined() {
    let store = store_of(3, Faults::default());
    for number in [0, 2] {
        store.insert_lane(lane("shop", number, LANE_BALANCE_FULL + 1));
    }
    let settled = settle_within(&store, &Batch::new(to_shop(0, 200, 1)), 10, 1).await;
    assert_eq!(count(&settled.ends, &SETTLED), 200, "{settled:?}");
    store.insert_lane(lane("shop", 1, LANE_BALANCE_FULL + 1));
    let again: Vec<Request> = (0..10).map(|offset| request(1, offset, "a1", "shop", 1)).collect();
    let settled = settle_within(&store, &Batch::new(again), 10, 1).await;
    assert_eq!(count(&settled.ends, &End::Decided(Err(Decline::BalanceOverflow))), 10, "{settled:?}");
}

#[tokio::test(start_paused = true)]
async fn lanes_added_while_payments_flow_are_used_from_the_next_batch_on() {
    let store = store_of(0, Faults::default());
    let opened = balances(&store).await;
    settle_within(&store, &Batch::new(to_shop(0, 200, 1)), 10, 1).await;
    let shop = AccountId::try_new("shop").unwrap();
    let batch = Batch::new(to_shop(1, 200, 2));
    let (settled, _) =
        tokio::join!(settle_within(&store, &batch, 10, 1), store.add_lanes(&shop, CreditLanes::try_new(8).unwrap()));
    assert_eq!(count(&settled.ends, &SETTLED), 200);
    settle_within(&store, &Batch::new(to_shop(2, 200, 3)), 10, 1).await;
    check_books(&store, &opened).await;
    let held = store.account(&shop).await.unwrap().unwrap();
    assert!(held.lanes.iter().any(|lane| lane.balance > Balance::ZERO) && held.account.balance >= Balance::new(200));
}
