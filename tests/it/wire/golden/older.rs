//! What an older publisher made of items that this version writes, as recorded with its binaries. It holds what
//! `docs/upgrading.md` promises of readers that are updated late.
//!
//! `crates/cli/tests/it/processes/older.rs` says how it is recorded.

use std::collections::BTreeSet;

use giro::handlers::outcome_publisher::OutcomePublisher;
use giro::store::items;
use giro::wire::batch_response::BatchResponse;
use giro::wire::instruction;
use giro::wire::kafka_event::KafkaEvent;
use giro::wire::stream_event::StreamResponse;
use giro_testkit::golden_items::item;
use giro_testkit::memory_topics::MemoryTopics;
use giro_testkit::stream_image::stream_image;
use serde_json::{Value, json};

use super::stored::written_again;
use super::{folder, given, headers_of_events, records, rows};

/// The commits that were recorded, each before a kind that it doesn't know.
const COMMITS: [&str; 1] = ["62b706f"];

/// What a commit's function did.
fn recorded(commit: &str, function: &str) -> Value {
    let path = folder().join(format!("older/{commit}/{function}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let recorded: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded["commit"], commit);
    recorded
}

/// A batch of a shard, and what became of it.
struct Batch {
    records: Vec<Value>,
    /// The place of the first record that must come again.
    stopped_at: Option<usize>,
    /// Keys with values.
    published: Vec<(String, String)>,
}

fn batches(commit: &str) -> Vec<Batch> {
    let batch = |batch: &Value| {
        let records = batch["event"]["Records"].as_array().unwrap().clone();
        let response: StreamResponse = serde_json::from_value(batch["response"].clone()).unwrap();
        let place = |number: &str| records.iter().position(|it| it["dynamodb"]["SequenceNumber"] == number).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let published = batch["published"].as_array().unwrap().iter();
        Batch {
            stopped_at: response.failures.first().map(|first| place(&first.sequence_number)),
            published: published.map(|record| (text(&record["key"]), text(&record["value"]))).collect(),
            records,
        }
    };
    recorded(commit, "outcome-publisher")["batches"].as_array().unwrap().iter().map(batch).collect()
}

fn id(record: &Value) -> &str {
    record["dynamodb"]["NewImage"]["payment_id"]["S"].as_str().unwrap()
}

fn sorted<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids
}

/// The images are what this version writes today. So the recording still says what an older version makes of it.
#[test]
fn an_older_publisher_was_given_what_this_version_writes() {
    let known = rows("tables/payments.json");
    let mut seen = BTreeSet::new();
    for record in COMMITS.iter().flat_map(|commit| batches(commit)).flat_map(|batch| batch.records) {
        let image = &record["dynamodb"]["NewImage"];
        assert_eq!(stream_image(&written_again(&item(image))), *image);
        assert!(known.contains(image), "{} is no golden item", id(&record));
        seen.insert(id(&record).to_owned());
    }
    assert!(seen.len() >= 14, "{seen:?}");
}

/// An older publisher stops its shard at an item of a payment with legs, and publishes what is before. Nothing else
/// stops it.
#[test]
fn an_older_publisher_stopped_at_payments_with_legs_alone() {
    let mut stopped = 0;
    for batch in COMMITS.iter().flat_map(|commit| batches(commit)) {
        let first = batch.records.iter().position(|record| id(record).starts_with("legs-"));
        assert_eq!(batch.stopped_at, first);
        stopped += usize::from(first.is_some());
        let before = batch.records[..first.unwrap_or(batch.records.len())].iter().map(id);
        assert_eq!(sorted(before), sorted(batch.published.iter().map(|(key, _)| key.as_str())), "each once");
    }
    assert_eq!(stopped, 5);
}

/// The record as an older version writes it: what it doesn't know is left out, and its reason has no code.
fn as_older(value: &[u8]) -> Value {
    let mut told: Value = serde_json::from_slice(value).unwrap();
    told.as_object_mut().unwrap().remove("leg");
    let unknown = ["payment_limit", "velocity_limit", "balance_limit", "not_refundable", "exceeds_refundable"];
    if unknown.iter().any(|name| told["reason"]["name"] == *name) {
        told["reason"] = json!({ "code": null, "name": told["reason"]["name"] });
    }
    told
}

/// Its records are those of today, but for what it doesn't know. Those of kinds and reasons that it knows are equal.
#[test]
fn an_older_publisher_published_what_it_could_read() {
    let today = records("payment-outcomes");
    let (mut equal, mut less) = (BTreeSet::new(), BTreeSet::new());
    for (key, value) in COMMITS.iter().flat_map(|commit| batches(commit)).flat_map(|batch| batch.published) {
        let of_today = today.iter().find(|record| record.key.as_deref() == Some(key.as_bytes())).unwrap();
        let of_today = of_today.value.as_deref().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&value).unwrap(), as_older(of_today), "{key}");
        if value.as_bytes() == of_today {
            equal.insert(key)
        } else {
            less.insert(key)
        };
    }
    for key in ["pay-exact", "pay-too-much", "limit-settled"] {
        assert!(equal.contains(key), "{key}: {equal:?}");
    }
    assert!(!less.is_empty(), "{less:?}");
}

/// This version goes on where the older one stopped. Then every outcome of the shard is published.
#[tokio::test]
async fn a_shard_that_an_older_publisher_stopped_goes_on() {
    let (today, of_events) = (records("payment-outcomes"), headers_of_events());
    for batch in COMMITS.iter().flat_map(|commit| batches(commit)) {
        let left = &batch.records[batch.stopped_at.unwrap_or(batch.records.len())..];
        let topics = MemoryTopics::new();
        let publisher = OutcomePublisher::new(topics.clone(), "payment-outcomes".into(), items::stream::payment);
        let event = json!({ "Records": left }).to_string();
        assert_eq!(publisher.handle(given(&event)).await.unwrap(), StreamResponse::default());
        let mut published: Vec<String> = batch.published.into_iter().map(|(key, _)| key).collect();
        for record in topics.records("payment-outcomes") {
            let of_today = today.iter().find(|it| it.key == record.key).unwrap();
            let key = record.key.unwrap();
            assert_eq!((&record.value, &record.headers), (&of_today.value, &of_events[&key]));
            published.push(String::from_utf8(key).unwrap());
        }
        let outcomes = batch.records.iter().map(id).filter(|id| !id.contains('/'));
        assert_eq!(sorted(outcomes), sorted(published.iter().map(String::as_str)), "each once");
    }
}

/// An older processor settled the payment of its batch, and set aside each request that it didn't know. Their records
/// are held byte for byte, and this version reads them.
#[test]
fn an_older_processor_set_aside_what_it_did_not_know() {
    for commit in COMMITS {
        let recorded = recorded(commit, "payment-processor");
        let response: BatchResponse = serde_json::from_value(recorded["response"].clone()).unwrap();
        assert!(response.failures.is_empty(), "its batch goes on: {response:?}");
        let letters = recorded["tables"]["dead-letters"].as_array().unwrap().iter();
        let letters: Vec<_> = letters.map(|json| items::dead_letter::decode(&[item(json)]).unwrap().unwrap()).collect();
        let told: Vec<_> = letters.iter().map(|it| (it.reason.as_str(), it.detail.as_str())).collect();
        let missing = |field: &str| format!("{field}: required, and missing or null");
        let [creditor, id] = ["creditor_account", "payment_id"].map(missing);
        let wanted = [("missing_field", creditor.as_str()), ("missing_field", &id), ("missing_field", &id)];
        assert_eq!(told, wanted, "a payment with legs, a refund, and a refund of a leg");
        let event: KafkaEvent = serde_json::from_str(&recorded["event"].to_string()).unwrap();
        for record in event.partitions.iter().flat_map(|partition| &partition.records) {
            let value = record.value.bytes().unwrap();
            let asked = instruction::decode_json(value).unwrap();
            assert_eq!(instruction::encode(&asked).as_bytes(), value, "clients of today ask so");
        }
    }
}
