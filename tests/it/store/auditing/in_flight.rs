//! The audit beside payments in flight: no clean ledger is accused, and a corruption is found.

use std::sync::atomic::{AtomicBool, Ordering};

use giro::audit::Audited;
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::store::{Ledger, TableScan};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Setters as _, account, update};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;

use super::{Hand, audit_within, found, request, settle_all};
use crate::rules::worlds::{is_whole, seeds};

/// Runs `work` beside audits until it is done, and gives what the audits came to.
async fn beside<W: Future>(store: &impl TableScan, work: W) -> (W::Output, Vec<Audited>) {
    let done = AtomicBool::new(false);
    let audits = async {
        let mut audits = Vec::new();
        while !done.load(Ordering::Relaxed) {
            audits.push(audit_within(store, 3_600).await);
        }
        audits
    };
    let work = async {
        let output = work.await;
        done.store(true, Ordering::Relaxed);
        output
    };
    tokio::join!(work, audits)
}

/// Every interleaving that a seed gives: settling with injected errors, sweeps, opened accounts, and audits beside
/// them.
#[tokio::test(start_paused = true)]
async fn no_clean_ledger_is_accused_while_payments_run() {
    let (mut audits, mut undecided, mut again) = (0, 0, 0);
    for seed in seeds(150, 1) {
        let faults = Faults { seed, conflict: 50, throttle: 20, unavailable_after: 50, late: 50, ..Faults::default() };
        let store = MemoryStore::with_faults(faults);
        store.insert_account(account("bank").unlimited());
        store.insert_account(account("shop").lanes(3));
        (0..20).for_each(|ix| store.insert_account(account(&format!("a{ix}")).limit(1_000)));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut batch = |name: &str| {
            let mut one = |offset: i64| {
                // Most of the traffic is between few accounts; some rest for a while.
                let busy = if random.bool() { 4 } else { 20 };
                let (debtor, creditor) = (random.usize(0..busy), random.usize(0..busy));
                let debtor = if random.u8(0..8) == 0 { "bank".to_owned() } else { format!("a{debtor}") };
                request(offset, &format!("{name}-{offset}"), &debtor, &format!("a{creditor}"), random.u64(1..=60))
            };
            (0..80).map(&mut one).collect::<Vec<_>>()
        };
        let (one, two) = (batch("x"), batch("y"));
        let sweeps = async {
            for ix in 0..60 {
                let credit = request(ix, &format!("s{ix}"), "bank", "shop", 10);
                let entries = vec![Entry { lanes: given::on_lane(Some(0)), ..given::entry(&credit, Ok(())) }];
                let credited = vec![update("bank", -10), update("shop/0", 10)];
                let taken = AccountUpdate { balance_min: Some(10), ..update("shop/0", -10) };
                let sweep = vec![taken, update("shop", 10)];
                for (entries, updates) in [(entries, credited), (vec![], sweep)] {
                    // A transaction that is lost or late is no matter: it happens whole or not at all.
                    let transaction = Transaction { totals: Vec::new(), entries, updates };
                    let _ = store.commit(&transaction).await;
                }
                let _ = store.open_account(&account(&format!("new{ix}")).lanes(2)).await;
            }
        };
        let work = async { tokio::join!(settle_all(&store, one, seed), settle_all(&store, two, !seed), sweeps) };
        let (_, audited) = beside(&store, work).await;
        for audited in &audited {
            assert_eq!(found(audited), "", "seed {seed}");
            undecided += audited.report.undecided;
            again += usize::from(audited.report.looks > 1);
        }
        audits += audited.len();
        // Whatever was late has happened after a few more calls; then all is at rest.
        audit_within(&store, 3_600).await;
        let rest = audit_within(&store, 3_600).await;
        assert_eq!((found(&rest), rest.report.undecided, rest.report.looks), (String::new(), 0, 1), "seed {seed}");
    }
    assert!(
        audits >= 150 && undecided > 100 && again > 100 || !is_whole(),
        "{audits} audits, {undecided} undecided, {again} looked again"
    );
}

/// An account at rest is judged while others are busy. A busy account is judged as soon as its error is larger than
/// what moves on it.
#[tokio::test(start_paused = true)]
async fn corruption_is_found_while_payments_run() {
    for seed in seeds(50, 10) {
        let store = MemoryStore::new();
        for ix in 0..10 {
            store.insert_account(account(&format!("a{ix}")).limit(100_000));
        }
        // a8 is off by one and at rest; a0 is off by much and never rests.
        store.insert_account(account("a8").holding(1));
        store.insert_account(account("a0").limit(100_000).holding(50_000));
        let done = AtomicBool::new(false);
        let traffic = async {
            let mut offset = 0;
            while !done.load(Ordering::Relaxed) {
                offset += 1;
                let creditor = format!("a{}", 1 + offset % 7);
                settle_all(&store, vec![request(offset, &format!("k{offset}"), "a0", &creditor, 1)], seed).await;
            }
        };
        let audited = async {
            let audited = audit_within(&store, 3_600).await;
            done.store(true, Ordering::Relaxed);
            audited
        };
        let ((), audited) = tokio::join!(traffic, audited);
        assert_eq!(found(&audited), "balance account a8\nbalance_range account a0", "seed {seed}");
    }
}

/// The embedded engine under as many payments as it takes, from four workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_false_alarm_beside_a_real_load_and_a_corruption_is_found_in_it() {
    let engine = Engine::start().await.unwrap();
    let (store, hand) = (engine.ledger(), Hand::Dynamo(engine.client(), engine.tables().clone()));
    for ix in 0..200 {
        store.open_account(&account(&format!("a{ix}")).limit(1_000_000)).await.unwrap();
    }
    let (done, settled) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    let worker = async |worker: i64| {
        let mut random = fastrand::Rng::with_seed(worker.unsigned_abs());
        let mut batch = 0;
        while !done.load(Ordering::Relaxed) {
            batch += 1;
            let mut one = |ix: i64| {
                let (debtor, creditor) = (random.usize(0..200), random.usize(0..200));
                let name = format!("w{worker}-{batch}-{ix}");
                request(ix, &name, &format!("a{debtor}"), &format!("a{creditor}"), random.u64(1..=99))
            };
            let requests = (0..250).map(&mut one).collect();
            settled.fetch_add(settle_all(&store, requests, worker.unsigned_abs()).await, Ordering::Relaxed);
        }
    };
    let started = std::time::Instant::now();
    let audits = async {
        let (mut audits, mut undecided) = (0, 0);
        while audits < 5 || settled.load(Ordering::Relaxed) < 4_000 {
            let audited = audit_within(&store, 60).await;
            assert_eq!((found(&audited), audited.stopped), (String::new(), None));
            undecided += audited.report.undecided;
            audits += 1;
        }
        let corrupt = account("cold").holding(1);
        hand.put_account(corrupt).await;
        let audited = audit_within(&store, 60).await;
        assert_eq!(found(&audited), "balance account cold");
        done.store(true, Ordering::Relaxed);
        (audits, undecided)
    };
    let ((audits, undecided), ..) = tokio::join!(audits, worker(1), worker(2), worker(3), worker(4));
    let rate = settled.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    println!("{audits} audits beside {rate:.0} payments/s, {undecided} accounts undecided in all");
    assert!(undecided > 0, "the load never met the audit");
    let rest = audit_within(&store, 60).await;
    assert_eq!(rest.report.undecided, 0);
    assert!(found(&rest).starts_with("balance account cold"), "{}", found(&rest));
}
