//! Waiting for free lanes: a popular debtor, whose money lies on a lane that another partition may credit.
//!
//! The shop has two lanes for each of two partitions. Partition 0 settles the batch. Lane 1 is the other partition's.
//! It is free in the slices from 400 ms to 800 ms, from 1,200 ms to 1,600 ms, and so on.

use std::time::Duration;

use giro::domain::{Batch, Timestamp};
use giro::settle::{Backoff, Settled, settle};
use giro_testkit::given::lane;
use giro_testkit::memory_store::Faults;
use giro_testkit::virtual_time::time_of_day;
use tokio::time::Instant;

use super::{store_of, watched};
use crate::rules::batches::{SETTLED, balances, request};

/// The middle of the first slice: lane 1 takes credits.
const BUSY_MS: u64 = 200;

/// A customer pays the shop, which makes it popular, and the shop pays what lies on lane 1. Returns how long it took.
/// Somebody else holds the shop's main item for so long.
async fn settled(now: impl Fn() -> Timestamp, held: Duration) -> (Settled, Duration) {
    let store = store_of(4, Faults::default());
    store.insert_lane(lane("shop/1", 10));
    let watched = watched(&store, Duration::ZERO);
    watched.hooks.hold(["shop".into()]);
    let batch = Batch::new(vec![request(0, 0, "a1", "shop", 1), request(0, 1, "shop", "a2", 10)]).with_partitions(2);
    let begun = Instant::now();
    let settling = settle(&watched, &batch, begun + Duration::from_secs(60), now, Backoff::with_seed(1));
    let release = async {
        tokio::time::sleep(held).await;
        watched.hooks.hold([]);
    };
    let (settled, ()) = tokio::join!(settling, release);
    assert_eq!(settled.dispositions, [SETTLED, SETTLED]);
    assert_eq!(balances(&store).await["shop"], 1);
    (settled, begun.elapsed())
}

fn standing_still() -> Timestamp {
    Timestamp::try_from_millis(BUSY_MS.cast_signed()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_debit_waits_until_its_lane_is_free() {
    let clock = time_of_day(Instant::now(), Duration::from_millis(BUSY_MS));
    let (settled, took) = settled(clock, Duration::ZERO).await;
    assert_eq!((settled.rounds, settled.conflicts), (2, 0));
    assert_eq!(took, Duration::from_millis(260), "60 ms after the slice ends");
}

/// Once the credits of the batch are done, the debtor is not popular any more.
#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_makes_a_debit_wait_once() {
    let (settled, took) = settled(standing_still, Duration::ZERO).await;
    assert_eq!((settled.rounds, settled.conflicts), (2, 0));
    assert_eq!(took, Duration::from_millis(260));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_makes_a_debtor_that_others_held_wait_eight_times() {
    let (settled, took) = settled(standing_still, Duration::from_millis(265)).await;
    assert_eq!((settled.rounds, settled.conflicts), (10, 1));
    assert!((8 * 260..8 * 260 + 20).contains(&took.as_millis()), "it waits for slices, and for nothing else: {took:?}");
}
