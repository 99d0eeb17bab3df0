//! A command on an account that is never at rest asks payments to wait, and is applied. Payments wait for it, and no
//! longer than they must.

use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::Action;
use giro::domain::{Account, AccountStatus, Batch, CreditLanes, Decline, Timestamp};
use giro::settle::{Backoff, Disposition, Settled, settle};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::given::{Placed as _, Setters as _, account, command, id};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::virtual_time::time_of_day;
use tokio::time::Instant;

use super::{store_of, to_shop, watched};
use crate::rules::batches::{balances, check_books, request};

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
                request.payment.id = format!("{}-{nth}", request.payment.id).parse().unwrap();
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
        let applied = apply(&ledger, &requests, CreditLanes::NONE, deadline, clock, || Backoff::with_seed(1)).await;
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

/// How long a payment to an account like this takes, and its answer.
async fn paid_to(shop: Account) -> (Duration, Disposition) {
    let store = MemoryStore::new();
    store.insert_account(account("alice").holding(9));
    store.insert_account(shop);
    let began = Instant::now();
    let settled = settle_at(&store, began, &Batch::new(vec![request(0, 0, "alice", "shop", 1)]), 1).await;
    (began.elapsed(), settled.dispositions[0].clone())
}

#[tokio::test(start_paused = true)]
async fn payments_wait_until_a_pause_is_over_and_fifteen_seconds_at_most() {
    let paused = |seconds: i64| Account {
        paused_until: Some(Timestamp::try_from_millis(seconds * 1_000).unwrap()),
        ..account("shop")
    };
    for (seconds, least, most) in [(0, 0, 0), (5, 5, 7), (10, 10, 12), (86_400, 15, 17)] {
        let (took, disposition) = paid_to(paused(seconds)).await;
        assert_eq!(disposition, Disposition::Decided(Ok(())), "{seconds}");
        assert!((least..=most).contains(&took.as_secs()), "{seconds}: {took:?}");
    }
    let frozen = Account { status: AccountStatus::Frozen, ..paused(10) };
    let declined = (Duration::ZERO, Disposition::Decided(Err(Decline::CreditorFrozen)));
    assert_eq!(paid_to(frozen).await, declined, "nothing is in the way of a command any more");
}

/// What comes behind the paused payment on its partition waits too; another partition doesn't.
#[tokio::test(start_paused = true)]
async fn other_partitions_go_on_beside_a_pause() {
    let store = MemoryStore::new();
    let until = Some(Timestamp::try_from_millis(10_000).unwrap());
    store.insert_account(Account { paused_until: until, ..account("shop") });
    ["alice", "bob"].into_iter().for_each(|name| store.insert_account(account(name).holding(9)));
    let requests =
        vec![request(0, 0, "alice", "shop", 1), request(0, 1, "bob", "alice", 1), request(1, 0, "bob", "alice", 1)];
    let (batch, began) = (Batch::new(requests), Instant::now());
    let settling = async {
        assert_eq!(settle_at(&store, began, &batch, 1).await.dispositions, [const { Disposition::Decided(Ok(())) }; 3]);
    };
    let looking = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let ids = store.payments().await.unwrap().into_iter().map(|recorded| recorded.outcome.payment.id.to_string());
        assert_eq!(ids.collect::<Vec<_>>(), ["p1-0"]);
    };
    tokio::join!(settling, looking);
}
