//! Contention: an item that somebody else holds holds up nothing but itself.

use std::time::Duration;

use giro::domain::{Batch, Decline, PaymentId, Request};
use giro::settle::Disposition;
use giro::store::StoreError;
use giro_testkit::given::{Setters as _, account, payment_in};
use giro_testkit::memory_store::Faults;

use super::{store_of, to_shop, watched};
use crate::rules::batches::{SETTLED, SHORT, count, request, settle_within};
use crate::rules::worlds::seeds;

/// A creditor without lanes that somebody else always holds: the rest of the batch doesn't wait for it.
#[tokio::test(start_paused = true)]
async fn a_contended_account_holds_up_nothing_but_itself() {
    let store = store_of(0, Faults::default());
    let watched = watched(&store, Duration::from_millis(20));
    watched.hooks.hold(["shop".into()]);
    let to_others = (0..300).map(|ix| request(0, ix, &format!("a{ix}"), &format!("a{}", ix + 5_000), 1));
    let to_shop = (300..330).map(|ix| request(0, ix, &format!("a{ix}"), "shop", 1));
    let settled = settle_within(&watched, &Batch::new(to_others.chain(to_shop).collect()), 10, 1).await;
    assert_eq!(count(&settled.dispositions[..300], &SETTLED), 300, "all others are done");
    assert_eq!(count(&settled.dispositions[300..], &Disposition::Unfinished), 30);
    assert_eq!(settled.error, Some(StoreError::Conflict));
    let [(source, rounds)] = settled.contended.as_slice() else { panic!("{settled:?}") };
    assert_eq!((source.offset, settled.conflicts > 3, *rounds > 3), (300, true, true), "told by the first record");
    // Once it is free, the next delivery settles the rest.
    watched.hooks.hold([]);
    let to_shop = (300..330).map(|ix| request(0, ix, &format!("a{ix}"), "shop", 1));
    assert_eq!(count(&settle_within(&watched, &Batch::new(to_shop.collect()), 10, 1).await.dispositions, &SETTLED), 30);
}

/// A debtor that somebody else always holds holds up its own payments alone.
#[tokio::test(start_paused = true)]
async fn a_debtor_that_is_held_holds_up_nothing_but_its_own_payments() {
    let store = store_of(0, Faults::default());
    store.insert_account(account("poor").holding(5));
    let watched = watched(&store, Duration::from_millis(20));
    watched.hooks.hold(["poor".into()]);
    let batch = || {
        let poor = [request(0, 0, "poor", "a1", 6), request(0, 1, "nobody", "poor", 6), request(0, 2, "poor", "a1", 1)];
        let others = (3..300).map(|ix| request(0, ix, &format!("a{ix}"), &format!("a{}", ix + 5_000), 1));
        Batch::new(poor.into_iter().chain(others).collect())
    };
    let settled = settle_within(&watched, &batch(), 10, 1).await;
    let missing = Disposition::Decided(Err(Decline::DebtorNotFound));
    assert_eq!(settled.dispositions[..3], [Disposition::Unfinished, missing, Disposition::Unfinished]);
    assert_eq!(count(&settled.dispositions[3..], &SETTLED), 297);
    let [(source, rounds)] = settled.contended.as_slice() else { panic!("{settled:?}") };
    assert_eq!((source.offset, settled.conflicts > 3, *rounds > 3), (0, true, true), "told by the first record");
    watched.hooks.hold([]);
    let settled = settle_within(&watched, &batch(), 10, 1).await;
    assert_eq!(settled.dispositions[..3], [SHORT, Disposition::Replayed, SETTLED]);
}

/// Lanes that are never all free together hold up no decline: plain reads don't wait.
#[tokio::test(start_paused = true)]
async fn a_decline_on_lanes_that_are_credited_all_the_time_meets_nobody() {
    let store = store_of(16, Faults::default());
    let watched = watched(&store, Duration::from_millis(5));
    let busy = |turn| (turn..16).step_by(2).map(|lane| format!("shop/{lane}"));
    let credits = async {
        for turn in (0..2).cycle() {
            watched.hooks.hold(busy(turn));
            tokio::time::sleep(Duration::from_millis(35)).await;
        }
    };
    let batch = Batch::new(vec![request(0, 0, "shop", "a1", 1)]);
    let settled = tokio::select! {
        settled = settle_within(&watched, &batch, 10, 1) => settled,
        () = credits => unreachable!(),
    };
    assert_eq!(settled.dispositions, [SHORT]);
    assert_eq!((settled.conflicts, settled.rounds), (0, 1));
}

/// Found by the simulation, seed 90000091192: one id on two partitions, of two debtors, and somebody else holds it. If
/// the first is not decided after all, the second may be, so what comes after that one waits.
#[tokio::test(start_paused = true)]
async fn an_id_that_another_partition_may_take_is_waited_for() {
    let store = store_of(0, Faults::default());
    let watched = watched(&store, Duration::from_millis(20));
    watched.hooks.hold(["payment twice".into()]);
    let twice = |mut request: Request| {
        payment_in(&mut request).id = PaymentId::try_new("twice").unwrap();
        request
    };
    let batch = || {
        Batch::new(vec![
            twice(request(0, 0, "nobody", "a2", 1)),
            twice(request(1, 0, "a1", "a2", 1)),
            request(1, 1, "a1", "a3", 1),
            request(2, 0, "a4", "a5", 1),
        ])
    };
    let settled = settle_within(&watched, &batch(), 10, 1).await;
    assert_eq!(
        settled.dispositions,
        [Disposition::Unfinished, Disposition::Unfinished, Disposition::Unfinished, SETTLED]
    );
    watched.hooks.hold([]);
    let settled = settle_within(&watched, &batch(), 10, 1).await;
    let missing = Disposition::Decided(Err(Decline::DebtorNotFound));
    assert_eq!(settled.dispositions, [missing, Disposition::IdReused, SETTLED, Disposition::Replayed]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_throttles_half_of_all_calls_gets_all_done() {
    for seed in seeds(20, 3) {
        let store = store_of(16, Faults { seed, throttle: 500, ..Faults::default() });
        let settled = settle_within(&store, &Batch::new(to_shop(0, 1_000, seed)), 600, seed).await;
        assert_eq!(count(&settled.dispositions, &SETTLED), 1_000, "seed {seed}");
        assert!(settled.throttled > 0 && (2..=64).contains(&settled.in_flight), "seed {seed}: {settled:?}");
    }
}
