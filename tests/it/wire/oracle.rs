//! The crate `aws_lambda_events` as an oracle: what it reads of an event, ours reads as the same.
//!
//! It is no more than that. It reads the whole event or nothing. It loses a millisecond of half of all times, panics on
//! a fraction, and takes other services' events for empty ones. `fixtures/oracle.txt` shows it, sample by sample.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lambda_events::event::{cloudwatch_events, dynamodb, kafka, streams};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::Header;
use giro::wire::incoming::Incoming;
use giro::wire::kafka_event::{KafkaEvent, Payload, Record};
use giro::wire::scheduled::AnyEvent;
use giro::wire::stream_event::{ItemChange, Plain, StreamEvent, StreamRecord, StreamResponse};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What the oracle says of a text: what it read, or how it failed.
fn theirs<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    match std::panic::catch_unwind(|| serde_json::from_str(json)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it panics".into()),
    }
}

/// Holds that ours says of a Kafka event what the oracle says.
fn same_kafka(theirs: kafka::KafkaEvent, ours: &KafkaEvent) {
    let ours: BTreeMap<_, _> = ours.partitions.iter().map(|ours| (ours.identifier.as_str(), ours)).collect();
    assert_eq!(ours.len(), theirs.records.len());
    for (identifier, mut theirs) in theirs.records {
        let ours = ours[identifier.as_str()];
        assert_eq!(ours.unplaced, Vec::<String>::new(), "{identifier}");
        assert_eq!(ours.records.len(), theirs.len(), "{identifier}");
        theirs.sort_by_key(|record| record.offset);
        for (theirs, ours) in theirs.iter().zip(&ours.records) {
            same_record(theirs, ours, identifier.rsplit_once('-').unwrap().0);
        }
    }
}

fn same_record(theirs: &kafka::KafkaRecord, ours: &Record, topic: &str) {
    let source = &ours.source;
    assert_eq!(*source.topic, *theirs.topic.as_deref().unwrap_or(topic), "{source}");
    assert_eq!((i64::from(source.partition), source.offset), (theirs.partition, theirs.offset), "{source}");
    // The oracle counts in fractions of seconds, and loses a millisecond of half of all times.
    let timestamp = theirs.timestamp.timestamp_millis();
    assert!((0..=1).contains(&(ours.timestamp.unwrap() - timestamp)), "{source}: {timestamp}, {:?}", ours.timestamp);
    same_bytes(theirs.key.as_deref(), &ours.key());
    same_bytes(theirs.value.as_deref(), &ours.value);
    let header = |(name, bytes): (&String, &Vec<i8>)| {
        let value = bytes.iter().map(|byte| byte.cast_unsigned()).collect();
        Header { name: name.clone(), value: Some(value) }
    };
    let headers: Vec<Header> = theirs.headers.iter().flatten().map(header).collect();
    assert_eq!(ours.headers(), headers, "{source}");
}

fn same_bytes(theirs: Option<&str>, ours: &Payload) {
    match theirs.map(|text| STANDARD.decode(text).map_err(|_| text)) {
        None => assert_eq!(*ours, Payload::Absent),
        Some(Ok(bytes)) => assert_eq!(*ours, Payload::Bytes(bytes.into())),
        // The oracle leaves base64 to its reader.
        Some(Err(text)) => assert_eq!(ours.bytes(), Some(text.as_bytes())),
    }
}

/// Texts and numbers in the JSON of DynamoDB.
fn plain((texts, numbers): &Plain) -> serde_json::Map<String, Value> {
    let typed = |kind: &'static str| move |(name, text): (&String, &String)| (name.clone(), json!({ kind: text }));
    texts.iter().map(typed("S")).chain(numbers.iter().map(typed("N"))).collect()
}

/// Holds that ours says of a stream's event what the oracle says.
fn same_stream(theirs: &dynamodb::Event, ours: &StreamEvent) {
    assert_eq!(ours.unplaced, Vec::<String>::new());
    assert_eq!(ours.records.len(), theirs.records.len());
    for (theirs, ours) in theirs.records.iter().zip(&ours.records) {
        let number = &ours.sequence_number;
        assert_eq!(Some(number), theirs.change.sequence_number.as_ref());
        let told = match &ours.change {
            ItemChange::Inserted(image) => {
                let lists = image.lists.iter().map(|(name, maps)| {
                    let maps = maps.iter().map(|map| json!({ "M": plain(map) }));
                    (name.clone(), json!({ "L": maps.collect::<Vec<_>>() }))
                });
                let mut ours = plain(&image.plain);
                ours.extend(lists);
                // No attribute of a payment is anything else than text, a number, or a list of maps of these.
                let mut told = serde_json::to_value(&theirs.change.new_image).unwrap();
                told.as_object_mut().unwrap().retain(|name, typed| {
                    typed.get("S").or(typed.get("N")).is_some() || image.lists.contains_key(name)
                });
                assert_eq!(Value::Object(ours), told, "{number}");
                "INSERT"
            }
            ItemChange::Other(name) => name.as_str(),
            ItemChange::Unreadable(expected) => panic!("{number}: {expected}"),
        };
        assert_eq!(told, theirs.event_name, "{number}");
    }
}

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("events")
}

/// The samples of a folder, by name.
fn samples(folder: &str) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(events().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let name = |file: &Path| file.strip_prefix(events()).unwrap().display().to_string();
    files.iter().map(|file| (name(file), std::fs::read_to_string(file).unwrap())).collect()
}

/// A line of the table.
fn told(read: Result<&str, String>) -> String {
    match read {
        Ok(said) => said.to_owned(),
        Err(error) => format!("the oracle refuses it, ours reads it: {error}"),
    }
}

#[test]
fn the_samples_are_read_as_the_oracle_reads_them() {
    let mut table = String::new();
    for (name, json) in ["", "odd", "account-commands"].into_iter().flat_map(samples) {
        let Incoming(ours) = serde_json::from_str::<Incoming<KafkaEvent>>(&json).unwrap();
        let read = match (theirs::<kafka::KafkaEvent>(&json), ours) {
            (Ok(theirs), Ok(ours)) => {
                same_kafka(theirs, &ours);
                Ok("the same")
            }
            (Ok(theirs), Err(_)) => {
                assert!(theirs.records.is_empty(), "{name}");
                Ok("ours refuses it, the oracle takes it for an empty batch")
            }
            (Err(error), ours) => Err(ours.map(|_| error).unwrap()),
        };
        table += &format!("{name}: {}\n", told(read));
    }
    for (name, json) in samples("outcome-publisher") {
        let ours: StreamEvent = serde_json::from_str(&json).unwrap();
        let read = theirs::<dynamodb::Event>(&json).map(|theirs| same_stream(&theirs, &ours));
        table += &format!("{name}: {}\n", told(read.map(|()| "the same")));
    }
    for (name, json) in samples("ledger-auditor") {
        let _: AnyEvent = serde_json::from_str(&json).unwrap();
        let read = theirs::<cloudwatch_events::CloudWatchEvent>(&json).map(|_| "both take it");
        table += &format!("{name}: {}\n", told(read));
    }
    expect_test::expect_file!["fixtures/oracle.txt"].assert_eq(&table);
}

prop_compose! {
    /// A record as AWS writes it.
    fn any_record()(
        offset in 0..=i64::MAX, timestamp in 0_i64..=253_402_300_799_999,
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80)), nulls in any::<bool>(),
        headers in proptest::collection::vec((".{0,8}", proptest::collection::vec(any::<i8>(), 0..12)), 0..4),
    ) -> Value {
        let headers: Vec<Value> = headers.into_iter().map(|(name, bytes)| json!({ name: bytes })).collect();
        let mut record = json!({
            "offset": offset, "timestamp": timestamp, "timestampType": "CREATE_TIME", "headers": headers,
        });
        for (name, bytes) in [("key", key), ("value", value)] {
            match bytes {
                Some(bytes) => record[name] = STANDARD.encode(bytes).into(),
                None if nulls => record[name] = Value::Null,
                None => {}
            }
        }
        record
    }
}

prop_compose! {
    /// An event of managed or self-managed Kafka.
    fn any_event()(
        topic in "[a-zA-Z0-9._-]{1,20}", managed in any::<bool>(), partitions in
        proptest::collection::btree_map(0..=i32::MAX, proptest::collection::vec(any_record(), 0..5), 0..4),
    ) -> Value {
        let named = |(partition, mut records): (i32, Vec<Value>)| {
            for record in &mut records {
                record["topic"] = topic.as_str().into();
                record["partition"] = partition.into();
            }
            (format!("{topic}-{partition}"), Value::from(records))
        };
        let records: serde_json::Map<String, Value> = partitions.into_iter().map(named).collect();
        let mut event = json!({ "bootstrapServers": "b-1.example.com:9098,b-2.example.com:9098", "records": records });
        event["eventSource"] = if managed { "aws:kafka" } else { "SelfManagedKafka" }.into();
        if managed {
            event["eventSourceArn"] = "arn:aws:kafka:eu-central-1:123456789012:cluster/c/abc-1".into();
        }
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// As a text and as a slice, as one line and as many.
    #[test]
    fn what_the_oracle_reads_of_kafka_is_read_as_the_same(event in any_event(), pretty in any::<bool>()) {
        let json = if pretty { serde_json::to_string_pretty(&event) } else { serde_json::to_string(&event) }.unwrap();
        let ours: KafkaEvent = serde_json::from_slice(json.as_bytes()).unwrap();
        same_kafka(theirs(&json).unwrap(), &ours);
    }
}

/// What AWS and other producers of such events send, and the oracle fails on. Each fails its whole event there.
#[test]
fn where_the_oracle_fails_ours_reads() {
    let event =
        |members: &str| format!(r#"{{"records":{{"t-0":[{{"topic":"t","partition":0,"offset":1,{members}}}]}}}}"#);
    for (members, expected) in [
        (r#""timestamp":1,"headers":null"#, "invalid type: null, expected a sequence"),
        (r#""timestamp":1"#, "missing field `headers`"),
        (r#""timestamp":1,"headers":[{"h":[200]}]"#, "invalid value: integer `200`, expected i8"),
        (r#""timestamp":1,"headers":[{"h":null}]"#, "invalid type: null, expected a sequence"),
        (r#""timestamp":-1,"headers":[]"#, "invalid digit found in string"),
        (r#""headers":[]"#, "missing field `timestamp`"),
        (r#""timestamp":1.5,"headers":[]"#, "it panics"),
    ] {
        let json = event(members);
        assert_eq!(serde_json::from_str::<KafkaEvent>(&json).unwrap().partitions[0].records.len(), 1, "{members}");
        let refused = theirs::<kafka::KafkaEvent>(&json).unwrap_err();
        assert!(refused.starts_with(expected), "{members}: {refused}");
    }
}

/// Nobody here needs what the oracle misses.
#[test]
fn a_streams_record_is_read_without_what_nobody_needs() {
    let record = json!({ "eventID": "1", "eventName": "MODIFY", "awsRegion": "eu-central-1",
        "dynamodb": { "SequenceNumber": "7", "SizeBytes": 1 } });
    let event = |record: &Value| json!({ "Records": [record] }).to_string();
    same_stream(&theirs(&event(&record)).unwrap(), &serde_json::from_str(&event(&record)).unwrap());
    for (place, field) in [("", "eventID"), ("", "awsRegion"), ("/dynamodb", "SizeBytes")] {
        let mut less = record.clone();
        less.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field);
        let ours: StreamEvent = serde_json::from_str(&event(&less)).unwrap();
        assert_eq!((ours.records.len(), ours.unplaced.len()), (1, 0), "{field}");
        let refused = theirs::<dynamodb::Event>(&event(&less)).unwrap_err();
        assert!(refused.starts_with(&format!("missing field `{field}`")), "{refused}");
    }
}

#[test]
fn the_answer_to_a_stream_is_the_oracles_byte_for_byte() {
    let record = StreamRecord { sequence_number: "100\"1".into(), change: ItemChange::Other("MODIFY".into()) };
    let written = |answer: &StreamResponse| serde_json::to_string(answer).unwrap();
    for (answer, failures) in [
        (StreamResponse::default(), json!([])),
        (StreamResponse::from_record_on(&record), json!([{ "itemIdentifier": "100\"1" }])),
    ] {
        let expected: streams::DynamoDbEventResponse =
            serde_json::from_value(json!({ "batchItemFailures": failures })).unwrap();
        assert_eq!(written(&answer), serde_json::to_string(&expected).unwrap());
    }
}
