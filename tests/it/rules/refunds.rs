//! What a refund gives back, and when it is declined.

mod interleavings;

use giro::domain::Timestamp;
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::given::{self, Placed as _, Setters as _};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::scenario::check;
use std::time::Duration;
use tokio::time::Instant;

/// A shop that was paid, and its customer.
const PAID: &str = "
    account alice EUR 100 limit 0
    account shop  EUR 0 limit 0
    account bank  EUR 0 unlimited
    pay p1 alice shop EUR 60 -> settled
";

fn after_payment(text: &str) {
    check(&format!("{PAID}\n{text}"));
}

#[test]
fn all_of_a_payment_goes_back_or_a_part() {
    after_payment(
        "refund r1 p1 shop 60 -> settled
         balances alice 100 shop 0
         refunded p1 60",
    );
    after_payment(
        "refund r1 p1 shop 20 -> settled
         refund r2 p1 shop 30 -> settled
         refund r3 p1 shop all -> settled
         balances alice 100 shop 0
         refunded p1 60",
    );
    after_payment(
        "refund r1 p1 shop all -> settled
         balances alice 100 shop 0
         refunded p1 60",
    );
}

#[test]
fn refunds_never_exceed_their_original() {
    after_payment(
        "refund r1 p1 shop 61 -> declined exceeds_refundable
         refund r2 p1 shop 50 -> settled
         refund r3 p1 shop 11 -> declined exceeds_refundable
         refund r4 p1 shop 10 -> settled
         refund r5 p1 shop 1 -> declined exceeds_refundable
         refund r6 p1 shop all -> declined exceeds_refundable
         balances alice 100 shop 0
         refunded p1 60",
    );
    // All that is left, twice: the second finds nothing.
    after_payment(
        "refund r1 p1 shop all -> settled
         refund r2 p1 shop all -> declined exceeds_refundable
         balances alice 100 shop 0
         refunded p1 60",
    );
}

#[test]
fn a_refund_has_one_outcome_for_ever() {
    after_payment(
        "refund r1 p1 shop 20 -> settled
         refund r1 p1 shop 20 -> replayed
         refund r1 p1 shop 21 -> dead-letter payment_id_reused
         refund r1 p1 shop all -> dead-letter payment_id_reused
         pay r1 shop alice EUR 20 -> dead-letter payment_id_reused
         refund p1 p1 shop 20 -> dead-letter payment_id_reused
         balances alice 60 shop 40
         refunded p1 20",
    );
}

#[test]
fn reasons_are_checked_in_their_order() {
    // The original: found, a payment, settled, and paid to the debtor.
    check(
        "account alice EUR 10 limit 0
         account shop  EUR 5 limit 0
         pay    p1 alice shop EUR 11 -> declined insufficient_funds
         pay    p2 alice shop EUR 5  -> settled
         refund r1 p0 shop 1   -> declined original_not_found
         refund r2 r2 shop 1   -> declined original_not_found
         refund r3 p1 shop 1   -> declined original_not_settled
         refund r4 p1 alice 1  -> declined original_not_settled
         refund r5 p2 alice 9  -> declined refund_mismatch
         refund r6 p2 nobody 1 -> declined refund_mismatch
         refund r7 p2 shop 2   -> settled
         refund r8 r7 alice 2  -> declined not_refundable
         refund r9 r1 alice 2  -> declined not_refundable
         refund r10 p2 shop 11 -> declined exceeds_refundable
         balances alice 7 shop 8
         refunded p2 2",
    );
}

#[test]
fn the_accounts_of_a_refund_must_take_part() {
    for (command, reason) in [("freeze c1 shop", "debtor_frozen"), ("freeze c1 alice", "creditor_frozen")] {
        after_payment(&format!(
            "{command} -> applied
             refund r1 p1 shop 70 -> declined {reason}
             balances alice 40 shop 60"
        ));
    }
    after_payment(
        "pay p2 alice bank EUR 40 -> settled
         close c1 alice -> applied
         refund r1 p1 shop all -> declined creditor_closed
         balances alice 0 shop 60",
    );
}

#[test]
fn a_refund_takes_free_money_only() {
    // An overdraft pays for a payment, and not for a refund.
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 0 limit 1000
         account bank  EUR 0 unlimited
         pay    p1 alice shop EUR 60 -> settled
         pay    p2 shop bank EUR 10  -> settled
         refund r1 p1 shop all -> declined insufficient_funds
         refund r2 p1 shop 51  -> declined insufficient_funds
         refund r3 p1 shop 50  -> settled
         pay    p3 shop bank EUR 10  -> settled
         refund r4 p1 shop 1   -> declined insufficient_funds
         balances alice 90 shop -10 bank 20
         refunded p1 50",
    );
    // An account without a limit isn't checked.
    check(
        "account alice EUR 0 limit 0
         account bank  EUR 0 unlimited
         pay    p1 bank alice EUR 60 -> settled
         pay    p2 alice bank EUR 60 -> settled
         refund r1 p2 bank 60 -> settled
         balances alice 60 bank -60
         refunded p2 60",
    );
}

#[test]
fn a_payment_and_its_refund_may_come_in_one_batch() {
    // The refund is decided after its original, and what follows its debtor after it.
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 0 limit 0
         pay    p1 alice shop EUR 60 -> settled
         refund r1 p1 shop 50        -> settled
         pay    p2 shop alice EUR 11 -> declined insufficient_funds
         pay    p3 shop alice EUR 10 -> settled
         refund r2 p1 shop all       -> declined insufficient_funds
         refund r3 p3 alice 10       -> settled
         refund r4 p1 shop all       -> settled
         balances alice 100 shop 0
         refunded p1 60 p3 10",
    );
    // What stands behind a refund on its partition finds what stands before it, whoever pays.
    check(
        "account bob   EUR 60 limit 0
         account alice EUR 0 limit 0
         account shop  EUR 0 limit 0
         account bank  EUR 0 unlimited
         pay    p0 bob alice EUR 60  -> settled
         refund r0 p0 alice 10       -> settled
         pay    p2 alice shop EUR 50 -> settled
         pay    p3 shop bank EUR 50  -> settled
         balances bob 10 alice 0 shop 0 bank 50
         refunded p0 10",
    );
    // A refund before its original is declined for ever.
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 0 limit 0
         refund r1 p1 shop 50        -> declined original_not_found
         pay    p1 alice shop EUR 60 -> settled
         refund r1 p1 shop 50        -> replayed
         balances alice 40 shop 60",
    );
}

#[test]
fn lanes_pay_for_refunds_as_for_payments() {
    check(
        "account alice EUR 100 limit 0 lanes 0,0
         account shop  EUR 0 limit 0 lanes 0,0
         pay    p1 alice shop EUR 60 -> settled
         refund r1 p1 shop 25 -> settled
         refund r2 p1 shop 36 -> declined exceeds_refundable
         refund r3 p1 shop all -> settled
         balances alice 100 shop 0
         refunded p1 60",
    );
    // The debtor pays from lanes, where payments commute. Refunds of one original don't.
    check(
        "account alice EUR 100 limit 0 lanes 0,0
         account bank  EUR 0 unlimited pays lanes 0,0
         pay    p1 alice bank EUR 60 -> settled
         refund r1 p1 bank 59 -> settled
         refund r2 p1 bank 2 -> declined exceeds_refundable
         refund r3 p1 bank all -> settled
         refund r4 p1 bank all -> declined exceeds_refundable
         balances alice 100 bank 0
         refunded p1 60",
    );
}

#[test]
fn a_decline_for_want_of_money_knows_what_is_left() {
    // Of 60 only 10 are left, and 30 are free. What was refunded is not known before it is read.
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 0 limit 0
         account bank  EUR 0 unlimited
         pay    p1 alice shop EUR 60 -> settled
         refund r1 p1 shop 50 -> settled
         pay    p2 bank shop EUR 20 -> settled
         refund r2 p1 shop 40 -> declined exceeds_refundable
         refund r3 p1 shop all -> settled
         balances alice 100 shop 20 bank -20
         refunded p1 60",
    );
}

/// What may be asked for: a refund of all that is left, or of this much; or a payment of the shop.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Refund(Option<u64>),
    Pay(u64),
}

/// The naive model: one request after the other, in plain numbers. `lowest` is the shop's lowest balance.
fn naive(asks: &[Ask], lowest: Option<i128>) -> (Vec<&'static str>, i128) {
    let (mut left, mut shop) = (30_u64, 30_i128);
    let mut answer = |ask: &Ask| {
        let (amount, lowest) = match *ask {
            Ask::Pay(amount) => (amount, lowest),
            Ask::Refund(asked) => {
                let amount = asked.unwrap_or(left);
                if amount > left || amount == 0 {
                    return "exceeds_refundable";
                }
                (amount, lowest.map(|_| 0))
            }
        };
        if lowest.is_some_and(|lowest| shop - i128::from(amount) < lowest) {
            return "insufficient_funds";
        }
        shop -= i128::from(amount);
        if let Ask::Refund(_) = ask {
            left -= amount;
        }
        "settled"
    };
    (asks.iter().map(&mut answer).collect(), shop)
}

/// Every order of up to three requests, in every grouping, with their original before them or in their batch, and for
/// every kind of debtor: the answers are those of the naive model.
#[tokio::test(start_paused = true)]
async fn every_order_and_grouping_of_up_to_three_refunds() {
    let choices =
        [Ask::Refund(None), Ask::Refund(Some(10)), Ask::Refund(Some(30)), Ask::Refund(Some(31)), Ask::Pay(25)];
    let shops: [(giro::domain::Account, Option<i128>); 4] = [
        (given::account("shop"), Some(0)),
        (given::account("shop").limit(50), Some(-50)),
        (given::account("shop").lanes(2), Some(0)),
        (giro::domain::Account { lane_debits: true, ..given::account("shop").unlimited().lanes(2) }, None),
    ];
    let mut runs = 0;
    for orders in 0..5_usize.pow(3) {
        let asks = [orders / 25, orders / 5 % 5, orders % 5].map(|choice| choices[choice]);
        for (shop, lowest) in &shops {
            let (expected, balance) = naive(&asks, *lowest);
            // Each bit cuts the requests before one of them, the first before the first refund.
            for cuts in 0..8_u32 {
                let store = MemoryStore::new();
                store.insert_account(given::account("alice").holding(30));
                store.insert_account(given::account("bank").unlimited());
                store.insert_account(shop.clone());
                let mut requests = vec![given::payment("p1", "alice", "shop", 30).at(0, 0)];
                requests.extend(asks.iter().enumerate().map(|(ix, ask)| match *ask {
                    Ask::Refund(amount) => given::refund(&format!("r{ix}"), "p1", "shop", amount).at(0, ix as i64 + 1),
                    Ask::Pay(amount) => given::payment(&format!("r{ix}"), "shop", "bank", amount).at(0, ix as i64 + 1),
                }));
                let mut answers = Vec::new();
                let mut batch = Vec::new();
                for (ix, request) in requests.into_iter().enumerate() {
                    if ix > 0 && cuts >> (ix - 1) & 1 == 1 {
                        answers.extend(settle(&store, std::mem::take(&mut batch)).await);
                    }
                    batch.push(request);
                }
                answers.extend(settle(&store, batch).await);
                let told = answers.iter().skip(1).map(|answer| match answer {
                    Disposition::Decided(Ok(())) => "settled",
                    Disposition::Decided(Err(decline)) => decline.name(),
                    Disposition::Replayed | Disposition::IdReused | Disposition::Unfinished => panic!("{answer:?}"),
                });
                let how = format!("{asks:?}, cuts {cuts:03b}, {shop:?}");
                assert_eq!(told.collect::<Vec<_>>(), expected, "{how}");
                let held = store.account(&given::id("shop")).await.unwrap().unwrap().balance();
                assert_eq!(held, balance, "{how}");
                runs += 1;
            }
        }
    }
    assert_eq!(runs, 125 * 4 * 8);
}

/// Settles requests by a worker of its own, which knows nothing.
async fn settle(store: &MemoryStore, requests: Vec<giro::domain::Request>) -> Vec<Disposition> {
    let until = Instant::now() + Duration::from_secs(10);
    settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await.dispositions
}

async fn paid() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(given::account("alice").holding(100));
    store.insert_account(given::account("shop"));
    settle(&store, vec![given::payment("p1", "alice", "shop", 60).at(0, 0)]).await;
    store
}

#[tokio::test(start_paused = true)]
async fn a_refund_costs_what_a_payment_costs_and_one_item() {
    let store = paid().await;
    let before = store.usage();
    settle(&store, vec![given::refund("r1", "p1", "shop", Some(10)).at(0, 1)]).await;
    let after = store.usage();
    assert_eq!(after.write_milliunits - before.write_milliunits, 10_000, "write units");
    assert_eq!(after.transactions - before.transactions, 1);
    // Its original, its accounts, and a sample of the ids: the first is one call more than for a payment.
    assert_eq!(after.read_calls - before.read_calls, 3);
}

/// In groups: 6 write units each, and 2 for each account that the group changes.
#[tokio::test(start_paused = true)]
async fn refunds_in_groups_share_their_accounts() {
    let store = MemoryStore::new();
    store.insert_account(given::account("alice").holding(1_000));
    store.insert_account(given::account("shop"));
    let payments = (0..40).map(|n| given::payment(&format!("p{n}"), "alice", "shop", 10).at(0, n));
    settle(&store, payments.collect()).await;
    let before = store.usage();
    let refunds = (0..40).map(|n| given::refund(&format!("r{n}"), &format!("p{n}"), "shop", Some(10)).at(0, 40 + n));
    let settled = settle(&store, refunds.collect()).await;
    assert!(settled.iter().all(|disposition| *disposition == Disposition::Decided(Ok(()))), "{settled:?}");
    let after = store.usage();
    assert_eq!(after.transactions - before.transactions, 1);
    assert_eq!(after.write_milliunits - before.write_milliunits, 40 * 6_000 + 2 * 2_000);
    assert_eq!(after.read_calls - before.read_calls, 3, "one call more for a hundred refunds");
}

/// Two workers race over one original, with every fault: never goes more back than was paid, and the sum is that of the
/// settled refunds.
#[tokio::test(start_paused = true)]
async fn two_workers_never_refund_too_much() {
    let mut all_back = 0;
    for seed in 0..300 {
        let store = MemoryStore::with_faults(Faults::all(seed, 40));
        store.insert_account(given::account("alice").holding(100));
        store.insert_account(given::account("shop"));
        let settle = |requests| {
            let until = Instant::now() + Duration::from_secs(60);
            settle_requests(&store, requests, 2, until, || Timestamp::EPOCH, Backoff::with_seed(seed))
        };
        settle(vec![given::payment("p1", "alice", "shop", 60).at(0, 0)]).await;
        let refund =
            |name: &str, amount, partition, offset| given::refund(name, "p1", "shop", amount).at(partition, offset);
        let one = vec![refund("a1", Some(40), 0, 1), refund("a2", None, 0, 2)];
        let other = vec![refund("b1", Some(30), 1, 1), refund("b2", Some(15), 1, 2), refund("b3", None, 1, 3)];
        tokio::join!(settle(one), settle(other));
        let settled = store.payments().await.unwrap().into_iter().filter_map(|recorded| {
            let repayment = recorded.outcome.repayment.filter(|_| recorded.outcome.decision.is_ok())?;
            Some(repayment.amount.minor_units())
        });
        let settled: u64 = settled.sum();
        assert!(settled <= 60, "seed {seed}: {settled}");
        assert_eq!(store.refunded(&"p1".parse().unwrap()).await.unwrap(), settled, "seed {seed}");
        let alice = store.account(&given::id("alice")).await.unwrap().unwrap();
        all_back += u32::from(settled == 60);
        assert_eq!(alice.balance(), 40 + i128::from(settled), "seed {seed}");
    }
    assert!(all_back > 250, "{all_back} of 300 races gave all back");
}
