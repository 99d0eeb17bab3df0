//! Each record that Giro published is read into the domain, and what is published of that is the same record.

use std::collections::BTreeMap;

use giro::domain::{Header, Outcome, Timestamp, Trace};
use giro::handlers::outcome_publisher::hand_over;
use giro::store::items::{Item, dead_letter};
use giro::wire::failed_record::{self, Failure};
use giro::wire::{account_command, instruction, outcome, requested_by, traceparent};
use giro_testkit::memory_topics::MemoryTopics;
use serde_json::Value;

use super::{Record, headers_of_events, items, records};

/// The header with which a record comes back that was given up.
const REDRIVEN_FROM: &str = "giro-redriven-from";

/// The records of a topic that Giro wrote, those apart that it only put back.
fn ours(topic: &str) -> Vec<Record> {
    let is_put_back = |record: &Record| record.headers.iter().any(|header| header.name == REDRIVEN_FROM);
    let ours: Vec<Record> =
        records(topic).into_iter().filter(|record| record.is_ours && !is_put_back(record)).collect();
    assert!(!ours.is_empty(), "{topic} holds nothing of ours");
    ours
}

/// The id of a payment, and the trace that its item holds.
fn trace(item: &Item) -> Option<(Vec<u8>, Trace)> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    Some((text("payment_id")?.clone().into_bytes(), Trace::parse(text("traceparent")?)?))
}

/// Key and value are as ever. The versions that published these records gave no headers. What CloudEvents asks for
/// stands in a file beside them.
#[tokio::test]
async fn outcomes_are_published_as_they_were() {
    let mut of_events = headers_of_events();
    let traces: BTreeMap<Vec<u8>, Trace> = items("payments").iter().filter_map(trace).collect();
    assert!(!traces.is_empty(), "an item with a trace");
    for record in ours("payment-outcomes") {
        let value = record.value.unwrap();
        // A trace stands in the item, and in no value.
        let trace = traces.get(record.key.as_deref().unwrap()).copied();
        let outcome = Outcome { trace, ..outcome::decode(&value).unwrap() };
        let topics = MemoryTopics::new();
        hand_over(&topics, "payment-outcomes", &outcome).await.unwrap();
        let again = topics.records("payment-outcomes").remove(0);
        assert_eq!(again.key, record.key);
        assert_eq!(String::from_utf8(again.value.unwrap()), String::from_utf8(value));
        assert_eq!(record.headers, []);
        assert_eq!(Some(again.headers), record.key.and_then(|key| of_events.remove(&key)));
    }
    assert!(of_events.is_empty(), "headers of no record: {:?}", of_events.keys());
}

#[test]
fn payment_requests_are_handed_over_as_they_were() {
    for record in ours("payment-requests") {
        let value = record.value.unwrap();
        let asked = instruction::decode_json(&value).unwrap();
        assert_eq!(Some(asked.debtor().as_str().as_bytes()), record.key.as_deref());
        assert_eq!(instruction::encode(&asked), String::from_utf8(value).unwrap());
        let by = requested_by::read(&record.headers).unwrap();
        let trace = traceparent::read(&record.headers);
        let by = by.as_ref().map(requested_by::header);
        let again: Vec<Header> = by.into_iter().chain(trace.as_ref().map(traceparent::header)).collect();
        assert_eq!(record.headers, again);
    }
}

#[test]
fn account_commands_are_sent_as_they_were() {
    for record in ours("account-commands") {
        let value = record.value.unwrap();
        let command = account_command::decode_json(&value).unwrap();
        assert_eq!(Some(command.account.as_str().as_bytes()), record.key.as_deref());
        assert_eq!(account_command::encode(&command), String::from_utf8(value).unwrap());
        assert_eq!(record.headers, []);
    }
}

/// A letter's record stands on its topic as it stands in the letter, with one header more.
#[test]
fn what_was_put_back_is_what_the_letter_holds() {
    let mut put_back = 0;
    for record in records("payment-requests") {
        let (marks, headers): (Vec<_>, Vec<_>) =
            record.headers.iter().cloned().partition(|header| header.name == REDRIVEN_FROM);
        let Some(mark) = marks.first() else { continue };
        let name = String::from_utf8(mark.value.clone().unwrap()).unwrap();
        let item = items("dead-letters").into_iter().find(|item| item[dead_letter::KEY].as_s() == Ok(&name)).unwrap();
        let letter = dead_letter::decode(&[item]).unwrap().unwrap();
        assert_eq!((letter.key, letter.value, letter.headers), (record.key, record.value, headers));
        put_back += 1;
    }
    assert!(put_back > 0, "nothing was put back");
}

#[test]
fn what_was_given_up_is_read_as_it_stood_and_written_as_it_was() {
    for record in ours("payment-requests-failed") {
        let text = String::from_utf8(record.value.unwrap()).unwrap();
        let given_up = failed_record::decode(text.as_bytes()).unwrap();
        let [failed] = &given_up.records[..] else { panic!("more than one record in {text}") };
        let stood = records("payment-requests").into_iter().find(|record| record.source == failed.source).unwrap();
        assert_eq!((&failed.key, &failed.value, &failed.headers), (&stood.key, &stood.value, &stood.headers));
        assert_eq!((failed.timestamp, &failed.key), (Some(stood.timestamp), &record.key));

        let payload = text.split_once(r#","payload":"#).unwrap().1.strip_suffix('}').unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        let failure = Failure {
            function_arn: given_up.function_arn.as_deref().unwrap(),
            condition: given_up.condition.as_deref().unwrap(),
            invocations: u32::try_from(given_up.invocations.unwrap()).unwrap(),
            at: given_up.at.unwrap(),
            bootstrap_servers: told["KafkaBatchInfo"]["bootstrapServers"].as_str().unwrap(),
            offset: failed.source.offset,
            timestamp: failed.timestamp.map(|millis| Timestamp::try_from_millis(millis).unwrap()),
        };
        assert_eq!(failed_record::encode(&failure, payload), text);
    }
}
