//! Each corruption is planted after an audit has written checkpoints. Then it is found by the next, or it stands in the
//! table of those that only an audit of all payments finds.

use giro::domain::dead_letter::RecordDigest;
use giro::domain::limits::{Used, WindowLimit};
use giro::domain::plan::Entry;
use giro::domain::{Balance, DeadLetterId, Lane, LaneId, Limits, Period, Timestamp};
use giro::store::{LedgerQueries, Read};
use giro_testkit::given::{self, Placed as _, Setters as _, account, currency, id, payment_in, refund, source, update};
use giro_testkit::open_accounts::OpenAccounts;

use super::super::{DIGEST, clean, commit, letter, request};
use super::{AuditStore, Hand, found, found_in_all, minute, prove_at, settle_at};
use giro_testkit::memory_store::MemoryStore;

trait Store: AuditStore + LedgerQueries + OpenAccounts {}
impl<S: AuditStore + LedgerQueries + OpenAccounts> Store for S {}

/// Runs each case on both stores, on a ledger of its own.
macro_rules! on_both {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test(start_paused = true)]
            async fn memory() {
                let store = super::MemoryStore::new();
                super::$case(&store, &super::Hand::Memory(store.clone())).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                let engine = giro_testkit::engine::Engine::start().await.unwrap();
                let (store, hand) = (engine.ledger(), super::Hand::Dynamo(engine.client(), engine.tables().clone()));
                super::$case(&store, &hand).await;
            }
        }
    )*};
}

on_both! {
    a_clean_ledger_is_proved_and_only_what_moved_is_read_again
    corruptions_of_accounts_and_lanes_are_found
    corruptions_of_new_postings_are_found
    corruptions_of_heads_and_checkpoints_are_found
    what_only_an_audit_of_all_payments_finds
}

/// The ledger of the other audit, with checkpoints of minute 40; then payments of minute 50, of every kind: n1 to n3,
/// l1 with two further legs, and r1, which gives back 2 of p2.
///
/// Gives the minute of the last audit.
async fn moved(store: &impl Store, hand: &Hand) -> i64 {
    clean(store, hand).await;
    store.open_account(&account("fees")).await.unwrap();
    let hour = WindowLimit { amount: Some(1_000), count: None };
    let limits = Limits { windows: [Some(hour), None, None], ..Limits::NONE };
    hand.put_account(account("spender").limits(limits)).await;
    let proof = prove_at(store, 60).await;
    assert_eq!((found(&proof).as_str(), proof.behind, proof.moved), ("", 0, 6));
    let legs = [("alice", "shop", "EUR", 3), ("shop", "fees", "EUR", 1), ("alice", "fees", "EUR", 2)];
    let requests = vec![
        request(11, "n1", "bank", "alice", 20),
        request(12, "n2", "alice", "shop", 4),
        request(13, "n3", "bank", "spender", 9),
        given::legged("l1", "alice", &legs).at(0, 14),
        refund("r1", "p2", "bob", Some(2)).at(0, 15),
    ];
    settle_at(store, requests, 50).await;
    settle_at(store, vec![request(16, "n4", "spender", "shop", 7)], 51).await;
    60
}

/// The next two audits, an hour apart, find this: it is found as long as it isn't mended.
async fn check(store: &impl Store, at: &mut i64, expected: &str) {
    for _ in 0..2 {
        *at += 60;
        let proof = prove_at(store, *at).await;
        assert_eq!((found(&proof).as_str(), proof.stopped), (expected, None), "minute {at}");
    }
}

async fn a_clean_ledger_is_proved_and_only_what_moved_is_read_again(store: &impl Store, hand: &Hand) {
    moved(store, hand).await;
    let again = prove_at(store, 65).await;
    assert_eq!((found(&again).as_str(), again.behind), ("", 0), "postings after the closed time are pending");
    let proof = prove_at(store, 120).await;
    assert_eq!((found(&proof).as_str(), proof.behind, proof.accounts), ("", 0, 6));
    // n1 to n4 and r1 have two sides each, and l1 has six.
    assert_eq!(
        (proof.postings, proof.widest, proof.closed, proof.oldest),
        (16, 0, Some(minute(100)), Some(minute(100)))
    );
    assert_eq!(proof.letters, 2);
    let rest = prove_at(store, 180).await;
    assert_eq!((rest.moved, rest.postings, rest.behind), (0, 0, 0), "nothing moved");
    assert_eq!(rest.closed, Some(minute(160)));
    // The next payment is proved from there.
    settle_at(store, vec![request(17, "n5", "alice", "bob", 1)], 185).await;
    let last = prove_at(store, 240).await;
    assert_eq!((found(&last).as_str(), last.moved, last.postings, last.behind), ("", 2, 2, 0));
    let Ok(Read::Found(newest)) = store.checkpoint(&id("bob"), minute(220)).await else { panic!("it was written") };
    let Ok(Read::Found(before)) = store.checkpoint(&id("bob"), minute(219)).await else { panic!("it was written") };
    assert_eq!((newest.balance, newest.postings, newest.previous), (2, 3, Some(before.chain())));
    // All payments, from the first on, say the same.
    let all = super::super::audit_within(store, 60).await;
    assert_eq!(found_in_all(&all), "");
}

async fn corruptions_of_accounts_and_lanes_are_found(store: &impl Store, hand: &Hand) {
    let mut at = moved(store, hand).await;
    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    let mut changed = alice.clone();
    changed.balance = Balance::new(alice.balance.minor_units() + 1);
    hand.put_account(changed.clone()).await;
    check(store, &mut at, "balance account alice").await;
    hand.put_account(alice.clone()).await;
    check(store, &mut at, "").await;
    // At rest and with its version as it was.
    hand.put_account(changed).await;
    check(store, &mut at, "balance account alice").await;
    hand.put_account(alice.clone()).await;
    let spender = store.account(&id("spender")).await.unwrap().unwrap().account;
    let mut used = spender.clone();
    let window = used.limits.as_mut().and_then(|limits| limits.window_mut(Period::Hour)).unwrap();
    window.used = Some(Used { start: Timestamp::EPOCH, amount: 6, count: 1 });
    hand.put_account(used).await;
    check(store, &mut at, "window account spender").await;
    hand.put_account(spender).await;
    hand.spoil_account("bob").await;
    check(store, &mut at, "unreadable table accounts, key \"bob\"").await;
    hand.lose_account("bob").await;
    check(store, &mut at, "lost_account account bob").await;
    hand.put_account(account("bob").holding(1)).await;
    check(store, &mut at, "").await;
    hand.put_lane(Lane::new(&account("alice").unlimited(), 4)).await;
    check(store, &mut at, "stray_lane lane alice/4").await;
    hand.lose_lane("alice/4").await;
    let lane: LaneId = "shop/1".parse().unwrap();
    let Some(Read::Found(held)) = store.read_lanes(&[&lane]).await.unwrap().pop() else { panic!("it is there") };
    hand.lose_lane("shop/1").await;
    check(store, &mut at, "balance account shop").await;
    let mut owes = held.clone();
    owes.balance = Balance::new(-1);
    hand.put_lane(owes).await;
    check(store, &mut at, "balance account shop\nlane lane shop/1").await;
    hand.put_lane(held).await;
    let long = DeadLetterId { source: source(0, 8), digest: RecordDigest::parse(DIGEST) };
    hand.lose_part(&long, 1).await;
    check(store, &mut at, &format!("dead_letter dead letter payment-requests/0/8/{DIGEST}")).await;
    store.write_dead_letter(&letter(9, 3)).await.unwrap();
}

async fn corruptions_of_new_postings_are_found(store: &impl Store, hand: &Hand) {
    let mut at = moved(store, hand).await;
    // What isn't closed isn't in a checkpoint yet, so all of it can still be planted.
    let entry = |request| Entry { decided_at: minute(50), ..given::entry(request, Ok(())) };
    let lost = request(21, "p9", "bank", "ghost", 1);
    commit(store, vec![entry(&lost)], vec![update("bank", -1)]).await;
    check(store, &mut at, "no_account payment p9, account ghost").await;
    hand.lose_payment("p9").await;
    commit(store, vec![], vec![update("bank", 1)]).await;
    check(store, &mut at, "").await;

    let mut dollars = request(22, "p10", "bank", "alice", 1);
    payment_in(&mut dollars).currency = currency("USD");
    let entry = |request| Entry { decided_at: minute(310), ..given::entry(request, Ok(())) };
    commit(store, vec![entry(&dollars)], vec![update("bank", -1), update("alice", 1)]).await;
    let proof = prove_at(store, 360).await;
    assert_eq!(found(&proof), "currency payment p10, account alice\ncurrency payment p10, account bank");
    assert_eq!((proof.behind, proof.oldest), (2, Some(minute(280))));
    hand.lose_payment("p10").await;
    commit(store, vec![], vec![update("bank", 1), update("alice", -1)]).await;

    let overdrawn = request(23, "p11", "fees", "bank", 4);
    let entry = |request| Entry { decided_at: minute(370), ..given::entry(request, Ok(())) };
    commit(store, vec![entry(&overdrawn)], vec![update("fees", -4), update("bank", 4)]).await;
    let proof = prove_at(store, 420).await;
    assert_eq!((found(&proof).as_str(), proof.behind), ("below_limit account fees", 0));
    commit(store, vec![], vec![update("fees", 4), update("bank", -4)]).await;
    let proof = prove_at(store, 480).await;
    assert_eq!(found(&proof), "balance account bank\nbalance account fees", "in effect, p11 was lost");
}

async fn corruptions_of_heads_and_checkpoints_are_found(store: &impl Store, hand: &Hand) {
    let mut at = moved(store, hand).await;
    let all = "checkpoint account alice";
    let Ok(Read::Found(head)) = store.head(&id("alice")).await else { panic!("it is there") };
    hand.spoil_head(&head).await;
    check(store, &mut at, all).await;
    hand.lose_head("alice").await;
    check(store, &mut at, all).await;
    // Without either, the account is proved from its first posting.
    hand.lose_checkpoints("alice").await;
    check(store, &mut at, "").await;
    settle_at(store, vec![request(18, "n6", "alice", "bob", 1)], at + 1).await;
    hand.lose_checkpoints("bob").await;
    let proof = prove_at(store, at + 60).await;
    assert_eq!(found(&proof), "checkpoint account bob");
}

/// What is older than a checkpoint isn't read again. docs/auditing.md has the same table.
async fn what_only_an_audit_of_all_payments_finds(store: &impl Store, hand: &Hand) {
    let mut at = moved(store, hand).await;
    check(store, &mut at, "").await;
    hand.lose_payment("p1").await;
    hand.lose_leg("l1/2").await;
    hand.put_refund_sum("p2", 1).await;
    check(store, &mut at, "").await;
    let all = found_in_all(&super::super::audit_within(store, 60).await);
    let expected = "balance account alice\nbalance account bank\nleg leg l1/2\nrefunded payment p2";
    assert_eq!(all, expected);
    // The sum is found with the next refund of that payment, as the stored one doesn't fit what is proved.
    settle_at(store, vec![refund("r2", "p2", "bob", Some(1)).at(0, 31)], at + 1).await;
    check(store, &mut at, "refunded payment p2").await;
}

/// Legs and refunds that are newer than the checkpoint, each on a ledger of its own.
#[tokio::test(start_paused = true)]
async fn corruptions_of_new_legs_and_refunds_are_found() {
    type Plant = fn(&MemoryStore);
    let cases: [(&str, Plant, &str); 8] = [
        ("nothing", |_| {}, ""),
        ("n2", |store| store.lose_payment(&"n2".parse().unwrap()), "balance account alice\nbalance account shop"),
        (
            "n2 can't be read",
            |store| store.plant_corrupt_payment(&"n2".parse().unwrap()),
            "balance account alice\nbalance account shop",
        ),
        (
            "a leg",
            |store| store.lose_leg(&"l1/3".parse().unwrap()),
            "balance account alice\nbalance account fees\nleg leg l1/3",
        ),
        (
            "a payment with legs",
            |store| store.lose_payment(&"l1".parse().unwrap()),
            "balance account alice\nbalance account shop\nleg leg l1/2\nleg leg l1/3",
        ),
        ("a sum", |store| store.plant_refund_sum(&"p2".parse().unwrap(), 3), "refunded payment p2"),
        (
            "a sum past what was paid",
            |store| store.plant_refund_sum(&"p2".parse().unwrap(), 4),
            "over_refunded payment p2\nrefunded payment p2",
        ),
        ("a refund", |store| store.lose_payment(&"r1".parse().unwrap()), "balance account alice\nbalance account bob"),
    ];
    for (name, plant, expected) in cases {
        let store = MemoryStore::new();
        moved(&store, &Hand::Memory(store.clone())).await;
        plant(&store);
        for at in [120, 180] {
            assert_eq!(found(&prove_at(&store, at).await), expected, "{name}");
        }
    }
}
