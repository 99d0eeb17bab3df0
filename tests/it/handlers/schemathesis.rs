//! The HTTP API under schemathesis: requests generated from `docs/openapi.yaml`, well-formed and not. No 5xx, no answer
//! that the description doesn't give, no body that isn't as described.
//!
//! The handler stands behind a front of the test's own, which makes events as API Gateway does.
//! `GIRO_SCHEMATHESIS_EXAMPLES` asks for more examples an operation than the short form's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::handlers::payment_api::PaymentApi;
use giro::publish::Publish;
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::memory_topics::MemoryTopics;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;

use super::payment_api::{ledger, process};

/// Examples an operation in the short form: a few seconds.
const EXAMPLES: &str = "40";

fn tool() -> Option<PathBuf> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/schemathesis/bin/schemathesis");
    tool.exists().then_some(tool)
}

/// The system: the handler, and behind it the processor, which settles each payment as soon as it is handed over.
struct System {
    api: PaymentApi<MemoryStore, MemoryTopics>,
    store: MemoryStore,
    topics: MemoryTopics,
}

async fn answer(system: &System, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = serde_json::Map::new();
    for (name, value) in &head.headers {
        headers.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into());
    }
    let event = json!({ "version": "2.0", "rawPath": head.uri.path(), "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers, "requestContext": { "stage": "$default", "http": { "method": head.method.as_str() } },
        "body": STANDARD.encode(&body), "isBase64Encoded": true });
    let mut context = Context::default();
    // What is left, as cargo lambda watch tells it.
    context.deadline = 20_000;
    let event = serde_json::from_str(&event.to_string()).unwrap();
    let before = system.topics.records("payment-requests").len();
    let answer = system.api.handle(LambdaEvent::new(event, context)).await.unwrap();
    let (store, topics) = (system.store.clone(), system.topics.clone());
    let runtime = tokio::runtime::Handle::current();
    // On a thread of its own: what axum serves must be able to move between threads, and settling a batch need not.
    tokio::task::spawn_blocking(move || runtime.block_on(process(&store, &topics, before))).await.unwrap();
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status_code).unwrap());
    for (name, value) in &answer.headers {
        response = response.header(*name, value.as_ref());
    }
    response.body(Body::from(answer.body)).unwrap()
}

#[tokio::test]
async fn no_request_gets_an_answer_that_is_not_described() {
    let Some(tool) = tool() else {
        println!("skipped: no schemathesis; scripts/tools.sh installs it");
        return;
    };
    let (store, topics) = (ledger(Faults::default()), MemoryTopics::new());
    // Something to find: 60 payments from alice, all with their outcomes, some declined.
    for ix in 0..60 {
        let payment = format!(
            r#"{{"payment_id":"pay-{ix:04}","debtor_account":"alice","creditor_account":"shop-1","amount":{},"currency":"EUR"}}"#,
            ix + 100
        );
        topics.send("payment-requests", None, Some(payment.as_bytes()), &[]).await.unwrap();
    }
    process(&store, &topics, 0).await;
    let api = PaymentApi::new(store.clone(), topics.clone(), "payment-requests");
    let system = Arc::new(System { api, store, topics });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let front = axum::Router::new().fallback(move |request| {
        let system = Arc::clone(&system);
        async move { answer(&system, request).await }
    });
    let serving = tokio::spawn(async move { axum::serve(listener, front).await });

    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = std::env::var("GIRO_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.into());
    let mut command = tokio::process::Command::new(tool);
    command
        .arg("--config-file")
        .arg(root.join("tests/it/handlers/fixtures/schemathesis.toml"))
        .arg("run")
        .arg(root.join("docs/openapi.yaml"))
        .args([
            "--url",
            &url,
            "--max-examples",
            &examples,
            "--seed",
            "1",
            "--no-color",
            "--generation-database",
            "none",
        ])
        .current_dir(folder.path())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(540), command.output()).await.expect("in time").unwrap();
    serving.abort();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
