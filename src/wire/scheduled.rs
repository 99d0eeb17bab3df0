//! What: The event of a function that a schedule invokes. It only says that it is time.
//!
//! EventBridge's type of `aws_lambda_events` requires a source and a detail, which nobody reads here. A person may
//! invoke such a function with `null` or `{}`.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::incoming::{self, Event, Fields, Foreign, Service};

/// An event that only says that it is time. An event with records or a request is refused: its sender would take the
/// answer as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyEvent;

impl<'de> Deserialize<'de> for AnyEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        incoming::of_its_kind(deserializer)
    }
}

impl Event for AnyEvent {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error> {
        let foreign = |got| Err(Foreign { expected: "a schedule's event, or any that brings no records", got });
        // A text, null and other values bring nothing.
        let fields = Fields::of(<&RawValue>::deserialize(deserializer)?).unwrap_or_default();
        let brings = |name: &str| fields.get(name).is_some();
        Ok(match fields.service() {
            None if brings("Records") || brings("records") => foreign("an object with records"),
            None | Some(Service::EventBridge) => Ok(Self),
            Some(other) => foreign(other.event()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_is_an_event() {
        for event in ["null", "{}", "[1,2]", r#"{"source":"aws.events","detail":{}}"#] {
            assert_eq!(serde_json::from_str::<AnyEvent>(event).unwrap(), AnyEvent, "{event}");
        }
    }
}
