//! A run that isn't finished goes on while it is young. What nobody can have written yet is not trusted.

use giro::domain::audit::AuditRun;
use giro::store::{Checkpoints, Read};
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::MemoryStore;

use super::super::request;
use super::{found, minute, prove_at, settle_at};

/// A ledger whose only run began at minute 180, and isn't finished.
async fn interrupted() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("alice"));
    settle_at(&store, vec![request(1, "p1", "bank", "alice", 5)], 10).await;
    let run = AuditRun { closed: minute(160), began_at: minute(180), finished_at: None, proved_at: None };
    store.write_run(&run).await.unwrap();
    store
}

/// What comes after the closed time is open. So it would grow with each hour that a run lasts.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_two_hours_old_does_not_go_on() {
    for (at, closed) in [(190, 160), (279, 160), (280, 260), (2_000, 1_980)] {
        let store = interrupted().await;
        let proof = prove_at(&store, at).await;
        assert_eq!((found(&proof).as_str(), proof.closed), ("", Some(minute(closed))), "minute {at}");
    }
}

/// A time to come would hide how old the oldest proof is, and no later run could be written over it.
#[tokio::test(start_paused = true)]
async fn a_run_of_the_future_is_replaced() {
    let run = AuditRun { closed: minute(160), began_at: minute(180), finished_at: None, proved_at: None };
    for spoiled in [
        AuditRun { proved_at: Some(minute(9_000)), ..run },
        AuditRun { began_at: minute(9_000), ..run },
        AuditRun { began_at: minute(9_000), proved_at: Some(minute(9_000)), finished_at: Some(minute(9_000)), ..run },
    ] {
        let store = interrupted().await;
        store.write_run(&spoiled).await.unwrap();
        // Nobody can prove it: it has a balance that no posting made.
        store.insert_account(account("alice").holding(1));
        let proof = prove_at(&store, 200).await;
        assert_eq!((found(&proof).as_str(), proof.behind), ("balance account alice", 1), "{spoiled:?}");
        assert!(proof.oldest.is_some_and(|oldest| oldest < minute(1)), "{:?} of {spoiled:?}", proof.oldest);
        let Ok(Read::Found(run)) = store.run().await else { panic!("it was written") };
        assert_eq!((run.began_at, run.proved_at), (minute(200), None), "{spoiled:?}");
    }
}
