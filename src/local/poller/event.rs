//! Records as the JSON that Lambda delivers for a self-managed Kafka.
//!
//! In: records. Out: the payload of an invocation, byte for byte in AWS's shapes: base64 keys and values, header bytes
//! signed, absent parts left out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Polled;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    event_source: &'static str,
    bootstrap_servers: &'a str,
    records: BTreeMap<String, Vec<Record<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    timestamp_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    headers: Vec<Value>,
}

/// Writes the event of a batch.
pub(super) fn encode(bootstrap_servers: &str, batch: &[Polled]) -> String {
    let mut records: BTreeMap<String, Vec<Record<'_>>> = BTreeMap::new();
    for polled in batch {
        records.entry(format!("{}-{}", polled.topic, polled.partition)).or_default().push(Record {
            topic: &polled.topic,
            partition: polled.partition,
            offset: polled.offset,
            timestamp: polled.timestamp,
            timestamp_type: "CREATE_TIME",
            key: polled.key.as_ref().map(|key| STANDARD.encode(key)),
            value: polled.value.as_ref().map(|value| STANDARD.encode(value)),
            headers: polled.headers.iter().map(header).collect(),
        });
    }
    let event = Event { event_source: "SelfManagedKafka", bootstrap_servers, records };
    // Strings and integers always serialise.
    serde_json::to_string(&event).unwrap_or_default()
}

fn header(header: &crate::domain::Header) -> Value {
    let value = match &header.value {
        None => Value::Object(Map::new()),
        // A Java byte is signed.
        Some(bytes) => bytes.iter().map(|byte| Value::from(byte.cast_signed())).collect(),
    };
    Value::Object(Map::from_iter([(header.name.clone(), value)]))
}
