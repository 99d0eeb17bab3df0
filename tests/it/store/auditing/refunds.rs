//! The audit of refunds: what was given back is what the sums say, also while refunds run.

use giro::domain::Timestamp;
use giro::settle::{Backoff, settle_requests};
use giro_testkit::given::{Placed as _, Setters as _, account, payment, refund};
use giro_testkit::memory_store::MemoryStore;
use std::time::Duration;
use tokio::time::Instant;

use super::{audit_within, found};

async fn settle(store: &MemoryStore, requests: Vec<giro::domain::Request>) {
    let until = Instant::now() + Duration::from_secs(60);
    settle_requests(store, requests, 1, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await;
}

/// Forty payments, each refunded in part.
async fn refunded() -> MemoryStore {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("shop"));
    settle(&store, (0..40).map(|n| payment(&format!("p{n}"), "bank", "shop", 10).at(0, n)).collect()).await;
    let refunds = (0..40).map(|n| refund(&format!("r{n}"), &format!("p{n}"), "shop", Some(4)).at(0, 40 + n));
    settle(&store, refunds.collect()).await;
    store
}

#[tokio::test(start_paused = true)]
async fn a_wrong_sum_is_found() {
    let store = refunded().await;
    assert_eq!(found(&audit_within(&store, 600).await), "");
    for (sum, expected) in [
        (3, "refunded payment p7"),
        (5, "refunded payment p7"),
        (11, "over_refunded payment p7\nrefunded payment p7"),
        (4, ""),
    ] {
        store.plant_refund_sum(&"p7".parse().unwrap(), sum);
        assert_eq!(found(&audit_within(&store, 600).await), expected, "{sum}");
    }
    // A sum without any refund, and a refund that was lost.
    store.plant_refund_sum(&"p99".parse().unwrap(), 1);
    store.lose_payment(&"r3".parse().unwrap());
    let findings = found(&audit_within(&store, 600).await);
    assert!(findings.contains("refunded payment p3\nrefunded payment p99"), "{findings}");
}

/// Refunds go on while the audit reads. No clean ledger is accused, at whatever moment the scans come.
#[tokio::test(start_paused = true)]
async fn no_clean_ledger_is_accused_while_refunds_run() {
    for offset in 0..40 {
        let store = refunded().await;
        let more = async {
            for n in 0..40 {
                for _ in 0..offset {
                    tokio::task::yield_now().await;
                }
                let refund = refund(&format!("s{n}"), &format!("p{}", (n * 7 + offset) % 40), "shop", Some(1));
                settle(&store, vec![refund.at(0, 100 + n)]).await;
            }
        };
        let (audited, ()) = tokio::join!(audit_within(&store, 600), more);
        assert_eq!(found(&audited), "", "{offset}");
        assert_eq!(found(&audit_within(&store, 600).await), "", "{offset}");
    }
}
