//! Random histories, with lanes, legs, refunds, declined payments, and audits at random times.

use std::collections::BTreeSet;
use std::time::Duration;

use giro::audit::moved::AuditStore;
use giro::domain::statement::{Posting, StatementQuery};
use giro::domain::{Holding, Recorded, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::{LedgerQueries, ProvedBalances, Statements};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Placed as _, Setters as _, account, payment, refund};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;
use tokio::time::Instant;

use super::{balances, naive};
use crate::rules::worlds::{is_whole, seeds};
use crate::store::auditing::moved::{found, minute, prove_at};

trait Store: AuditStore + LedgerQueries + OpenAccounts + ProvedBalances + Statements {}
impl<S: AuditStore + LedgerQueries + OpenAccounts + ProvedBalances + Statements> Store for S {}

const NAMES: [&str; 5] = ["bank", "shop", "alice", "bob", "idle"];
const LAST_MINUTE: i64 = 300;

fn draw(random: &mut fastrand::Rng, burst: i64, ix: i64) -> Request {
    let one = |random: &mut fastrand::Rng| NAMES[random.usize(0..4)];
    let (debtor, creditor, third) = (one(random), one(random), one(random));
    let (name, offset) = (format!("p{burst}-{ix}"), burst * 100 + ix);
    match random.u8(0..10) {
        0 | 1 => {
            let legs = [(debtor, creditor, "EUR", 50), (creditor, third, "EUR", 20), (debtor, third, "EUR", 1)];
            given::legged(&name, debtor, &legs).at(0, offset)
        }
        2 => {
            let original = format!("p{}-{}", random.i64(0..=burst), random.i64(0..8));
            refund(&name, &original, debtor, Some(random.u64(1..=9))).at(0, offset)
        }
        _ => payment(&name, debtor, creditor, random.u64(1..=300)).at(0, offset),
    }
}

/// Bursts of payments, some minutes apart. Many are decided in one millisecond. Gives how many audits there were.
async fn history(store: &impl Store, seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    store.open_account(&account("bank").paying_from_lanes(2)).await.unwrap();
    store.open_account(&account("shop").lanes(3)).await.unwrap();
    for name in &NAMES[2..] {
        store.open_account(&account(name).limit(400)).await.unwrap();
    }
    let (mut now, mut burst, mut audits) = (60, 0, 0);
    while now < LAST_MINUTE {
        let requests: Vec<Request> = (0..8).map(|ix| draw(&mut random, burst, ix)).collect();
        for some in requests.chunks(4) {
            let at = Timestamp::try_from_millis(minute(now).millis() + random.i64(0..2)).unwrap();
            let until = Instant::now() + Duration::from_secs(60);
            settle_requests(store, some.to_vec(), 2, until, || at, Backoff::with_seed(seed)).await;
        }
        if random.u8(0..3) == 0 {
            assert_eq!(found(&prove_at(store, now + random.i64(2..6)).await), "", "seed {seed}");
            audits += 1;
        }
        (now, burst) = (now + random.i64(6..40), burst + 1);
    }
    audits
}

/// The times that may tell one answer from another: those of all decisions and checkpoints, and those beside them.
fn times(payments: &[Recorded], checkpoints: &[Timestamp]) -> BTreeSet<Timestamp> {
    let decided = payments.iter().map(|recorded| recorded.outcome.decided_at);
    let all = decided.chain(checkpoints.iter().copied());
    let beside = all.flat_map(|at| [-1, 0, 1].map(|ms| at.earlier_by(ms)));
    beside.chain([Timestamp::EPOCH, minute(LAST_MINUTE + 60)]).collect()
}

/// How many answers were looked at, and how many of those were not zero.
#[derive(Debug, Default)]
struct Looked {
    finals: usize,
    open: usize,
    running: usize,
}

/// Every answer is the naive sum, with checkpoints and without.
async fn each_balance_is_the_sum(store: &impl Store, seed: u64, looked: &mut Looked) {
    let payments = store.payments().await.unwrap();
    let now = minute(LAST_MINUTE);
    for name in NAMES {
        let holding = store.account(&given::id(name)).await.unwrap().unwrap();
        let mut proved = Vec::new();
        for read in store.proved_up_to(&holding.account.id, Timestamp::MAX).await.unwrap() {
            let giro::store::Read::Found(checkpoint) = read else { panic!("{read:?}") };
            proved.push(checkpoint.as_of);
        }
        for at in times(&payments, &proved) {
            let expected = naive(&payments, &holding.account.id, at);
            for has_checkpoints in [true, false] {
                let told = balances(store, has_checkpoints, now).at(&holding, at).await.unwrap();
                let is_final = at <= now.earlier_by(20 * 60_000);
                let what = format!("seed {seed}: {name} at {at}, checkpoints {has_checkpoints}");
                assert_eq!((told.at, told.balance, told.is_final), (at, expected, is_final), "{what}");
            }
            looked.finals += usize::from(expected != 0 && at <= now.earlier_by(20 * 60_000));
            looked.open += usize::from(expected != 0 && at > now.earlier_by(20 * 60_000));
        }
        each_running_balance_is_the_sum(store, &holding, &payments, seed, looked).await;
    }
}

/// The postings of a statement and their balances, in pages of this size.
async fn paged(store: &impl Store, holding: &Holding, limit: usize, checkpoints: bool) -> Vec<(Posting, Option<i128>)> {
    let mut ask = StatementQuery { from: None, to: None, after: None, limit };
    let mut lines = Vec::new();
    loop {
        let page = store.statement(holding, &ask).await.unwrap();
        let running = balances(store, checkpoints, minute(LAST_MINUTE)).running(holding, &page).await.unwrap();
        assert_eq!(running.len(), page.postings.len());
        lines.extend(page.postings.into_iter().zip(running));
        match page.next {
            Some(next) => ask.after = Some(next),
            None => return lines,
        }
    }
}

async fn each_running_balance_is_the_sum(
    store: &impl Store,
    holding: &Holding,
    payments: &[Recorded],
    seed: u64,
    looked: &mut Looked,
) {
    let closed = minute(LAST_MINUTE).earlier_by(20 * 60_000);
    let whole = paged(store, holding, 500, true).await;
    let mut sum = 0;
    for (posting, told) in whole.iter().rev() {
        sum += i128::from(posting.signed());
        assert_eq!(*told, (posting.decided_at <= closed).then_some(sum), "seed {seed}: {posting:?}");
        looked.running += usize::from(told.is_some_and(|told| told != 0));
    }
    // The newest posting of a millisecond has the balance of its time.
    for pair in whole.windows(2).filter(|pair| pair[0].0.decided_at != pair[1].0.decided_at) {
        let (posting, told) = &pair[1];
        let expected = naive(payments, &holding.account.id, posting.decided_at);
        assert!(told.is_none_or(|told| told == expected), "seed {seed}: {posting:?}: {expected}");
    }
    for (limit, checkpoints) in [(1, true), (2, false), (3, true), (7, true)] {
        let pages = paged(store, holding, limit, checkpoints).await;
        assert_eq!(pages, whole, "seed {seed}: {} in pages of {limit}", holding.account.id);
    }
}

#[tokio::test(start_paused = true)]
async fn balances_are_naive_sums_in_memory() {
    let (mut looked, mut audits) = (Looked::default(), 0);
    for seed in seeds(40, 5) {
        let store = MemoryStore::new();
        audits += history(&store, seed).await;
        each_balance_is_the_sum(&store, seed, &mut looked).await;
    }
    println!("{looked:?} after {audits} audits");
    let Looked { finals, open, running } = looked;
    assert!(finals > 5_000 && open > 500 && running > 2_000 && audits > 50 || !is_whole(), "{audits} audits");
}

#[tokio::test]
async fn balances_are_naive_sums_on_dynamodb() {
    let (mut looked, mut audits) = (Looked::default(), 0);
    for seed in seeds(2, 1) {
        let engine = Engine::start().await.unwrap();
        let store = engine.ledger();
        audits += history(&store, 100 + seed).await;
        each_balance_is_the_sum(&store, seed, &mut looked).await;
    }
    println!("{looked:?} after {audits} audits");
    assert!(looked.finals > 100 && looked.running > 50 && audits > 0 || !is_whole(), "{audits} audits");
}
