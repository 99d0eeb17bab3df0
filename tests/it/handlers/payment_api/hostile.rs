//! What bad guests send the API: each gets a plain refusal, and nothing of theirs is told.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::handlers::payment_api::BODY_BYTES_MAX;
use serde_json::json;

use super::{Api, PAYMENT, TOPIC, event, problem};

#[tokio::test]
async fn bodies_that_are_no_payment_are_refused_without_repeating_them() {
    let api = Api::sound();
    let key = ("idempotency-key", "pay-1");
    for bad in ["", "secret", "[]", "{}", r#"{"amount":1,"amount":2}"#, &PAYMENT.replace("1250", "\"secret\"")] {
        let refused = api.post(&[key], bad).await;
        assert_eq!(problem(&refused), "400 malformed-payment", "{bad}");
        assert!(!refused.body.contains("secret"));
    }
    let mut not_base64 = event("POST", "/payments", "");
    not_base64["headers"] = json!({ "content-type": "application/json", "idempotency-key": "pay-1" });
    not_base64["isBase64Encoded"] = true.into();
    not_base64["body"] = "…".into();
    assert_eq!(problem(&api.event(not_base64).await), "400 malformed-payment");

    // The largest request, all escapes.
    let escaped = r"\ud83d\ude00".repeat(140);
    let id = "a".repeat(64);
    let leg = format!(
        r#"{{"debtor_account":"{id}","creditor_account":"{id}","amount":9007199254740991,"currency":"EUR","reference":"{escaped}"}}"#
    );
    let largest = format!(
        r#"{{"payment_id":"pay-1","debtor_account":"{id}","legs":[{}],"reference":"{escaped}","requested_at":"2026-11-22T10:00:00.000Z"}}"#,
        vec![leg; 16].join(",")
    );
    assert_eq!(api.post(&[key], &largest).await.status_code, 202, "{} bytes", largest.len());
    let padded = |length: usize| format!("{}{}", PAYMENT, " ".repeat(length - PAYMENT.len()));
    assert_eq!(api.post(&[key], &padded(BODY_BYTES_MAX)).await.status_code, 202);
    assert_eq!(problem(&api.post(&[key], &padded(BODY_BYTES_MAX + 1)).await), "413 body-too-large");

    for (content_type, is_json) in [
        ("application/json", true),
        ("Application/JSON ; Charset=\"UTF-8\"", true),
        ("application/json; charset=latin1", false),
        ("application/x-www-form-urlencoded", false),
        ("text/json", false),
        ("", false),
    ] {
        let answer = api.post(&[key, ("content-type", content_type)], PAYMENT).await;
        assert_eq!(answer.status_code, if is_json { 202 } else { 415 }, "{content_type}");
    }
}

/// Whoever compresses is told that nobody here unpacks, and not that the body is broken JSON.
#[tokio::test]
async fn a_compressed_body_is_415() {
    let api = Api::sound();
    let key = ("idempotency-key", "pay-1");
    for (coding, is_plain) in [
        ("gzip", false),
        ("GZip", false),
        ("x-gzip", false),
        ("br", false),
        ("deflate", false),
        ("zstd", false),
        ("identity, gzip", false),
        ("aes128gcm", false),
        ("identity", true),
        ("Identity , identity", true),
        ("", true),
    ] {
        let answer = api.post(&[key, ("Content-Encoding", coding)], PAYMENT).await;
        if is_plain {
            assert_eq!(answer.status_code, 202, "{coding}");
            continue;
        }
        assert_eq!(problem(&answer), "415 unsupported-media-type", "{coding}");
        assert_eq!(answer.headers["accept-encoding"], "identity");
        assert!(!answer.body.contains(coding), "{}", answer.body);
    }
    // Without the header: gzip and Zstandard begin as no JSON does. API Gateway hands both over in base64.
    for begins in [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd, 4]] {
        let mut silent = event("POST", "/payments", "");
        silent["headers"] = json!({ "content-type": "application/json", "idempotency-key": "pay-1" });
        silent["isBase64Encoded"] = true.into();
        silent["body"] = STANDARD.encode(begins).into();
        assert_eq!(problem(&api.event(silent).await), "415 unsupported-media-type", "{begins:?}");
    }
}

/// Lines that were logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a guest writes where an answer or a log line might repeat it.
const FORGED: &str = "forged";

/// Bodies that are no payment, and what each must be told.
fn bad_bodies() -> Vec<(String, &'static str)> {
    let deep = |depth: usize| PAYMENT.replace("\"extra\":1", &format!("\"extra\":{}", "[".repeat(depth)));
    let bodies = [
        (deep(15_000), "400 malformed-payment"),
        (deep(1_000_000), "413 body-too-large"),
        (PAYMENT.replace("1250", &"9".repeat(16_000)), "400 malformed-payment"),
        (PAYMENT.replace("1250", &"9".repeat(1_000_000)), "413 body-too-large"),
        (PAYMENT.replace("1250", "1e999999999"), "400 malformed-payment"),
        (PAYMENT.replace("EUR", "EUR\\nforged"), "400 malformed-payment"),
    ];
    let bad_ids =
        ["forged/../alice", "forged\\n", "\\u0000forged", "forged\\u202e", "f\u{43e}rged", "forged#1", "", " forged"];
    let bad_ids = bad_ids.map(|id| (PAYMENT.replace("alice", id), "400 malformed-payment"));
    bodies.into_iter().chain(bad_ids).collect()
}

#[tokio::test]
async fn bad_guests_get_a_plain_refusal_and_nothing_of_theirs_is_told() {
    let lines = Lines::default();
    let log = lines.clone();
    let log = tracing_subscriber::fmt().json().with_writer(move || log.clone()).finish();
    // With one subscriber alone, a place of the code that another test's thread meets first would stay silent for all.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _log = tracing::subscriber::set_default(log);
    let api = Api::sound();
    let mut asked = 0;

    for (body, expected) in bad_bodies() {
        let refused = api.post(&[("idempotency-key", "pay-1")], &body).await;
        asked += 1;
        assert_eq!(problem(&refused), expected, "{body:.80}");
        assert!(!refused.body.contains(FORGED), "{}", refused.body);
    }
    for key in ["forged/1", "for\nged", "forged 1", "\"forged", "\u{43e}", "", &"x".repeat(129)] {
        let refused = api.post(&[("idempotency-key", key)], PAYMENT).await;
        asked += 1;
        assert_eq!(problem(&refused), "400 invalid-idempotency-key", "{key}");
        assert!(!refused.body.contains(FORGED), "{}", refused.body);
    }
    // Of a path, and of a query: percent-encoded as a client sends it.
    for path in [
        "/payments/forged%2F..%2Falice",
        "/payments/forged%0A%7B%22level%22%3A%22ERROR%22%7D",
        "/payments/%00forged",
        "/accounts/f%D0%BErged",
        "/accounts/alice%23forged",
        "/accounts/%FFforged",
        "/accounts/alice/statement?cursor=forged",
        "/accounts/alice/statement?from=forged%0Aforged&limit=99999999999999999999999",
    ] {
        let refused = api.get(path).await;
        asked += 1;
        assert!([400, 404].contains(&refused.status_code), "{path}: {} {}", refused.status_code, refused.body);
        assert!(!refused.body.contains(FORGED), "{path}: {}", refused.body);
    }
    assert!(api.topics.records(TOPIC).is_empty(), "nothing of it was handed over");

    // As many headers as an event has room for are nobody's business.
    let names: Vec<String> = (0..20_000).map(|ix| format!("x-{FORGED}-{ix}")).collect();
    let flood: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), FORGED)).collect();
    let accepted = api.post(&[&[("idempotency-key", "pay-1")], &flood[..]].concat(), PAYMENT).await;
    asked += 1;
    assert_eq!(accepted.status_code, 202);

    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.lines().count(), asked, "one line a request: {lines}");
    assert!(!lines.contains(FORGED), "{lines}");
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not() {
    let api = Api::sound();
    for path in ["", "/", "/payment", "/payments/", "/payments/a/b", "/accounts", "/accounts/alice/", "/accounts/a/b/c"]
    {
        let answer = api.event(event("GET", path, "")).await;
        let expected = match path {
            "/payments/" => "404 payment-not-found",
            _ => "404 not-found",
        };
        assert_eq!(problem(&answer), expected, "{path}");
    }
    for (method, path) in [
        ("GET", "/payments"),
        ("DELETE", "/payments/pay-1"),
        ("POST", "/accounts/alice"),
        ("", "/accounts/alice/statement"),
    ] {
        assert_eq!(problem(&api.event(event(method, path, "")).await), "405 method-not-allowed", "{method} {path}");
    }
    for id in [".", "..", "%2e", "%2E.", "a%20b", "%ff", "%2e%2e%2f", &"x".repeat(65), "a+b", "%"] {
        assert_eq!(problem(&api.get(&format!("/payments/{id}")).await), "404 payment-not-found", "{id}");
        assert_eq!(problem(&api.get(&format!("/accounts/{id}")).await), "404 account-not-found", "{id}");
        assert_eq!(problem(&api.get(&format!("/accounts/{id}/statement")).await), "404 account-not-found", "{id}");
    }
    assert_eq!(api.get("/accounts/%61lice").await.status_code, 200, "an encoded id is the same id");
}
