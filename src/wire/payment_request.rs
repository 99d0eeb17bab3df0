//! A payment request, read strictly: the value of a record on `payment-requests`.
//!
//! In: a record's value. Out: a payment, or [`Malformed`]: which field, and what was expected of it.
//!
//! Unknown fields are ignored, so that clients can be ahead of us; a known field given twice is malformed, because two
//! readers would see two payments. An amount is an integer in plain digits: a float, an exponent, a sign or a string is
//! malformed. Texts of errors never repeat what was given: it may be an account holder's data.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kafka_event::{Payload, Record};
use super::raw::text;
use crate::domain::money::InvalidAmount;
use crate::domain::payment::REFERENCE_CHARACTERS_MAX;
use crate::domain::{
    AccountId, Amount, Currency, DeadLetter, Payment, PaymentId, Timestamp, dead_letter::DeadLetterStatus,
};

/// Why a record's value is no payment. `Display` is for a person; [`name`](Self::name) is for machines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is no value.
    #[error("value: expected a payment request, got none (a tombstone)")]
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

/// Reads a record's value as a payment.
///
/// # Errors
/// [`Malformed`]: first what the value is, then the first of its fields, in the order of the contract, that is wrong.
pub fn decode(value: &Payload) -> Result<Payment, Malformed> {
    match value {
        Payload::Absent => Err(Malformed::Tombstone),
        Payload::NotBase64(_) => Err(Malformed::NotBase64),
        Payload::Bytes(bytes) if bytes.is_empty() => Err(Malformed::Tombstone),
        Payload::Bytes(bytes) => decode_json(bytes),
    }
}

/// Reads the JSON of a payment request.
///
/// # Errors
/// As [`decode`].
pub fn decode_json(json: &[u8]) -> Result<Payment, Malformed> {
    decode_json_of(json, None)
}

/// Reads the JSON of a payment request whose id may be given beside it; the body's, where both are there, must be the
/// same.
///
/// # Errors
/// As [`decode`]; [`Malformed::InvalidField`] for the body's `payment_id` if it is another.
pub fn decode_json_of(json: &[u8], id: Option<PaymentId>) -> Result<Payment, Malformed> {
    let json = std::str::from_utf8(json).map_err(|_| Malformed::NotUtf8)?;
    let fields: Fields<'_> = serde_json::from_str(json).map_err(|error| {
        // Data errors are about shape: all that Fields asks for is an object.
        if error.is_data() { Malformed::NotAnObject } else { Malformed::NotJson(error.to_string()) }
    })?;
    if let Some(field) = fields.duplicate {
        return Err(Malformed::DuplicateField(field));
    }
    let id = match (fields.optional(PAYMENT_ID, PaymentId::try_new)?, id) {
        (None, None) => return Err(Malformed::MissingField(NAMES[PAYMENT_ID])),
        (Some(own), Some(id)) if own != id => {
            let expected = "expected the id that is given beside the body".into();
            return Err(Malformed::InvalidField { field: NAMES[PAYMENT_ID], expected });
        }
        (Some(id), _) | (None, Some(id)) => id,
    };
    Ok(Payment {
        id,
        debtor: fields.required(DEBTOR_ACCOUNT, AccountId::try_new)?,
        creditor: fields.required(CREDITOR_ACCOUNT, AccountId::try_new)?,
        amount: fields.amount()?,
        currency: fields.required(CURRENCY, Currency::try_new)?,
        reference: fields.optional(REFERENCE, reference)?,
        requested_at: fields.optional(REQUESTED_AT, Timestamp::parse)?,
    })
}

fn reference(text: &str) -> Result<Box<str>, String> {
    if text.chars().nth(REFERENCE_CHARACTERS_MAX).is_some() {
        return Err(format!("expected at most {REFERENCE_CHARACTERS_MAX} characters"));
    }
    Ok(text.into())
}

/// The fields, by their index in [`NAMES`].
const NAMES: [&str; 7] =
    ["payment_id", "debtor_account", "creditor_account", "amount", "currency", "reference", "requested_at"];
const PAYMENT_ID: usize = 0;
const DEBTOR_ACCOUNT: usize = 1;
const CREDITOR_ACCOUNT: usize = 2;
const AMOUNT: usize = 3;
const CURRENCY: usize = 4;
const REFERENCE: usize = 5;
const REQUESTED_AT: usize = 6;

/// Each field's own piece of the JSON.
#[derive(Default)]
struct Fields<'a> {
    raw: [Option<&'a RawValue>; NAMES.len()],
    duplicate: Option<&'static str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(Name(name)) = map.next_key()? {
                    let Some(ix) = NAMES.iter().position(|known| *known == name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if fields.raw[ix].replace(map.next_value()?).is_some() {
                        fields.duplicate.get_or_insert(NAMES[ix]);
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A field's name, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Fields<'_> {
    fn given(&self, ix: usize) -> Option<&RawValue> {
        self.raw[ix].filter(|raw| raw.get() != "null")
    }

    fn required<T, E: fmt::Display>(&self, ix: usize, read: impl Fn(&str) -> Result<T, E>) -> Result<T, Malformed> {
        self.optional(ix, read)?.ok_or(Malformed::MissingField(NAMES[ix]))
    }

    fn optional<T, E: fmt::Display>(
        &self,
        ix: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let invalid = |expected| Malformed::InvalidField { field: NAMES[ix], expected };
        let Some(raw) = self.given(ix) else { return Ok(None) };
        let text = text(raw).ok_or_else(|| invalid("expected a string".into()))?;
        read(&text).map(Some).map_err(|expected| invalid(expected.to_string()))
    }

    /// The amount, in plain digits: its JSON is what an integer without a sign looks like, or it is none.
    fn amount(&self) -> Result<Amount, Malformed> {
        let raw = self.given(AMOUNT).ok_or(Malformed::MissingField(NAMES[AMOUNT]))?;
        let amount = raw.get().parse().ok().and_then(|minor_units| Amount::try_new(minor_units).ok());
        amount.ok_or_else(|| Malformed::InvalidField { field: NAMES[AMOUNT], expected: InvalidAmount.to_string() })
    }
}

/// Writes a payment request, as a client does.
#[must_use]
pub fn encode(payment: &Payment) -> String {
    #[derive(Serialize)]
    struct Request<'a> {
        payment_id: &'a str,
        debtor_account: &'a str,
        creditor_account: &'a str,
        amount: u64,
        currency: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_at: Option<String>,
    }
    let request = Request {
        payment_id: payment.id.as_str(),
        debtor_account: payment.debtor.as_str(),
        creditor_account: payment.creditor.as_str(),
        amount: payment.amount.minor_units(),
        currency: payment.currency.as_str(),
        reference: payment.reference.as_deref(),
        requested_at: payment.requested_at.map(|at| at.to_string()),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&request).unwrap_or_default()
}

/// Sets a record aside as it came.
#[must_use]
pub fn dead_letter(record: &Record, reason: &str, detail: String, received_at: Timestamp) -> DeadLetter {
    DeadLetter {
        source: record.source.clone(),
        key: record.key.bytes().map(Into::into),
        value: record.value.bytes().map(Into::into),
        headers: record.headers(),
        reason: reason.into(),
        detail,
        received_at,
        status: DeadLetterStatus::Parked,
    }
}
