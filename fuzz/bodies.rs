//! What each fuzz target does with its bytes. Shared by `fuzz_targets/` (libFuzzer, `make fuzz`) and
//! `tests/it/wire/fuzz.rs` (a plain `cargo test`, which replays the corpus and mutates it for a while).
//!
//! Each checks that reading is total, and that a value is the same after it was written and read again.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use giro::domain::Timestamp;
use giro::domain::plan::Entry;
use giro::store::items::{self, Item};
use giro::store::{ScannedItem, Table};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::{KafkaEvent, Payload};
use giro::wire::{account_command, instruction, outcome};
use giro_template::read_yaml;
use serde_json::Value;

/// What a target does with its input.
pub(crate) type Body = fn(&[u8]);

/// The targets, by name: each has a folder in `corpus/` and a file in `fuzz_targets/`.
pub(crate) const TARGETS: &[(&str, Body)] = &[
    ("envelope", envelope),
    ("payment", payment),
    ("command", command),
    ("outcome", outcomes),
    ("stored", stored),
    ("template", template),
];

/// A Kafka event: every element of it is a record or an unplaced one, and each record can be reported.
pub(crate) fn envelope(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<KafkaEvent>(bytes) else { return };
    let mut response = BatchResponse::default();
    for partition in &event.partitions {
        for record in &partition.records {
            let letter = record.dead_letter("not_json", String::new(), Timestamp::EPOCH);
            assert_eq!(letter.id().to_string().parse(), Ok(letter.id()));
            let names_fit = letter.headers.iter().all(|header| header.name.len() <= 1024);
            let kept = items::dead_letter::decode(&items::dead_letter::encode(&letter));
            assert!(!names_fit || kept == Ok(Some(letter)));
            if let Ok(instruction) = instruction::decode(&record.value) {
                let _ = instruction.fingerprint();
            }
            assert!(record.source.partition >= 0 && record.source.offset >= 0);
        }
        assert!(partition.records.is_sorted_by_key(|record| record.source.offset));
        response.report_from(partition, 0);
    }
    let reported = event.partitions.iter().map(|partition| partition.records.len()).sum::<usize>();
    assert_eq!(response.failures.len(), reported);
    let json = serde_json::to_vec(&response).expect("a response is written");
    assert_eq!(serde_json::from_slice::<BatchResponse>(&json).expect("and read"), response);
}

/// A request of any kind: what is accepted is written and read as the same; what isn't says why without repeating it.
pub(crate) fn payment(bytes: &[u8]) {
    match instruction::decode_json(bytes) {
        Ok(asked) => {
            let again = instruction::decode_json(instruction::encode(&asked).as_bytes());
            assert_eq!(again.as_ref(), Ok(&asked));
            assert!(asked.reference().is_none_or(|reference| reference.chars().count() <= 140));
        }
        Err(malformed) => assert!(!malformed.name().is_empty() && malformed.to_string().len() < 300),
    }
}

/// An account command, as strictly.
pub(crate) fn command(bytes: &[u8]) {
    match account_command::decode(&Payload::Bytes(bytes.to_vec().into())) {
        Ok(command) => {
            let again = account_command::decode(&Payload::Bytes(account_command::encode(&command).into()));
            assert_eq!(again.as_ref(), Ok(&command));
        }
        Err(malformed) => assert!(!malformed.name().is_empty() && malformed.to_string().len() < 300),
    }
}

/// A template, as a person may have broken it: read or refused, never a panic.
pub(crate) fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = read_yaml(text);
}

/// A published outcome.
pub(crate) fn outcomes(bytes: &[u8]) {
    let Ok(read) = outcome::decode(bytes) else { return };
    let again = outcome::decode(outcome::encode(&read).as_bytes()).expect("what was written is read");
    assert_eq!(again, read);
}

/// An item of each table. JSON stands for it: `"x"` is S, `7` is N, `{"B": "x"}` bytes, the rest what it looks like.
pub(crate) fn stored(bytes: &[u8]) {
    let Ok(Value::Object(attributes)) = serde_json::from_slice::<Value>(bytes) else { return };
    let item: Item = attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let _ = items::size(&item);
    for table in [Table::Accounts, Table::Payments, Table::Refunds, Table::DeadLetters] {
        let again = match items::scan::surveyed(table, &item) {
            ScannedItem::Account(account) => items::account::encode(&account),
            ScannedItem::Lane(lane) => items::lane::encode(&lane),
            ScannedItem::Leg(leg) => items::legs::encode_leg(&leg, None, None),
            ScannedItem::Payment(recorded) => {
                let read = &recorded.outcome;
                let request = read.request();
                let written = items::payment::encode(&Entry::of(&request, read));
                let again = items::payment::decode(&written).expect("what was written is read");
                // The stored fingerprint says what was asked for then, whatever this item has become.
                assert_eq!(again.outcome, *read);
                continue;
            }
            ScannedItem::RefundSum(original, sum) => items::refund_total::encode(&original, sum),
            ScannedItem::DeadLetterPart { .. } | ScannedItem::Unreadable { .. } => {
                let _ = items::dead_letter::decode(std::slice::from_ref(&item));
                continue;
            }
        };
        let (once, twice) = (items::scan::surveyed(table, &item), items::scan::surveyed(table, &again));
        assert_eq!(once, twice);
    }
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(is) => AttributeValue::Bool(*is),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        Value::Object(map) => match map.get("B") {
            Some(Value::String(bytes)) => AttributeValue::B(Blob::new(bytes.as_bytes())),
            _ => AttributeValue::M(map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()),
        },
    }
}
