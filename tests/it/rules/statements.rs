//! Statements: pages of any size make the whole, and the whole is the balance; on the memory store and on DynamoDB.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::statement::{Posting, StatementPage, StatementQuery};
use giro::domain::{AccountId, Batch, Decline, Holding, Payment, Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle};
use giro::store::{Commit, Ledger, LedgerQueries, Statements};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Placed as _, Setters as _, account, payment, update};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;
use tokio::time::Instant;

use crate::rules::worlds::seeds;

trait Store: Ledger + LedgerQueries + OpenAccounts + Statements {}
impl<S: Ledger + LedgerQueries + OpenAccounts + Statements> Store for S {}

fn at(millis: i64) -> Timestamp {
    Timestamp::try_from_millis(1_763_805_600_000 + millis).unwrap()
}

fn request(offset: u64, debtor: &str, creditor: &str, amount: u64) -> Request {
    // Ids in no order of time, as clients choose them.
    let id = format!("p{}", offset.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let reference = amount.is_multiple_of(3).then(|| format!("invoice {amount}").into());
    Payment { reference, ..payment(&id, debtor, creditor, amount) }.at(0, i64::try_from(offset).unwrap())
}

fn ask(limit: usize) -> StatementQuery {
    StatementQuery { from: None, to: None, after: None, limit }
}

/// All pages of a statement, put together.
async fn all(store: &impl Store, holding: &Holding, mut ask: StatementQuery) -> Vec<Posting> {
    let mut postings = Vec::new();
    loop {
        let StatementPage { postings: more, next } = store.statement(holding, &ask).await.unwrap();
        // Full, but for the last: what is declined here is far less than a page looks at.
        assert!(more.len() == ask.limit || next.is_none() && more.len() < ask.limit);
        postings.extend(more);
        let Some(next) = next else { return postings };
        // As a client carries it.
        ask.after = Some(giro::wire::resource::position(&giro::wire::resource::cursor(&next)).unwrap());
    }
}

/// What a statement must hold, in no order: side as a sign, payment.
async fn expected(store: &impl Store, account: &AccountId) -> BTreeSet<(i64, String)> {
    let mut expected = BTreeSet::new();
    for recorded in store.payments().await.unwrap() {
        let transfer = recorded.outcome.transfer().unwrap();
        let amount = i64::try_from(transfer.amount.minor_units()).unwrap();
        for (party, signed) in [(transfer.debtor, -amount), (transfer.creditor, amount)] {
            if recorded.outcome.decision.is_ok() && party == account {
                expected.insert((signed, recorded.outcome.instruction.id().to_string()));
            }
        }
    }
    expected
}

fn found(postings: &[Posting]) -> BTreeSet<(i64, String)> {
    let found: BTreeSet<_> = postings.iter().map(|posting| (posting.signed(), posting.id.to_string())).collect();
    assert_eq!(found.len(), postings.len(), "a posting stands once");
    found
}

/// Every account's statement: sums to its balance; newest first; the same in pages of any size.
async fn adds_up(store: &impl Store) {
    for holding in store.accounts().await.unwrap() {
        let id = &holding.account.id;
        let whole = all(store, &holding, ask(500)).await;
        let sum: i128 = whole.iter().map(|posting| i128::from(posting.signed())).sum();
        assert_eq!(sum, holding.balance(), "the statement of {id} sums to its balance");
        assert_eq!(found(&whole), expected(store, id).await, "{id}");
        assert!(whole.is_sorted_by(|a, b| a.decided_at >= b.decided_at), "newest first");
        for limit in [1, 2, 7, 50] {
            if limit == 1 && whole.len() > 60 {
                continue;
            }
            assert_eq!(all(store, &holding, ask(limit)).await, whole, "{id} in pages of {limit}");
        }
    }
}

/// Random payments among accounts with so many lanes, settled as batches of two partitions are, many in one
/// millisecond.
async fn random_history(store: &impl Store, seed: u64, payments: u64, lanes: u16) {
    let mut random = fastrand::Rng::with_seed(seed);
    let names = ["bank", "alice", "bob", "shop", "idle"];
    for name in names {
        let account = account(name).lanes(lanes);
        let account = if name == "bank" { account.unlimited() } else { account.limit(300) };
        assert_eq!(store.open_account(&account).await, Ok(None));
    }
    let clock = Cell::new(0);
    let mut requests = Vec::new();
    for offset in 0..payments {
        let debtor = names[random.usize(0..4)];
        let creditor = names[random.usize(1..4)];
        requests.push(request(offset + seed * 100_000, debtor, creditor, random.u64(1..400)));
    }
    for some in requests.chunks(40) {
        let batch = Batch::new(some.to_vec()).with_partitions(2);
        // Two batches a millisecond, and a clock that once goes back.
        let now = || at(if clock.get() == 5 { 0 } else { clock.get() / 2 });
        let settled = settle(store, &batch, Instant::now() + Duration::from_secs(30), now, Backoff::with_seed(1)).await;
        assert!(!settled.dispositions.contains(&Disposition::Unfinished));
        clock.set(clock.get() + 1);
    }
}

#[tokio::test]
async fn statements_add_up_in_memory() {
    for seed in seeds(20, 5) {
        let store = MemoryStore::new();
        random_history(&store, seed, 200, 0).await;
        adds_up(&store).await;
    }
}

#[tokio::test]
async fn statements_add_up_on_dynamodb() {
    // With eight lanes, some never come into being.
    for (seed, lanes) in seeds(3, 1).flat_map(|seed| [(seed, 0), (seed, 2), (seed, 8)]) {
        let engine = Engine::start().await.unwrap();
        let store = engine.ledger();
        random_history(&store, seed, 200, lanes).await;
        adds_up(&store).await;
    }
}

/// Writes payments between accounts with lanes, each on lanes of its own choice or none, in the milliseconds 0 and 1.
async fn payments_on_lanes(store: &impl Store) {
    store.open_account(&account("shop").lanes(5)).await.unwrap();
    store.open_account(&account("bank").paying_from_lanes(3)).await.unwrap();
    for offset in 0..60_u64 {
        let request = request(offset, "bank", "shop", 1 + offset);
        // The first ten from the days before the account had lanes.
        let lane = (offset >= 10).then_some(u16::try_from(offset % 5).unwrap());
        let from = (offset >= 10).then_some(u16::try_from(offset % 3).unwrap());
        let decision = if offset % 7 == 3 { Err(Decline::InsufficientFunds) } else { Ok(()) };
        let entries = vec![Entry {
            lanes: giro::domain::plan::StatementLanes { debtor: from, creditor: lane },
            decided_at: at(i64::from(offset.is_multiple_of(3))),
            ..given::entry(&request, decision)
        }];
        let amount = i128::from(1 + offset);
        let updates = match decision {
            Ok(()) => {
                let (to, from) = ((update("shop", amount), lane), (update("bank", -amount), from));
                [to, from].map(|(update, lane)| AccountUpdate { lane, ..update }).into()
            }
            Err(_) => Vec::new(),
        };
        let transaction = Transaction { totals: Vec::new(), entries, updates };
        assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
    }
}

#[tokio::test]
async fn the_statement_of_an_account_with_lanes_is_one_in_memory() {
    let store = MemoryStore::new();
    payments_on_lanes(&store).await;
    adds_up(&store).await;
}

#[tokio::test]
async fn the_statement_of_an_account_with_lanes_is_one_on_dynamodb() {
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    payments_on_lanes(&store).await;
    adds_up(&store).await;
    bounds_hold(&store).await;
}

#[tokio::test]
async fn the_last_page_in_memory_says_that_it_is() {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("shop"));
    let batch = Batch::new(vec![request(0, "bank", "shop", 1), request(1, "bank", "shop", 2)]);
    settle(&store, &batch, Instant::now() + Duration::from_secs(9), || at(0), Backoff::with_seed(1)).await;
    let shop = Holding { account: account("shop"), lanes: vec![] };
    for (limit, is_last) in [(1, false), (2, true), (3, true)] {
        let page = store.statement(&shop, &ask(limit)).await.unwrap();
        assert_eq!((page.postings.len(), page.next.is_none()), (limit.min(2), is_last));
    }
}

#[tokio::test]
async fn a_statement_has_bounds_in_memory() {
    let store = MemoryStore::new();
    payments_on_lanes(&store).await;
    bounds_hold(&store).await;
}

/// From a time on, up to before another; and positions that no page gave.
async fn bounds_hold(store: &impl Store) {
    let shop = store.account(&account("shop").id).await.unwrap().unwrap();
    let whole = all(store, &shop, ask(500)).await;
    let later: Vec<Posting> = whole.iter().filter(|posting| posting.decided_at == at(1)).cloned().collect();
    assert!(!later.is_empty() && later.len() < whole.len());
    let between = async |from: Option<i64>, to: Option<i64>| {
        all(store, &shop, StatementQuery { from: from.map(at), to: to.map(at), ..ask(3) }).await
    };
    assert_eq!(between(Some(1), None).await, later);
    assert_eq!(between(None, Some(1)).await, whole[later.len()..]);
    assert_eq!(between(Some(0), Some(2)).await, whole);
    for (from, to) in [(Some(1), Some(1)), (Some(2), None), (None, Some(0)), (Some(2), Some(1))] {
        assert_eq!(between(from, to).await, [], "{from:?} to {to:?}");
    }
    assert_eq!(all(store, &shop, StatementQuery { to: Some(Timestamp::MIN), ..ask(3) }).await, []);
    for (millis, left) in [(2, whole.len()), (-1, 0), (i64::from(i32::MIN), 0)] {
        let after = format!("{}/9/x", at(millis).millis()).parse().unwrap();
        assert_eq!(all(store, &shop, StatementQuery { after: Some(after), ..ask(500) }).await.len(), left);
    }
    let past_the_end = format!("{}/1/x", at(5).millis()).parse().unwrap();
    let after = StatementQuery { after: Some(past_the_end), to: Some(at(1)), ..ask(500) };
    assert_eq!(all(store, &shop, after).await, whole[later.len()..]);
}
