//! What only the store in memory can show: its faults, and its small pages.

use std::collections::BTreeSet;

use giro::domain::account_command::{Action, DecidedCommand};
use giro::domain::{Decline, Refusal};
use giro::store::{
    AccountLedger, AccountRead, Cancelled, Checkpoints, CommandQueries, Ledger, LedgerQueries, NewHead, Proved,
    Segment, StoreError, Table, TableScan,
};
use giro_testkit::given::{id, update};
use giro_testkit::memory_store::{Faults, MemoryStore};

use super::checkpoints::head;
use super::{account, cancelled, command, commit, decided_at, request, transaction};

#[tokio::test]
async fn the_memory_stores_faults_strike() {
    let strike = |faults: Faults| async move {
        let store = MemoryStore::with_faults(faults);
        store.insert_account(account("alice", 10));
        let requests = [(request("k1", 1), Ok(()))];
        let answer = store.commit(&transaction(&requests, &[update("alice", -1)])).await;
        let written = store.payments().await.unwrap().len();
        (answer, written, store)
    };
    let none = Faults::default();
    let (answer, written, _) = strike(Faults { conflict: 1_000, ..none }).await;
    let busy = Cancelled { transient: Some(StoreError::Conflict), busy: vec![0], ..Cancelled::default() };
    assert_eq!((cancelled(answer.unwrap()), written), (busy, 0));
    let store = MemoryStore::with_faults(Faults { conflict: 1_000, ..none });
    let requests = [(request("k1", 1), Err(Decline::SameAccount))];
    let answer = cancelled(commit(&store, &requests, &[]).await);
    assert_eq!(
        (answer.transient, answer.busy),
        (Some(StoreError::Conflict), vec![]),
        "a payment is not held by update"
    );
    let (answer, written, _) = strike(Faults { throttle: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Throttled(_))) && written == 0);
    let (answer, written, _) = strike(Faults { unavailable_before: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 0);
    let (answer, written, _) = strike(Faults { unavailable_after: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 1, "it happened all the same");
    let (answer, written, store) = strike(Faults { late: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 0);
    for _ in 0..8 {
        store.read_accounts(&[&id("alice")]).await.unwrap();
    }
    assert_eq!(store.payments().await.unwrap().len(), 1, "it happened later");
    let unread = MemoryStore::with_faults(Faults { unread: 1_000, ..none });
    assert_eq!(unread.read_accounts(&[&id("alice")]).await.unwrap(), [AccountRead::Unread]);
}

/// A fault is one of all heads of a call.
#[tokio::test]
async fn the_memory_stores_faults_strike_heads() {
    let strike = |faults: Faults| async move {
        let store = MemoryStore::with_faults(faults);
        let heads = ["alice", "bob"].map(|name| head(name, 1, 5, None));
        let new = heads.each_ref().map(|head| NewHead { before: None, head });
        let answer = store.prove(&new).await;
        let proved = (store.proved_heads().len(), store.proved_checkpoints().len());
        // Whoever asks again learns what became of them.
        let again = store.with_other_faults(Faults::default()).prove(&new).await;
        assert_eq!(again, Ok(vec![Proved::Written; 2]));
        (answer, proved)
    };
    let none = Faults::default();
    let (answer, proved) = strike(Faults { conflict: 1_000, ..none }).await;
    assert_eq!((answer, proved), (Err(StoreError::Conflict), (0, 0)));
    let (answer, proved) = strike(Faults { throttle: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Throttled(_))) && proved == (0, 0));
    let (answer, proved) = strike(Faults { unavailable_before: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && proved == (0, 0));
    let (answer, proved) = strike(Faults { unavailable_after: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && proved == (2, 2), "it happened all the same");
}

/// Seven items, so that whoever reads a small ledger meets what happens between two pages.
#[tokio::test]
async fn the_memory_stores_pages_are_small() {
    let store = MemoryStore::new();
    let all = Segment { number: 0, of: 1 };
    for (count, pages) in [(7, &[7][..]), (8, &[7, 1])] {
        (0..count).for_each(|ix| store.insert_account(account(&format!("a{ix}"), 0)));
        let (mut lengths, mut mark) = (Vec::new(), None);
        loop {
            let page = store.page(Table::Accounts, all, mark).await.unwrap();
            lengths.push(page.items.len());
            // A unit for each 4 KB begun.
            assert_eq!(page.read_milliunits, 1_000);
            mark = page.next;
            if mark.is_none() {
                break;
            }
        }
        assert_eq!(lengths, pages);
    }
}

/// A fault that isn't asked for draws nothing: the same seed makes the same faults strike, whatever else there is.
#[tokio::test]
async fn faults_strike_as_their_seed_says() {
    let store = MemoryStore::with_faults(Faults { seed: 7, throttle: 500, ..Faults::default() });
    let mut random = fastrand::Rng::with_seed(7);
    for call in 0..5_000 {
        let strikes = random.u32(0..1_000) < 500;
        assert_eq!(store.read_lanes(&[]).await.is_err(), strikes, "{call}");
    }
}

/// What was given up and is still under way happens within eight calls, sooner or later.
#[tokio::test]
async fn what_comes_late_happens_a_few_calls_later() {
    let (mut payments, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..100 {
        let late = || MemoryStore::with_faults(Faults { seed, late: 1_000, ..Faults::default() });
        let store = late();
        let requests = [(request("k1", 1), Err(Decline::SameAccount))];
        assert!(store.commit(&transaction(&requests, &[])).await.is_err());
        let mut calls = 0;
        while store.payments().await.unwrap().is_empty() {
            store.read_lanes(&[]).await.unwrap();
            calls += 1;
            assert!(calls <= 8, "seed {seed}");
        }
        payments.insert(calls);

        let store = late();
        let request = command("c1", "nobody", Action::Close);
        let decided =
            DecidedCommand { request: &request, decision: Err(Refusal::AccountNotFound), decided_at: decided_at() };
        assert!(store.commit_command(&decided.steps()[0]).await.is_err());
        let mut calls = 0;
        while store.commands().await.unwrap().is_empty() {
            store.read_lanes(&[]).await.unwrap();
            calls += 1;
            assert!(calls <= 8, "seed {seed}");
        }
        commands.insert(calls);
    }
    assert_eq!((payments, commands), ((1..=8).collect(), (1..=8).collect()));
}
