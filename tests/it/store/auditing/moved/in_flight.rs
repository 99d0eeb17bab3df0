//! The scheduled audit beside payments in flight, with indexes that are behind: no clean ledger is accused, what it
//! proves is the sum of the postings, and a corruption is found.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use giro::audit::Pace;
use giro::audit::moved::{Proof, Settings, prove};
use giro::domain::limits::WindowLimit;
use giro::domain::{Limits, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Placed as _, Setters as _, account, refund};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::virtual_time::time_of_day;
use tokio::time::Instant;

use super::super::request;
use super::found;
use crate::rules::worlds::{is_whole, seeds};

/// The names of accounts with traffic.
const ACCOUNTS: usize = 12;

/// One of the requests of a batch: payments, payments with legs, and refunds of payments before.
fn draw(random: &mut fastrand::Rng, name: &str, offset: i64) -> Request {
    let one = |random: &mut fastrand::Rng| match random.usize(0..ACCOUNTS + 3) {
        0 => "bank".to_owned(),
        1 | 2 => "shop".to_owned(),
        ix => format!("a{}", ix - 2),
    };
    let (debtor, creditor, third) = (one(random), one(random), one(random));
    match random.u8(0..10) {
        0 => {
            let legs =
                [(&*debtor, &*creditor, "EUR", 5), (&*creditor, &*third, "EUR", 2), (&*debtor, &*third, "EUR", 1)];
            given::legged(name, &debtor, &legs).at(0, offset)
        }
        1 => {
            let original = format!("{}-{}", name.split('-').next().unwrap(), random.i64(0..=offset));
            refund(name, &original, &debtor, Some(random.u64(1..=3))).at(0, offset)
        }
        _ => request(offset, name, &debtor, &creditor, random.u64(1..=60)),
    }
}

/// Bursts of batches with some minutes between them, errors of the store, and accounts that are opened.
async fn traffic(store: &MemoryStore, seed: u64, clock: impl Fn() -> Timestamp + Copy) {
    let mut random = fastrand::Rng::with_seed(seed);
    for burst in 0..4 {
        for batch in 0..8 {
            let name = |ix: i64| format!("b{burst}x{batch}-{ix}");
            let requests = (0..12).map(|ix| draw(&mut random, &name(ix), ix)).collect();
            let until = Instant::now() + Duration::from_secs(45);
            settle_requests(store, requests, 2, until, clock, Backoff::with_seed(random.u64(..))).await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..3_000))).await;
        }
        let _ = store.open_account(&account(&format!("new{burst}")).lanes(2)).await;
        // Whatever was late happens within a few calls.
        for _ in 0..10 {
            let _ = store.read_accounts(&[]).await;
        }
        tokio::time::sleep(Duration::from_secs(random.u64(60..1_500))).await;
    }
}

fn ledger(seed: u64) -> MemoryStore {
    let faults = Faults { seed, conflict: 50, throttle: 20, unavailable_after: 50, late: 50, ..Faults::default() };
    let store = MemoryStore::with_faults(faults);
    store.insert_account(account("bank").paying_from_lanes(2));
    store.insert_account(account("shop").lanes(3));
    (1..=ACCOUNTS).for_each(|ix| store.insert_account(account(&format!("a{ix}")).limit(1_000)));
    let window = |amount, count| Some(WindowLimit { amount, count });
    let limits = Limits { windows: [window(Some(300), Some(9)), None, window(None, Some(1_000))], ..Limits::NONE };
    ["a1", "a2"].into_iter().for_each(|name| store.insert_account(account(name).limit(1_000).limits(limits)));
    store.list_late(3_000, seed);
    store
}

async fn audit(store: &MemoryStore, clock: impl Fn() -> Timestamp) -> Proof {
    audit_in_slices(store, clock, 100_000).await
}

async fn audit_in_slices(store: &MemoryStore, clock: impl Fn() -> Timestamp, postings_at_once: usize) -> Proof {
    let settings = Settings {
        for_indexes: Duration::from_secs(5),
        before_another_look: [Duration::from_secs(5); 2],
        before_told: Duration::from_secs(5),
        postings_at_once,
    };
    let until = Instant::now() + Duration::from_secs(840);
    prove(store, clock, Pace::per_second(1_000_000), settings, until).await.unwrap()
}

/// Each checkpoint is the sum of the postings up to its time.
async fn check_sums(store: &MemoryStore, seed: u64) {
    let payments = store.payments().await.unwrap();
    for checkpoint in store.proved_checkpoints() {
        let (mut balance, mut postings) = (0, 0);
        let outcomes = payments.iter().map(|recorded| &recorded.outcome);
        for outcome in outcomes.filter(|it| it.decision.is_ok() && it.decided_at <= checkpoint.as_of) {
            for transfer in outcome.transfers() {
                let amount = i128::from(transfer.amount.minor_units());
                for (account, signed) in [(transfer.debtor, -amount), (transfer.creditor, amount)] {
                    if *account == checkpoint.account {
                        (balance, postings) = (balance + signed, postings + 1);
                    }
                }
            }
        }
        let what = format!("seed {seed}: {checkpoint:?}");
        assert_eq!((checkpoint.balance, checkpoint.postings), (balance, postings), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_clean_ledger_is_accused_and_what_is_proved_is_the_sum_of_the_postings() {
    no_clean_ledger_is_accused(100_000).await;
}

/// Each account has more postings than are read at once.
#[tokio::test(start_paused = true)]
async fn no_clean_ledger_is_accused_that_is_proved_in_slices() {
    no_clean_ledger_is_accused(9).await;
}

async fn no_clean_ledger_is_accused(postings_at_once: usize) {
    let (mut audits, mut wide, mut checkpoints) = (0, 0, 0);
    for seed in seeds(150, 8) {
        let store = ledger(seed);
        let clock = time_of_day(Instant::now(), Duration::from_secs(3_600));
        let done = AtomicBool::new(false);
        let proofs = async {
            let mut random = fastrand::Rng::with_seed(!seed);
            let mut proofs = Vec::new();
            while !done.load(Ordering::Relaxed) {
                proofs.push(audit_in_slices(&store, clock, postings_at_once).await);
                tokio::time::sleep(Duration::from_millis(random.u64(0..300_000))).await;
            }
            proofs
        };
        let work = async {
            traffic(&store, seed, clock).await;
            done.store(true, Ordering::Relaxed);
        };
        let (proofs, ()) = tokio::join!(proofs, work);
        for proof in &proofs {
            assert_eq!((found(proof).as_str(), &proof.stopped), ("", &None), "seed {seed}: {proof:?}");
            wide += usize::from(proof.widest > 0);
        }
        audits += proofs.len();
        // After the closed time all is proved to the end.
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(25 * 60)).await;
            let proof = audit_in_slices(&store, clock, postings_at_once).await;
            assert_eq!((found(&proof).as_str(), proof.behind), ("", 0), "seed {seed}");
        }
        let rest = audit_in_slices(&store, clock, postings_at_once).await;
        assert_eq!((rest.moved, rest.widest), (0, 0), "seed {seed}");
        let heads = store.proved_heads();
        let postings: u64 = heads.iter().map(|head| head.checkpoint.postings).sum();
        let settled = store.payments().await.unwrap();
        let settled = settled.iter().filter(|recorded| recorded.outcome.decision.is_ok());
        let sides: usize = settled.map(|recorded| 2 * recorded.outcome.transfers().count()).sum();
        assert_eq!(postings, u64::try_from(sides).unwrap(), "seed {seed}: each posting is in one checkpoint");
        check_sums(&store, seed).await;
        checkpoints += store.proved_checkpoints().len();
    }
    println!("{audits} audits, {wide} beside open postings, {checkpoints} checkpoints");
    assert!(audits >= 1_000 && wide >= 100 || !is_whole(), "{audits} audits, {wide} beside open postings");
}

/// An error that is larger than what is open is found although the account never rests. A smaller one is found as soon
/// as it rests: it never gets into a checkpoint.
#[tokio::test(start_paused = true)]
async fn a_busy_account_is_judged() {
    for (error, while_busy) in [(5_000, true), (1, false)] {
        let store = MemoryStore::new();
        store.insert_account(account("busy").limit(1_000_000).holding(error));
        store.insert_account(account("other"));
        let clock = time_of_day(Instant::now(), Duration::from_secs(3_600));
        let done = AtomicBool::new(false);
        let work = async {
            let mut offset = 0;
            while !done.load(Ordering::Relaxed) {
                offset += 1;
                let requests = vec![request(offset, &format!("k{offset}"), "busy", "other", 2)];
                let until = Instant::now() + Duration::from_secs(45);
                settle_requests(&store, requests, 1, until, clock, Backoff::with_seed(1)).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        let proofs = async {
            tokio::time::sleep(Duration::from_secs(1_800)).await;
            let busy = audit(&store, clock).await;
            done.store(true, Ordering::Relaxed);
            busy
        };
        let ((), busy) = tokio::join!(work, proofs);
        let names: Vec<&str> = busy.findings.iter().map(giro::domain::audit::Finding::name).collect();
        assert_eq!(names, if while_busy { vec!["balance_range"] } else { vec![] }, "{error}: {busy:?}");
        assert!(busy.widest >= 200, "{busy:?}");
        tokio::time::sleep(Duration::from_secs(180)).await;
        assert_eq!(found(&audit(&store, clock).await), "balance account busy", "{error}");
    }
}

/// The embedded engine under as many payments as it takes, from three workers. Nothing of it is closed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_false_alarm_beside_a_real_load() {
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    for ix in 0..60 {
        let account = account(&format!("a{ix}")).limit(1_000_000);
        store.open_account(&if ix % 3 == 0 { account.lanes(2) } else { account }).await.unwrap();
    }
    let (done, settled) = (AtomicBool::new(false), AtomicUsize::new(0));
    let worker = async |worker: u64| {
        let mut random = fastrand::Rng::with_seed(worker);
        let mut batch = 0;
        while !done.load(Ordering::Relaxed) {
            batch += 1;
            let mut one = |ix: i64| {
                let (debtor, creditor) = (random.usize(0..60), random.usize(0..60));
                let name = format!("w{worker}-{batch}-{ix}");
                request(ix, &name, &format!("a{debtor}"), &format!("a{creditor}"), random.u64(1..=99))
            };
            let requests: Vec<Request> = (0..100).map(&mut one).collect();
            let until = Instant::now() + Duration::from_secs(45);
            let ends = settle_requests(&store, requests, 4, until, now, Backoff::with_seed(worker)).await;
            settled.fetch_add(ends.dispositions.len(), Ordering::Relaxed);
        }
    };
    let audits = async {
        let (mut audits, mut widest) = (0, 0);
        let settings = Settings {
            for_indexes: Duration::from_millis(50),
            before_another_look: [Duration::from_millis(200); 2],
            before_told: Duration::from_millis(200),
            postings_at_once: 150,
        };
        while audits < 5 || settled.load(Ordering::Relaxed) < 2_000 {
            let until = Instant::now() + Duration::from_secs(60);
            let proof = prove(&store, now, Pace::per_second(1_000_000), settings, until).await.unwrap();
            assert_eq!((found(&proof).as_str(), proof.stopped), ("", None));
            (audits, widest) = (audits + 1, proof.widest.max(widest));
        }
        done.store(true, Ordering::Relaxed);
        (audits, widest)
    };
    let began = Instant::now();
    let ((audits, widest), ..) = tokio::join!(audits, worker(1), worker(2), worker(3));
    let rate = settled.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{audits} audits beside {rate:.0} payments/s, the widest bounds {widest}");
    assert!(widest > 0, "the load never met an audit");
}

/// The time of day.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::try_from_millis(i64::try_from(since.as_millis()).unwrap()).unwrap()
}
