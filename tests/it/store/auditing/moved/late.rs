//! Indexes that are late: nobody is accused for them, and no posting is left out of a checkpoint.

use std::time::Duration;

use giro::audit::Pace;
use giro::audit::moved::{Proof, Settings, prove};
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

use super::super::request;
use super::{found, minute, prove_at, settle_at};

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
    prove(store, || minute(at), Pace::per_second(1_000_000), Settings::default(), until).await.unwrap()
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

/// A debit and a credit of the same amount make no difference to the balance. If no list shows them yet, all adds up
/// without them. They are in the checkpoints all the same.
#[tokio::test(start_paused = true)]
async fn postings_that_cancel_each_other_and_are_shown_late_are_in_a_checkpoint() {
    for seed in 0..20 {
        let store = MemoryStore::new();
        for account in [account("bank").unlimited(), account("alice"), account("shop").lanes(2)] {
            store.insert_account(account);
        }
        let fund = ["alice", "shop"].map(|name| request(1, &format!("fund-{name}"), "bank", name, 20));
        settle_at(&store, fund.into(), 10).await;
        for at in [60, 120] {
            assert_eq!(found(&prove_at(&store, at).await), "");
        }
        store.list_late(600_000, seed);
        for (ix, name) in ["alice", "shop"].into_iter().enumerate() {
            let (credit, debit) = (format!("credit-{ix}"), format!("debit-{ix}"));
            settle_at(&store, vec![request(2, &credit, "bank", name, 5)], 130).await;
            settle_at(&store, vec![request(3, &debit, name, "bank", 5)], 130).await;
        }
        let mut moved = Vec::new();
        for at in [130, 190, 250, 310] {
            let proof = audit(&store, at, 600).await;
            assert_eq!((found(&proof).as_str(), proof.behind), ("", 0), "seed {seed}, minute {at}");
            moved.push(proof.moved);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        assert_eq!((moved[0], moved[3]), (3, 0), "seed {seed}: at rest nothing is read again");
        let postings: u64 = store.proved_heads().iter().map(|head| head.checkpoint.postings).sum();
        assert_eq!(postings, 12, "seed {seed}: each posting is in one checkpoint");
    }
}
