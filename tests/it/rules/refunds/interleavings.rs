//! Two workers refund one original, in every order of their calls to the store.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use giro::domain::{Decline, Request, Timestamp};
use giro::settle::{Backoff, Settled, settle_requests};
use giro::store::LedgerQueries;
use giro_testkit::given::{self, Placed as _, Setters as _};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

/// What was paid.
const PAID: u64 = 60;

/// A shop that was paid 60 by alice, and holds this much.
async fn paid(shop: giro::domain::Account) -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(given::account("alice").holding(100));
    store.insert_account(shop);
    settle(&store, vec![given::payment("p1", "alice", "shop", PAID).at(0, 0)]).await;
    store
}

async fn settle(store: &MemoryStore, requests: Vec<Request>) -> Settled {
    let until = Instant::now() + Duration::from_secs(60);
    settle_requests(store, requests, 2, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await
}

/// Runs two workers, each call in the order that `choices` say: which worker goes on. Adds the choices that were open,
/// the first worker first.
fn run(store: &MemoryStore, batches: [Vec<Request>; 2], choices: &mut Vec<bool>) {
    let [one, other] = batches;
    let (mut one, mut other) = (pin!(settle(store, one)), pin!(settle(store, other)));
    let mut context = Context::from_waker(Waker::noop());
    let (mut at, mut ends) = (0, [None, None]);
    while ends.iter().any(Option::is_none) {
        let second = match (&ends[0], &ends[1]) {
            (None, None) => {
                if at == choices.len() {
                    choices.push(false);
                }
                at += 1;
                choices[at - 1]
            }
            (Some(_), _) => true,
            (None, Some(_)) => false,
        };
        let poll = if second { other.as_mut().poll(&mut context) } else { one.as_mut().poll(&mut context) };
        if let Poll::Ready(settled) = poll {
            ends[usize::from(second)] = Some(settled);
        }
    }
}

/// The next choices, as one counts: the last that was the first worker's is the second's. `false` after the last.
fn next(choices: &mut Vec<bool>) -> bool {
    while choices.last() == Some(&true) {
        choices.pop();
    }
    choices.last_mut().map(|last| *last = true).is_some()
}

/// Whatever the order, the refunds sum to no more than was paid, the store knows their sum, and no answer is wrong.
async fn check(store: &MemoryStore, how: &str) {
    let refunds = store.payments().await.unwrap().into_iter().map(|recorded| recorded.outcome);
    let refunds: Vec<_> = refunds.filter(|outcome| outcome.instruction.original().is_some()).collect();
    let moved = |outcome: &giro::domain::Outcome| outcome.transfer().unwrap().amount.minor_units();
    let settled: u64 = refunds.iter().filter(|outcome| outcome.decision.is_ok()).map(moved).sum();
    assert!(settled <= PAID, "{how}");
    assert_eq!(store.refunds().await.unwrap(), [("p1".parse().unwrap(), settled)], "{how}");
    let alice = store.account(&given::id("alice")).await.unwrap().unwrap();
    assert_eq!(alice.balance(), 40 + i128::from(settled), "{how}");
    for outcome in &refunds {
        let asked = outcome.instruction.amount().map(giro::domain::Amount::minor_units);
        match (outcome.decision, asked) {
            (Ok(()), None) => assert_eq!(settled, PAID, "{how}: all that was left went back"),
            (Ok(()), Some(asked)) => assert_eq!(moved(outcome), asked, "{how}"),
            (Err(Decline::ExceedsRefundable), asked) => {
                assert!(asked.unwrap_or(1) > PAID - settled, "{how}: {outcome:?}");
            }
            (Err(decline), _) => panic!("{how}: {decline}"),
        }
    }
}

#[test]
fn two_workers_in_every_order_of_their_calls() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let refund =
        |name: &str, amount, partition, offset| given::refund(name, "p1", "shop", amount).at(partition, offset);
    let shops = [
        given::account("shop"),
        given::account("shop").lanes(2),
        giro::domain::Account { lane_debits: true, ..given::account("shop").unlimited().lanes(2) },
    ];
    let races: [[Vec<Request>; 2]; 4] = [
        // Two partitions: a part, and all that is left.
        [vec![refund("a1", Some(40), 0, 1)], vec![refund("b1", Some(30), 1, 1)]],
        [vec![refund("a1", None, 0, 1)], vec![refund("b1", None, 1, 1)]],
        [vec![refund("a1", Some(40), 0, 1)], vec![refund("b1", Some(30), 1, 1), refund("b2", None, 1, 2)]],
        // One batch that two workers were given.
        [
            vec![refund("a1", Some(40), 0, 1), refund("a2", None, 0, 2)],
            vec![refund("a1", Some(40), 0, 1), refund("a2", None, 0, 2)],
        ],
    ];
    let mut runs = 0;
    for shop in &shops {
        for race in &races {
            let mut choices = Vec::new();
            loop {
                let store = runtime.block_on(paid(shop.clone()));
                {
                    // Not within a task: there the store's calls would wait for the runtime to go on.
                    let _timers = runtime.enter();
                    run(&store, race.clone(), &mut choices);
                }
                runtime.block_on(check(&store, &format!("{choices:?} {race:?}")));
                runs += 1;
                if !next(&mut choices) {
                    break;
                }
            }
        }
    }
    println!("{runs} orders");
    assert!(runs > 1_000, "{runs} orders");
}
