//! The event that a Kafka event source mapping delivers, read leniently.
//!
//! In: the JSON of an invocation. Out: per partition its records, in offset order.
//!
//! Why not `aws_lambda_events`: it reads the whole event or nothing, so one odd record (a null header, a missing
//! timestamp, a byte over 127) would fail its whole batch, again and again. Here each record is read from its own piece
//! of the JSON, and only what names a record is required of it: topic, partition and offset.
//!
//! | odd | taken as |
//! |---|---|
//! | any `eventSource`; unknown fields | ignored |
//! | `records` missing or null | no records |
//! | a record's `topic` or `partition` missing | those of the list that it stands in |
//! | `partition`, `offset`, `timestamp` as a string | the number |
//! | `timestamp` missing, null, below zero | none |
//! | `key`, `value`, `headers` missing or null | none |
//! | `key`, `value` not base64 | [`Payload::NotBase64`], with the text as it stands |
//! | header bytes −128 ..= −1 | the same byte as 128 ..= 255 |
//! | a header's value null or `{}` | a header without a value |
//! | a header of any other shape | a header [`UNREADABLE_HEADER`] that holds its JSON |
//! | no usable topic, partition or offset | [`PartitionRecords::unplaced`]: says the field and what was expected |
//!
//! Invariant: every element of every list becomes a record or is unplaced. The event fails as a whole only if it is no
//! JSON object, or `records` is no object of lists.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::raw::{text, whole};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::{DeadLetter, Header, Source, Timestamp};

/// The name under which a header that can't be read is kept; its value is the header's JSON.
pub const UNREADABLE_HEADER: &str = "giro-unreadable-header";

/// AWS pads; other producers of such events may not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One invocation's records.
#[derive(Debug, Default)]
pub struct KafkaEvent {
    /// The records of each partition, in the order of the event.
    pub partitions: Vec<PartitionRecords>,
}

/// The records of one partition in an event.
#[derive(Debug)]
pub struct PartitionRecords {
    /// The name that the event gives the partition, and by which a batch response must name it: `topic-partition`.
    pub identifier: String,
    /// Its records, by offset.
    pub records: Vec<Record>,
    /// Elements that can't be named, so neither acknowledged nor set aside: which field, and what was expected of it.
    pub unplaced: Vec<String>,
}

/// One record.
#[derive(Debug)]
pub struct Record {
    /// Where it stands.
    pub source: Source,
    /// When it was produced or appended, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Payload,
    /// Its value; absent in a tombstone.
    pub value: Payload,
    headers: Option<Box<RawValue>>,
}

/// A record's key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// None.
    Absent,
    /// The bytes.
    Bytes(Vec<u8>),
    /// What stood where base64 was expected, as it stands.
    NotBase64(Vec<u8>),
}

impl Payload {
    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Absent => None,
            Self::Bytes(bytes) | Self::NotBase64(bytes) => Some(bytes),
        }
    }
}

impl Record {
    /// Its headers, in order. Read only now, because only a dead letter needs them.
    #[must_use]
    pub fn headers(&self) -> Vec<Header> {
        let Some(raw) = &self.headers else { return Vec::new() };
        match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            Ok(elements) => elements.into_iter().flat_map(headers).collect(),
            Err(_) => vec![unreadable(raw)],
        }
    }

    /// The record as a dead letter, as it came: `reason` is a stable name, `detail` is for a person.
    #[must_use]
    pub fn dead_letter(&self, reason: &str, detail: String, received_at: Timestamp) -> DeadLetter {
        DeadLetter {
            source: self.source.clone(),
            key: self.key.bytes().map(Into::into),
            value: self.value.bytes().map(Into::into),
            headers: self.headers(),
            reason: reason.into(),
            detail,
            received_at,
            status: DeadLetterStatus::Parked,
        }
    }
}

impl<'de> Deserialize<'de> for KafkaEvent {
    /// Borrows from the input while reading, so it takes JSON as a slice or string (which is what the Lambda runtime
    /// gives it), not from a reader.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Envelope;
        impl<'de> Visitor<'de> for Envelope {
            type Value = KafkaEvent;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Kafka event: an object with records")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KafkaEvent, A::Error> {
                let mut event = KafkaEvent::default();
                while let Some(field) = map.next_key::<Cow<'de, str>>()? {
                    if field != "records" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let lists: Option<InOrder<String, Vec<&RawValue>>> = map.next_value()?;
                    let lists = lists.map(|lists| lists.0).unwrap_or_default();
                    event.partitions.extend(lists.into_iter().map(|(identifier, list)| partition(identifier, &list)));
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(Envelope)
    }
}

/// The entries of an object, in their order, also those whose name comes again.
struct InOrder<K, V>(Vec<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for InOrder<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
            type Value = InOrder<K, V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<K, V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

fn partition(identifier: String, list: &[&RawValue]) -> PartitionRecords {
    let mut records: Vec<Record> = Vec::with_capacity(list.len());
    let mut unplaced = Vec::new();
    let mut topic: Arc<str> = named_topic(&identifier).into();
    for (ix, element) in list.iter().enumerate() {
        match record(element, &identifier, &mut topic) {
            Ok(record) => records.push(record),
            Err(expected) => unplaced.push(format!("records[{identifier:?}][{ix}]{expected}")),
        }
    }
    // Lambda delivers them so; whoever doesn't still gets them decided in offset order.
    records.sort_by_key(|record| record.source.offset);
    PartitionRecords { identifier, records, unplaced }
}

/// The topic in `topic-partition`; topics hold `-` themselves.
fn named_topic(identifier: &str) -> &str {
    identifier.rsplit_once('-').map_or(identifier, |(topic, _)| topic)
}

fn named_partition(identifier: &str) -> Option<i32> {
    identifier.rsplit_once('-').and_then(|(_, partition)| partition.parse().ok())
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    topic: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partition: Option<&'a RawValue>,
    #[serde(borrow, default)]
    offset: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
}

/// Reads one record. `topic` is that of the record before it, shared while it stays the same.
///
/// # Errors
/// Which field doesn't name the record, and what was expected of it.
fn record(element: &RawValue, identifier: &str, topic: &mut Arc<str>) -> Result<Record, &'static str> {
    if !element.get().starts_with('{') {
        return Err(": expected an object");
    }
    let fields: Fields<'_> =
        serde_json::from_str(element.get()).map_err(|_| ": expected an object with each field once")?;
    let named = match fields.topic {
        None => Cow::Borrowed(named_topic(identifier)),
        Some(raw) => text(raw).ok_or(".topic: expected a string")?,
    };
    if named.is_empty() {
        return Err(".topic: expected a name");
    }
    if **topic != *named {
        *topic = named.into();
    }
    let partition = match fields.partition {
        None => named_partition(identifier),
        Some(raw) => whole(raw).and_then(|partition| i32::try_from(partition).ok()),
    };
    let partition = partition.filter(|&p| p >= 0).ok_or(".partition: expected a whole number, 0 or more")?;
    let offset = fields.offset.and_then(whole).filter(|&offset| offset >= 0);
    let offset = offset.ok_or(".offset: expected a whole number, 0 or more")?;
    Ok(Record {
        source: Source { topic: Arc::clone(topic), partition, offset },
        timestamp: fields.timestamp.and_then(whole).filter(|&timestamp| timestamp >= 0),
        key: payload(fields.key),
        value: payload(fields.value),
        headers: fields.headers.filter(|raw| raw.get() != "[]").map(ToOwned::to_owned),
    })
}

fn payload(raw: Option<&RawValue>) -> Payload {
    let Some(raw) = raw else { return Payload::Absent };
    let Some(text) = text(raw) else { return Payload::NotBase64(raw.get().into()) };
    match BASE64.decode(text.as_bytes()) {
        Ok(bytes) => Payload::Bytes(bytes),
        Err(_) => Payload::NotBase64(text.as_bytes().into()),
    }
}

/// The headers that one element of the list holds: one, from AWS.
fn headers(element: &RawValue) -> Vec<Header> {
    let header = |(name, raw): (String, &RawValue)| Some(Header { name, value: header_value(raw)? });
    let readable = serde_json::from_str::<InOrder<String, &RawValue>>(element.get())
        .ok()
        .filter(|entries| !entries.0.is_empty())
        .and_then(|entries| entries.0.into_iter().map(header).collect());
    readable.unwrap_or_else(|| vec![unreadable(element)])
}

/// A header's value, itself `None` where the header has none; `None` if it can't be read.
fn header_value(raw: &RawValue) -> Option<Option<Vec<u8>>> {
    if matches!(raw.get(), "null" | "{}") {
        return Some(None);
    }
    let numbers: Vec<i16> = serde_json::from_str(raw.get()).ok()?;
    // Java bytes are signed: −1 is 255.
    let byte = |number: i16| match number {
        -128..=255 => u8::try_from(number.rem_euclid(256)).ok(),
        _ => None,
    };
    numbers.into_iter().map(byte).collect::<Option<Vec<u8>>>().map(Some)
}

fn unreadable(raw: &RawValue) -> Header {
    Header { name: UNREADABLE_HEADER.into(), value: Some(raw.get().into()) }
}
