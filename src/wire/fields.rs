//! Reads the fields of a flat JSON object strictly, each by itself, and says what is wrong with the first that is not
//! as it must be.
//!
//! In: a record's value, and the names of the fields that are known. Out: the fields, or [`Malformed`].
//!
//! Unknown fields are ignored, so that clients can be ahead of us; a known field given twice is malformed, because two
//! readers would see two requests. Null is as good as missing. Texts of errors never repeat what was given: it may be an
//! account holder's data.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::kafka_event::Payload;
use super::raw::text;

/// Why a record's value is not what it must be. `Display` is for a person; [`name`](Self::name) is for machines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is no value.
    #[error("value: expected a JSON object, got none (a tombstone)")]
    Tombstone,
    /// The event's value isn't base64.
    #[error("value: expected base64")]
    NotBase64,
    /// The bytes aren't UTF-8.
    #[error("value: expected UTF-8")]
    NotUtf8,
    /// The text isn't JSON.
    #[error("value: expected JSON: {0}")]
    NotJson(String),
    /// The JSON isn't an object.
    #[error("value: expected a JSON object")]
    NotAnObject,
    /// A required field is missing or null.
    #[error("{0}: required, and missing or null")]
    MissingField(&'static str),
    /// A field stands more than once.
    #[error("{0}: expected once, got it more than once")]
    DuplicateField(&'static str),
    /// A field's value isn't one that it may have.
    #[error("{field}: {expected}")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// What was expected of it.
        expected: String,
    },
}

impl Malformed {
    /// The stable name: the dead letter's reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::NotBase64 => "not_base64",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson(_) => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField(_) => "missing_field",
            Self::DuplicateField(_) => "duplicate_field",
            Self::InvalidField { .. } => "invalid_field",
        }
    }
}

/// The bytes of a record's value.
///
/// # Errors
/// [`Malformed`] if there are none.
pub(super) fn bytes(value: &Payload) -> Result<&[u8], Malformed> {
    match value {
        Payload::Absent => Err(Malformed::Tombstone),
        Payload::NotBase64(_) => Err(Malformed::NotBase64),
        Payload::Bytes(bytes) if bytes.is_empty() => Err(Malformed::Tombstone),
        Payload::Bytes(bytes) => Ok(bytes),
    }
}

/// Each known field's own piece of the JSON.
pub(super) struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    raw: [Option<&'a RawValue>; N],
    duplicate: Option<&'static str>,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads an object. Fields go by their index in `names`.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are no JSON object, or a known field stands twice.
    pub(super) fn read(json: &'a [u8], names: &'static [&'static str; N]) -> Result<Self, Malformed> {
        let json = std::str::from_utf8(json).map_err(|_| Malformed::NotUtf8)?;
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let fields = Known { names }.deserialize(&mut deserializer);
        let fields = fields.and_then(|fields| deserializer.end().map(|()| fields)).map_err(|error| {
            // Data errors are about shape: all that is asked for is an object.
            if error.is_data() { Malformed::NotAnObject } else { Malformed::NotJson(error.to_string()) }
        })?;
        match fields.duplicate {
            Some(field) => Err(Malformed::DuplicateField(field)),
            None => Ok(fields),
        }
    }

    /// A field of any JSON type, read by `read`; `None` where it is missing or null.
    ///
    /// # Errors
    /// [`Malformed::InvalidField`] with what `read` expected.
    pub(super) fn optional_json<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(&'a RawValue) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let Some(raw) = self.raw[ix].filter(|raw| raw.get() != "null") else { return Ok(None) };
        let invalid = |expected: E| Malformed::InvalidField { field: self.names[ix], expected: expected.to_string() };
        read(raw).map(Some).map_err(invalid)
    }

    /// A string, read further by `read`; `None` where it is missing or null.
    ///
    /// # Errors
    /// [`Malformed::InvalidField`] if it is no string, or with what `read` expected.
    pub(super) fn optional<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        self.optional_json(ix, |raw| {
            let text = text(raw).ok_or_else(|| "expected a string".to_owned())?;
            read(&text).map_err(|expected| expected.to_string())
        })
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// As [`optional`](Self::optional), and [`Malformed::MissingField`].
    pub(super) fn required<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Malformed> {
        self.given(ix, self.optional(ix, read)?)
    }

    /// What was read of a field that must be there.
    ///
    /// # Errors
    /// [`Malformed::MissingField`] if it isn't.
    pub(super) fn given<T>(&self, ix: usize, read: Option<T>) -> Result<T, Malformed> {
        read.ok_or(Malformed::MissingField(self.names[ix]))
    }
}

/// Reads an object's known fields.
struct Known<const N: usize> {
    names: &'static [&'static str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Known<N> {
    type Value = Fields<'de, N>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields<'de, N>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Known<N> {
    type Value = Fields<'de, N>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de, N>, A::Error> {
        let mut fields = Fields { names: self.names, raw: [None; N], duplicate: None };
        while let Some(Name(name)) = map.next_key()? {
            let Some(ix) = self.names.iter().position(|known| *known == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if fields.raw[ix].replace(map.next_value()?).is_some() {
                fields.duplicate.get_or_insert(self.names[ix]);
            }
        }
        Ok(fields)
    }
}

/// A field's name, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
