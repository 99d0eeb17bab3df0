//! What: Tells whether the event of an invocation is of the kind that the function takes, or of another service.
//!
//! Data: Takes the JSON of an invocation. Gives [`Incoming`]: the event, or [`Foreign`], which says what came instead.
//!
//! Without this, a lenient reader would take another service's event as an event without records, and answer with
//! success. SQS would then delete its messages, though nobody had read them.
//!
//! | function takes | an event is that if |
//! |---|---|
//! | Kafka | it has `records`, an object of lists, and its `eventSource` names no other service |
//! | a DynamoDB stream | it has `Records`, a list, and no `eventSource` in it names another service |
//! | an HTTP API | it has `requestContext.http.method`, and `version` is `2.0` or missing |
//! | any event | it brings neither records nor a request |
//!
//! Invariants: The text about a foreign event repeats nothing of it.
//!
//! Source: AWS Lambda developer guide, the sample event of each service.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::raw::Json;
use super::json::shape::{OfShape, OtherShape, Shaped};

/// The event, or what came instead.
#[derive(Debug)]
pub struct Incoming<E>(pub Result<E, Foreign>);

/// An event that the function doesn't take. `Display` says what was expected, what came, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}; got {got}. Give this function the trigger that the template gives it, and no other")]
pub struct Foreign {
    pub(super) expected: &'static str,
    pub(super) got: &'static str,
}

/// A kind of event that a function takes.
pub trait Event: Sized {
    /// Reads an event, whatever it is.
    ///
    /// # Errors
    /// If it isn't JSON.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error>;
}

impl<'de, E: Event> Deserialize<'de> for Incoming<E> {
    /// It borrows from the input, so it takes JSON as a slice or string, as the Lambda runtime gives it, and not from a
    /// reader.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        E::read(deserializer).map(Self)
    }
}

/// Reads an event that must be of its kind.
pub(super) fn of_its_kind<'de, E: Event, D: Deserializer<'de>>(deserializer: D) -> Result<E, D::Error> {
    E::read(deserializer)?.map_err(D::Error::custom)
}

/// Who sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Managed or not.
    Kafka,
    /// A table's stream.
    DynamoDb,
    /// API Gateway in payload format 2.0, or a function's URL.
    HttpApi,
    /// A rule or a schedule.
    EventBridge,
    /// Another service. Says what its event is.
    Other(&'static str),
}

impl Service {
    /// What its event is.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Kafka => "a Kafka event",
            Self::DynamoDb => "the event of a DynamoDB stream",
            Self::HttpApi => "an HTTP request",
            Self::EventBridge => "an Amazon EventBridge event",
            Self::Other(event) => event,
        }
    }

    /// The service that an `eventSource` names, if it is known.
    pub(super) fn named(event_source: &str) -> Option<Self> {
        let known = EVENT_SOURCES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(event_source));
        known.map(|(_, service)| service)
    }
}

/// The known values of `eventSource`, and their services. Those of Kafka are as AWS and its older documents write them.
const EVENT_SOURCES: [(&str, Service); 13] = [
    ("aws:kafka", Service::Kafka),
    ("SelfManagedKafka", Service::Kafka),
    ("aws:SelfManagedKafka", Service::Kafka),
    ("aws:dynamodb", Service::DynamoDb),
    ("aws:sqs", Service::Other("an Amazon SQS event")),
    ("aws:kinesis", Service::Other("an Amazon Kinesis event")),
    ("aws:sns", Service::Other("an Amazon SNS event")),
    ("aws:s3", Service::Other("an Amazon S3 event")),
    ("aws:ses", Service::Other("an Amazon SES event")),
    ("aws:mq", Service::Other("an Amazon MQ event")),
    ("aws:rmq", Service::Other("an Amazon MQ event")),
    ("aws:docdb", Service::Other("an Amazon DocumentDB event")),
    ("aws:codecommit", Service::Other("an AWS CodeCommit event")),
];

/// The first level of an object: its fields in their order, each as its own JSON.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// The shape that is there instead.
    pub(super) fn of(raw: &'a RawValue) -> Result<Self, OtherShape> {
        // It is known to be JSON. Only a number that is too large fails here.
        OfShape(FirstLevel).deserialize(&mut serde_json::Deserializer::from_str(raw.get())).unwrap_or(Err("a number"))
    }

    /// Adds one more field.
    pub(super) fn push(&mut self, name: Cow<'a, str>, value: &'a RawValue) {
        self.0.push((name, value));
    }

    /// A field, unless it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        found.filter(|value| value.get() != "null")
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        Json::from(self.get(name)?).text()
    }

    /// A field that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.get(name)?).ok()
    }

    /// A field that is a list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The service that sent this event, if it is known.
    pub(super) fn service(&self) -> Option<Service> {
        // Only SNS writes it with a capital letter.
        let named = |fields: &Self| fields.text("eventSource").or_else(|| fields.text("EventSource"));
        let in_records = || Self::of(self.list("Records")?.first()?).ok().as_ref().and_then(named);
        if let Some(service) = named(self).or_else(in_records).and_then(|name| Service::named(&name)) {
            return Some(service);
        }
        if let Some(request) = self.object("requestContext").and_then(|context| self.request(&context)) {
            return Some(request);
        }
        let has = |name: &str| self.get(name).is_some();
        match () {
            () if has("detail-type") && has("source") => Some(Service::EventBridge),
            () if has("deliveryStreamArn") => Some(Service::Other("an Amazon Data Firehose event")),
            () if has("awslogs") => Some(Service::Other("an Amazon CloudWatch Logs event")),
            () if self.object("records").is_some() => Some(Service::Kafka),
            () => None,
        }
    }

    /// The kind of request that this is, if it is one.
    fn request(&self, context: &Self) -> Option<Service> {
        let has = |name: &str| context.get(name).is_some();
        let old = self.text("version").is_some_and(|version| version != "2.0");
        match () {
            () if has("elb") => Some(Service::Other("an Application Load Balancer's request")),
            () if has("connectionId") => Some(Service::Other("a WebSocket API's request")),
            () if has("http") && !old => Some(Service::HttpApi),
            () if has("http") || has("httpMethod") || self.get("httpMethod").is_some() => {
                Some(Service::Other("an HTTP request in payload format 1.0"))
            }
            () => None,
        }
    }
}

/// Reads the fields of an object.
struct FirstLevel;

impl Shaped<'_> for FirstLevel {
    const OBJECT: bool = true;
}

impl<'de> Visitor<'de> for FirstLevel {
    type Value = Fields<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some((name, value)) = map.next_entry()? {
            fields.push(name, value);
        }
        Ok(fields)
    }
}
