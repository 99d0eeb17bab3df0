//! What: Reads the event that a Kafka event source mapping delivers. It reads leniently.
//!
//! Data: Takes the JSON of an invocation. Gives the records of each partition, in offset order.
//!
//! `aws_lambda_events` reads the whole event or nothing. So one odd record (a null header, a missing timestamp, a byte
//! over 127) would fail its whole batch, again and again. Here each record is read from its own piece of the JSON. Only
//! topic, partition and offset are required, because they name the record. What that crate does read is read as the
//! same here: `tests/it/wire/oracle.rs` holds it.
//!
//! | odd | taken as |
//! |---|---|
//! | an unknown `eventSource`, or none; unknown fields | ignored |
//! | `records` empty | no records |
//! | `records` missing, null or no object of lists; the `eventSource` of another service | not a Kafka event: [`Foreign`] |
//! | a record's `topic` or `partition` missing | those of its list |
//! | `partition`, `offset`, `timestamp` as a string | the number |
//! | `timestamp` missing, null, below zero | none |
//! | `key`, `value`, `headers` missing or null | none |
//! | `key`, `value` not base64 | [`Payload::NotBase64`], with the text itself |
//! | header bytes −128 ..= −1 | the same byte as 128 ..= 255 |
//! | a header's value null or `{}` | a header without a value |
//! | a header of any other shape | a header [`UNREADABLE_HEADER`] that holds its JSON |
//! | no usable topic, partition or offset | [`PartitionRecords::unplaced`]: says the field and what was expected |
//!
//! Invariants: Every element of every list becomes a record or is unplaced. An event is foreign as a whole, or not at
//! all.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::base64_text::{self, Decoder};
use super::incoming::{self, Event, Fields, Foreign, Service};
use super::json::members::members;
use super::json::raw::Json;
use super::json::shape::{OfShape, OtherShape, Shaped};
use crate::domain::dead_letter::{Content, DeadLetterStatus, RecordDigest};
use crate::domain::{DeadLetter, Header, Source, Timestamp};

/// The name under which a header that can't be read is kept. Its value is the header's JSON.
pub const UNREADABLE_HEADER: &str = "giro-unreadable-header";

/// One invocation's records.
#[derive(Debug, Default)]
pub struct KafkaEvent {
    /// The records of each partition, in the order of the event.
    pub partitions: Vec<PartitionRecords>,
}

/// The records of one partition in an event.
#[derive(Debug)]
pub struct PartitionRecords {
    /// The name of the partition in the event: `topic-partition`. A batch response must use the same name.
    pub identifier: String,
    /// Its records, by offset.
    pub records: Vec<Record>,
    /// Elements that name no record, so they are neither acknowledged nor stored. Each says the field, and what was
    /// expected of it.
    pub unplaced: Vec<String>,
}

/// One record.
#[derive(Debug)]
pub struct Record {
    /// Its place in Kafka.
    pub source: Source,
    /// When it was produced or appended, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its value. It is absent in a tombstone.
    pub value: Payload,
    /// The key's JSON.
    key: Option<Bytes>,
    /// The headers' JSON.
    headers: Option<Box<str>>,
}

/// A record's key or value. The values of many records share one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// None.
    Absent,
    /// The bytes.
    Bytes(Bytes),
    /// The text that stood where base64 was expected.
    NotBase64(Vec<u8>),
}

impl Payload {
    /// The bytes, or the text that isn't base64.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Absent => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::NotBase64(bytes) => Some(bytes),
        }
    }

    /// The content for the record's digest.
    fn content(&self) -> Content<'_> {
        match self {
            Self::Absent => Content::Absent,
            Self::Bytes(bytes) => Content::Bytes(bytes),
            Self::NotBase64(bytes) => Content::NotBase64(bytes),
        }
    }
}

impl Record {
    /// Its key. It is read only here, because only a dead letter needs it.
    #[must_use]
    pub fn key(&self) -> Payload {
        let Some(json) = &self.key else { return Payload::Absent };
        // It was cut out of a text, so this never falls back.
        let json = Json::of(std::str::from_utf8(json).unwrap_or_default());
        match json.text().map(|text| (base64_text::decode(text.as_bytes()), text)) {
            Some((Some(bytes), _)) => Payload::Bytes(bytes.into()),
            Some((None, text)) => Payload::NotBase64(text.as_bytes().into()),
            None => Payload::NotBase64(json.get().into()),
        }
    }

    /// Its headers, in order. They too are read only here.
    #[must_use]
    pub fn headers(&self) -> Vec<Header> {
        let Some(json) = &self.headers else { return Vec::new() };
        let read = |element: &RawValue| headers(element).unwrap_or_else(|| vec![unreadable(element.get())]);
        match serde_json::from_str::<Vec<&RawValue>>(json) {
            Ok(elements) => elements.into_iter().flat_map(read).collect(),
            Err(_) => vec![unreadable(json)],
        }
    }

    /// Its headers, in order. `None` if one of them can't be read.
    #[must_use]
    pub fn headers_exactly(&self) -> Option<Vec<Header>> {
        let Some(json) = &self.headers else { return Some(Vec::new()) };
        let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        let read: Option<Vec<Vec<Header>>> = elements.into_iter().map(headers).collect();
        Some(read?.into_iter().flatten().collect())
    }

    /// The record as a dead letter, byte for byte. `reason` is a stable name, `detail` is for a person.
    #[must_use]
    pub fn dead_letter(&self, reason: &str, detail: String, received_at: Timestamp) -> DeadLetter {
        let (key, headers) = (self.key(), self.headers());
        DeadLetter {
            source: self.source.clone(),
            digest: Some(RecordDigest::of(self.timestamp, key.content(), self.value.content(), &headers)),
            key: key.bytes().map(Into::into),
            value: self.value.bytes().map(Into::into),
            headers,
            reason: reason.into(),
            detail,
            received_at,
            status: DeadLetterStatus::Parked,
        }
    }
}

impl<'de> Deserialize<'de> for KafkaEvent {
    /// It borrows from the input, so it takes JSON as a slice or string, as the Lambda runtime gives it, and not from a
    /// reader.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        incoming::of_its_kind(deserializer)
    }
}

impl Event for KafkaEvent {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error> {
        let foreign = |got| Err(Foreign { expected: "a Kafka event, its records by topic and partition", got });
        let envelope = match OfShape(ReadEnvelope).deserialize(deserializer)? {
            Ok(envelope) => envelope,
            Err(other) => return Ok(foreign(other)),
        };
        Ok(match (envelope.others.service(), envelope.records) {
            (None | Some(Service::Kafka), Some(Ok(Some(partitions)))) => Ok(Self { partitions }),
            (None | Some(Service::Kafka), None | Some(Err("null"))) => foreign("an object without records"),
            (None | Some(Service::Kafka), Some(_)) => foreign("an object whose records are no lists by partition"),
            (Some(other), _) => foreign(other.event()),
        })
    }
}

/// The first level of an event. Fields other than the records are kept as JSON, to find out which service sent the
/// event.
#[derive(Default)]
struct Envelope<'de> {
    records: Option<Result<Option<Vec<PartitionRecords>>, OtherShape>>,
    others: Fields<'de>,
}

struct ReadEnvelope;

impl Shaped<'_> for ReadEnvelope {
    const OBJECT: bool = true;
}

impl<'de> Visitor<'de> for ReadEnvelope {
    type Value = Envelope<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(field) = map.next_key::<Cow<'de, str>>()? {
            if field == "records" {
                let lists = map.next_value_seed(OfShape(Lists))?;
                envelope.records = Some(match (envelope.records, lists) {
                    // If `records` is given twice, both count: no record may be lost.
                    (Some(Ok(Some(mut before))), Ok(Some(more))) => {
                        before.extend(more);
                        Ok(Some(before))
                    }
                    (Some(Ok(None) | Err(_)), _) => Ok(None),
                    (_, lists) => lists,
                });
            } else {
                envelope.others.push(field, map.next_value()?);
            }
        }
        Ok(envelope)
    }
}

/// Reads the lists of records by partition. `None` if one of them isn't a list.
struct Lists;

impl Shaped<'_> for Lists {
    const OBJECT: bool = true;
}

impl<'de> Visitor<'de> for Lists {
    type Value = Option<Vec<PartitionRecords>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of lists")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut decoder, mut partitions, mut all) = (Decoder::default(), Vec::new(), true);
        while let Some(identifier) = map.next_key()? {
            match map.next_value_seed(OfShape(List { identifier, decoder: &mut decoder }))? {
                Ok(partition) => partitions.push(partition),
                Err(_) => all = false,
            }
        }
        Ok(all.then_some(partitions))
    }
}

/// Reads the list of one partition, element by element.
struct List<'d> {
    identifier: String,
    decoder: &'d mut Decoder,
}

impl Shaped<'_> for List<'_> {
    const OBJECT: bool = false;
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = PartitionRecords;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PartitionRecords, A::Error> {
        let Self { identifier, decoder } = self;
        let mut records: Vec<Record> = Vec::new();
        let mut unplaced = Vec::new();
        let mut topic: Arc<str> = named_topic(&identifier).into();
        let mut ix: usize = 0;
        while let Some(element) = list.next_element::<&RawValue>()? {
            match record(element, &identifier, &mut topic, decoder) {
                Ok(record) => records.push(record),
                Err(expected) => unplaced.push(format!("records[{identifier:?}][{ix}]{expected}")),
            }
            ix = ix.saturating_add(1);
        }
        // Lambda delivers records in offset order. They must be decided in that order, whoever delivers them.
        records.sort_by_key(|record| record.source.offset);
        Ok(PartitionRecords { identifier, records, unplaced })
    }
}

/// The entries of an object, in their order. A name may come several times.
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

/// The topic in `topic-partition`. Names of topics may contain `-`.
fn named_topic(identifier: &str) -> &str {
    identifier.rsplit_once('-').map_or(identifier, |(topic, _)| topic)
}

fn named_partition(identifier: &str) -> Option<i32> {
    identifier.rsplit_once('-').and_then(|(_, partition)| partition.parse().ok())
}

/// The fields of a record, in the order in which AWS writes them.
const NAMES: [&str; 7] = ["topic", "partition", "offset", "timestamp", "key", "value", "headers"];

/// Reads one record. `topic` is the topic of the record before it, which is shared while it stays the same.
///
/// # Errors
/// The wrong field among those that name the record, and what was expected of it.
fn record(
    element: &RawValue,
    identifier: &str,
    shared_topic: &mut Arc<str>,
    decoder: &mut Decoder,
) -> Result<Record, &'static str> {
    if !element.get().starts_with('{') {
        return Err(": expected an object");
    }
    let fields = members(element.get(), &NAMES).map_err(|_| ": expected an object with each field once")?;
    let [topic, partition, offset, timestamp, key, value, headers] =
        fields.map(|field| field.filter(|json| !json.is_null()));
    let named = match topic {
        None => Cow::Borrowed(named_topic(identifier)),
        Some(json) => json.text().ok_or(".topic: expected a string")?,
    };
    if named.is_empty() {
        return Err(".topic: expected a name");
    }
    if **shared_topic != *named {
        *shared_topic = named.into();
    }
    let partition = match partition {
        None => named_partition(identifier),
        Some(json) => json.whole().and_then(|partition| i32::try_from(partition).ok()),
    };
    let partition = partition.filter(|&p| p >= 0).ok_or(".partition: expected a whole number, 0 or more")?;
    let offset = offset.and_then(Json::whole).filter(|&offset| offset >= 0);
    let offset = offset.ok_or(".offset: expected a whole number, 0 or more")?;
    Ok(Record {
        source: Source { topic: Arc::clone(shared_topic), partition, offset },
        timestamp: timestamp.and_then(Json::whole).filter(|&timestamp| timestamp >= 0),
        value: value.map_or(Payload::Absent, |json| payload(json, decoder)),
        key: key.map(|json| decoder.keep(json.get())),
        headers: headers.map(Json::get).filter(|json| *json != "[]").map(Into::into),
    })
}

fn payload(json: Json<'_>, decoder: &mut Decoder) -> Payload {
    let Some(text) = json.text() else { return Payload::NotBase64(json.get().into()) };
    match decoder.decode(text.as_bytes()) {
        Some(bytes) => Payload::Bytes(bytes),
        None => Payload::NotBase64(text.as_bytes().into()),
    }
}

/// The headers in one element of the list. AWS writes one. `None` if they can't be read.
fn headers(element: &RawValue) -> Option<Vec<Header>> {
    let header = |(name, raw): (String, &RawValue)| Some(Header { name, value: header_value(raw)? });
    let entries = serde_json::from_str::<InOrder<String, &RawValue>>(element.get()).ok()?;
    if entries.0.is_empty() { None } else { entries.0.into_iter().map(header).collect() }
}

/// The value of a header. The inner `None` is a header without a value; the outer one can't be read.
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

fn unreadable(json: &str) -> Header {
    Header { name: UNREADABLE_HEADER.into(), value: Some(json.into()) }
}
