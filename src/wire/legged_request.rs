//! What: Reads a request for a payment with legs strictly: the value of a record on `payment-requests` that has `legs`.
//!
//! Data: Takes a record's value. Gives a payment with legs, or [`Malformed`] with the field and what was expected of
//! it. A leg without `debtor_account` takes from the payment's debtor. What the legs tell stands nowhere else, so an
//! older version makes a dead letter of the request, and never a payment.

use serde::Serialize;
use serde_json::value::RawValue;

use super::json::fields::Fields;
use super::json::raw::Json;
use super::payment_request::{Malformed, amount, one_id, reference};
use crate::domain::{AccountId, Currency, Leg, LegNumber, LeggedPayment, Legs, PaymentId, Timestamp};

/// Reads the JSON of a request for a payment with legs.
///
/// # Errors
/// [`Malformed`]: what is wrong with the value as a whole, else with the first wrong field in the order of the
/// contract. What is wrong with a leg is told of the field `legs`, with the number of the leg.
pub fn decode_json(json: &[u8]) -> Result<LeggedPayment, Malformed> {
    decode_json_of(json, None)
}

/// Reads the JSON of a request for a payment with legs. Its id may be given beside it. If the body has one too, both
/// must be the same.
///
/// # Errors
/// As [`decode_json`]. Also [`Malformed::InvalidField`] if the body's `payment_id` is another.
pub fn decode_json_of(json: &[u8], id: Option<&PaymentId>) -> Result<LeggedPayment, Malformed> {
    let fields = Fields::read(json, &NAMES)?;
    let id = one_id(&fields, PAYMENT_ID, id)?;
    let debtor = fields.required(DEBTOR_ACCOUNT, AccountId::try_new)?;
    for of_legs in [CREDITOR_ACCOUNT, AMOUNT, CURRENCY] {
        fields.optional_json::<(), _>(of_legs, |_| Err("expected none beside legs, because each leg has its own"))?;
    }
    let legs = fields.optional_json(LEGS, |json| legs(json, &debtor))?;
    Ok(LeggedPayment {
        id,
        legs: fields.given(LEGS, legs)?,
        reference: fields.optional(REFERENCE, reference)?,
        requested_at: fields.optional(REQUESTED_AT, Timestamp::parse)?,
        debtor,
    })
}

/// Whether the JSON has `legs`, or a field of a payment with legs more than once.
pub(super) fn is_legged(json: &[u8]) -> bool {
    let has_legs = |fields: Fields<'_, { NAMES.len() }>| fields.optional_json(LEGS, |_| Ok::<_, String>(()));
    matches!(Fields::read(json, &NAMES).and_then(has_legs), Ok(Some(())) | Err(Malformed::DuplicateField(_)))
}

fn legs(json: Json<'_>, debtor: &AccountId) -> Result<Legs, String> {
    let shape = r#"expected an array of legs such as {"creditor_account":"shop-1","amount":1250,"currency":"EUR"}"#;
    let all: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(|_| shape.to_owned())?;
    // More are not even read.
    let many = all.iter().take(crate::domain::legs::LEGS_MAX.saturating_add(1)).enumerate();
    let numbered = |(place, leg): (usize, &&RawValue)| {
        self::leg(leg.get(), debtor).map_err(|malformed| format!("leg {}: {malformed}", LegNumber::at(place)))
    };
    let legs = many.map(numbered).collect::<Result<Vec<Leg>, String>>()?;
    Legs::try_new(debtor, legs).map_err(|expected| expected.to_string())
}

fn leg(json: &str, debtor: &AccountId) -> Result<Leg, Malformed> {
    let fields = Fields::read(json.as_bytes(), &LEG_NAMES)?;
    Ok(Leg {
        debtor: fields.optional(LEG_DEBTOR, AccountId::try_new)?.unwrap_or_else(|| debtor.clone()),
        creditor: fields.required(LEG_CREDITOR, AccountId::try_new)?,
        amount: fields.given(LEG_AMOUNT, amount(&fields, LEG_AMOUNT)?)?,
        currency: fields.required(LEG_CURRENCY, Currency::try_new)?,
        reference: fields.optional(LEG_REFERENCE, reference)?,
    })
}

/// The fields, by their index in [`NAMES`].
const NAMES: [&str; 8] =
    ["payment_id", "debtor_account", "creditor_account", "amount", "currency", "legs", "reference", "requested_at"];
const PAYMENT_ID: usize = 0;
const DEBTOR_ACCOUNT: usize = 1;
const CREDITOR_ACCOUNT: usize = 2;
const AMOUNT: usize = 3;
const CURRENCY: usize = 4;
const LEGS: usize = 5;
const REFERENCE: usize = 6;
const REQUESTED_AT: usize = 7;

/// The fields of a leg, by their index in [`LEG_NAMES`].
const LEG_NAMES: [&str; 5] = ["debtor_account", "creditor_account", "amount", "currency", "reference"];
const LEG_DEBTOR: usize = 0;
const LEG_CREDITOR: usize = 1;
const LEG_AMOUNT: usize = 2;
const LEG_CURRENCY: usize = 3;
const LEG_REFERENCE: usize = 4;

/// Writes a request for a payment with legs, as a client does.
#[must_use]
pub fn encode(payment: &LeggedPayment) -> String {
    #[derive(Serialize)]
    struct Request<'a> {
        payment_id: &'a str,
        debtor_account: &'a str,
        legs: Vec<LegOf<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_at: Option<String>,
    }
    #[derive(Serialize)]
    struct LegOf<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        debtor_account: Option<&'a str>,
        creditor_account: &'a str,
        amount: u64,
        currency: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    }
    let request = Request {
        payment_id: payment.id.as_str(),
        debtor_account: payment.debtor.as_str(),
        legs: payment
            .legs
            .iter()
            .map(|leg| LegOf {
                debtor_account: Some(&leg.debtor).filter(|debtor| **debtor != payment.debtor).map(AccountId::as_str),
                creditor_account: leg.creditor.as_str(),
                amount: leg.amount.minor_units(),
                currency: leg.currency.as_str(),
                reference: leg.reference.as_deref(),
            })
            .collect(),
        reference: payment.reference.as_deref(),
        requested_at: payment.requested_at.map(|at| at.to_string()),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&request).unwrap_or_default()
}
