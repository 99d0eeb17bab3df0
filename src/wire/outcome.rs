//! What: An outcome as JSON: the value of a record on `payment-outcomes`, and what people see.
//!
//! Data: [`Outcome`]. `reason` is null for a settled payment. For a declined one it holds the stable `name`, and as
//! `code` the ISO 20022 status reason, or null if none fits. `reference` is null if there is none. `requested_at` is
//! left out, because it is the client's own.
//!
//! [`NewerOutcome`] is written in the same form. It begins with its `kind` if it has one, what its item doesn't tell is
//! left out, and a reason that is not known here has no code.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountId, Amount, Currency, Decline, Instruction, NewerOutcome, Outcome, Payment, PaymentId, Source, Timestamp,
    instruction,
};

#[derive(Serialize, Deserialize)]
pub(super) struct OutcomeJson {
    payment_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    status: String,
    reason: Option<ReasonJson>,
    debtor_account: String,
    creditor_account: String,
    amount: u64,
    currency: String,
    reference: Option<String>,
    decided_at: String,
    source: SourceJson,
}

#[derive(Serialize, Deserialize)]
struct ReasonJson {
    code: Option<String>,
    name: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SourceJson {
    topic: String,
    partition: i32,
    offset: i64,
}

impl From<&Source> for SourceJson {
    fn from(source: &Source) -> Self {
        Self { topic: source.topic.to_string(), partition: source.partition, offset: source.offset }
    }
}

/// Writes an outcome.
#[must_use]
pub fn encode(outcome: &Outcome) -> String {
    // Strings and integers always serialise.
    serde_json::to_string(&OutcomeJson::from(outcome)).unwrap_or_default()
}

impl From<&Outcome> for OutcomeJson {
    fn from(outcome: &Outcome) -> Self {
        let (instruction, transfer) = (&outcome.instruction, outcome.transfer());
        let reason =
            |decline: Decline| ReasonJson { code: decline.code().map(Into::into), name: decline.name().into() };
        Self {
            payment_id: instruction.id().to_string(),
            kind: None,
            status: outcome.status().into(),
            reason: outcome.decision.err().map(reason),
            debtor_account: transfer.debtor.to_string(),
            creditor_account: transfer.creditor.to_string(),
            amount: transfer.amount.minor_units(),
            currency: transfer.currency.to_string(),
            reference: instruction.reference().map(Into::into),
            decided_at: outcome.decided_at.to_string(),
            source: SourceJson::from(&outcome.source),
        }
    }
}

/// Writes an outcome of an unknown kind or reason.
#[must_use]
pub fn encode_newer(newer: &NewerOutcome) -> String {
    #[derive(Serialize)]
    struct Json<'a> {
        payment_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refund_of: Option<&'a str>,
        status: &'a str,
        reason: Option<ReasonJson>,
        debtor_account: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        creditor_account: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        currency: Option<String>,
        reference: Option<&'a str>,
        decided_at: String,
        source: SourceJson,
    }
    let reason = |name: &String| ReasonJson {
        code: Decline::from_name(name).and_then(Decline::code).map(Into::into),
        name: name.clone(),
    };
    let json = Json {
        payment_id: newer.id.as_str(),
        kind: newer.kind.as_deref(),
        refund_of: newer.refund_of.as_ref().map(PaymentId::as_str),
        status: &newer.status,
        reason: newer.reason.as_ref().map(reason),
        debtor_account: newer.debtor.as_str(),
        creditor_account: newer.creditor.as_ref().map(AccountId::as_str),
        amount: newer.amount.map(Amount::minor_units),
        currency: newer.currency.map(|currency| currency.to_string()),
        reference: newer.reference.as_deref(),
        decided_at: newer.decided_at.to_string(),
        source: SourceJson::from(&newer.source),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&json).unwrap_or_default()
}

/// Why the bytes are not an outcome: the field, and what was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an outcome: {0}")]
pub struct InvalidOutcome(String);

/// Reads an outcome. Its payment has no `requested_at`.
///
/// # Errors
/// [`InvalidOutcome`] with the field and what was expected of it.
pub fn decode(json: &[u8]) -> Result<Outcome, InvalidOutcome> {
    fn field<T, E: std::fmt::Display>(name: &str, read: Result<T, E>) -> Result<T, InvalidOutcome> {
        read.map_err(|expected| InvalidOutcome(format!("{name}: {expected}")))
    }
    let json: OutcomeJson = serde_json::from_slice(json).map_err(|error| InvalidOutcome(error.to_string()))?;
    if json.kind.is_some() {
        return Err(InvalidOutcome("kind: expected none, because this version knows payments only".into()));
    }
    let decline = match &json.reason {
        None => Ok(None),
        Some(reason) => Decline::from_name(&reason.name).map(Some).ok_or("expected the name of a decline reason"),
    };
    let decision = match field("reason.name", decline)? {
        None => Ok(()),
        Some(decline) => Err(decline),
    };
    if json.status != instruction::status_of(decision) {
        return Err(InvalidOutcome("status: expected settled without a reason, or declined with one".into()));
    }
    Ok(Outcome {
        instruction: Instruction::Payment(Payment {
            id: field("payment_id", PaymentId::try_stored(&json.payment_id))?,
            debtor: field("debtor_account", AccountId::try_stored(&json.debtor_account))?,
            creditor: field("creditor_account", AccountId::try_stored(&json.creditor_account))?,
            amount: field("amount", Amount::try_new(json.amount))?,
            currency: field("currency", Currency::try_new(&json.currency))?,
            reference: json.reference.map(Into::into),
            requested_at: None,
        }),
        decision,
        decided_at: field("decided_at", Timestamp::parse(&json.decided_at))?,
        source: Source {
            topic: json.source.topic.into(),
            partition: json.source.partition,
            offset: json.source.offset,
        },
    })
}
