//! Settling a batch, and whether the books are right after it: what tests of whole batches share.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::domain::{Balance, Batch, Decline, Request, Timestamp};
use giro::settle::{Backoff, Disposition, Settled, settle};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::given::{Placed as _, Setters as _, account, payment};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

pub(crate) const SETTLED: Disposition = Disposition::Decided(Ok(()));
pub(crate) const SHORT: Disposition = Disposition::Decided(Err(Decline::InsufficientFunds));

/// A payment of a batch: named after its place.
pub(crate) fn request(partition: i32, offset: i64, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(&format!("p{partition}-{offset}"), debtor, creditor, amount).at(partition, offset)
}

/// So many customers `a0`, `a1`, … with 1,000 each, and a shop with nothing and so many lanes.
pub(crate) fn store_of(customers: usize, lanes: u16, faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    (0..customers).for_each(|ix| store.insert_account(account(&format!("a{ix}")).holding(1_000)));
    store.insert_account(account("shop").lanes(lanes));
    store
}

/// Payments of 1 from these customers to the shop.
pub(crate) fn to_shop(partition: i32, payments: i64, customers: usize, seed: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut one = |offset| request(partition, offset, &format!("a{}", random.usize(0..customers)), "shop", 1);
    (0..payments).map(&mut one).collect()
}

/// Settles as an invocation does that has so many seconds.
pub(crate) async fn settle_within(ledger: &impl Ledger, batch: &Batch, seconds: u64, seed: u64) -> Settled {
    let until = Instant::now() + Duration::from_secs(seconds);
    settle(ledger, batch, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await
}

pub(crate) fn count(ends: &[Disposition], wanted: &Disposition) -> usize {
    ends.iter().filter(|end| *end == wanted).count()
}

/// What each account holds, its lanes included.
pub(crate) async fn balances(store: &impl LedgerQueries) -> BTreeMap<String, i64> {
    let held = store.accounts().await.unwrap();
    held.iter().map(|held| (held.account.id.to_string(), held.balance() as i64)).collect()
}

/// Every balance is what the settled payments make of it. No main item is below its limit, and no lane of an account
/// that has one is below zero.
pub(crate) async fn check_books(store: &MemoryStore, opened: &BTreeMap<String, i64>) {
    let mut expected = opened.clone();
    for recorded in store.payments().await.unwrap() {
        if recorded.outcome.decision.is_ok() {
            let transfer = recorded.outcome.transfer().unwrap();
            *expected.get_mut(transfer.debtor.as_str()).unwrap() -= transfer.amount.minor_units() as i64;
            *expected.get_mut(transfer.creditor.as_str()).unwrap() += transfer.amount.minor_units() as i64;
        }
    }
    assert_eq!(balances(store).await, expected, "every balance equals its postings");
    for held in store.accounts().await.unwrap() {
        assert!(held.account.overdraft_limit.allows(held.account.balance), "{held:?}");
        let may_owe = held.account.pays_from_lanes();
        assert!(may_owe || held.lanes.iter().all(|lane| lane.balance >= Balance::ZERO), "{held:?}");
    }
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}
