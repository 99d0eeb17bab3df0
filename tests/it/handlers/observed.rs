//! What a collector is told of a batch, and that no collector changes what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::handlers::payment_processor::PaymentProcessor;
use giro::store::LedgerQueries;
use giro::telemetry::collector::CollectorConfig;
use giro::telemetry::observer::Observer;
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::{Faults, MemoryStore};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::invoked::{context, payment, reported};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn store(faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    store.insert_account(account("alice").limit(1_000_000));
    store.insert_account(account("bob"));
    store
}

/// Payments k0, k1, … of records with these headers `traceparent`.
fn batch(traces: &[Option<String>]) -> KafkaEvent {
    let record = |(ix, trace): (usize, &Option<String>)| {
        let headers: Vec<Value> =
            trace.iter().map(|trace| json!({ "traceparent": trace.bytes().collect::<Vec<_>>() })).collect();
        let value = STANDARD.encode(payment(&format!("k{ix}"), "alice", "bob", 1));
        json!({ "topic": "t", "partition": 0, "offset": ix, "value": value, "headers": headers })
    };
    let records: Vec<Value> = traces.iter().enumerate().map(record).collect();
    serde_json::from_str(&json!({ "records": { "t-0": records } }).to_string()).unwrap()
}

fn trace(span: u64, flags: &str) -> Option<String> {
    Some(format!("00-{ID}-{span:016x}-{flags}"))
}

fn observer(url: &str) -> Observer {
    let url = Some(url.to_owned());
    Observer::connect(false, &CollectorConfig { traces: url.clone(), metrics: url }).unwrap()
}

/// A collector that keeps what it is told.
async fn keeping() -> (String, Arc<Mutex<Vec<Value>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let routes = Router::new().route(
        "/",
        post(move |body: String| async move {
            keep.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            (StatusCode::OK, "{}")
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, told)
}

/// The spans among what was told.
fn spans(told: &Mutex<Vec<Value>>) -> Vec<Value> {
    let told = told.lock().unwrap();
    let spans = told.iter().filter_map(|told| told.pointer("/resourceSpans/0/scopeSpans/0/spans/0"));
    spans.cloned().collect()
}

fn said(span: &Value, name: &str) -> Option<String> {
    let attribute = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == name)?;
    attribute["value"].as_object().unwrap().values().next().unwrap().as_str().map(Into::into)
}

/// Each span that made a record is linked once. A trace that isn't recorded is not, and no trace is none. A batch that
/// is delivered again is told again, and says that nothing was decided.
#[tokio::test]
async fn a_batch_is_told_with_the_spans_that_made_its_records() {
    let store = store(Faults::default());
    let (url, told) = keeping().await;
    let processor = PaymentProcessor::new(store.clone(), true).observed(observer(&url));
    let traces = [trace(1, "01"), trace(2, "01"), trace(1, "01"), trace(3, "00"), None, Some("00-0-0-01".into())];
    let mut context = context();
    context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into());
    for _ in 0..2 {
        let response = processor.handle(LambdaEvent::new(batch(&traces), context.clone())).await;
        assert_eq!(response, Ok(BatchResponse::default()));
    }
    let spans = spans(&told);
    let [first, again] = &spans[..] else { panic!("{spans:?}") };
    for span in [first, again] {
        let links: Vec<&str> =
            span["links"].as_array().unwrap().iter().map(|link| link["spanId"].as_str().unwrap()).collect();
        assert_eq!(links, ["0000000000000001", "0000000000000002"]);
        assert_eq!((&span["name"], &span["kind"]), (&json!("process t"), &json!(5)));
        assert_eq!(span["traceId"], "5759e988bd862e3fe1be46a994272793");
        assert_eq!(span["parentSpanId"], "53995c3f42cd8ad8");
        assert_eq!(said(span, "messaging.batch.message_count").as_deref(), Some("6"));
        assert!(span.get("status").is_none(), "{span}");
    }
    assert_ne!(first["spanId"], again["spanId"]);
    assert_eq!(said(first, "giro.decisions.payment.settled").as_deref(), Some("6"));
    assert_eq!(said(again, "giro.decisions.payment.settled"), None);
    assert_eq!(said(again, "giro.replayed").as_deref(), Some("6"));
    let text = format!("{:?}", told.lock().unwrap());
    assert!(!text.contains("alice") && !text.contains("bob") && !text.contains("k0"), "{text}");
}

/// A collector that takes each connection, and does this with it: it is silent, closes it, or answers these bytes.
async fn odd(answer: Option<&'static [u8]>, is_silent: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if let Some(answer) = answer {
                let _ = stream.write_all(answer).await;
            }
            if is_silent {
                held.push(stream);
            }
        }
    });
    url
}

/// Whatever a collector does, the same is paid and reported, before the invocation's time is over.
#[tokio::test(start_paused = true)]
async fn no_collector_changes_what_becomes_of_a_batch() {
    let endless: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n{";
    let faults = Faults { unavailable_after: 1_000, seed: 1, ..Faults::default() };
    for (name, url) in [
        ("refused", "http://127.0.0.1:1/".to_owned()),
        ("silent", odd(None, true).await),
        ("closed", odd(None, false).await),
        ("garbage", odd(Some(b"\x00\xff\r\n\r\n"), false).await),
        ("failing", odd(Some(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), true).await),
        ("endless", odd(Some(endless), true).await),
    ] {
        for (faults, left_ms) in [(Faults::default(), 20_000), (faults, 20_000), (Faults::default(), 1_100)] {
            let outcome = async |observer: Observer| {
                let store = store(faults);
                let processor = PaymentProcessor::new(store.clone(), true).observed(observer);
                let mut context = context();
                context.deadline = left_ms;
                let began = Instant::now();
                let event = LambdaEvent::new(batch(&[trace(1, "01"), trace(2, "01")]), context);
                let response = processor.handle(event).await.unwrap();
                assert!(began.elapsed() < Duration::from_millis(left_ms), "{name}: {:?}", began.elapsed());
                (reported(&response), store.payments().await.unwrap().len())
            };
            let unobserved = outcome(Observer::default()).await;
            assert_eq!(outcome(observer(&url)).await, unobserved, "{name}");
        }
    }
}
