//! The HTTP API, from an event to its response: what is answered, what is handed over, what an error tells.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, Batch, CreditLanes, Currency, Decline, OverdraftLimit, PaymentId,
    Request as PaymentRequest, Source, Timestamp,
};
use giro::handlers::payment_api::{BODY_BYTES_MAX, PaymentApi, ROUTES};
use giro::handlers::reading::{PAGE_POSTINGS, PAGE_POSTINGS_MAX};
use giro::settle::{Backoff, settle};
use giro::store::Inspect;
use giro::wire::http::Response;
use giro::wire::payment_request;
use giro::wire::problem::Problem;
use giro_testkit::memory_store::{self, MemoryStore};
use giro_testkit::memory_topics::{Faults, MemoryTopics};
use lambda_runtime::{Context, LambdaEvent};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Value, json};
use tokio::time::Instant;

const TOPIC: &str = "payment-requests";
const PAYMENT: &str =
    r#"{"debtor_account":"alice","creditor_account":"shop-1","amount":1250,"currency":"EUR","extra":1}"#;

fn account(id: &str, limit: OverdraftLimit) -> Account {
    Account {
        id: AccountId::try_new(id).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit: limit,
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
    }
}

/// `alice` may overdraw by 5,000, `shop-1` and `idle` by nothing, `bank` as it likes.
pub(crate) fn ledger(faults: memory_store::Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    for (id, limit) in [("alice", Some(5_000)), ("shop-1", Some(0)), ("idle", Some(0)), ("bank", None)] {
        store.insert_account(account(id, limit.map_or(OverdraftLimit::Unlimited, OverdraftLimit::Limited)));
    }
    store
}

/// Settles what stands on the topic from `first` on, as the processor does.
pub(crate) async fn process(store: &MemoryStore, topics: &MemoryTopics, first: usize) {
    let request = |(offset, value): (i64, Vec<u8>)| PaymentRequest {
        payment: payment_request::decode_json(&value).unwrap(),
        source: Source { topic: TOPIC.into(), partition: 0, offset },
    };
    let records = topics.records(TOPIC).into_iter().map(|record| record.value.unwrap());
    let batch = Batch::new((0..).zip(records).skip(first).map(request).collect());
    let until = Instant::now() + Duration::from_secs(20);
    let now = || Timestamp::try_from_millis(1_763_805_600_123).unwrap();
    settle(store, &batch, until, now, Backoff::with_seed(1)).await;
}

struct Api {
    store: MemoryStore,
    topics: MemoryTopics,
    api: PaymentApi<MemoryStore, MemoryTopics>,
}

impl Api {
    fn new(store: MemoryStore, topics: MemoryTopics) -> Self {
        let api = PaymentApi::new(store.clone(), topics.clone(), TOPIC);
        Self { store, topics, api }
    }

    fn sound() -> Self {
        Self::new(ledger(memory_store::Faults::default()), MemoryTopics::new())
    }

    async fn event(&self, event: Value) -> Response {
        let mut context = Context::default();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(20);
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let request = serde_json::from_str(&event.to_string()).unwrap();
        let response = self.api.handle(LambdaEvent::new(request, context)).await.unwrap();
        documented(&event, &response);
        response
    }

    async fn get(&self, path: &str) -> Response {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.event(event("GET", path, query)).await
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> Response {
        let mut event = event("POST", "/payments", "");
        event["body"] = body.into();
        event["headers"]["Content-Type"] = "application/json".into();
        for (name, value) in headers {
            event["headers"][*name] = (*value).into();
        }
        self.event(event).await
    }
}

fn event(method: &str, path: &str, query: &str) -> Value {
    json!({ "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": { "host": "api.example.com" },
        "requestContext": { "stage": "$default", "http": { "method": method, "path": path } }, "isBase64Encoded": false })
}

fn body(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

/// The status and what is wrong, such as `404 account-not-found`.
fn problem(response: &Response) -> String {
    assert_eq!(response.headers["content-type"], "application/problem+json");
    let body = body(response);
    assert_eq!(body["status"], response.status_code);
    format!("{} {}", response.status_code, body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap())
}

fn openapi() -> Yaml<'static> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.yaml");
    let text: &'static str = std::fs::read_to_string(path).unwrap().leak();
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// A node below another, by names.
fn at<'y>(node: &'y Yaml<'static>, path: &[&str]) -> &'y Yaml<'static> {
    path.iter().fold(node, |node, name| {
        node.as_mapping_get(name).unwrap_or_else(|| panic!("docs/openapi.yaml has no {name} in {path:?}"))
    })
}

fn keys(node: &Yaml<'static>) -> BTreeSet<String> {
    node.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn texts(node: &Yaml<'static>) -> Vec<String> {
    node.as_vec().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every answer of every test of this file is one that the API's description gives for that method of that route.
fn documented(event: &Value, response: &Response) {
    thread_local!(static OPENAPI: Yaml<'static> = openapi());
    let path = event["rawPath"].as_str().unwrap().trim_start_matches("/prod");
    let route = match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["payments"] => 0,
        ["payments", _] => 1,
        ["accounts", _] => 2,
        ["accounts", _, "statement"] => 3,
        _ => return assert_eq!(problem(response), "404 not-found"),
    };
    let method = event["requestContext"]["http"]["method"].as_str().unwrap();
    if !ROUTES[route].1.split(", ").any(|has| has == method) {
        assert_eq!(response.headers["allow"], ROUTES[route].1);
        return assert_eq!(response.status_code, 405);
    }
    OPENAPI.with(|openapi| {
        let responses = at(openapi, &["paths", ROUTES[route].0, &method.to_lowercase(), "responses"]);
        let statuses = keys(responses);
        assert!(statuses.contains(&response.status_code.to_string()), "{method} {path}: {}", response.status_code);
    });
}

#[tokio::test]
async fn a_payment_is_accepted_once_it_is_on_the_topic() {
    let api = Api::sound();
    let response = api.post(&[("Idempotency-Key", "pay-1")], PAYMENT).await;
    assert_eq!((response.status_code, response.headers["location"].as_ref()), (202, "/payments/pay-1"));
    let [record] = api.topics.records(TOPIC).try_into().unwrap();
    assert_eq!(record.key.as_deref(), Some(&b"alice"[..]), "keyed by debtor");
    let payment = payment_request::decode_json(record.value.as_deref().unwrap()).unwrap();
    assert_eq!(payment.id.as_str(), "pay-1");
    let accepted = body(&response);
    assert_eq!(accepted["source"], json!({ "topic": TOPIC, "partition": 0, "offset": 0 }));
    assert_eq!(accepted["fingerprint"], payment.fingerprint().to_string());

    assert_eq!(problem(&api.get("/payments/pay-1").await), "404 payment-not-found");
    process(&api.store, &api.topics, 0).await;
    let outcome = api.get("/payments/pay-1").await;
    assert_eq!((outcome.status_code, &body(&outcome)["status"]), (200, &json!("settled")));
    assert_eq!(body(&outcome)["source"], accepted["source"], "the outcome names the record that it answers");
}

#[tokio::test]
async fn the_key_may_stand_in_the_header_or_in_the_body() {
    let with_id = PAYMENT.replace('{', r#"{"payment_id":"pay-1","#);
    let api = Api::sound();
    for (headers, body) in [
        (&[][..], with_id.as_str()),
        (&[("idempotency-key", "pay-1")], &with_id),
        (&[("IDEMPOTENCY-KEY", " \"pay-1\" ")], PAYMENT),
    ] {
        assert_eq!(api.post(headers, body).await.status_code, 202, "{headers:?}");
    }
    assert_eq!(problem(&api.post(&[], PAYMENT).await), "400 malformed-payment");
    assert_eq!(problem(&api.post(&[("idempotency-key", "pay-2")], &with_id).await), "400 malformed-payment");
    for key in ["", ".", "\"..\"", "a b", "\"pay-1", "ü", &"x".repeat(65)] {
        let refused = api.post(&[("idempotency-key", key)], PAYMENT).await;
        assert_eq!(problem(&refused), "400 invalid-idempotency-key", "{key}");
    }
    assert_eq!(api.topics.records(TOPIC).len(), 3, "nothing else was handed over");
}

#[tokio::test]
async fn one_key_twice_is_one_payment_and_another_body_is_told() {
    let api = Api::sound();
    let other = PAYMENT.replace("1250", "1251");
    let key = [("idempotency-key", "pay-1")];
    // While no outcome is known, all are accepted, and the processor sorts them out.
    let first = body(&api.post(&key, PAYMENT).await);
    assert_eq!(body(&api.post(&key, PAYMENT).await)["fingerprint"], first["fingerprint"]);
    let second = body(&api.post(&key, &other).await);
    assert_ne!(second["fingerprint"], first["fingerprint"]);
    process(&api.store, &api.topics, 0).await;
    assert_eq!(api.store.payments().await.unwrap().len(), 1);
    // GET tells which of the two it is.
    let asked = async |accepted: &Value| {
        let fingerprint = accepted["fingerprint"].as_str().unwrap();
        api.get(&format!("/payments/pay-1?fingerprint={fingerprint}")).await
    };
    let outcome = asked(&first).await;
    assert_eq!((outcome.status_code, &body(&outcome)["amount"]), (200, &json!(1250)));
    assert_eq!(body(&outcome)["fingerprint"], first["fingerprint"]);
    assert_eq!(problem(&asked(&second).await), "409 payment-id-reused");
    // From now on the answer comes at once.
    let handed_over = api.topics.records(TOPIC).len();
    let again = api.post(&key, PAYMENT).await;
    assert_eq!((again.status_code, body(&again)), (200, body(&outcome)));
    let with_time = PAYMENT.replace('{', r#"{"requested_at":"2026-11-22T10:00:00Z","#);
    assert_eq!(api.post(&key, &with_time).await.status_code, 200, "a retry may carry another time");
    assert_eq!(problem(&api.post(&key, &other).await), "409 payment-id-reused");
    assert_eq!(api.topics.records(TOPIC).len(), handed_over);
    assert_eq!(body(&api.get("/accounts/alice").await)["balance"], -1250);
}

#[tokio::test]
async fn what_is_not_acknowledged_is_not_accepted() {
    for faults in [Faults { refused: 1_000, ..Faults::default() }, Faults { lost: 1_000, ..Faults::default() }] {
        let api = Api::new(ledger(memory_store::Faults::default()), MemoryTopics::with_faults(faults));
        let refused = api.post(&[("idempotency-key", "pay-1")], PAYMENT).await;
        assert_eq!(problem(&refused), "503 unavailable");
        assert!(refused.headers["retry-after"].parse::<u32>().unwrap() > 0);
        assert!(api.topics.records(TOPIC).is_empty());
    }
    // It arrived and the answer was lost: asking again is the same payment.
    let lost = MemoryTopics::with_faults(Faults { seed: 4, unacknowledged: 500, ..Faults::default() });
    let api = Api::new(ledger(memory_store::Faults::default()), lost);
    let mut tries = 0;
    while api.post(&[("idempotency-key", "pay-1")], PAYMENT).await.status_code == 503 {
        tries += 1;
        assert!(tries < 100);
    }
    assert!(tries > 0, "the fault struck");
    process(&api.store, &api.topics, 0).await;
    assert_eq!(body(&api.get("/accounts/shop-1").await)["balance"], 1250);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_stops_reading_and_not_handing_over() {
    let api = Api::sound();
    api.store.plant_corrupt_account(&AccountId::try_new("alice").unwrap());
    assert_eq!(problem(&api.get("/accounts/alice").await), "500 internal");
    assert_eq!(problem(&api.get("/accounts/alice/statement").await), "500 internal");
    assert_eq!(api.post(&[("idempotency-key", "pay-1")], PAYMENT).await.status_code, 202);

    let gone = memory_store::Faults { unavailable_before: 1_000, ..memory_store::Faults::default() };
    let api = Api::new(ledger(gone), MemoryTopics::new());
    let unavailable = api.get("/accounts/alice/statement").await;
    assert_eq!(problem(&unavailable), "503 unavailable");
    assert!(unavailable.headers.contains_key("retry-after"));
}

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

/// A reference is the client's text: what went in comes out, and JSON alone decides what is escaped.
#[tokio::test]
async fn a_reference_comes_back_code_point_by_code_point() {
    let api = Api::sound();
    let references =
        ["caf\u{e9}", "cafe\u{301}", "\u{1b}[2J\u{7}\0", "\u{9b}\u{7f}", "\u{202e}ecila", "a\r\n\tb", " x "];
    for (ix, reference) in references.into_iter().enumerate() {
        let payment = json!({ "payment_id": format!("r{ix}"), "debtor_account": "alice", "creditor_account": "shop-1",
            "amount": 1, "currency": "EUR", "reference": reference });
        assert_eq!(api.post(&[], &payment.to_string()).await.status_code, 202);
    }
    process(&api.store, &api.topics, 0).await;
    for (ix, reference) in references.into_iter().enumerate() {
        assert_eq!(body(&api.get(&format!("/payments/r{ix}")).await)["reference"], reference);
    }
    // One id with the same text in another normal form is another request.
    let other = json!({ "payment_id": "r0", "debtor_account": "alice", "creditor_account": "shop-1", "amount": 1,
        "currency": "EUR", "reference": references[1] });
    assert_eq!(problem(&api.post(&[], &other.to_string()).await), "409 payment-id-reused");
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
    for (body, expected) in bodies.into_iter().chain(bad_ids) {
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

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let api = Api::sound();
    for (path, status) in [("/accounts/alice", 200), ("/accounts/nobody", 404), ("/accounts/alice/statement", 200)] {
        let (get, head) = (api.get(path).await, api.event(event("HEAD", path, "")).await);
        assert_eq!((head.status_code, head.body.as_str()), (status, ""));
        assert_eq!(head.headers, get.headers);
    }
}

#[tokio::test]
async fn a_named_stage_is_no_part_of_the_path() {
    let api = Api::sound();
    let mut event = event("GET", "/prod/accounts/alice", "");
    event["requestContext"]["stage"] = "prod".into();
    assert_eq!(api.event(event).await.status_code, 200);
}

#[tokio::test]
async fn a_statement_is_read_page_by_page() {
    let api = Api::sound();
    for ix in 0..7 {
        let (debtor, creditor) = if ix % 2 == 0 { ("alice", "shop-1") } else { ("bank", "alice") };
        let payment = format!(
            r#"{{"payment_id":"p{ix}","debtor_account":"{debtor}","creditor_account":"{creditor}","amount":{},"currency":"EUR"}}"#,
            100 + ix
        );
        assert_eq!(api.post(&[], &payment).await.status_code, 202);
    }
    process(&api.store, &api.topics, 0).await;
    let (mut path, mut postings) = ("/accounts/alice/statement?limit=3".to_owned(), Vec::new());
    loop {
        let page = body(&api.get(&path).await);
        assert_eq!((&page["account_id"], &page["currency"]), (&json!("alice"), &json!("EUR")));
        postings.extend(page["postings"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/accounts/alice/statement?limit=3&cursor={cursor}");
    }
    let sum: i64 = postings.iter().map(|posting| posting["amount"].as_i64().unwrap()).sum();
    assert_eq!((postings.len(), sum), (7, -100 - 102 - 104 - 106 + 101 + 103 + 105));
    assert_eq!(body(&api.get("/accounts/alice").await)["balance"], sum);
    assert_eq!(body(&api.get("/accounts/idle/statement").await)["postings"], json!([]));
    let later = api.get("/accounts/alice/statement?from=2026-01-01T00%3A00%3A00%2B01:00").await;
    assert_eq!(body(&later)["postings"], json!([]));

    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "from=yesterday",
        "to=",
        "cursor=x",
        "cursor=",
        "cursor=%00",
        "from=2026-11-22T10:00:00+01:00",
    ] {
        assert_eq!(
            problem(&api.get(&format!("/accounts/alice/statement?{query}")).await),
            "400 invalid-parameter",
            "{query}"
        );
    }
    assert_eq!(problem(&api.get("/payments/p1?fingerprint=00").await), "400 invalid-parameter");
}

/// The description names what there is: routes, methods, problems, decline reasons, bounds.
#[test]
fn the_description_is_in_step_with_the_code() {
    let openapi = openapi();
    let mut described = BTreeSet::new();
    for path in keys(at(&openapi, &["paths"])) {
        for method in keys(at(&openapi, &["paths", &path])).into_iter().filter(|key| key != "parameters") {
            described.insert((path.clone(), method.to_uppercase()));
        }
    }
    let methods = |(path, methods): (&str, &'static str)| {
        let path = path.to_owned();
        methods.split(", ").map(move |method| (path.clone(), method.to_owned()))
    };
    assert_eq!(described, ROUTES.into_iter().flat_map(methods).collect());

    let schemas = at(&openapi, &["components", "schemas"]);
    let types: Vec<String> = Problem::ALL.iter().map(|row| row.0.type_uri()).collect();
    assert_eq!(texts(at(schemas, &["Problem", "properties", "type", "enum"])), types);
    let declines: Vec<String> = Decline::ALL.iter().map(|row| row.1.to_owned()).collect();
    assert_eq!(texts(at(schemas, &["Reason", "properties", "name", "enum"])), declines);
    let statuses: Vec<String> = AccountStatus::ALL.iter().map(|status| status.name().to_owned()).collect();
    assert_eq!(texts(at(schemas, &["Account", "properties", "status", "enum"])), statuses);

    let number = |node: &Yaml<'static>| node.as_integer().unwrap();
    assert_eq!(number(at(schemas, &["Amount", "maximum"])), i64::try_from(giro::domain::money::AMOUNT_MAX).unwrap());
    let longest = giro::domain::payment::REFERENCE_CHARACTERS_MAX;
    assert_eq!(number(at(schemas, &["Reference", "maxLength"])), i64::try_from(longest).unwrap());
    let parameters = at(&openapi, &["paths", "/accounts/{account_id}/statement", "parameters"]);
    let limit = parameters
        .as_vec()
        .unwrap()
        .iter()
        .find(|one| one.as_mapping_get("name").and_then(Yaml::as_str) == Some("limit"));
    let limit = at(limit.unwrap(), &["schema"]);
    assert_eq!(number(at(limit, &["maximum"])), i64::try_from(PAGE_POSTINGS_MAX).unwrap());
    assert_eq!(number(at(limit, &["default"])), i64::try_from(PAGE_POSTINGS).unwrap());
    let body = at(&openapi, &["paths", "/payments", "post", "requestBody", "description"]).as_str().unwrap();
    assert!(body.contains(&BODY_BYTES_MAX.to_string()), "{body}");
    assert_eq!(at(schemas, &["Id", "pattern"]).as_str(), Some("^[A-Za-z0-9._:-]{1,64}$"));
    assert_eq!(texts(at(schemas, &["Id", "not", "enum"])), [".", ".."]);
}

#[tokio::test]
async fn the_sample_events_are_answered() {
    let api = Api::sound();
    for (name, status) in [
        ("post-payment", 202),
        ("post-payment-base64", 202),
        ("post-malformed", 400),
        ("get-payment", 200),
        ("get-account", 200),
        ("get-statement", 200),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/payment-api/{name}.json"));
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(api.event(event).await.status_code, status, "{name}");
        process(&api.store, &api.topics, 0).await;
    }
    let outcome = api.store.payment(&PaymentId::try_new("pay-0002").unwrap()).await.unwrap().unwrap();
    assert_eq!(outcome.outcome.payment.amount.minor_units(), 1250);
}
