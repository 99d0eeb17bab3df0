//! What: Reads the fields of a flat JSON object strictly, each by itself, and says what is wrong with the first wrong
//! one.
//!
//! Data: Takes a record's value, and the names of the known fields. Gives the fields, or [`Malformed`].
//!
//! Invariants: Unknown fields are ignored, so that clients can be newer than this version. A known field given twice is
//! malformed, because two readers would see two requests. Null counts as missing. Error texts never repeat what was
//! given: it may be an account holder's data.
//!
//! Why not serde's derive: Its errors repeat what was given and name types of Rust. It stops at the first error in the
//! order of the text, and this reader at the first in the order of the contract.

use std::fmt;

use super::members::{Members, Unclear, members};
use super::raw::Json;
use crate::wire::kafka_event::Payload;

/// Why a record's value is wrong. `Display` is for a person; [`name`](Self::name) is for machines.
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
    /// The stable name, which is the reason of the dead letter.
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
pub(in crate::wire) fn bytes(value: &Payload) -> Result<&[u8], Malformed> {
    match value {
        Payload::Absent => Err(Malformed::Tombstone),
        Payload::NotBase64(_) => Err(Malformed::NotBase64),
        Payload::Bytes(bytes) if bytes.is_empty() => Err(Malformed::Tombstone),
        Payload::Bytes(bytes) => Ok(bytes),
    }
}

/// Each known field's own piece of the JSON.
pub(in crate::wire) struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    members: Members<'a, N>,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Reads an object. Fields go by their index in `names`.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are no JSON object, or a known field stands twice.
    #[inline]
    pub(in crate::wire) fn read(json: &'a [u8], names: &'static [&'static str; N]) -> Result<Self, Malformed> {
        let json = std::str::from_utf8(json).map_err(|_| Malformed::NotUtf8)?;
        match members(json, names) {
            Ok(members) => Ok(Self { names, members }),
            Err(Unclear::Twice(ix)) => Err(Malformed::DuplicateField(names[ix])),
            // A data error is about the shape: only an object is expected.
            Err(Unclear::NotAnObject(error)) if error.is_data() => Err(Malformed::NotAnObject),
            Err(Unclear::NotAnObject(error)) => Err(Malformed::NotJson(error.to_string())),
        }
    }

    /// A field of any JSON type, which `read` reads. `None` if it is missing or null.
    ///
    /// # Errors
    /// [`Malformed::InvalidField`] with what `read` expected.
    pub(in crate::wire) fn optional_json<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(Json<'a>) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let Some(json) = self.members[ix].filter(|json| !json.is_null()) else { return Ok(None) };
        read(json).map(Some).map_err(|expected| self.invalid(ix, expected))
    }

    /// A field is not what was expected.
    pub(in crate::wire) fn invalid(&self, ix: usize, expected: impl fmt::Display) -> Malformed {
        Malformed::InvalidField { field: self.names[ix], expected: expected.to_string() }
    }

    /// A string, which `read` reads further. `None` if it is missing or null.
    ///
    /// # Errors
    /// [`Malformed::InvalidField`] if it isn't a string, or with what `read` expected.
    pub(in crate::wire) fn optional<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        self.optional_json(ix, |json| {
            let text = json.text().ok_or_else(|| "expected a string".to_owned())?;
            read(&text).map_err(|expected| expected.to_string())
        })
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// As [`optional`](Self::optional), and [`Malformed::MissingField`].
    pub(in crate::wire) fn required<T, E: fmt::Display>(
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
    pub(in crate::wire) fn given<T>(&self, ix: usize, read: Option<T>) -> Result<T, Malformed> {
        read.ok_or(Malformed::MissingField(self.names[ix]))
    }
}
