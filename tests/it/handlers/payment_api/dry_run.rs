//! What would be decided now, over HTTP.

use giro::store::LedgerQueries;
use serde_json::{Value, json};

use super::{Api, problem, process};

/// A payment of 70 from alice to shop-1, settled.
async fn paid() -> Api {
    let api = Api::sound();
    let payment =
        r#"{"payment_id":"p1","debtor_account":"alice","creditor_account":"shop-1","amount":70,"currency":"EUR"}"#;
    api.post(&[], payment).await;
    process(&api.store, &api.topics, 0).await;
    api
}

fn told(body: &str) -> Value {
    let mut told: Value = serde_json::from_str(body).unwrap();
    told.as_object_mut().unwrap().remove("decided_at").unwrap();
    told
}

/// A dry run tells what would be decided, by the rules themselves. It writes nothing, and hands nothing over.
#[tokio::test]
async fn a_dry_run_tells_what_would_be_decided() {
    let api = paid().await;
    let before = (api.topics.records("payment-requests").len(), api.store.accounts().await.unwrap());
    for (path, body, expected) in [
        (
            "/payments?dry_run=true",
            r#"{"debtor_account":"alice","creditor_account":"shop-1","amount":5,"currency":"EUR"}"#,
            json!({"dry_run":true,"status":"settled","reason":null,"debtor_account":"alice","creditor_account":"shop-1",
                "amount":5,"currency":"EUR","reference":null}),
        ),
        // A given id doesn't count, even if it has its outcome.
        (
            "/payments?dry_run=true",
            r#"{"payment_id":"p1","debtor_account":"shop-1","creditor_account":"alice","amount":71,"currency":"EUR"}"#,
            json!({"dry_run":true,"status":"declined","reason":{"code":"AM04","name":"insufficient_funds"},
                "debtor_account":"shop-1","creditor_account":"alice","amount":71,"currency":"EUR","reference":null}),
        ),
        (
            "/refunds?dry_run=true",
            r#"{"original_payment_id":"p1","debtor_account":"shop-1"}"#,
            json!({"dry_run":true,"kind":"refund","refund_of":"p1","status":"settled","reason":null,
                "debtor_account":"shop-1","creditor_account":"alice","amount":70,"currency":"EUR","reference":null}),
        ),
        (
            "/refunds?dry_run=true",
            r#"{"original_payment_id":"p2","debtor_account":"shop-1","amount":1}"#,
            json!({"dry_run":true,"kind":"refund","refund_of":"p2","status":"declined",
                "reason":{"code":null,"name":"original_not_found"},"debtor_account":"shop-1","amount":1,
                "reference":null}),
        ),
    ] {
        let response = api.post_to(path, &[], body).await;
        assert_eq!(response.status_code, 200, "{body}");
        assert_eq!(told(&response.body), expected);
    }
    assert_eq!(problem(&api.post_to("/refunds?dry_run=yes", &[], "{}").await), "400 invalid-parameter");
    assert_eq!(problem(&api.post_to("/refunds?dry_run=true", &[], "{}").await), "400 malformed-refund");
    let after = (api.topics.records("payment-requests").len(), api.store.accounts().await.unwrap());
    assert_eq!(after, before, "nothing is written, and nothing is handed over");
}

/// What was refunded before counts, though nothing tells it but the sum.
#[tokio::test]
async fn a_dry_run_knows_what_is_left() {
    let api = paid().await;
    api.post_to(
        "/refunds",
        &[],
        r#"{"refund_id":"r1","original_payment_id":"p1","debtor_account":"shop-1","amount":50}"#,
    )
    .await;
    process(&api.store, &api.topics, 1).await;
    for (amount, expected, reason) in [
        ("", json!(20), Value::Null),
        (r#","amount":20"#, json!(20), Value::Null),
        (r#","amount":21"#, json!(21), json!({"code":"AM02","name":"exceeds_refundable"})),
    ] {
        let body = format!(r#"{{"original_payment_id":"p1","debtor_account":"shop-1"{amount}}}"#);
        let answer = told(&api.post_to("/refunds?dry_run=true", &[], &body).await.body);
        assert_eq!((&answer["amount"], &answer["reason"]), (&expected, &reason), "{body}");
    }
}
