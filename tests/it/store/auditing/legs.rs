//! The audit of payments with legs: each further leg has its item, also while they are settled.

use giro::domain::Timestamp;
use giro::settle::{Backoff, settle_requests};
use giro_testkit::given::{self, Placed as _, Setters as _, account};
use giro_testkit::memory_store::MemoryStore;
use std::time::Duration;
use tokio::time::Instant;

use super::{audit_within, found};

fn ledger() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("shop"));
    store.insert_account(account("fees"));
    store
}

async fn settle(store: &MemoryStore, numbers: std::ops::Range<i64>) {
    let payment = |n: i64| {
        let legs = [("bank", "shop", "EUR", 10), ("shop", "fees", "EUR", 1), ("shop", "bank", "EUR", 2)];
        given::legged(&format!("p{n}"), "bank", &legs).at(0, n)
    };
    let until = Instant::now() + Duration::from_secs(60);
    let requests = numbers.map(payment).collect();
    settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_was_lost_is_found() {
    let store = ledger();
    settle(&store, 0..20).await;
    assert_eq!(found(&audit_within(&store, 600).await), "");
    store.lose_leg(&"p7/3".parse().unwrap());
    assert_eq!(found(&audit_within(&store, 600).await), "leg leg p7/3");
    let store = ledger();
    settle(&store, 0..20).await;
    store.lose_payment(&"p7".parse().unwrap());
    let findings = found(&audit_within(&store, 600).await);
    assert!(findings.contains("leg leg p7/2\nleg leg p7/3"), "{findings}");
}

/// No clean ledger is accused, at whatever moment the scans come.
#[tokio::test(start_paused = true)]
async fn no_clean_ledger_is_accused_while_legs_are_settled() {
    for offset in 0..40 {
        let store = ledger();
        settle(&store, 0..20).await;
        let more = async {
            for n in 20..60 {
                for _ in 0..offset {
                    tokio::task::yield_now().await;
                }
                settle(&store, n..n + 1).await;
            }
        };
        let (report, ()) = tokio::join!(audit_within(&store, 600), more);
        assert_eq!(found(&report), "", "offset {offset}");
    }
}
