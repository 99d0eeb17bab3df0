//! What payments with legs cost, and that they fit.

use std::time::Duration;

use giro::domain::plan::{Capacity, TRANSACTION_ITEMS_MAX};
use giro::domain::{Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::{Ledger as _, LedgerQueries};
use giro_testkit::given::{self, Placed as _, Setters as _, account};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

async fn settle(store: &MemoryStore, requests: Vec<Request>) -> Vec<Disposition> {
    let until = Instant::now() + Duration::from_secs(60);
    settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await.dispositions
}

/// Four units a leg, and two an account.
#[tokio::test(start_paused = true)]
async fn a_leg_takes_four_units_and_an_account_two() {
    for (legs, accounts) in [(2, 3), (3, 4), (8, 9), (16, 17)] {
        let store = MemoryStore::new();
        store.insert_account(account("ann").holding(1_000));
        let names: Vec<String> = (1..=legs).map(|leg| format!("c{leg}")).collect();
        names.iter().for_each(|name| store.insert_account(account(name)));
        let told: Vec<_> = names.iter().map(|name| ("ann", name.as_str(), "EUR", 1)).collect();
        let settled = settle(&store, vec![given::legged("p1", "ann", &told).at(0, 0)]).await;
        assert_eq!(settled, [Disposition::Decided(Ok(()))]);
        let usage = store.usage();
        let payment = store.payment(&"p1".parse().unwrap()).await.unwrap().unwrap();
        let request = payment.outcome.request();
        let entry = giro::domain::plan::Entry::of(&request, &payment.outcome);
        let size = giro::store::items::size(&giro::store::items::payment::encode(&entry));
        // Past its first KB, the payment's item takes four units for each.
        let large = u64::try_from((size - 1) / 1_024).unwrap() * 4_000;
        assert_eq!(usage.write_milliunits, legs * 4_000 + accounts * 2_000 + large, "{legs} legs, {size} bytes");
        assert_eq!((usage.transactions, usage.read_calls), (1, 2), "the accounts, and a sample of the ids");
    }
}

/// A payment with its fee takes 14 units, where two payments take 16.
#[tokio::test(start_paused = true)]
async fn a_payment_with_its_fee_takes_14_units() {
    let store = MemoryStore::new();
    for name in ["ann", "shop", "fees"] {
        store.insert_account(account(name).holding(100));
    }
    let legs = [("ann", "shop", "EUR", 60), ("shop", "fees", "EUR", 2)];
    settle(&store, vec![given::legged("p1", "ann", &legs).at(0, 0)]).await;
    assert_eq!(store.usage().write_milliunits, 14_000);
}

/// A declined payment writes its own item alone.
#[tokio::test(start_paused = true)]
async fn a_declined_payment_writes_one_item() {
    let store = MemoryStore::new();
    store.insert_account(account("ann"));
    store.insert_account(account("shop"));
    let legs = [("ann", "shop", "EUR", 60), ("shop", "ann", "EUR", 2)];
    settle(&store, vec![given::legged("p1", "ann", &legs).at(0, 0)]).await;
    assert_eq!(store.usage().write_milliunits, 4_000);
}

/// Sixteen legs between accounts that all have lanes, and a debtor that must sweep many of its own.
#[tokio::test(start_paused = true)]
async fn sixteen_legs_fit_beside_lanes_that_must_be_swept() {
    let store = MemoryStore::new();
    store.insert_account(account("ann").lanes(97));
    for lane in 0..97 {
        store.insert_lane(given::lane(&format!("ann/{lane}"), 1));
    }
    let names: Vec<(String, String)> = (1..=16).map(|leg| (format!("d{leg}"), format!("c{leg}"))).collect();
    for (debtor, creditor) in &names {
        store.insert_account(account(debtor).unlimited());
        store.insert_account(account(creditor));
    }
    let mut told: Vec<_> =
        names.iter().map(|(debtor, creditor)| (debtor.as_str(), creditor.as_str(), "EUR", 5)).collect();
    told[15].0 = "ann";
    told[15].3 = 97;
    let settled = settle(&store, vec![given::legged("p1", "ann", &told).at(0, 0)]).await;
    assert_eq!(settled, [Disposition::Decided(Ok(()))]);
    assert_eq!(store.account(&given::id("c16")).await.unwrap().unwrap().balance(), 97);
    assert_eq!(store.usage().cancelled, 0);
}

/// Under contention transactions shrink to a quarter: 25 items. A payment of 16 legs and 17 accounts has 33, and still
/// goes, alone.
#[tokio::test(start_paused = true)]
async fn a_payment_of_sixteen_legs_goes_through_contention() {
    let names: Vec<String> = (1..=16).map(|leg| format!("c{leg}")).collect();
    let mut conflicts = 0;
    for seed in 0..40 {
        let store = MemoryStore::with_faults(Faults { conflict: 600, ..Faults::all(seed, 0) });
        store.insert_account(account("ann").holding(1_000));
        names.iter().for_each(|name| store.insert_account(account(name)));
        let told: Vec<_> = names.iter().map(|name| ("ann", name.as_str(), "EUR", 1)).collect();
        let requests = (0..6).map(|n| given::legged(&format!("p{n}"), "ann", &told).at(0, n)).collect();
        let settled = settle(&store, requests).await;
        assert_eq!(settled, vec![Disposition::Decided(Ok(())); 6], "seed {seed}");
        assert_eq!(store.account(&given::id("ann")).await.unwrap().unwrap().balance(), 1_000 - 6 * 16);
        conflicts += store.usage().cancelled;
    }
    assert!(conflicts > 100, "{conflicts}");
    let mut capacity = Capacity::of(TRANSACTION_ITEMS_MAX);
    (0..9).for_each(|_| capacity.contend(0));
    assert_eq!(capacity.contended().collect::<Vec<_>>(), [(0, 9)]);
}
