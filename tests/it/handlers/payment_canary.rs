//! The canary on topics in memory: what it asks for, and what it says of each end.

use std::time::Duration;

use giro::handlers::clock;
use giro::handlers::payment_canary::{PaymentCanary, Route};
use giro::publish::Publish;
use giro::wire::payment_request;
use giro::wire::scheduled::AnyEvent;
use giro_testkit::memory_topics::{Faults, MemoryTopics, Published};
use lambda_runtime::{Diagnostic, LambdaEvent};

use crate::handlers::invoked::context;

fn canary(topics: &MemoryTopics) -> PaymentCanary<MemoryTopics, MemoryTopics> {
    let accounts = ["canary-1", "canary-2"].map(|id| id.parse().unwrap());
    let route = Route { requests: "requests".into(), outcomes: "outcomes".into(), accounts };
    PaymentCanary::new(topics.clone(), topics.clone(), route)
}

/// Answers as a function's invocation would: the payment's id, or the error's text.
async fn invoked(topics: &MemoryTopics, request_id: &str) -> Result<String, String> {
    let mut context = context();
    context.request_id = request_id.into();
    let answer = canary(topics).handle(LambdaEvent::new(AnyEvent, context)).await;
    answer.map(|answer| serde_json::to_value(answer).unwrap()["payment_id"].as_str().unwrap().to_owned()).map_err(
        |error| {
            let Diagnostic { error_type, error_message } = error.into();
            assert_eq!(error_type, "Giro.Canary");
            error_message
        },
    )
}

/// Tells an outcome of each request, as this says it, once the request is there.
async fn tell(topics: &MemoryTopics, outcome: impl Fn(&Published) -> Vec<(String, String)>) {
    let request = loop {
        if let Some(request) = topics.records("requests").first() {
            break request.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    for (key, value) in outcome(&request) {
        let sending = topics.send("outcomes", Some(key.as_bytes()), Some(value.as_bytes()), &[]).await;
        sending.unwrap().placed().await.unwrap();
    }
}

fn told(id: &str, decided: &str) -> (String, String) {
    let source = r#"{"topic":"requests","partition":0,"offset":0}"#;
    let accounts = r#""debtor_account":"canary-1","creditor_account":"canary-2","amount":1,"currency":"XTS""#;
    let at = r#""decided_at":"2026-11-30T10:00:00.000Z""#;
    (id.to_owned(), format!(r#"{{"payment_id":"{id}",{decided},{accounts},{at},"source":{source}}}"#))
}

const SETTLED: &str = r#""status":"settled","reason":null"#;
const DECLINED: &str = r#""status":"declined","reason":{"code":"AC02","name":"debtor_not_found"}"#;

#[tokio::test(start_paused = true)]
async fn a_payment_that_is_settled_and_told_is_well() {
    let topics = MemoryTopics::new();
    // An outcome of an earlier canary, and others beside it, are not its own.
    topics.send("outcomes", Some(b"canary-i1"), Some(b"{}"), &[]).await.unwrap().placed().await.unwrap();
    let outcomes = |_: &Published| vec![told("other", DECLINED), told("canary-i1", SETTLED)];
    let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, outcomes));
    assert_eq!(answer, Ok("canary-i1".into()));
    let requests = topics.records("requests");
    let [request] = &requests[..] else { panic!("{requests:?}") };
    let payment = payment_request::decode_json(request.value.as_ref().unwrap()).unwrap();
    assert_eq!(request.key.as_deref(), Some(payment.debtor.as_str().as_bytes()), "a record's key is its debtor");
    assert_eq!((payment.amount.minor_units(), payment.currency.as_str()), (1, "XTS"));
    assert_ne!(payment.debtor, payment.creditor);
    let minute = clock::now().millis() / 60_000;
    let pays = |minute: i64| if minute % 2 == 0 { "canary-1" } else { "canary-2" };
    let (before, after) = (pays(payment.requested_at.unwrap().millis() / 60_000), pays(minute));
    assert!([before, after].contains(&payment.debtor.as_str()), "{} pays in minute {minute}", payment.debtor);
}

#[tokio::test(start_paused = true)]
async fn each_end_that_is_not_well_says_what_is_wrong() {
    let silent = |_: &Published| Vec::new();
    let topics = MemoryTopics::new();
    let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, silent));
    assert_eq!(answer, Err("the payment canary-i1 has no outcome in time".into()));

    let topics = MemoryTopics::new();
    let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, |_| vec![told("canary-i1", DECLINED)]));
    assert_eq!(answer, Err("the payment canary-i1 was not settled: debtor_not_found".into()));

    let topics = MemoryTopics::new();
    let broken = |_: &Published| vec![("canary-i1".to_owned(), "{}".to_owned())];
    let (answer, ()) = tokio::join!(invoked(&topics, "i1"), tell(&topics, broken));
    let answer = answer.unwrap_err();
    assert!(answer.starts_with("the payment canary-i1 was not settled: not an outcome: "), "{answer}");

    let topics = MemoryTopics::with_faults(Faults { lost: 1_000, ..Faults::default() });
    let answer = invoked(&topics, "i1").await.unwrap_err();
    assert!(answer.starts_with("the payment canary-i1 was not handed over: the broker did not"), "{answer}");

    let answer = invoked(&MemoryTopics::new(), "no id").await.unwrap_err();
    assert!(answer.starts_with("the invocation's id can't be part of a payment's: expected 1 to 64"), "{answer}");
}
