//! Indexes that are late: nobody is accused for them, and no posting is left out of a checkpoint.

use std::time::Duration;

use giro::audit::Pace;
use giro::audit::moved::{Proof, Waits, prove};
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

use super::super::request;
use super::{found, minute, settle_at};

/// Two accounts with a payment between them at minute 10.
async fn ledger() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("alice"));
    settle_at(&store, vec![request(1, "p1", "bank", "alice", 20)], 10).await;
    store
}

/// An audit as it is deployed, that begins at this minute and has so many seconds.
async fn audit(store: &MemoryStore, at: i64, seconds: u64) -> Proof {
    let until = Instant::now() + Duration::from_secs(seconds);
    prove(store, || minute(at), Pace::per_second(1_000_000), Waits::default(), until).await.unwrap()
}

/// The first two looks are five seconds apart. Both miss what an index shows half a minute late.
#[tokio::test(start_paused = true)]
async fn a_late_index_accuses_nobody_at_the_deadline() {
    for (late_ms, seconds) in [(30_000, 18), (60_000, 60)] {
        for seed in 0..20 {
            let store = ledger().await;
            store.list_late(late_ms, seed);
            settle_at(&store, vec![request(2, "p2", "bank", "alice", 5)], 60).await;
            let proof = audit(&store, 60, seconds).await;
            assert_eq!(found(&proof), "", "seed {seed}: {proof:?}");
            assert_eq!(proof.behind == 0, proof.stopped.is_none(), "seed {seed}: {proof:?}");
        }
    }
}

/// What looks find a minute apart is told, and no sooner.
#[tokio::test(start_paused = true)]
async fn a_finding_is_told_once_two_looks_a_minute_apart_have_found_it() {
    for (seconds, expected) in [(18, ""), (150, ""), (180, "balance account alice"), (600, "balance account alice")] {
        let store = ledger().await;
        store.insert_account(account("alice").holding(21));
        let proof = audit(&store, 60, seconds).await;
        assert_eq!((found(&proof).as_str(), proof.behind), (expected, 1), "{seconds} seconds");
        assert_eq!(proof.stopped.is_some(), seconds < 180, "{seconds} seconds");
    }
}
