//! Events of every service at every handler: who takes which, and what is said of one that isn't theirs.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::incoming::{Failed, taken};
use giro::handlers::ledger_auditor::LedgerAuditor;
use giro::handlers::outcome_publisher::OutcomePublisher;
use giro::handlers::payment_api::PaymentApi;
use giro::handlers::payment_canary::{PaymentCanary, Route};
use giro::handlers::payment_processor::PaymentProcessor;
use giro::store::items;
use giro::wire::incoming::{Event, Incoming};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::memory_topics::{Faults, MemoryTopics};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Value, json};

use crate::handlers::invoked::context;

/// Each service's event, by name, as its documents show it.
fn events() -> Vec<(&'static str, Value)> {
    let kafka = |source: &str| json!({ "eventSource": source, "bootstrapServers": "b:9092", "records": { "t-0": [] } });
    let records = |record: Value| json!({ "Records": [record] });
    let of = |source: &str| records(json!({ "eventSource": source, "awsRegion": "eu-central-1", "body": "SECRET" }));
    let changed = |source: Option<&str>| {
        let mut record = json!({ "eventName": "MODIFY", "dynamodb": { "SequenceNumber": "7", "Keys": {} } });
        if let Some(source) = source {
            record["eventSource"] = source.into();
        }
        record
    };
    let http = json!({ "method": "GET", "path": "/nowhere" });
    let old = json!({ "resourcePath": "/payments", "httpMethod": "POST", "stage": "prod" });
    let elb = json!({ "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:0:targetgroup/t/1" } });
    vec![
        ("Kafka, managed", kafka("aws:kafka")),
        ("Kafka, self-managed", kafka("SelfManagedKafka")),
        ("Kafka, as older documents write it", kafka("aws:SelfManagedKafka")),
        ("Kafka, a spelling of tomorrow", kafka("aws:kafka-next")),
        ("Kafka, without a source", json!({ "records": { "t-0": [] } })),
        ("Kafka, no record", json!({ "eventSource": "aws:kafka", "records": {} })),
        ("Kafka, records null", json!({ "eventSource": "aws:kafka", "records": null })),
        ("Kafka, no records", json!({ "eventSource": "aws:kafka" })),
        ("records of SQS in Kafka's shape", kafka("aws:sqs")),
        ("records that are a list", json!({ "records": [{ "topic": "t" }] })),
        ("records of which one is no list", json!({ "records": { "t-0": [], "t-1": 7 } })),
        ("DynamoDB", records(changed(Some("aws:dynamodb")))),
        ("DynamoDB, without a source", records(changed(None))),
        ("DynamoDB, a source of tomorrow", records(changed(Some("aws:dynamodb-next")))),
        ("DynamoDB, no record", json!({ "Records": [] })),
        ("DynamoDB and SQS mixed", json!({ "Records": [changed(Some("aws:dynamodb")), changed(Some("aws:sqs"))] })),
        ("SQS", of("aws:sqs")),
        ("SNS", records(json!({ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": { "Message": "SECRET" } }))),
        ("S3", of("aws:s3")),
        ("Kinesis", of("aws:kinesis")),
        ("SES", of("aws:ses")),
        ("MQ", json!({ "eventSource": "aws:mq", "messages": [{ "data": "SECRET" }] })),
        ("RabbitMQ", json!({ "eventSource": "aws:rmq", "rmqMessagesByQueue": { "q::/": [] } })),
        ("DocumentDB", json!({ "eventSource": "aws:docdb", "events": [{ "event": {} }] })),
        ("Firehose", json!({ "deliveryStreamArn": "arn:aws:firehose:…", "records": [{ "data": "SECRET" }] })),
        ("CloudWatch Logs", json!({ "awslogs": { "data": "SECRET" } })),
        ("EventBridge", json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} })),
        (
            "EventBridge of one's own",
            json!({ "source": "SECRET", "detail-type": "SECRET", "detail": { "records": 1 } }),
        ),
        (
            "HTTP API, format 2.0",
            json!({ "version": "2.0", "rawPath": "/nowhere", "requestContext": { "http": http } }),
        ),
        ("HTTP API, without a version", json!({ "rawPath": "/nowhere", "requestContext": { "http": http } })),
        ("HTTP API, format 1.0", json!({ "version": "1.0", "httpMethod": "POST", "requestContext": old })),
        ("REST API", json!({ "resource": "/payments", "httpMethod": "POST", "requestContext": old, "body": "SECRET" })),
        ("load balancer", json!({ "httpMethod": "POST", "path": "/payments", "requestContext": elb })),
        ("WebSocket API", json!({ "requestContext": { "connectionId": "SECRET", "eventType": "MESSAGE" } })),
        ("HTTP API, no method", json!({ "version": "2.0", "requestContext": { "http": {} } })),
        ("HTTP API, a path that is none", json!({ "rawPath": 7, "requestContext": { "http": http } })),
        ("empty object", json!({})),
        ("unknown object", json!({ "hello": "SECRET" })),
        ("null", json!(null)),
        ("a list", json!([{ "eventSource": "aws:kafka" }])),
        ("a text", json!("SECRET")),
        ("a number", json!(7)),
        ("a flag", json!(true)),
    ]
}

fn incoming<E: Event>(event: &Value) -> LambdaEvent<Incoming<E>> {
    LambdaEvent::new(serde_json::from_str(&event.to_string()).unwrap(), context())
}

/// What a handler answers: its response, or why the invocation fails.
fn answer<R: serde::Serialize, X: Into<Diagnostic>>(answer: Result<R, Failed<X>>) -> String {
    match answer.map_err(Diagnostic::from) {
        Ok(response) => {
            let response = serde_json::to_value(response).unwrap();
            let brief = response.get("statusCode").or(response.get("complete")).unwrap_or(&response);
            brief.to_string()
        }
        // It took the event, and its payment was not handed over.
        Err(error) if error.error_type == "Giro.Canary" => "true".into(),
        Err(error) => {
            assert_eq!(error.error_type, "Giro.ForeignEvent", "{}", error.error_message);
            let (expected, got) = error.error_message.split_once("; got ").unwrap();
            assert!(expected.starts_with("expected "), "{expected}");
            format!(
                "fails: {}",
                got.strip_suffix(". Give this function the trigger that the template gives it, and no other").unwrap()
            )
        }
    }
}

#[tokio::test]
async fn an_event_of_another_service_is_no_success() {
    let (store, topics) = (MemoryStore::new(), MemoryTopics::new());
    let payments = &PaymentProcessor::new(store.clone(), true);
    let commands = &AccountProcessor::new(store.clone(), true);
    let publisher = &OutcomePublisher::new(topics.clone(), "payment-outcomes".into(), items::stream::payment);
    let api = &PaymentApi::new(store.clone(), topics.clone(), "payment-requests");
    let accounts = ["canary-1", "canary-2"].map(|id| id.parse().unwrap());
    let route = Route { requests: "payment-requests".into(), outcomes: "payment-outcomes".into(), accounts };
    let refusing = MemoryTopics::with_faults(Faults { refused: 1_000, ..Faults::default() });
    let canary = &PaymentCanary::new(refusing, topics.clone(), route);
    let auditor = &LedgerAuditor::new(store);
    let mut table = String::new();
    for (name, event) in events() {
        table += &format!("{name}\n");
        let answers = [
            ("payment-processor", answer(taken(incoming(&event), |event| payments.handle(event)).await)),
            ("account-processor", answer(taken(incoming(&event), |event| commands.handle(event)).await)),
            ("outcome-publisher", answer(taken(incoming(&event), |event| publisher.handle(event)).await)),
            ("payment-api", answer(taken(incoming(&event), |event| api.handle(event)).await)),
            ("payment-canary", answer(taken(incoming(&event), |event| canary.handle(event)).await)),
            ("ledger-auditor", answer(taken(incoming(&event), |event| auditor.handle(event)).await)),
        ];
        for (handler, answer) in answers {
            table += &format!("    {handler:<18} {answer}\n");
        }
    }
    assert!(!table.contains("SECRET"), "what an event holds is told to nobody");
    expect_test::expect_file!["fixtures/incoming.txt"].assert_eq(&table);
}

/// What a batch can't finish is reported late, so that its tries last. No try of a foreign event can go well: its
/// failure is said before any time is over.
#[tokio::test(start_paused = true)]
async fn an_event_of_another_service_fails_at_once() {
    let payments = &PaymentProcessor::new(MemoryStore::new(), true);
    let took = async |event: &Value| {
        let started = tokio::time::Instant::now();
        let answer = taken(incoming(event), |event| payments.handle(event)).await;
        (answer, started.elapsed())
    };
    let mut foreign = 0;
    for (name, event) in events() {
        if let (Err(Failed::Foreign(_)), elapsed) = took(&event).await {
            assert_eq!(elapsed, Duration::ZERO, "{name}");
            foreign += 1;
        }
    }
    assert!(foreign > 20, "{foreign} foreign events");
    let (answer, elapsed) = took(&json!({ "records": { "t-0": [{ "topic": "t" }] } })).await;
    assert!(matches!(answer, Err(Failed::Handler(_))), "{answer:?}");
    assert!(elapsed > Duration::ZERO, "what this batch holds is not finished, and is reported late");
}

/// A record of a Kafka event is read as ever, whatever stands beside `records`, and in whatever order.
#[tokio::test]
async fn a_kafka_event_is_taken_whatever_stands_beside_its_records() {
    let value = STANDARD.encode("no payment");
    let list = format!(r#"{{"t-0":[{{"offset":3,"value":"{value}"}}]}}"#);
    for event in [
        format!(r#"{{"records":{list},"eventSource":"aws:kafka"}}"#),
        format!(r#"{{"Records":null,"requestContext":null,"records":{list}}}"#),
        format!(r#"{{"eventSource":7,"version":"1.0","records":{list},"schemaVersion":[{{}}]}}"#),
    ] {
        let store = MemoryStore::new();
        let processor = &PaymentProcessor::new(store.clone(), true);
        let event = incoming(&serde_json::from_str(&event).unwrap());
        taken(event, |event| processor.handle(event)).await.unwrap();
        assert_eq!(giro::store::LedgerQueries::dead_letters(&store).await.unwrap().len(), 1);
    }
}
