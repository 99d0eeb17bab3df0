//! Counted: payment limits and windows cost neither a unit nor a call. A maximum balance costs an account its lanes.

use std::time::Duration;

use giro::domain::limits::{Limits, WindowLimit};
use giro::domain::{Account, AccountLimits, Amount, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::{Ledger, Usage};
use giro_testkit::given::{Placed as _, Setters as _, account, payment};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

/// Settles 400 payments among eight accounts and to a popular one, in batches of a hundred. Gives what that cost.
async fn cost(limits: Option<Limits>, limits_of_shop: Option<Limits>) -> Usage {
    let store = MemoryStore::new();
    let with = |account: Account, limits: Option<Limits>| Account {
        limits: limits.map(|limits| Box::new(AccountLimits::replaced(None, limits))),
        ..account
    };
    let name = |number: u64| format!("a{}", number % 8);
    for number in 0..8 {
        store.insert_account(with(account(&name(number)).holding(1_000_000), limits));
    }
    let shop = account("shop");
    let shut = limits_of_shop.is_some_and(|limits| limits.max_balance.is_some());
    let shop = with(shop.lanes(4), limits_of_shop);
    for lane in shop.lane_ids().filter(|_| shut) {
        store.insert_lane(giro::domain::Lane::new(&shop, lane.lane));
    }
    store.insert_account(shop);
    let request = |number: u64| -> Request {
        let creditor = if number.is_multiple_of(2) { "shop".into() } else { name(number + 1) };
        payment(&format!("k{number}"), &name(number), &creditor, 1 + number % 7)
            .at(i32::try_from(number % 4).unwrap(), i64::try_from(number).unwrap())
    };
    let requests: Vec<Request> = (0..400).map(request).collect();
    for batch in requests.chunks(100) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let now = || Timestamp::EPOCH;
        let settled = settle_requests(&store, batch.to_vec(), 4, deadline, now, Backoff::with_seed(1)).await;
        let decided = giro::settle::Disposition::Decided(Ok(()));
        assert!(settled.dispositions.iter().all(|disposition| *disposition == decided), "{settled:?}");
    }
    store.usage()
}

#[tokio::test(start_paused = true)]
async fn payment_limits_and_windows_cost_nothing() {
    let window = Some(WindowLimit { amount: Some(1_000_000), count: Some(1_000) });
    let limits = Limits { max_payment: Amount::try_new(1_000).ok(), max_balance: None, windows: [window; 3] };
    let without = cost(None, None).await;
    let with = cost(Some(limits), Some(limits)).await;
    assert_eq!(with, without);
    println!("400 payments, with limits and without: {with:?}");
}

/// Each transaction writes the one main item of the popular account, so the transactions wait for each other.
#[tokio::test(start_paused = true)]
async fn a_maximum_balance_costs_a_popular_account_its_lanes() {
    let maximum = Limits { max_balance: Some(1_000_000), ..Limits::NONE };
    let (without, with) = (cost(None, None).await, cost(None, Some(maximum)).await);
    println!("400 payments, half of them to one account: {without:?}, and with its maximum {with:?}");
    // 4.2 units a payment become 4.36: payments that share the main item share transactions with others' accounts.
    assert_eq!((without.write_milliunits, with.write_milliunits), (1_680_000, 1_744_000));
    assert_eq!((with.read_calls, with.transactions), (without.read_calls, without.transactions));
}
