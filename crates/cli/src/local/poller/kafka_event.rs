//! What: Writes records as the JSON that Lambda delivers for a self-managed Kafka.
//!
//! Data: Takes records. Gives the payload of an invocation in AWS's form: keys and values in base64, header bytes
//! signed, absent parts left out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::delivery::Delivered;
use crate::local::reading::Polled;
use giro::domain::Header;

/// What an event holds beside its records.
pub(super) const ENVELOPE_BYTES: usize = 1024;
/// What a record takes beside its topic, key, value and headers: names, numbers and punctuation, with some room.
const RECORD_BYTES: usize = 200;

impl Delivered for Polled {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp
    }
}

impl Polled {
    /// The most bytes that it takes in an event.
    pub(super) fn encoded_bytes(&self) -> usize {
        // Base64: four characters for three bytes, the last ones filled up.
        let base64 = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, |it| it.len().div_ceil(3).saturating_mul(4));
        let header = |header: &Header| {
            // A byte is a signed number and a comma. A character of a name is at worst an escape.
            let value = header.value.as_ref().map_or(0, |value| value.len().saturating_mul(5));
            header.name.len().saturating_mul(6).saturating_add(value).saturating_add(8)
        };
        let headers = self.headers.iter().map(header).fold(0, usize::saturating_add);
        // A partition's first record adds the partition's name, which holds the topic too.
        [RECORD_BYTES, self.topic.len().saturating_mul(2), base64(&self.key), base64(&self.value), headers]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}

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

fn header(header: &Header) -> Value {
    let value = match &header.value {
        None => Value::Object(Map::new()),
        // A Java byte is signed.
        Some(bytes) => bytes.iter().map(|byte| Value::from(byte.cast_signed())).collect(),
    };
    Value::Object(Map::from_iter([(header.name.clone(), value)]))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::kafka::{KafkaEvent, KafkaRecord};

    use super::*;

    const GOLDEN: [&str; 2] = [
        include_str!("../../../../../tests/golden/invocations/payment-processor.json"),
        include_str!("../../../../../tests/golden/invocations/account-processor.json"),
    ];

    #[test]
    fn what_an_older_version_delivered_is_delivered_as_it_was() {
        let rows = GOLDEN.iter().flat_map(|file| serde_json::from_str::<Vec<Value>>(file).unwrap());
        for row in rows {
            let before = row["event"].as_str().unwrap();
            let event: giro::wire::kafka_event::KafkaEvent = serde_json::from_str(before).unwrap();
            let batch = event.partitions.iter().flat_map(|partition| &partition.records).map(|record| Polled {
                topic: record.source.topic.to_string(),
                partition: record.source.partition,
                offset: record.source.offset,
                timestamp: record.timestamp,
                key: record.key().bytes().map(Into::into),
                value: record.value.bytes().map(Into::into),
                headers: record.headers_exactly().unwrap(),
            });
            let brokers = serde_json::from_str::<Value>(before).unwrap()["bootstrapServers"].clone();
            assert_eq!(encode(brokers.as_str().unwrap(), &batch.collect::<Vec<_>>()), before);
        }
    }

    #[test]
    fn a_record_never_takes_more_than_it_says() {
        let bytes = |length: usize| Some(vec![200_u8; length]);
        for length in [0, 1, 2, 3, 1000] {
            let headers = vec![
                Header { name: "\u{1}".repeat(length), value: bytes(length) },
                Header { name: "n".into(), value: None },
            ];
            let record = Polled {
                topic: "payment-requests".into(),
                partition: i32::MAX,
                offset: i64::MAX,
                timestamp: Some(i64::MIN),
                key: bytes(length),
                value: bytes(length),
                headers,
            };
            let event = encode("127.0.0.1:9092", std::slice::from_ref(&record));
            assert!(event.len() <= record.encoded_bytes().saturating_add(ENVELOPE_BYTES), "{length}");
        }
    }
    fn random(random: &mut fastrand::Rng) -> Polled {
        fn bytes(random: &mut fastrand::Rng) -> Option<Vec<u8>> {
            random.bool().then(|| (0..random.usize(0..40)).map(|_| random.u8(..)).collect())
        }
        let header = |random: &mut fastrand::Rng| Header {
            name: (0..random.usize(0..8)).map(|_| random.char(..)).collect(),
            // One without a value is beyond the types that read it again.
            value: Some(bytes(random).unwrap_or_default()),
        };
        Polled {
            topic: ["payment-requests", "a.b_c-1"][random.usize(0..2)].into(),
            partition: random.i32(0..3),
            offset: random.i64(0..),
            // Those types count in fractions of seconds, of which an eighth is exact.
            timestamp: Some(random.i64(0..16_000_000_000).saturating_mul(125)),
            key: bytes(random),
            value: bytes(random),
            headers: (0..random.usize(0..3)).map(|_| header(random)).collect(),
        }
    }

    fn again(record: KafkaRecord) -> Polled {
        let bytes = |text: Option<String>| text.map(|text| STANDARD.decode(text).unwrap());
        let value = |bytes: Vec<i8>| Some(bytes.into_iter().map(i8::cast_unsigned).collect());
        let header = |(name, bytes)| Header { name, value: value(bytes) };
        Polled {
            topic: record.topic.unwrap(),
            partition: record.partition.try_into().unwrap(),
            offset: record.offset,
            timestamp: Some(record.timestamp.timestamp_millis()),
            key: bytes(record.key),
            value: bytes(record.value),
            headers: record.headers.into_iter().flatten().map(header).collect(),
        }
    }

    /// By the types that handlers in Rust read events with.
    #[test]
    fn an_event_tells_the_records_that_were_polled() {
        let mut generator = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let batch: Vec<Polled> = (0..generator.usize(0..20)).map(|_| random(&mut generator)).collect();
            let mut event: KafkaEvent = serde_json::from_str(&encode("127.0.0.1:9092", &batch)).unwrap();
            assert_eq!(event.event_source.as_deref(), Some("SelfManagedKafka"));
            assert_eq!(event.bootstrap_servers.as_deref(), Some("127.0.0.1:9092"));
            let mut told: BTreeMap<String, Vec<Polled>> = BTreeMap::new();
            for polled in batch {
                told.entry(format!("{}-{}", polled.topic, polled.partition)).or_default().push(polled);
            }
            for (name, polled) in told {
                let records = event.records.remove(&name).unwrap();
                assert!(records.iter().all(|record| record.timestamp_type.as_deref() == Some("CREATE_TIME")));
                assert_eq!(records.into_iter().map(again).collect::<Vec<_>>(), polled, "{name}");
            }
            assert!(event.records.is_empty(), "{event:?}");
        }
    }
}
