//! A command on an account that is never at rest asks payments to wait, and is applied. Payments wait for it, and no
//! longer than they must.

use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, Policy};
use giro::domain::{Account, AccountStatus, Batch, CreditLanes, Decline, Lane, Timestamp};
use giro::settle::{Backoff, Disposition, Settled, settle};
use giro::store::{AccountLedger, Ledger, LedgerQueries};
use giro_testkit::given::{Placed as _, Setters as _, account, command, currency, id, lane, payment_in};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::virtual_time::time_of_day;
use tokio::time::Instant;

use super::{store_of, to_shop, watched};
use crate::rules::batches::{balances, check_books, request, settle_within};

const PARTITIONS: i32 = 16;

/// Settles a batch of one of the partitions, on tokio's clock.
async fn settle_at(ledger: &impl Ledger, began: Instant, batch: &Batch, seed: u64) -> Settled {
    let deadline = Instant::now() + Duration::from_secs(60);
    settle(ledger, batch, deadline, time_of_day(began, Duration::ZERO), Backoff::with_seed(seed)).await
}

/// Each of 16 partitions credits the shop again and again, so that some of its lanes are always held. The freeze, and
/// later the close, want all of them at once.
#[tokio::test(start_paused = true)]
async fn a_freeze_of_an_account_that_is_never_at_rest_is_applied_soon() {
    let store = store_of(32, Faults::default());
    let opened = balances(&store).await;
    let (ledger, began) = (watched(&store, Duration::from_millis(40)), Instant::now());
    let partition = async |partition: i32| {
        let mut settled = Vec::new();
        for nth in 0.. {
            if began.elapsed() > Duration::from_secs(20) {
                break;
            }
            let seed = nth * 100 + u64::try_from(partition).unwrap();
            let mut requests = to_shop(partition, 30, seed);
            for request in &mut requests {
                let id = format!("{}-{nth}", request.instruction.id());
                payment_in(request).id = id.parse().unwrap();
            }
            let batch = Batch::new(requests).with_partitions(16);
            settled.extend(settle_at(&ledger, began, &batch, seed).await.dispositions);
        }
        settled
    };
    let freeze = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let since = Instant::now();
        let requests = [command("c1", "shop", Action::Freeze).at(0, 1)];
        let clock = time_of_day(began, Duration::ZERO);
        let deadline = since + Duration::from_secs(60);
        let applied = apply(&ledger, &requests, Policy::default(), deadline, clock, || Backoff::with_seed(1)).await;
        assert_eq!(applied.dispositions, [Disposition::Decided(Ok(()))]);
        since.elapsed()
    };
    let all = futures_util::future::join_all((0..PARTITIONS).map(partition));
    let (settled, took) = tokio::join!(all, freeze);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let shop = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((shop.account.status, shop.account.paused_until), (AccountStatus::Frozen, None));
    assert!(shop.lanes.iter().all(|lane| lane.status == AccountStatus::Frozen));
    let settled = settled.concat();
    let count = |wanted: Disposition| settled.iter().filter(|found| **found == wanted).count();
    let (paid, declined) =
        (count(Disposition::Decided(Ok(()))), count(Disposition::Decided(Err(Decline::CreditorFrozen))));
    assert!(paid > 1_000 && declined > 1_000, "{paid} {declined}");
    assert_eq!(paid + declined, settled.len(), "none stayed unfinished");
    check_books(&store, &opened).await;
}

fn paused(seconds: i64) -> Account {
    let until = Timestamp::try_from_millis(seconds * 1_000).unwrap();
    Account { paused_until: Some(until), ..account("shop").lanes(4) }
}

/// A store with this shop and a customer.
fn store_with(shop: Account) -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("alice").holding(9));
    store.insert_account(shop);
    store
}

fn to_paused() -> Batch {
    Batch::new(vec![request(0, 0, "alice", "shop", 1)])
}

#[tokio::test(start_paused = true)]
async fn payments_wait_until_a_pause_is_over_and_read_seldom() {
    // A pause of a day comes from a wrong clock.
    for (seconds, least, most) in [(0, 0, 0), (5, 5, 7), (10, 10, 12), (86_400, 0, 0)] {
        let (store, began) = (store_with(paused(seconds)), Instant::now());
        let settled = settle_at(&store, began, &to_paused(), 1).await;
        assert_eq!(settled.dispositions, [Disposition::Decided(Ok(()))], "{seconds}");
        assert!((least..=most).contains(&began.elapsed().as_secs()), "{seconds}: {:?}", began.elapsed());
        assert!(store.usage().read_calls < 50, "{seconds}: {} reads", store.usage().read_calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_makes_payments_wait_for_fifteen_seconds() {
    let (store, began) = (store_with(paused(10)), Instant::now());
    let settled = settle_within(&store, &to_paused(), 60, 1).await;
    assert_eq!(settled.dispositions, [Disposition::Decided(Ok(()))]);
    assert!((15..=17).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_that_has_its_outcome_or_needs_no_money_moved() {
    let frozen = store_with(Account { status: AccountStatus::Frozen, ..paused(10) });
    let settled_before = store_with(account("shop").lanes(4));
    settle_within(&settled_before, &to_paused(), 60, 1).await;
    settled_before.insert_account(paused(10));
    for (store, expected) in
        [(frozen, Disposition::Decided(Err(Decline::CreditorFrozen))), (settled_before, Disposition::Replayed)]
    {
        let began = Instant::now();
        let settled = settle_at(&store, began, &to_paused(), 1).await;
        assert_eq!((settled.dispositions, began.elapsed()), (vec![expected], Duration::ZERO));
    }
}

/// After a pause, nothing is decided on what was read before it.
#[tokio::test(start_paused = true)]
async fn money_that_comes_in_during_a_pause_is_there_after_it() {
    let (store, began) = (store_with(paused(10)), Instant::now());
    store.insert_account(account("alice"));
    let (batch, paying) = (to_paused(), Batch::new(vec![request(1, 0, "bank", "alice", 5)]));
    store.insert_account(account("bank").unlimited());
    let coming_in = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        settle_at(&store, began, &paying, 2).await
    };
    let (settled, _) = tokio::join!(settle_at(&store, began, &batch, 1), coming_in);
    assert_eq!(settled.dispositions, [Disposition::Decided(Ok(()))]);
}

/// Applies a command for a minute. Says whether it is applied, and until when payments were last asked to wait.
async fn tried(ledger: &impl AccountLedger, store: &MemoryStore, action: Action) -> (bool, Option<i64>) {
    let began = Instant::now();
    let (requests, clock) = ([command("c1", "shop", action).at(0, 1)], time_of_day(began, Duration::ZERO));
    let deadline = began + Duration::from_secs(60);
    let applied = apply(ledger, &requests, Policy::default(), deadline, clock, || Backoff::with_seed(1)).await;
    let until = store.account(&id("shop")).await.unwrap().unwrap().account.paused_until;
    (applied.dispositions == [Disposition::Decided(Ok(()))], until.map(Timestamp::millis))
}

/// Payments are asked to wait only if that can help, and not for ever.
#[tokio::test(start_paused = true)]
async fn a_command_that_something_else_keeps_from_being_applied_does_not_stop_payments() {
    // A lane of another currency doesn't fit, however long payments wait.
    let store = store_with(account("shop").lanes(4));
    store.insert_lane(Lane { currency: currency("USD"), ..lane("shop/1", 0) });
    assert_eq!(tried(&store, &store, Action::Freeze).await, (false, None));
    assert_eq!(tried(&store, &store, Action::Close).await, (false, None));

    // Somebody holds a lane all the time: payments are asked twice.
    let store = store_with(account("shop").lanes(4));
    let ledger = watched(&store, Duration::ZERO);
    ledger.hooks.hold(["shop/1".to_owned()]);
    let (is_applied, until) = tried(&ledger, &store, Action::Freeze).await;
    assert!(!is_applied && until.is_some_and(|until| until < 25_000), "{until:?}");

    // More lanes change the main item alone, as a payment does.
    let more = Action::AddLanes(CreditLanes::try_new(8).unwrap());
    ledger.hooks.hold(["shop".to_owned()]);
    store.insert_account(account("shop").lanes(4));
    assert_eq!(tried(&ledger, &store, more.clone()).await, (false, None));
    ledger.hooks.hold([]);
    assert_eq!(tried(&ledger, &store, more).await, (true, None));
}

/// What comes behind the paused payment on its partition waits too; another partition doesn't.
#[tokio::test(start_paused = true)]
async fn other_partitions_go_on_beside_a_pause() {
    let store = store_with(paused(10));
    store.insert_account(account("bob").holding(9));
    let requests =
        vec![request(0, 0, "alice", "shop", 1), request(0, 1, "bob", "alice", 1), request(1, 0, "bob", "alice", 1)];
    let (batch, began) = (Batch::new(requests), Instant::now());
    let settling = async {
        assert_eq!(settle_at(&store, began, &batch, 1).await.dispositions, [const { Disposition::Decided(Ok(())) }; 3]);
    };
    let looking = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let ids =
            store.payments().await.unwrap().into_iter().map(|recorded| recorded.outcome.instruction.id().to_string());
        assert_eq!(ids.collect::<Vec<_>>(), ["p1-0"]);
    };
    tokio::join!(settling, looking);
}
