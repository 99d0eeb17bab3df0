//! The HTTP API, from an event to its response: what is answered, what is handed over, what an error tells.

mod authorization;
mod balances;
mod description;
mod dry_run;
mod hostile;
mod watched;

use std::time::Duration;

use giro::domain::{PaymentId, Request, Source, Timestamp};
use giro::handlers::payment_api::PaymentApi;
use giro::settle::{Backoff, settle_requests};
use giro::store::LedgerQueries;
use giro::wire::http::Response;
use giro::wire::{instruction, payment_request};
use giro_testkit::given::{Setters as _, account, id};
use giro_testkit::memory_store::{self, MemoryStore};
use giro_testkit::memory_topics::{Faults, MemoryTopics};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::handlers::invoked::context;

const TOPIC: &str = "payment-requests";
const PAYMENT: &str =
    r#"{"debtor_account":"alice","creditor_account":"shop-1","amount":1250,"currency":"EUR","extra":1}"#;

/// `alice` may overdraw by 5,000, `shop-1` and `idle` by nothing, `bank` as it likes.
pub(crate) fn ledger(faults: memory_store::Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    let accounts = [account("alice").limit(5_000), account("shop-1"), account("idle"), account("bank").unlimited()];
    accounts.into_iter().for_each(|account| store.insert_account(account));
    store
}

/// Settles what stands on the topic from `first` on, as the processor does.
pub(crate) async fn process(store: &MemoryStore, topics: &MemoryTopics, first: usize) {
    let request = |(offset, value): (i64, Vec<u8>)| {
        Request::new(instruction::decode_json(&value).unwrap(), Source { topic: TOPIC.into(), partition: 0, offset })
    };
    let records = topics.records(TOPIC).into_iter().map(|record| record.value.unwrap());
    settle(store, (0..).zip(records).skip(first).map(request).collect()).await;
}

/// Settles these requests.
pub(crate) async fn settle(store: &MemoryStore, requests: Vec<Request>) {
    let until = Instant::now() + Duration::from_secs(20);
    let now = || Timestamp::try_from_millis(1_763_805_600_123).unwrap();
    settle_requests(store, requests, 1, until, now, Backoff::with_seed(1)).await;
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
        let request = serde_json::from_str(&event.to_string()).unwrap();
        let response = self.api.handle(LambdaEvent::new(request, context())).await.unwrap();
        description::documented(&event, &response);
        response
    }

    async fn get(&self, path: &str) -> Response {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.event(event("GET", path, query)).await
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> Response {
        self.post_to("/payments", headers, body).await
    }

    async fn post_to(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut event = event("POST", path, query);
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
async fn a_trace_goes_along_with_the_record() {
    let api = Api::sound();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (ix, (given, expected)) in [(trace, Some(trace)), ("00-1-2-3", None), ("", None)].into_iter().enumerate() {
        let key = format!("pay-{ix}");
        let response = api.post(&[("Idempotency-Key", &key), ("Traceparent", given)], PAYMENT).await;
        assert_eq!(response.status_code, 202, "{given}");
        let record = api.topics.records(TOPIC).swap_remove(ix);
        let headers = record.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref().unwrap()));
        let expected = expected.map(|expected| ("traceparent", expected.as_bytes()));
        assert_eq!(headers.collect::<Vec<_>>(), Vec::from_iter(expected), "{given}");
    }
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
    api.store.plant_corrupt_account(&id("alice"));
    assert_eq!(problem(&api.get("/accounts/alice").await), "500 internal");
    assert_eq!(problem(&api.get("/accounts/alice/statement").await), "500 internal");
    assert_eq!(api.post(&[("idempotency-key", "pay-1")], PAYMENT).await.status_code, 202);

    let gone = memory_store::Faults { unavailable_before: 1_000, ..memory_store::Faults::default() };
    let api = Api::new(ledger(gone), MemoryTopics::new());
    let unavailable = api.get("/accounts/alice/statement").await;
    assert_eq!(problem(&unavailable), "503 unavailable");
    assert!(unavailable.headers.contains_key("retry-after"));
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

#[tokio::test]
async fn the_sample_events_are_answered() {
    let api = Api::sound();
    for (name, status) in [
        ("post-payment", 202),
        ("post-payment-base64", 202),
        ("post-malformed", 400),
        ("post-refund-dry-run", 200),
        ("post-refund", 202),
        ("post-payment-with-legs", 202),
        ("get-payment", 200),
        ("get-refund", 200),
        ("get-account", 200),
        ("get-statement", 200),
        ("get-balance", 200),
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/payment-api/{name}.json"));
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(api.event(event).await.status_code, status, "{name}");
        process(&api.store, &api.topics, 0).await;
    }
    assert_eq!(api.store.refunded(&"pay-0001".parse().unwrap()).await, Ok(250));
    let outcome = api.store.payment(&PaymentId::try_new("pay-0002").unwrap()).await.unwrap().unwrap();
    assert_eq!(outcome.outcome.transfer().unwrap().amount.minor_units(), 1250);
}
