//! Payments with legs: all legs read back from the payment's item, and each further one has an item of its own.

use giro::domain::plan::{AccountUpdate, Entry, StatementLanes, Transaction};
use giro::domain::{Decline, LegNumber, PaymentId, Request};
use giro::store::{Commit, ScannedItem, Segment, Table};
use giro_testkit::given::{self, Placed as _, update};

use super::{Store, account, cancelled, decided_at, laned, lanes, open};

contract! {
    all_legs_are_in_the_payments_item
    each_further_leg_has_an_item
    a_payment_with_legs_is_written_once
    a_lane_remembers_that_legs_took_back
}

fn id(name: &str) -> PaymentId {
    name.parse().unwrap()
}

fn request(name: &str) -> Request {
    let mut payment = given::legged(name, "alice", &[("alice", "shop", "EUR", 60), ("shop", "fees", "EUR", 2)]);
    payment.reference = Some("invoice 17 – ü".into());
    payment.at(3, 42)
}

fn settled(request: &Request) -> Entry<'_> {
    let further = vec![StatementLanes { debtor: Some(1), creditor: None }];
    Entry { decided_at: decided_at(), lanes: given::on_lane(Some(1)), further, ..given::entry(request, Ok(())) }
}

fn transaction(entry: Entry<'_>) -> Transaction<'_> {
    Transaction { entries: vec![entry], updates: Vec::new(), totals: Vec::new() }
}

async fn legs(store: &impl Store) -> Vec<giro::domain::SettledLeg> {
    let page = store.page(Table::Payments, Segment { number: 0, of: 1 }, None).await.unwrap();
    let leg = |item| match item {
        ScannedItem::Leg(leg) => Some(leg),
        ScannedItem::Unreadable { key, expected } => panic!("{key}: {expected}"),
        ScannedItem::Account(_)
        | ScannedItem::Lane(_)
        | ScannedItem::Payment(_)
        | ScannedItem::RefundSum(..)
        | ScannedItem::DeadLetterPart { .. } => None,
    };
    page.items.into_iter().filter_map(leg).collect()
}

async fn all_legs_are_in_the_payments_item(store: &impl Store) {
    let requests = [request("p1"), request("p2")];
    assert_eq!(store.commit(&transaction(settled(&requests[0]))).await, Ok(Commit::Applied));
    let declined_leg = Some(LegNumber::try_new(2).unwrap());
    let declined = given::entry(&requests[1], Err(Decline::LegDebtorNotAllowed));
    let declined = Entry { declined_leg, decided_at: decided_at(), ..declined };
    assert_eq!(store.commit(&transaction(declined)).await, Ok(Commit::Applied));
    for (request, leg) in requests.iter().zip([None, declined_leg]) {
        let stored = store.payment(request.instruction.id()).await.unwrap().unwrap();
        assert_eq!(stored.outcome.request(), *request);
        assert_eq!(stored.fingerprint, request.instruction.fingerprint());
        assert_eq!(stored.outcome.declined_leg, leg);
    }
    // A declined payment has no further items, and no list of payments holds those of a settled one.
    assert_eq!(legs(store).await.len(), 1);
    let payments = store.payments().await.unwrap();
    let ids: Vec<&PaymentId> = payments.iter().map(|recorded| recorded.outcome.instruction.id()).collect();
    assert_eq!(ids, [&id("p1"), &id("p2")]);
}

async fn each_further_leg_has_an_item(store: &impl Store) {
    let request = request("p1");
    store.commit(&transaction(settled(&request))).await.unwrap();
    let giro::domain::Instruction::Legged(payment) = &request.instruction else { panic!("{request:?}") };
    assert_eq!(legs(store).await, payment.further(decided_at()).collect::<Vec<_>>());
}

async fn a_payment_with_legs_is_written_once(store: &impl Store) {
    let request = request("p1");
    store.commit(&transaction(settled(&request))).await.unwrap();
    let again = cancelled(store.commit(&transaction(settled(&request))).await.unwrap());
    let [(0, Ok(stored))] = again.duplicates.as_slice() else { panic!("{again:?}") };
    assert_eq!(stored.outcome.request(), request);
    assert_eq!((again.rejected, again.transient), (None, None));
    assert_eq!(legs(store).await.len(), 1);
}

async fn a_lane_remembers_that_legs_took_back(store: &impl Store) {
    open(store, &[account("alice", 100), laned("shop", 2)]).await;
    let request = request("p1");
    let credit = |item: &str, takes_back| AccountUpdate { takes_back, balance_max: Some(1 << 62), ..update(item, 5) };
    for (name, updates) in [("a", vec![credit("shop/0", false)]), ("b", vec![credit("shop/1", true)])] {
        let mut other = request.clone();
        other.instruction.set_id(id(name));
        let transaction = Transaction { updates, ..transaction(settled(&other)) };
        assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
    }
    let debited = |lanes: Vec<giro::domain::Lane>| lanes.iter().map(|lane| lane.is_debited).collect::<Vec<_>>();
    assert_eq!(debited(lanes(store, "shop").await), [false, true]);
    // A transaction may sweep a lane and take back from it at once.
    let mut other = request.clone();
    other.instruction.set_id(id("d"));
    let swept = AccountUpdate { balance_min: Some(5), takes_back: true, ..update("shop/0", -1) };
    store.commit(&Transaction { updates: vec![swept], ..transaction(settled(&other)) }).await.unwrap();
    assert_eq!(debited(lanes(store, "shop").await), [true, true]);
    // It stays so, whatever else the lane takes.
    let mut other = request.clone();
    other.instruction.set_id(id("c"));
    let updates = vec![credit("shop/1", false)];
    store.commit(&Transaction { updates, ..transaction(settled(&other)) }).await.unwrap();
    assert_eq!(debited(lanes(store, "shop").await), [true, true]);
}
