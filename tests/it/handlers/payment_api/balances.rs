//! `GET /accounts/{account_id}/balance`, and statements with balances: what is told, with checkpoints and without, and
//! what is refused.

use std::time::Duration;

use giro::domain::Timestamp;
use giro::handlers::clock;
use giro::handlers::payment_api::PaymentApi;
use giro::settle::{Backoff, settle_requests};
use giro_testkit::given::{self, Placed as _, Setters as _, account, payment};
use giro_testkit::memory_store;
use giro_testkit::memory_topics::MemoryTopics;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Api, TOPIC, body, ledger, problem, settle};
use crate::store::auditing::moved::{found, prove_at};

/// When [`settle`] decides, in milliseconds since 1970.
const DECIDED_MS: i64 = 1_763_805_600_123;

/// Payments that were decided long ago, in one millisecond: of 100, 101, … from alice to the shop and back.
async fn settled(has_checkpoints: bool) -> Api {
    let api = Api::new(ledger(memory_store::Faults::default()), MemoryTopics::new());
    let request = |ix: i64| {
        let (debtor, creditor) = if ix % 3 == 2 { ("shop-1", "alice") } else { ("alice", "shop-1") };
        payment(&format!("p{ix}"), debtor, creditor, 100 + ix.unsigned_abs()).at(0, ix)
    };
    settle(&api.store, (0..9).map(request).collect()).await;
    if !has_checkpoints {
        return api;
    }
    let proof = prove_at(&api.store, DECIDED_MS / 60_000 + 60).await;
    assert_eq!((found(&proof).as_str(), proof.behind), ("", 0));
    let with = PaymentApi::new(api.store.clone(), api.topics.clone(), TOPIC).with_checkpoints(true);
    Api { api: with, ..api }
}

fn text(ms: i64) -> String {
    Timestamp::try_from_millis(ms).unwrap().to_string()
}

#[tokio::test]
async fn a_balance_is_told_at_any_time() {
    for has_checkpoints in [false, true] {
        let api = settled(has_checkpoints).await;
        let total = -(100 + 101 + 103 + 104 + 106 + 107) + (102 + 105 + 108);
        for (ms, expected) in [(DECIDED_MS - 1, 0), (DECIDED_MS, total), (DECIDED_MS + 90_000_000, total), (0, 0)] {
            let told = api.get(&format!("/accounts/alice/balance?at={}", text(ms))).await;
            let expected = json!({ "account_id": "alice", "currency": "EUR", "at": text(ms), "balance": expected,
                "final": true });
            assert_eq!((told.status_code, body(&told)), (200, expected), "{has_checkpoints}");
        }
        // The bytes are the contract's, in its order.
        let told = api.get(&format!("/accounts/shop-1/balance?at={}", text(DECIDED_MS))).await;
        let bytes =
            r#"{"account_id":"shop-1","currency":"EUR","at":"2025-11-22T10:00:00.123Z","balance":306,"final":true}"#;
        assert_eq!(told.body, bytes);
        let before = clock::now();
        let now = body(&api.get("/accounts/alice/balance").await);
        assert_eq!((&now["balance"], &now["final"]), (&json!(total), &json!(false)));
        assert!(Timestamp::parse(now["at"].as_str().unwrap()).unwrap() >= before);
        assert_eq!(body(&api.get("/accounts/idle/balance").await)["balance"], 0);
    }
}

#[tokio::test]
async fn a_time_is_closed_after_twenty_minutes() {
    let api = settled(true).await;
    for (minutes, is_final) in [(19, false), (21, true)] {
        let at = clock::now().earlier_by(minutes * 60_000);
        let told = body(&api.get(&format!("/accounts/alice/balance?at={at}")).await);
        assert_eq!(told["final"], is_final, "{minutes}");
    }
}

#[tokio::test]
async fn what_can_t_be_told_is_refused() {
    let api = settled(true).await;
    let later = clock::now().earlier_by(-60_000);
    for query in ["at=yesterday", "at=", "at=2026-11-22", &format!("at={later}"), "at=2025-01-01T00:00:00Z&at=x"] {
        let refused = api.get(&format!("/accounts/alice/balance?{query}")).await;
        assert_eq!(problem(&refused), "400 invalid-parameter", "{query}");
        assert!(body(&refused)["detail"].as_str().unwrap().starts_with("at: expected"), "{}", refused.body);
    }
    let refused = api.get(&format!("/accounts/alice/balance?at={later}")).await;
    assert_eq!(body(&refused)["detail"], "at: expected a time that is not in the future");
    assert_eq!(problem(&api.get("/accounts/nobody/balance").await), "404 account-not-found");
    assert_eq!(problem(&api.get("/accounts/a%20b/balance").await), "404 account-not-found");
    assert_eq!(problem(&api.get("/accounts/alice/statement?balances=yes").await), "400 invalid-parameter");
    let gone = memory_store::Faults { unavailable_before: 1_000, ..memory_store::Faults::default() };
    let gone = Api::new(ledger(gone), MemoryTopics::new()).get("/accounts/alice/balance").await;
    assert_eq!(problem(&gone), "503 unavailable");
    assert!(gone.headers.contains_key("retry-after"));
}

/// All postings of a statement in pages of this size.
async fn postings(api: &Api, limit: usize, more: &str) -> Vec<Value> {
    let mut postings = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = body(&api.get(&format!("/accounts/alice/statement?limit={limit}{more}{cursor}")).await);
        postings.extend(page["postings"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return postings };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn each_posting_has_the_balance_after_it_on_pages_of_any_size() {
    for has_checkpoints in [false, true] {
        let api = settled(has_checkpoints).await;
        let whole = postings(&api, 500, "&balances=true").await;
        assert_eq!(whole.len(), 9);
        let mut sum = 0;
        for posting in whole.iter().rev() {
            sum += posting["amount"].as_i64().unwrap();
            assert_eq!(posting["balance_after"], sum, "{posting}");
        }
        for limit in [1, 2, 4] {
            assert_eq!(postings(&api, limit, "&balances=true").await, whole, "pages of {limit}");
        }
        // Who doesn't ask isn't told.
        for posting in postings(&api, 500, "").await.iter().chain(&postings(&api, 500, "&balances=false").await) {
            assert_eq!(posting.get("balance_after"), None);
        }
    }
}

#[tokio::test]
async fn a_posting_of_an_open_time_has_no_balance_yet() {
    let api = settled(true).await;
    let request = payment("now", "alice", "shop-1", 1).at(0, 99);
    let until = Instant::now() + Duration::from_secs(20);
    settle_requests(&api.store, vec![request], 1, until, clock::now, Backoff::with_seed(1)).await;
    let whole = postings(&api, 500, "&balances=true").await;
    assert_eq!((whole.len(), whole[0].get("balance_after")), (10, Some(&Value::Null)));
    let before = body(&api.get(&format!("/accounts/alice/balance?at={}", text(DECIDED_MS))).await);
    assert_eq!(whole[1]["balance_after"], before["balance"]);
    assert_eq!(postings(&api, 1, "&balances=true").await, whole);
}

/// A damaged payment is no balance, and its key is told to nobody.
#[tokio::test]
async fn a_payment_of_another_currency_is_an_error() {
    let api = settled(false).await;
    api.store.insert_account(account("alice").currency(given::currency("USD")));
    let told = api.get("/accounts/alice/balance").await;
    assert_eq!(problem(&told), "500 internal");
    assert!(!told.body.contains("p0"), "{}", told.body);
}
