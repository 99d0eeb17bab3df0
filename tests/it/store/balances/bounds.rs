//! What a balance reads at most, what it reads of an account at rest, and what it does about items that are wrong.

use giro::balances::{BalanceError, ITEMS_MAX};
use giro::domain::plan::{Entry, Transaction};
use giro::domain::statement::StatementQuery;
use giro::domain::{Decision, Decline, Request, Timestamp};
use giro::store::{Commit, Ledger, LedgerQueries, Statements};
use giro_testkit::given::{self, Placed as _, Setters as _, account, id, payment, update};
use giro_testkit::memory_store::MemoryStore;

use super::{balances, told};
use crate::store::auditing::moved::{found, minute, prove_at, settle_at};

fn pays(ix: i64, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(&format!("p{ix}"), debtor, creditor, amount).at(0, ix)
}

/// Stores so many payments of this millisecond, of 1 each.
async fn store_many(store: &MemoryStore, (from, until): (i64, i64), decision: Decision, at: Timestamp) {
    let requests: Vec<Request> = (from..until).map(|ix| pays(ix, "bank", "alice", 1)).collect();
    for some in requests.chunks(90) {
        let entry = |request| Entry { decided_at: at, ..given::entry(request, decision) };
        let moved = if decision.is_ok() { i128::try_from(some.len()).unwrap() } else { 0 };
        let updates = match moved {
            0 => Vec::new(),
            moved => vec![update("alice", moved), update("bank", -moved)],
        };
        let transaction = Transaction { entries: some.iter().map(entry).collect(), updates, totals: Vec::new() };
        assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
    }
}

fn too_many(proved: Option<Timestamp>) -> BalanceError {
    BalanceError::TooMany { most: ITEMS_MAX, proved }
}

/// A ledger in which `alice` has 70 since minute 10. Two audits have seen it at rest, because an index may be late.
async fn at_rest() -> MemoryStore {
    let store = ledger();
    settle_at(&store, vec![pays(0, "bank", "alice", 70)], 10).await;
    for at in [40, 56] {
        assert_eq!(found(&prove_at(&store, at).await), "");
    }
    store
}

fn ledger() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    ["alice", "idle"].into_iter().for_each(|name| store.insert_account(account(name)));
    store
}

/// 11,000 declined payments on an account at rest: its balance rests on its head, and no list is read.
#[tokio::test(start_paused = true)]
async fn a_flood_of_declined_payments_shuts_no_account_at_rest() {
    let store = at_rest().await;
    store_many(&store, (1, 11_001), Err(Decline::InsufficientFunds), minute(60)).await;
    let (at, now) = (minute(70), minute(100));
    let before = store.usage();
    let balance = told(&store, "alice", at, now).await.unwrap();
    let (calls, units) =
        (store.usage().read_calls - before.read_calls, store.usage().read_milliunits - before.read_milliunits);
    assert_eq!((balance.balance, balance.is_final), (70, true));
    println!("an account at rest, with 11,000 declined payments: {units} thousandths of a unit");
    assert!(units <= 3_000 && calls <= 4, "{units} in {calls} calls");
    // The next audit changes nothing of it, and neither does a payment that is settled before the flood is proved.
    assert_eq!(found(&prove_at(&store, 100).await), "");
    assert_eq!(told(&store, "alice", at, now).await.unwrap(), balance);
    let holding = store.account(&id("alice")).await.unwrap().unwrap();
    let unproved = balances(&store, false, now).at(&holding, at).await;
    assert_eq!(unproved, Err(too_many(None)), "without checkpoints all would be read");
    let text = unproved.unwrap_err().to_string();
    assert!(text.contains("10000 payments") && text.contains("ledger-auditor") && text.contains("export"), "{text}");
}

/// The flood was answered while the account rested. It still is, after the account has moved and was proved again.
#[tokio::test(start_paused = true)]
async fn a_flood_of_declined_payments_before_a_checkpoint_shuts_nothing() {
    let store = at_rest().await;
    let flood = |from: i64, at| store_many(&store, (from, from + 11_000), Err(Decline::InsufficientFunds), minute(at));
    flood(1, 60).await;
    settle_at(&store, vec![pays(20_000, "bank", "alice", 5)], 110).await;
    // Both ways from the time, once there is a checkpoint after it.
    let ask = async |at| told(&store, "alice", minute(at), minute(200)).await;
    assert_eq!(ask(70).await, Err(too_many(Some(minute(36)))));
    assert_eq!(found(&prove_at(&store, 140).await), "");
    for (at, balance) in [(36, 70), (59, 70), (60, 70), (70, 70), (109, 70), (110, 75), (120, 75)] {
        assert_eq!(ask(at).await.map(|told| (told.balance, told.is_final)), Ok((balance, true)), "{at}");
    }
    // With too many on both sides the nearest proof is named.
    flood(30_000, 100).await;
    let untold = ask(80).await.unwrap_err();
    assert_eq!(untold, too_many(Some(minute(36))));
    assert!(untold.to_string().contains("Ask for 1970-01-01T00:36:00"), "{untold}");
}

/// Somebody has changed an item and kept its version: the head is not trusted to tell which lists have moved.
#[tokio::test(start_paused = true)]
async fn an_item_that_was_changed_under_its_version_is_summed_by_all_lists() {
    let store = at_rest().await;
    let before = store.account(&id("alice")).await.unwrap().unwrap().account;
    settle_at(&store, vec![pays(1, "bank", "alice", 5)], 60).await;
    let after = store.account(&id("alice")).await.unwrap().unwrap().account;
    assert!(after.version > before.version);
    store.insert_account(giro::domain::Account { version: before.version, ..after });
    let balance = told(&store, "alice", minute(70), minute(100)).await.unwrap();
    assert_eq!((balance.balance, balance.is_final), (75, true));
}

/// The bound is on the items that are read, and is exact.
#[tokio::test(start_paused = true)]
async fn ten_thousand_postings_are_read_and_no_more() {
    let store = ledger();
    let most = i64::try_from(ITEMS_MAX).unwrap();
    store_many(&store, (0, most), Ok(()), minute(10)).await;
    let before = store.usage().read_milliunits;
    assert_eq!(told(&store, "alice", minute(10), minute(60)).await.unwrap().balance, i128::from(most));
    println!("10,000 postings: {} thousandths of a unit", store.usage().read_milliunits - before);
    store_many(&store, (most, most + 1), Ok(()), minute(11)).await;
    assert_eq!(told(&store, "alice", minute(10), minute(60)).await.unwrap().balance, i128::from(most));
    assert_eq!(told(&store, "alice", minute(11), minute(60)).await, Err(too_many(None)));
    // The audit reads them all, and what comes after its checkpoint is few again.
    assert_eq!(found(&prove_at(&store, 40).await), "");
    assert_eq!(told(&store, "alice", minute(20), minute(60)).await.unwrap().balance, i128::from(most) + 1);
}

/// A page of a statement is bounded in the same way, also behind it in one millisecond.
#[tokio::test(start_paused = true)]
async fn running_balances_have_the_same_bound() {
    let store = ledger();
    store_many(&store, (0, 12_000), Ok(()), minute(10)).await;
    let holding = store.account(&id("alice")).await.unwrap().unwrap();
    let ask = |limit, after| StatementQuery { from: None, to: None, after, limit };
    let newest = store.statement(&holding, &ask(1, None)).await.unwrap();
    let balances = balances(&store, true, minute(60));
    assert_eq!(balances.running(&holding, &newest).await, Err(too_many(None)));
    let half = store.statement(&holding, &ask(6_000, None)).await.unwrap();
    let behind = store.statement(&holding, &ask(2, half.next)).await.unwrap();
    assert_eq!(balances.running(&holding, &behind).await.unwrap(), [Some(6_000), Some(5_999)]);
}

#[tokio::test(start_paused = true)]
async fn an_account_without_postings_has_zero() {
    let store = ledger();
    for at in [Timestamp::MIN, minute(10), minute(60)] {
        let balance = told(&store, "idle", at, minute(60)).await.unwrap();
        assert_eq!((balance.balance, balance.is_final), (0, at < minute(60)));
    }
}

/// A head and checkpoints that can't be read are passed over. The answer stays right, and only costs more.
#[tokio::test(start_paused = true)]
async fn what_can_t_be_read_of_proofs_is_passed_over() {
    let store = ledger();
    for (ix, at) in [(0, 10), (1, 60), (2, 110)] {
        settle_at(&store, vec![pays(ix, "bank", "alice", 7)], at).await;
        assert_eq!(found(&prove_at(&store, at + 30).await), "");
    }
    let proved = store.proved_checkpoints().into_iter().filter(|checkpoint| checkpoint.account == id("alice"));
    let proved: Vec<Timestamp> = proved.map(|checkpoint| checkpoint.as_of).collect();
    let ask = async || told(&store, "alice", minute(200), minute(300)).await.unwrap().balance;
    assert_eq!((proved.len(), ask().await), (3, 21));
    let mut costs = Vec::new();
    for spoil in 0..=3 {
        match spoil {
            0 => store.spoil_head(&id("alice")),
            spoil => store.spoil_checkpoint(&id("alice"), proved[3 - spoil]),
        }
        let before = store.usage().read_milliunits;
        assert_eq!(ask().await, 21, "{spoil}");
        costs.push(store.usage().read_milliunits - before);
    }
    assert!(costs.is_sorted(), "{costs:?}");
}

/// A payment in another currency than its account can't be summed: the answer names it.
#[tokio::test(start_paused = true)]
async fn a_posting_of_another_currency_is_named_and_not_summed() {
    let store = ledger();
    settle_at(&store, vec![pays(0, "bank", "alice", 70)], 10).await;
    store.insert_account(account("alice").currency(given::currency("USD")).holding(70));
    let wrong = told(&store, "alice", minute(20), minute(60)).await.unwrap_err();
    assert_eq!(wrong.to_string(), "payments: p0: expected it to be of the currency of its account");
    // A checkpoint of another currency isn't the account's either.
    let store = ledger();
    settle_at(&store, vec![pays(0, "bank", "alice", 70)], 10).await;
    assert_eq!(found(&prove_at(&store, 40).await), "");
    store.insert_account(account("alice").currency(given::currency("USD")).holding(70));
    assert_eq!(told(&store, "alice", minute(30), minute(60)).await.unwrap_err(), wrong);
}
