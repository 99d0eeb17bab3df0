//! Lanes while others work: order, two invocations at once, and faults of the store.

use std::time::Duration;

use giro::domain::{Batch, PaymentId, Request};
use giro::settle::Disposition;
use giro::store::{Ledger, LedgerQueries};
use giro_testkit::given::{Setters as _, account, lane};
use giro_testkit::memory_store::{Faults, MemoryStore};

use super::{store_of, watched};
use crate::rules::batches::{balances, check_books, count, request, settle_within};
use crate::rules::worlds::seeds;

/// A batch over a few accounts, some with lanes, in which everything happens: credits to lanes, debits that sweep,
/// debits of what the batch credits.
fn mixed(partition: i32, payments: i64, seed: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9);
    let names = ["shop", "mall", "a", "b", "c"];
    let mut one = |offset| {
        let debtor = random.usize(0..names.len());
        let creditor = (debtor + random.usize(1..names.len())) % names.len();
        request(partition, offset, names[debtor], names[creditor], random.u64(1..=12))
    };
    (0..payments).map(&mut one).collect()
}

fn mixed_store(faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    for (id, balance, lanes) in [("shop", 3, 4), ("mall", 0, 2), ("a", 20, 0), ("b", 10, 0), ("c", 0, 0)] {
        store.insert_account(account(id).holding(balance).lanes(lanes));
    }
    store.insert_lane(lane("shop/2", 15));
    store.insert_lane(lane("mall/0", 7));
    store
}

/// Whatever is planned into whatever transactions: a batch ends as one payment after the other would.
#[tokio::test(start_paused = true)]
async fn a_batch_ends_as_its_payments_one_by_one() {
    for seed in seeds(300, 40) {
        let requests = mixed(0, 60, seed);
        let (whole, single) = (mixed_store(Faults::default()), mixed_store(Faults::default()));
        let settled = settle_within(&whole, &Batch::new(requests.clone()), 60, seed).await;
        let mut ends = Vec::new();
        for request in requests {
            ends.extend(settle_within(&single, &Batch::new(vec![request]), 60, seed).await.dispositions);
        }
        assert_eq!(settled.dispositions, ends, "seed {seed}");
        assert_eq!(balances(&whole).await, balances(&single).await, "seed {seed}");
        assert_eq!(whole.usage().cancelled, 0, "seed {seed}: alone, nothing stands in the way");
    }
}

#[tokio::test(start_paused = true)]
async fn two_invocations_at_once_with_sweeps_never_overdraw_and_lose_nothing() {
    for seed in seeds(300, 40) {
        let store = mixed_store(Faults::default());
        let opened = balances(&store).await;
        let watched = watched(&store, Duration::from_millis(seed % 3));
        let (one, two) = (Batch::new(mixed(0, 40, seed)), Batch::new(mixed(1, 40, !seed)));
        let (one, two) = (one.with_partitions(2), two.with_partitions(2));
        let (one, two) =
            tokio::join!(settle_within(&watched, &one, 600, seed), settle_within(&watched, &two, 600, !seed));
        assert_eq!(
            count(&one.dispositions, &Disposition::Unfinished) + count(&two.dispositions, &Disposition::Unfinished),
            0,
            "seed {seed}"
        );
        check_books(&store, &opened).await;
    }
}

/// The same records delivered to two workers at once: each payment is decided once.
#[tokio::test(start_paused = true)]
async fn the_same_batch_twice_at_once_with_lanes_decides_each_payment_once() {
    for seed in seeds(100, 30) {
        let store = mixed_store(Faults::default());
        let opened = balances(&store).await;
        let requests = mixed(0, 40, seed);
        let (one, two) = (Batch::new(requests.clone()), Batch::new(requests[10..].to_vec()));
        let (one, two) = tokio::join!(settle_within(&store, &one, 600, seed), settle_within(&store, &two, 600, !seed));
        for ix in 0..40 {
            let ends = [Some(&one.dispositions[ix]), ix.checked_sub(10).map(|ix| &two.dispositions[ix])];
            let decided = ends.iter().flatten().filter(|end| matches!(end, Disposition::Decided(_))).count();
            assert_eq!(decided, 1, "{ix} at seed {seed}: {ends:?}");
        }
        check_books(&store, &opened).await;
    }
}

#[tokio::test(start_paused = true)]
async fn faults_delay_and_never_lose_or_double_with_lanes() {
    for seed in seeds(300, 40) {
        let faults = Faults { conflict: 150, late: 50, ..Faults::all(seed, 100) };
        let store = mixed_store(faults);
        let opened = balances(&store).await;
        let settled = settle_within(&store, &Batch::new(mixed(0, 100, seed)), 3_600, seed).await;
        assert_eq!(count(&settled.dispositions, &Disposition::Unfinished), 0, "seed {seed}: {settled:?}");
        assert_eq!(store.payments().await.unwrap().len(), 100, "seed {seed}");
        check_books(&store, &opened).await;
    }
}

/// A debtor with lanes: only in order do the first ten of 100 each settle, and all after them get declined.
#[tokio::test(start_paused = true)]
async fn payments_of_a_debtor_with_lanes_are_never_decided_out_of_order() {
    for seed in seeds(100, 30) {
        let faults = Faults { seed, conflict: 300, unavailable_after: 100, ..Faults::default() };
        let store = store_of(4, faults);
        (0..4).for_each(|number| store.insert_lane(lane(&format!("shop/{number}"), 250)));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut requests: Vec<Request> = Vec::new();
        for offset in 0..200_i64 {
            let debtor = if random.bool() { "shop".to_owned() } else { format!("a{}", random.usize(1..100)) };
            requests.push(request(0, offset, &debtor, &format!("a{}", random.usize(100..200)), 100));
        }
        settle_within(&store, &Batch::new(requests.clone()), 3_600, seed).await;
        let payments = store.payments().await.unwrap();
        let decision = |id: &PaymentId| {
            payments.iter().find(|recorded| recorded.outcome.instruction.id() == id).unwrap().outcome.decision.is_ok()
        };
        let of_shop = requests.iter().filter(|request| request.instruction.debtor().as_str() == "shop");
        let decisions: Vec<bool> = of_shop.map(|request| decision(request.instruction.id())).collect();
        let settled = decisions.iter().take_while(|settled| **settled).count();
        assert_eq!((settled, decisions[settled..].contains(&true)), (10, false), "seed {seed}");
    }
}
