//! Bad guests: what comes in to break keys, logs, memory or the terminal.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::{AccountId, PaymentId};
use giro::handlers::payment_processor::PaymentProcessor;
use giro::store::LedgerQueries;
use giro::wire::batch_response::BatchResponse;
use giro::wire::payment_request;
use giro_testkit::memory_store::MemoryStore;
use lambda_runtime::{Context, LambdaEvent};

/// An event of these values, each with these headers, as JSON.
fn event(values: &[&[u8]], headers: &serde_json::Value) -> String {
    let record = |(offset, value): (usize, &&[u8])| {
        serde_json::json!({ "topic": "t", "partition": 0, "offset": offset, "value": STANDARD.encode(value),
            "headers": headers })
    };
    let records: Vec<serde_json::Value> = values.iter().enumerate().map(record).collect();
    serde_json::json!({ "records": { "t-0": records } }).to_string()
}

/// Every record of an event ends as a dead letter with its bytes; the dead letters.
async fn set_aside(values: &[&[u8]], headers: &serde_json::Value) -> Vec<giro::domain::DeadLetter> {
    let store = MemoryStore::new();
    let mut context = Context::default();
    context.deadline = 60_000;
    let event = serde_json::from_str(&event(values, headers)).unwrap();
    let response = PaymentProcessor::new(store.clone(), true).handle(LambdaEvent::new(event, context)).await;
    assert_eq!(response, Ok(BatchResponse::default()));
    assert!(store.payments().await.unwrap().is_empty());
    let letters = store.dead_letters().await.unwrap();
    let kept: Vec<&[u8]> = letters.iter().map(|letter| letter.value.as_deref().unwrap()).collect();
    assert_eq!(kept, values);
    letters
}

fn with(field: &str, value: &str) -> String {
    let mut fields = vec![
        ("payment_id", r#""k1""#),
        ("debtor_account", r#""alice""#),
        ("creditor_account", r#""bob""#),
        ("amount", "5"),
        ("currency", r#""EUR""#),
    ];
    fields.retain(|(name, _)| *name != field);
    fields.push((field, value));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", fields.join(","))
}

#[tokio::test(start_paused = true)]
async fn oversized_deep_and_endless_values_are_set_aside_with_their_bytes() {
    let oversized = with("reference", &format!("\"{}\"", "x".repeat(5_000_000)));
    let deep = with("amount", &format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000)));
    let unclosed = "{\"x\":".repeat(1_000_000);
    let digits = with("amount", &"9".repeat(3_000_000));
    let exponent = with("amount", "1e999999999");
    let values: Vec<&[u8]> = [&oversized, &deep, &unclosed, &digits, &exponent].map(|text| text.as_bytes()).into();
    let letters = set_aside(&values, &serde_json::json!([])).await;
    // A reason and a detail of bounded length, whatever came.
    assert!(letters.iter().all(|letter| letter.detail.len() < 300), "{letters:.300?}");
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["invalid_field", "invalid_field", "not_json", "invalid_field", "invalid_field"]);
}

/// A field that nobody knows is ignored, whatever it holds: the payment is decided like any other.
#[tokio::test(start_paused = true)]
async fn a_deep_unknown_field_is_ignored() {
    let deep = with("x", &format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000)));
    let store = MemoryStore::new();
    let mut context = Context::default();
    context.deadline = 60_000;
    let event = serde_json::from_str(&event(&[deep.as_bytes()], &serde_json::json!([]))).unwrap();
    let response = PaymentProcessor::new(store.clone(), true).handle(LambdaEvent::new(event, context)).await;
    assert_eq!(response, Ok(BatchResponse::default()));
    assert_eq!(store.payments().await.unwrap().len(), 1);
    assert!(store.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_headers_is_kept_and_none_of_a_payments_business() {
    let headers: Vec<serde_json::Value> =
        (0..20_000).map(|ix| serde_json::json!({ (format!("h{}", ix % 7)): [ix % 128, -1] })).collect();
    let letters = set_aside(&[b"no payment"], &headers.into()).await;
    assert_eq!(letters[0].headers.len(), 20_000);
}

/// Ids are what keys and statements are made of: nothing that could name another item, or look like another name.
#[test]
fn ids_that_would_break_keys_are_refused() {
    for bad in [
        "a/b",
        "shop-1/0",
        "../a",
        ".",
        "..",
        "a\u{0}",
        "a\n",
        "a\r\nb",
        "a b",
        "\u{430}lice",
        "ａlice",
        "alice\u{200b}",
        "\u{202e}ecila",
        "a\u{301}",
        "a#b",
        "a'b",
        "a\"b",
        "a;b",
        "$a",
        "{a}",
        "a\\b",
        "<a>",
        "%2e",
        "a\u{7f}",
        "\u{1b}[31ma",
        "",
    ] {
        assert!(AccountId::try_new(bad).is_err() && PaymentId::try_new(bad).is_err(), "{bad:?}");
        let quoted = serde_json::Value::from(bad).to_string();
        for field in ["payment_id", "debtor_account", "creditor_account", "currency"] {
            let malformed = payment_request::decode_json(with(field, &quoted).as_bytes()).unwrap_err();
            assert_eq!(malformed.name(), "invalid_field", "{field} {bad:?}");
            assert!(!malformed.to_string().contains(char::is_control), "{malformed:?}");
        }
    }
    for (longest, holds) in [("x".repeat(64), true), ("x".repeat(65), false)] {
        assert_eq!(AccountId::try_new(&longest).is_ok(), holds);
    }
}

/// A handler that can't start says which variables are missing, and nothing of those that are there.
#[test]
fn a_handler_that_cannot_start_tells_no_secret() {
    for handler in [env!("CARGO_BIN_EXE_payment-processor"), env!("CARGO_BIN_EXE_ledger-auditor")] {
        let output = Command::new(handler)
            .env_clear()
            .env("AWS_SECRET_ACCESS_KEY", "SECRET-KEY-OF-A-TEST")
            .env("AWS_SESSION_TOKEN", "SECRET-TOKEN-OF-A-TEST")
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && text.contains("ACCOUNTS_TABLE is not set"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
        let rust = ["::", "ConfigError", "Error("].iter().find(|rust| text.contains(**rust));
        assert_eq!(rust, None, "{text}");
    }
}
