//! What: Reads a request for a refund strictly: the value of a record on `payment-requests` that has a `refund_id`.
//!
//! Data: Takes a record's value. Gives a refund, or [`Malformed`] with the field and what was expected of it. Creditor
//! and currency are those of the original, so a refund names neither. If the original has legs, `leg` names one.
//! Without an amount, all that is left is refunded.

use serde::Serialize;

use super::json::fields::Fields;
use super::json::raw::Json;
use super::payment_request::{Malformed, amount, one_id, reference};
use crate::domain::legs::InvalidLegNumber;
use crate::domain::{AccountId, Amount, LegNumber, PaymentId, Refund, Timestamp};

/// Reads the JSON of a request for a refund.
///
/// # Errors
/// [`Malformed`]: what is wrong with the value as a whole, else with the first wrong field in the order of the
/// contract.
pub fn decode_json(json: &[u8]) -> Result<Refund, Malformed> {
    decode_json_of(json, None)
}

/// Reads the JSON of a request for a refund. Its id may be given beside it. If the body has one too, both must be the
/// same.
///
/// # Errors
/// As [`decode_json`]. Also [`Malformed::InvalidField`] if the body's `refund_id` is another.
pub fn decode_json_of(json: &[u8], id: Option<&PaymentId>) -> Result<Refund, Malformed> {
    let fields = Fields::read(json, &NAMES)?;
    Ok(Refund {
        id: one_id(&fields, REFUND_ID, id)?,
        original: fields.required(ORIGINAL, PaymentId::try_new)?,
        leg: fields.optional_json(LEG, leg)?,
        debtor: fields.required(DEBTOR_ACCOUNT, AccountId::try_new)?,
        amount: amount(&fields, AMOUNT)?,
        reference: fields.optional(REFERENCE, reference)?,
        requested_at: fields.optional(REQUESTED_AT, Timestamp::parse)?,
    })
}

/// The number of a leg, in plain digits.
fn leg(json: Json<'_>) -> Result<LegNumber, InvalidLegNumber> {
    json.get().parse()
}

/// Whether the JSON has a `refund_id`, or a field of a refund more than once.
pub(super) fn is_refund(json: &[u8]) -> bool {
    let has_id = |fields: Fields<'_, { NAMES.len() }>| fields.optional_json(REFUND_ID, |_| Ok::<_, String>(()));
    matches!(Fields::read(json, &NAMES).and_then(has_id), Ok(Some(())) | Err(Malformed::DuplicateField(_)))
}

/// The fields, by their index in [`NAMES`].
const NAMES: [&str; 7] =
    ["refund_id", "original_payment_id", "leg", "debtor_account", "amount", "reference", "requested_at"];
const REFUND_ID: usize = 0;
const ORIGINAL: usize = 1;
const LEG: usize = 2;
const DEBTOR_ACCOUNT: usize = 3;
const AMOUNT: usize = 4;
const REFERENCE: usize = 5;
const REQUESTED_AT: usize = 6;

/// Writes a request for a refund, as a client does.
#[must_use]
pub fn encode(refund: &Refund) -> String {
    #[derive(Serialize)]
    struct Request<'a> {
        refund_id: &'a str,
        original_payment_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        leg: Option<u8>,
        debtor_account: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_at: Option<String>,
    }
    let request = Request {
        refund_id: refund.id.as_str(),
        original_payment_id: refund.original.as_str(),
        leg: refund.leg.map(LegNumber::get),
        debtor_account: refund.debtor.as_str(),
        amount: refund.amount.map(Amount::minor_units),
        reference: refund.reference.as_deref(),
        requested_at: refund.requested_at.map(|at| at.to_string()),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&request).unwrap_or_default()
}
