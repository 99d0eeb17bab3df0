//! What: Reads the event that a DynamoDB stream delivers, and writes the answer to it. It reads leniently.
//!
//! Data: Takes the JSON of an invocation. Gives changes in the order of the stream, each read from its own piece of the
//! JSON.
//!
//! An inserted item is an [`Image`] of plain maps. Only the store knows what a payment's item means, and the wire
//! doesn't know the store. The binary passes the store's decoder to the handler.
//!
//! The types of `aws_lambda_events` read the whole event or nothing. So one record without a region or a size, which
//! nobody here needs, would stop its shard. This reader reads the same from all that they read, and the answer is equal
//! byte for byte: `tests/it/wire/oracle.rs` holds both.
//!
//! | odd | taken as |
//! |---|---|
//! | unknown fields; an unknown `eventSource`, or none | ignored |
//! | `Records` empty | no records |
//! | `Records` missing, null or no list; the `eventSource` of another service | not an event of a stream: [`Foreign`] |
//! | an attribute that is neither text, nor a number, nor a list of maps of these | left out: no outcome is told by such an attribute |
//! | `MODIFY`, `REMOVE` | [`ItemChange::Other`] |
//! | no image, or any other `eventName` | [`ItemChange::Unreadable`]: says what was expected |
//! | no `SequenceNumber` | [`StreamEvent::unplaced`]: can't be named in an answer |
//!
//! Invariants: Every element of `Records` becomes a change or is unplaced. An event is foreign as a whole, or not at
//! all.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::incoming::{self, Event, Fields, Foreign, Service};
use super::json::raw::Json;

/// Texts (`S`), then numbers (`N`), by the attribute's name. Of a number it has the digits.
pub type Plain = (HashMap<String, String>, HashMap<String, String>);

/// An item: those of its attributes that are text, numbers, or lists of maps of these.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Text and numbers.
    pub plain: Plain,
    /// Lists (`L`) of maps (`M`), by the attribute's name. Another list is left out whole.
    pub lists: HashMap<String, Vec<Plain>>,
}

/// One invocation's changes.
#[derive(Debug, Default)]
pub struct StreamEvent {
    /// The changes, in the order of the stream.
    pub records: Vec<StreamRecord>,
    /// Elements that can't be named in an answer. Each says the field, and what was expected of it.
    pub unplaced: Vec<String>,
}

/// One record of a stream.
#[derive(Debug)]
pub struct StreamRecord {
    /// Its name in the shard, and in an answer.
    pub sequence_number: String,
    /// The change.
    pub change: ItemChange,
}

/// A change in the table.
#[derive(Debug)]
pub enum ItemChange {
    /// A new item.
    Inserted(Image),
    /// An item was changed or removed. Says which.
    Other(String),
    /// It can't be read. Says what was expected.
    Unreadable(&'static str),
}

impl<'de> Deserialize<'de> for StreamEvent {
    /// It borrows from the input, as [`super::kafka_event::KafkaEvent`] does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        incoming::of_its_kind(deserializer)
    }
}

impl Event for StreamEvent {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error> {
        let foreign = |got| Err(Foreign { expected: "the event of a DynamoDB stream, its changes in Records", got });
        let fields = match Fields::of(<&RawValue>::deserialize(deserializer)?) {
            Ok(fields) => fields,
            Err(other) => return Ok(foreign(other)),
        };
        Ok(match (fields.service(), fields.list("Records")) {
            (None | Some(Service::DynamoDb), Some(elements)) => {
                let other = elements.iter().find_map(|element| of_another(element));
                other.map_or_else(|| Ok(Self::of(&elements)), foreign)
            }
            (None | Some(Service::DynamoDb), None) => foreign("an object without Records"),
            (Some(other), _) => foreign(other.event()),
        })
    }
}

/// What the record is, if it is of another service.
fn of_another(element: &RawValue) -> Option<&'static str> {
    let service = Service::named(&Fields::of(element).ok()?.text("eventSource")?)?;
    (service != Service::DynamoDb).then_some(service.event())
}

impl StreamEvent {
    /// The changes that these elements of `Records` are.
    fn of(elements: &[&RawValue]) -> Self {
        let mut event = Self::default();
        for (ix, element) in elements.iter().enumerate() {
            match record(element) {
                Ok(record) => event.records.push(record),
                Err(expected) => event.unplaced.push(format!("Records[{ix}]{expected}")),
            }
        }
        event
    }
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default, rename = "eventName")]
    event_name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dynamodb: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default, rename = "SequenceNumber")]
    sequence_number: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "NewImage")]
    new_image: Option<&'a RawValue>,
}

fn record(element: &RawValue) -> Result<StreamRecord, &'static str> {
    let fields: Named<'_> =
        serde_json::from_str(element.get()).map_err(|_| ": expected an object with each field once")?;
    let details = fields.dynamodb.ok_or(".dynamodb: expected an object, got none")?;
    let details: Details<'_> =
        serde_json::from_str(details.get()).map_err(|_| ".dynamodb: expected an object with each field once")?;
    let sequence_number = details.sequence_number.and_then(text).filter(|number| !number.is_empty());
    let sequence_number = sequence_number.ok_or(".dynamodb.SequenceNumber: expected a string")?;
    let change = match fields.event_name.and_then(text).as_deref() {
        Some("INSERT") => match details.new_image.and_then(image) {
            Some(image) => ItemChange::Inserted(image),
            None => ItemChange::Unreadable("dynamodb.NewImage: expected an item"),
        },
        Some(name @ ("MODIFY" | "REMOVE")) => ItemChange::Other(name.into()),
        Some(_) | None => ItemChange::Unreadable("eventName: expected INSERT, MODIFY or REMOVE"),
    };
    Ok(StreamRecord { sequence_number: sequence_number.into(), change })
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    Json::from(raw).text()
}

/// An attribute: its value, by the name of its type.
type Typed<'a> = HashMap<String, &'a RawValue>;
type Attributes<'a> = HashMap<String, Typed<'a>>;

fn plain(attributes: &Attributes<'_>) -> Plain {
    let mut plain = Plain::default();
    for (name, typed) in attributes {
        let of = |kind| typed.get(kind).copied().and_then(text).map(Cow::into_owned);
        if let Some(text) = of("S") {
            plain.0.insert(name.clone(), text);
        } else if let Some(digits) = of("N") {
            plain.1.insert(name.clone(), digits);
        }
    }
    plain
}

/// The maps of a list. `None` if it holds anything else.
fn list(raw: &RawValue) -> Option<Vec<Plain>> {
    let elements: Vec<Typed<'_>> = serde_json::from_str(raw.get()).ok()?;
    let map = |typed: Typed<'_>| {
        let attributes: Attributes<'_> = serde_json::from_str(typed.get("M")?.get()).ok()?;
        Some(plain(&attributes))
    };
    elements.into_iter().map(map).collect()
}

fn image(raw: &RawValue) -> Option<Image> {
    let attributes: Attributes<'_> = serde_json::from_str(raw.get()).ok()?;
    let list = |(name, typed): (&String, &Typed<'_>)| Some((name.clone(), list(typed.get("L")?)?));
    Some(Image { plain: plain(&attributes), lists: attributes.iter().filter_map(list).collect() })
}

/// The answer. If it is empty, Lambda goes on. Otherwise it delivers again from the named record on.
///
/// Source: AWS Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamResponse {
    /// The first record that is not finished.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<StreamFailure>,
}

/// One record that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFailure {
    /// Its sequence number.
    #[serde(rename = "itemIdentifier")]
    pub sequence_number: String,
}

impl StreamResponse {
    /// The answer that all records from this one on must be delivered again.
    #[must_use]
    pub fn from_record_on(record: &StreamRecord) -> Self {
        Self { failures: vec![StreamFailure { sequence_number: record.sequence_number.clone() }] }
    }
}
