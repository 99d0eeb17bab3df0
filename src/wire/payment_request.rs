//! What: Reads a payment request strictly: the value of a record on `payment-requests`.
//!
//! Data: Takes a record's value. Gives a payment, or [`Malformed`] with the field and what was expected of it.
//!
//! Fields are read by the rules of [`fields`]. An amount is an integer in plain digits: a float, an
//! exponent, a sign or a string is malformed.

use serde::Serialize;

use super::json::fields::{self, Fields};
use super::kafka_event::Payload;
use crate::domain::money::InvalidAmount;
use crate::domain::payment::REFERENCE_CHARACTERS_MAX;
use crate::domain::{AccountId, Amount, Currency, Payment, PaymentId, Timestamp};

pub use super::json::fields::Malformed;

/// Reads a record's value as a payment.
///
/// # Errors
/// [`Malformed`]: what is wrong with the value as a whole, else with the first wrong field in the order of the
/// contract.
pub fn decode(value: &Payload) -> Result<Payment, Malformed> {
    decode_json(fields::bytes(value)?)
}

/// Reads the JSON of a payment request.
///
/// # Errors
/// As [`decode`].
pub fn decode_json(json: &[u8]) -> Result<Payment, Malformed> {
    decode_json_of(json, None)
}

/// Reads the JSON of a payment request. Its id may be given beside it. If the body has one too, both must be the same.
///
/// # Errors
/// As [`decode`]. Also [`Malformed::InvalidField`] if the body's `payment_id` is another, or if it has `legs`.
#[inline]
pub fn decode_json_of(json: &[u8], id: Option<&PaymentId>) -> Result<Payment, Malformed> {
    let fields = Fields::read(json, &NAMES)?;
    fields.optional_json::<(), _>(LEGS, |_| Err("expected none in a payment without legs"))?;
    Ok(Payment {
        id: one_id(&fields, PAYMENT_ID, id)?,
        debtor: fields.required(DEBTOR_ACCOUNT, AccountId::try_new)?,
        creditor: fields.required(CREDITOR_ACCOUNT, AccountId::try_new)?,
        amount: fields.given(AMOUNT, amount(&fields, AMOUNT)?)?,
        currency: fields.required(CURRENCY, Currency::try_new)?,
        reference: fields.optional(REFERENCE, reference)?,
        requested_at: fields.optional(REQUESTED_AT, Timestamp::parse)?,
    })
}

/// The id, which may be given in the body, beside it, or both.
pub(super) fn one_id<const N: usize>(
    fields: &Fields<'_, N>,
    ix: usize,
    beside: Option<&PaymentId>,
) -> Result<PaymentId, Malformed> {
    let own = fields.optional(ix, PaymentId::try_new)?;
    let Some(beside) = beside else { return fields.given(ix, own) };
    if own.is_some_and(|own| own != *beside) {
        return Err(fields.invalid(ix, "expected the id that is given beside the body"));
    }
    Ok(beside.clone())
}

/// An amount, in plain digits. Its JSON must be an integer without a sign.
pub(super) fn amount<const N: usize>(fields: &Fields<'_, N>, ix: usize) -> Result<Option<Amount>, Malformed> {
    fields.optional_json(ix, |json| json.get().parse().map_err(|_| InvalidAmount).and_then(Amount::try_new))
}

/// A reference, which is not too long.
pub(super) fn reference(text: &str) -> Result<Box<str>, String> {
    // No character is shorter than a byte, so most texts need not be counted.
    if text.len() > REFERENCE_CHARACTERS_MAX && text.chars().nth(REFERENCE_CHARACTERS_MAX).is_some() {
        return Err(format!("expected at most {REFERENCE_CHARACTERS_MAX} characters"));
    }
    Ok(text.into())
}

/// The field of the id.
pub(super) const ID: &str = "payment_id";

/// The fields, by their index in [`NAMES`].
const NAMES: [&str; 8] =
    [ID, "debtor_account", "creditor_account", "amount", "currency", "reference", "requested_at", "legs"];
const PAYMENT_ID: usize = 0;
const DEBTOR_ACCOUNT: usize = 1;
const CREDITOR_ACCOUNT: usize = 2;
const AMOUNT: usize = 3;
const CURRENCY: usize = 4;
const REFERENCE: usize = 5;
const REQUESTED_AT: usize = 6;
const LEGS: usize = 7;

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
