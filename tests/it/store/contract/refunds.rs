//! Sums of refunds: they grow within what was paid, in the transaction of their refund, or tell why they don't.

use giro::domain::LegId;
use giro::domain::plan::{Entry, TotalUpdate, Transaction};
use giro::domain::{Decline, PaymentId, Request};
use giro::store::{Cancelled, Commit, TotalRead};
use giro_testkit::given::{self, Placed as _, update};

use super::{Store, account, cancelled, decided_at, open};

contract! {
    a_sum_grows_within_what_was_paid
    a_refund_reads_back_as_it_was_asked_for_and_decided
    sums_are_read_in_the_order_of_the_question
}

fn id(name: &str) -> PaymentId {
    name.parse().unwrap()
}

fn refund(name: &str, amount: Option<u64>) -> Request {
    let mut refund = given::refund(name, "p1", "shop", amount);
    refund.reference = Some("returned – ü".into());
    refund.at(0, 42)
}

fn total(text: &str) -> LegId {
    text.parse().unwrap()
}

/// Adds to the sum of `p1`, with a refund that moves this much from `shop` to `alice`.
async fn add(store: &impl Store, name: &str, net: u64, total_max: u64) -> Commit {
    let request = refund(name, Some(net));
    let alice = "alice".parse().unwrap();
    let repayment = giro::domain::Transfer {
        debtor: request.instruction.debtor(),
        creditor: &alice,
        amount: giro::domain::Amount::try_new(net).unwrap(),
        currency: given::eur(),
    };
    let repayment = Some(repayment);
    let entry = Entry { repayment, decided_at: decided_at(), ..given::entry(&request, Ok(())) };
    let amount = i128::from(net);
    let transaction = Transaction {
        entries: vec![entry],
        updates: vec![update("shop", -amount), update("alice", amount)],
        totals: vec![TotalUpdate { id: total("p1"), net, total_max }],
    };
    store.commit(&transaction).await.unwrap()
}

async fn a_sum_grows_within_what_was_paid(store: &impl Store) {
    open(store, &[account("alice", 0), account("shop", 100)]).await;
    assert_eq!(store.refunded(&total("p1")).await, Ok(0));
    // The first refund makes the item; it is within what was paid, whatever is told.
    assert_eq!(add(store, "r1", 40, 20).await, Commit::Applied);
    assert_eq!(add(store, "r2", 10, 40).await, Commit::Applied);
    // Of 60, 50 are refunded.
    let refused = cancelled(add(store, "r3", 11, 49).await);
    assert_eq!(refused, Cancelled { totals: vec![(0, TotalRead::Found(50))], ..Cancelled::default() });
    assert_eq!(store.payment(&id("r3")).await, Ok(None), "nothing of it happened");
    assert_eq!(add(store, "r3", 10, 50).await, Commit::Applied);
    assert_eq!(store.refunds().await, Ok(vec![(total("p1"), 60)]));
    let held = store.account(&"alice".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(held.balance(), 60);
    // The same refund again adds nothing.
    let again = cancelled(add(store, "r3", 10, 1_000).await);
    assert_eq!((again.duplicates.len(), again.totals.len()), (1, 0));
    assert_eq!(store.refunded(&total("p1")).await, Ok(60));
}

async fn a_refund_reads_back_as_it_was_asked_for_and_decided(store: &impl Store) {
    open(store, &[account("alice", 0), account("shop", 100)]).await;
    add(store, "r1", 40, 60).await;
    let settled = store.payment(&id("r1")).await.unwrap().unwrap();
    assert_eq!(settled.outcome.request(), refund("r1", Some(40)));
    assert_eq!(settled.outcome.transfer().unwrap().amount.minor_units(), 40);
    let requests = [refund("r2", None), refund("r3", Some(7))];
    let entry = |request| Entry { decided_at: decided_at(), ..given::entry(request, Err(Decline::OriginalNotFound)) };
    let entries = requests.iter().map(entry).collect();
    let transaction = Transaction { entries, updates: vec![], totals: vec![] };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
    for request in &requests {
        let declined = store.payment(request.instruction.id()).await.unwrap().unwrap();
        assert_eq!(declined.fingerprint, request.instruction.fingerprint());
        assert_eq!((declined.outcome.request(), declined.outcome.transfer()), (request.clone(), None));
    }
}

async fn sums_are_read_in_the_order_of_the_question(store: &impl Store) {
    open(store, &[account("alice", 0), account("shop", 100)]).await;
    add(store, "r1", 40, 60).await;
    let (missing, there) = (total("p0"), total("p1"));
    let before = store.usage().read_calls;
    let reads = store.read_totals(&[&missing, &there]).await.unwrap();
    assert_eq!(reads, [TotalRead::Missing, TotalRead::Found(40)]);
    assert_eq!(store.usage().read_calls, before + 1);
}
