//! The publisher, from a stream event to its response: what is published, what comes again, what stops a shard.

use giro::domain::plan::Entry;
use giro::domain::{Decision, Decline, Header, Instruction, LegNumber, Outcome, Payment, Timestamp, Trace};
use giro::handlers::outcome_publisher::{OutcomePublisher, hand_over};
use giro::handlers::unfinished::Unfinished;
use giro::store::items;
use giro::wire::outcome;
use giro::wire::stream_event::{StreamEvent, StreamResponse};
use giro_testkit::given::{self, Placed as _, payment, payment_in, source};
use giro_testkit::memory_topics::{Faults, MemoryTopics};
use giro_testkit::stream_image::stream_image;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::handlers::invoked::context;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn outcome(ix: i64, decision: Decision) -> Outcome {
    Outcome {
        requested_by: None,
        trace: (ix % 4 == 1).then(|| Trace::parse(TRACEPARENT).unwrap()),
        declined_leg: None,
        limits_version: None,
        repayment: None,
        instruction: Instruction::Payment(Payment {
            reference: (ix % 2 == 0).then(|| "Ünïcode \"17\"".into()),
            requested_at: (ix % 3 == 0).then_some(Timestamp::EPOCH),
            ..payment(&format!("pay-{ix}"), "alice", "shop-1", 1250)
        }),
        decision,
        decided_at: Timestamp::try_from_millis(1_763_805_600_123).unwrap(),
        source: source(3, ix),
    }
}

/// The item that the ledger writes, as a stream shows it.
fn image(outcome: &Outcome) -> Value {
    let request = outcome.request();
    let entry = Entry { lanes: giro_testkit::given::on_lane(Some(3)), ..Entry::of(&request, outcome) };
    stream_image(&items::payment::encode(&entry))
}

fn record(sequence_number: i64, name: &str, image: Value) -> Value {
    json!({ "eventID": "1", "eventName": name, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "dynamodb": { "ApproximateCreationDateTime": 1_763_805_600, "Keys": {}, "NewImage": image,
            "SequenceNumber": sequence_number.to_string(), "SizeBytes": 300, "StreamViewType": "NEW_IMAGE" } })
}

fn inserts(count: i64) -> Vec<Value> {
    let decision = |ix| if ix % 5 == 4 { Err(Decline::InsufficientFunds) } else { Ok(()) };
    (0..count).map(|ix| record(100 + ix, "INSERT", image(&outcome(ix, decision(ix))))).collect()
}

async fn publish(topics: &MemoryTopics, records: &[Value]) -> Result<StreamResponse, Unfinished> {
    let event: StreamEvent = serde_json::from_str(&json!({ "Records": records }).to_string()).unwrap();
    let publisher = OutcomePublisher::new(topics.clone(), "payment-outcomes".into(), items::stream::payment);
    publisher.handle(LambdaEvent::new(event, context())).await
}

fn named(response: &StreamResponse) -> Vec<&str> {
    response.failures.iter().map(|failure| failure.sequence_number.as_str()).collect()
}

/// The headers with which an outcome of this version is published.
async fn published_headers(outcome: &Outcome) -> Vec<Header> {
    let topics = MemoryTopics::new();
    hand_over(&topics, "payment-outcomes", outcome).await.unwrap();
    topics.records("payment-outcomes").remove(0).headers
}

/// The ids that arrived, in order.
fn arrived(topics: &MemoryTopics) -> Vec<String> {
    topics
        .records("payment-outcomes")
        .iter()
        .map(|record| String::from_utf8(record.key.clone().unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn each_inserted_payment_becomes_one_record_keyed_by_its_id() {
    let topics = MemoryTopics::new();
    assert_eq!(publish(&topics, &inserts(50)).await, Ok(StreamResponse::default()));
    let records = topics.records("payment-outcomes");
    assert_eq!(records.len(), 50);
    for (ix, record) in (0..).zip(&records) {
        let decision = if ix % 5 == 4 { Err(Decline::InsufficientFunds) } else { Ok(()) };
        // What is published has no requested_at.
        let expected = outcome(ix, decision);
        assert_eq!(record.value.as_deref(), Some(outcome::encode(&expected).as_bytes()));
        let mut request = expected.request();
        payment_in(&mut request).requested_at = None;
        let expected = Outcome { instruction: request.instruction, trace: None, ..expected };
        assert_eq!(outcome::decode(record.value.as_deref().unwrap()).unwrap(), expected);
        assert_eq!(record.key.as_deref(), Some(format!("pay-{ix}").as_bytes()));
        let named = |name: &str| record.headers.iter().find(|header| header.name == name).unwrap().value.as_deref();
        // The trace is the last header, or none.
        let last = record.headers.last().map(|header| (header.name.as_str(), header.value.as_deref().unwrap()));
        let traced = Some(("traceparent", TRACEPARENT.as_bytes()));
        assert_eq!((last == traced, record.headers.len()), (ix % 4 == 1, if ix % 4 == 1 { 7 } else { 6 }));
        assert_eq!((named("ce_id"), named("content-type")), (record.key.as_deref(), Some(&b"application/json"[..])));
    }
}

#[tokio::test]
async fn what_changes_or_disappears_is_no_outcome() {
    let topics = MemoryTopics::new();
    let records = [
        record(1, "MODIFY", image(&outcome(1, Ok(())))),
        record(2, "REMOVE", Value::Null),
        record(3, "INSERT", image(&outcome(2, Ok(())))),
    ];
    assert_eq!(publish(&topics, &records).await, Ok(StreamResponse::default()));
    assert_eq!(arrived(&topics), ["pay-2"]);
    assert_eq!(publish(&topics, &[]).await, Ok(StreamResponse::default()));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_stops_its_shard_there() {
    let mut without_amount = image(&outcome(2, Ok(())));
    without_amount.as_object_mut().unwrap().remove("amount");
    let mut status_of_tomorrow = image(&outcome(2, Ok(())));
    status_of_tomorrow["status"]["S"] = "pending".into();
    let mut number_as_text = image(&outcome(2, Ok(())));
    number_as_text["amount"] = json!({ "S": "1250" });
    for odd in [
        record(7, "INSERT", without_amount),
        record(7, "INSERT", status_of_tomorrow),
        record(7, "INSERT", number_as_text),
        record(7, "INSERT", json!("no image")),
        record(7, "INSERT", Value::Null),
        record(7, "TRUNCATE", image(&outcome(2, Ok(())))),
        json!({ "dynamodb": { "SequenceNumber": "7" } }),
    ] {
        let topics = MemoryTopics::new();
        let records = [
            record(6, "INSERT", image(&outcome(1, Ok(())))),
            odd.clone(),
            record(8, "INSERT", image(&outcome(3, Ok(())))),
        ];
        assert_eq!(named(&publish(&topics, &records).await.unwrap()), ["7"], "{odd}");
        assert_eq!(arrived(&topics), ["pay-1"], "{odd}");
    }
}

/// A period that this version doesn't know is handed on with its reason.
#[tokio::test]
async fn a_window_of_a_newer_version_is_published_as_it_is() {
    let day = Decline::VelocityLimit(giro::domain::Period::Day);
    let mut item = image(&outcome(1, Err(day)));
    item["period"]["S"] = "week".into();
    let topics = MemoryTopics::new();
    let records = [record(7, "INSERT", item), record(8, "INSERT", image(&outcome(2, Err(day))))];
    assert_eq!(publish(&topics, &records).await, Ok(StreamResponse::default()));
    let shown = |ix: usize| String::from_utf8(topics.records("payment-outcomes")[ix].value.clone().unwrap()).unwrap();
    let known = outcome::encode(&outcome(2, Err(day)));
    assert!(known.contains(r#""reason":{"code":"AM21","name":"velocity_limit","period":"day"}"#), "{known}");
    assert_eq!(shown(1), known);
    assert_eq!(shown(0), outcome::encode(&outcome(1, Err(day))).replace(r#""period":"day""#, r#""period":"week""#));
}

/// Kinds and reasons of tomorrow are handed on, so that an old publisher keeps up with a new processor.
#[tokio::test]
async fn a_payment_with_legs_has_one_outcome_with_all_of_them() {
    let legs = [("alice", "shop", "EUR", 60), ("shop", "fees", "EUR", 2), ("alice", "bob", "EUR", 1)];
    let request = given::legged("pay-1", "alice", &legs).at(3, 1);
    let entry = given::entry(&request, Ok(()));
    let declined_leg = Some(LegNumber::try_new(2).unwrap());
    let declined = Entry { declined_leg, ..given::entry(&request, Err(Decline::LegDebtorNotAllowed)) };
    let mut images = vec![stream_image(&items::payment::encode(&entry))];
    images.extend(items::legs::further(&entry).iter().map(stream_image));
    images.push(stream_image(&items::payment::encode(&declined)));
    let records: Vec<Value> =
        images.into_iter().zip(100..).map(|(image, number)| record(number, "INSERT", image)).collect();
    assert_eq!(records.len(), 4, "the payment, its further legs, and the declined one");
    let topics = MemoryTopics::new();
    assert_eq!(publish(&topics, &records).await, Ok(StreamResponse::default()));
    let published: Vec<Outcome> = topics
        .records("payment-outcomes")
        .into_iter()
        .map(|record| outcome::decode(&record.value.unwrap()).unwrap())
        .collect();
    assert_eq!(published, [entry.outcome(), declined.outcome()]);
    // But for its reason, it is written as ever.
    let mut newer = stream_image(&items::payment::encode(&declined));
    newer["reason_code"]["S"] = "moon_too_full".into();
    let topics = MemoryTopics::new();
    publish(&topics, &[record(7, "INSERT", newer)]).await.unwrap();
    let shown = String::from_utf8(topics.records("payment-outcomes").remove(0).value.unwrap()).unwrap();
    let reason = r#""reason":{"code":null,"name":"moon_too_full"}"#;
    let known = r#""reason":{"code":"AG01","name":"leg_debtor_not_allowed"}"#;
    assert_eq!(shown, outcome::encode(&declined.outcome()).replace(known, reason));
}

#[tokio::test]
async fn outcomes_of_a_newer_version_are_published_as_they_are() {
    let mut kind = image(&outcome(1, Ok(())));
    let attributes = kind.as_object_mut().unwrap();
    attributes.extend([("kind".into(), json!({ "S": "void" })), ("source".into(), json!({ "N": "7.5" }))]);
    attributes.remove("creditor_account");
    let mut reason_item = image(&outcome(2, Err(Decline::InsufficientFunds)));
    reason_item["reason_code"]["S"] = "moon_too_full".into();
    let (topics, records) =
        (MemoryTopics::new(), [record(7, "INSERT", kind.clone()), record(8, "INSERT", reason_item.clone())]);
    assert_eq!(publish(&topics, &records).await, Ok(StreamResponse::default()));
    assert_eq!(arrived(&topics), ["pay-1", "pay-2"]);
    let published = topics.records("payment-outcomes");
    let shown = |ix: usize| String::from_utf8(published[ix].value.clone().unwrap()).unwrap();
    let expected = r#"{"payment_id":"pay-1","kind":"void","status":"settled","reason":null,"debtor_account":"alice","#;
    let rest = r#""amount":1250,"currency":"EUR","reference":null,"decided_at":"2025-11-22T10:00:00.123Z","source":"#;
    assert_eq!(shown(0), format!(r#"{expected}{rest}{{"topic":"payment-requests","partition":3,"offset":1}}}}"#));
    assert!(outcome::decode(shown(0).as_bytes()).is_err(), "nobody takes it for a payment");
    // But for its reason, a payment is written as ever.
    let known = outcome::encode(&outcome(2, Err(Decline::InsufficientFunds)));
    let reason = r#""reason":{"code":null,"name":"moon_too_full"}"#;
    assert_eq!(shown(1), known.replace(r#""reason":{"code":"AM04","name":"insufficient_funds"}"#, reason));

    // What is damaged stops the shard, whoever wrote it.
    let damaged = |item: &Value, name: &str, value: Option<Value>| {
        let mut item = item.clone();
        match value {
            Some(value) => item[name] = value,
            None => drop(item.as_object_mut().unwrap().remove(name)),
        }
        item
    };
    let text = |text: &str| Some(json!({ "S": text }));
    for item in [
        damaged(&kind, "payment_id", None),
        damaged(&kind, "status", None),
        damaged(&kind, "decided_at", text("x")),
        damaged(&kind, "source_offset", None),
        damaged(&kind, "amount", Some(json!({ "N": "1.5" }))),
        damaged(&reason_item, "creditor_account", None),
        damaged(&reason_item, "status", text("settled")),
        damaged(&reason_item, "fingerprint", None),
    ] {
        let response = publish(&topics, &[record(9, "INSERT", item.clone())]).await.unwrap();
        assert_eq!(named(&response), ["9"], "{item}");
    }
}

/// A kind of tomorrow has a type of its own. A reason of tomorrow changes no header.
#[tokio::test]
async fn outcomes_of_a_newer_version_are_cloud_events_too() {
    let declined = outcome(2, Err(Decline::InsufficientFunds));
    let (mut kind, mut reason) = (image(&outcome(1, Ok(()))), image(&declined));
    kind.as_object_mut().unwrap().insert("kind".into(), json!({ "S": "void" }));
    reason["reason_code"]["S"] = "moon_too_full".into();
    let topics = MemoryTopics::new();
    publish(&topics, &[record(7, "INSERT", kind), record(8, "INSERT", reason)]).await.unwrap();
    let published = topics.records("payment-outcomes");
    let mut of_payment = published_headers(&outcome(1, Ok(()))).await;
    let of_type = of_payment.iter_mut().find(|header| header.value.as_deref() == Some(b"giro.payment.settled.v1"));
    of_type.unwrap().value = Some(b"giro.void.settled.v1".to_vec());
    assert_eq!(published[0].headers, of_payment);
    assert_eq!(published[1].headers, published_headers(&declined).await);
}

#[tokio::test]
async fn attributes_of_tomorrow_are_no_hindrance() {
    let mut more = image(&outcome(1, Ok(())));
    more["tags"] = json!({ "L": [{ "S": "new" }] });
    more["flag"] = json!({ "BOOL": true });
    let topics = MemoryTopics::new();
    assert_eq!(publish(&topics, &[record(1, "INSERT", more)]).await, Ok(StreamResponse::default()));
    assert_eq!(arrived(&topics), ["pay-1"]);
}

#[tokio::test]
async fn a_record_without_a_number_fails_the_batch_after_all_else_is_published() {
    let topics = MemoryTopics::new();
    for nameless in [json!({ "eventName": "INSERT" }), json!([]), json!({ "dynamodb": { "SequenceNumber": 7 } })] {
        let records = [nameless, record(1, "INSERT", image(&outcome(1, Ok(()))))];
        assert!(matches!(publish(&topics, &records).await, Err(Unfinished::Unplaced { count: 1, .. })));
    }
    assert_eq!(arrived(&topics).len(), 3);
}

/// Whatever the broker does, in the end each outcome was published, in the shard's order, and nothing is acknowledged
/// before.
#[tokio::test]
async fn under_faults_every_outcome_is_published_and_the_first_missing_is_named() {
    for seed in 0..200 {
        let topics = MemoryTopics::with_faults(Faults { seed, refused: 30, lost: 50, unacknowledged: 50 });
        let records = inserts(40);
        let mut left = records.as_slice();
        let mut rounds = 0;
        while !left.is_empty() {
            rounds += 1;
            assert!(rounds < 1_000, "no progress");
            let response = publish(&topics, left).await.unwrap();
            let Some(first) = named(&response).first().map(|number| (*number).to_owned()) else { break };
            let ix = left.iter().position(|record| record["dynamodb"]["SequenceNumber"] == first.as_str()).unwrap();
            let so_far = arrived(&topics);
            let acknowledged = records.len() - left.len() + ix;
            for ix in 0..acknowledged {
                assert!(so_far.contains(&format!("pay-{ix}")), "pay-{ix} was acknowledged and is not there");
            }
            left = &left[ix..];
        }
        let mut firsts = Vec::new();
        for id in arrived(&topics) {
            if !firsts.contains(&id) {
                firsts.push(id);
            }
        }
        assert_eq!(firsts.len(), 40);
    }
}

#[tokio::test]
async fn the_sample_events_read_as_they_say() {
    for (name, expected) in [("inserts.json", 2), ("odd.json", 1)] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events/outcome-publisher").join(name);
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let topics = MemoryTopics::new();
        let response = publish(&topics, event["Records"].as_array().unwrap()).await.unwrap();
        assert_eq!(arrived(&topics).len(), expected, "{name}");
        let stopped: &[&str] = if name == "odd.json" { &["4421584500000000017450439094"] } else { &[] };
        assert_eq!(named(&response), stopped, "{name}");
    }
}
