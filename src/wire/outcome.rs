//! What: An outcome as JSON: the value of a record on `payment-outcomes`, and what people see.
//!
//! Data: [`Outcome`]. `payment_id` is the id of the instruction. A refund has `kind` and `refund_of`. If its original
//! or its amount is not known, it has no `creditor_account` and no `currency`. `reason` is null for a settled
//! instruction. For a declined one it holds the stable `name`, and as `code` the ISO 20022 status reason, or null if
//! none fits. If a window is used up, it holds its `period` too. `reference` is null if there is none. `requested_by`
//! is left out if nobody said who asked. `requested_at` is left out, because it is the client's own.
//!
//! [`NewerOutcome`] is written in the same form. It begins with its `kind` if it has one, what its item doesn't tell is
//! left out, and a reason that is not known here has no code.

use serde::{Deserialize, Serialize};

use crate::domain::sight::WITHHELD_CODE;
use crate::domain::{
    AccountId, Amount, Currency, Decision, Decline, Instruction, Leg, LegNumber, LeggedPayment, Legs, NewerOutcome,
    Outcome, Payment, PaymentId, Period, Principal, Refund, Repayment, Sight, Source, Timestamp, instruction,
};

#[derive(Serialize, Deserialize)]
pub(super) struct OutcomeJson {
    payment_id: String,
    #[serde(flatten)]
    decided: DecidedJson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_by: Option<String>,
    source: SourceJson,
}

/// What was decided, or would be.
#[derive(Serialize, Deserialize)]
pub(super) struct DecidedJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_of: Option<String>,
    status: String,
    reason: Option<ReasonJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leg: Option<u8>,
    debtor_account: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    legs: Vec<LegJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creditor_account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    reference: Option<String>,
    decided_at: String,
}

#[derive(Serialize, Deserialize)]
struct LegJson {
    debtor_account: String,
    creditor_account: String,
    amount: u64,
    currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// How much of the leg was refunded. Only the answer to a question tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refunded: Option<u64>,
}

impl From<&Leg> for LegJson {
    fn from(leg: &Leg) -> Self {
        Self {
            debtor_account: leg.debtor.to_string(),
            creditor_account: leg.creditor.to_string(),
            amount: leg.amount.minor_units(),
            currency: leg.currency.to_string(),
            reference: leg.reference.as_deref().map(Into::into),
            refunded: None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ReasonJson {
    code: Option<String>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<String>,
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

impl OutcomeJson {
    /// Without what the caller may not see.
    pub(super) fn seen(mut self, outcome: &Outcome, sight: &Sight) -> Self {
        self.requested_by = self.requested_by.filter(|_| sight.sees_requester(outcome));
        Self { decided: self.decided.seen(outcome, sight), ..self }
    }

    /// Tells how much of each leg was refunded.
    pub(super) fn with_refunded(mut self, refunded: &[u64]) -> Self {
        for (leg, refunded) in self.decided.legs.iter_mut().zip(refunded) {
            leg.refunded = Some(*refunded);
        }
        self
    }
}

impl From<&Outcome> for OutcomeJson {
    fn from(outcome: &Outcome) -> Self {
        let payment_id = outcome.instruction.id().to_string();
        let requested_by = outcome.requested_by.as_ref().map(Principal::to_string);
        Self { payment_id, decided: outcome.into(), requested_by, source: SourceJson::from(&outcome.source) }
    }
}

impl DecidedJson {
    /// With another reason in place of one that the caller may not see.
    pub(super) fn seen(self, outcome: &Outcome, sight: &Sight) -> Self {
        let Some(withheld) = sight.withheld(outcome) else { return self };
        let leg = self.leg.filter(|_| !sight.hides_leg(outcome));
        let reason = ReasonJson { code: Some(WITHHELD_CODE.into()), name: withheld.name().into(), period: None };
        Self { reason: Some(reason), leg, ..self }
    }
}

impl From<&Outcome> for DecidedJson {
    fn from(outcome: &Outcome) -> Self {
        let (instruction, transfer) = (&outcome.instruction, outcome.transfer());
        let reason = |decline: Decline| ReasonJson {
            code: decline.code().map(Into::into),
            name: decline.name().into(),
            period: decline.period().map(|period| period.name().into()),
        };
        let amount = transfer.map(|transfer| transfer.amount).or(instruction.amount());
        Self {
            kind: instruction.kind().map(Into::into),
            refund_of: instruction.original().map(PaymentId::to_string),
            status: outcome.status().into(),
            reason: outcome.decision.err().map(reason),
            leg: outcome.declined_leg.or(instruction.leg()).map(LegNumber::get),
            debtor_account: instruction.debtor().to_string(),
            legs: instruction.legs().iter().map(LegJson::from).collect(),
            creditor_account: transfer.map(|transfer| transfer.creditor.to_string()),
            amount: amount.map(Amount::minor_units),
            currency: transfer.map(|transfer| transfer.currency.to_string()),
            reference: instruction.reference().map(Into::into),
            decided_at: outcome.decided_at.to_string(),
        }
    }
}

/// Writes an outcome of an unknown kind or reason.
#[must_use]
pub fn encode_newer(newer: &NewerOutcome) -> String {
    let reason = |name: &String| ReasonJson {
        code: Decline::code_of(name).map(Into::into),
        name: name.clone(),
        period: newer.period.clone(),
    };
    let decided = DecidedJson {
        kind: newer.kind.clone(),
        refund_of: newer.refund_of.as_ref().map(PaymentId::to_string),
        status: newer.status.clone(),
        reason: newer.reason.as_ref().map(reason),
        leg: newer.leg.map(LegNumber::get),
        debtor_account: newer.debtor.to_string(),
        legs: newer.legs.iter().map(LegJson::from).collect(),
        creditor_account: newer.creditor.as_ref().map(AccountId::to_string),
        amount: newer.amount.map(Amount::minor_units),
        currency: newer.currency.map(|currency| currency.to_string()),
        reference: newer.reference.as_deref().map(Into::into),
        decided_at: newer.decided_at.to_string(),
    };
    let json = OutcomeJson {
        payment_id: newer.id.to_string(),
        decided,
        requested_by: newer.requested_by.as_ref().map(Principal::to_string),
        source: SourceJson::from(&newer.source),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&json).unwrap_or_default()
}

/// Why the bytes are not an outcome: the field, and what was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an outcome: {0}")]
pub struct InvalidOutcome(String);

/// Reads an outcome. Its instruction has no `requested_at`. A refund asked for the amount that its outcome tells.
///
/// # Errors
/// [`InvalidOutcome`] with the field and what was expected of it.
pub fn decode(json: &[u8]) -> Result<Outcome, InvalidOutcome> {
    let json: OutcomeJson = serde_json::from_slice(json).map_err(|error| InvalidOutcome(error.to_string()))?;
    let (id, decided) = (field("payment_id", PaymentId::try_stored(&json.payment_id))?, &json.decided);
    let decision = decision(decided)?;
    let (instruction, repayment) = match decided.kind.as_deref() {
        None if !decided.legs.is_empty() => (legged(id, decided)?.into(), None),
        None => (payment(id, decided)?.into(), None),
        Some("refund") => refund(id, decided, decision)?,
        Some(_) => return Err(InvalidOutcome("kind: expected none or refund, the kinds of this version".into())),
    };
    let leg = leg(decided)?;
    let declined_leg = if instruction.legs().is_empty() { None } else { leg };
    Ok(Outcome {
        instruction,
        repayment,
        decision,
        declined_leg,
        decided_at: field("decided_at", Timestamp::parse(&decided.decided_at))?,
        limits_version: None,
        source: Source {
            topic: json.source.topic.into(),
            partition: json.source.partition,
            offset: json.source.offset,
        },
        requested_by: field("requested_by", json.requested_by.as_deref().map(Principal::try_new).transpose())?,
        // It is told by a header.
        trace: None,
    })
}

fn field<T, E: std::fmt::Display>(name: &str, read: Result<T, E>) -> Result<T, InvalidOutcome> {
    read.map_err(|expected| InvalidOutcome(format!("{name}: {expected}")))
}

fn decision(json: &DecidedJson) -> Result<Decision, InvalidOutcome> {
    let decline = |reason: &ReasonJson| {
        let period = |name: &String| Period::from_name(name).ok_or("expected hour, day or month");
        let period = field("reason.period", reason.period.as_ref().map(period).transpose())?;
        let decline = Decline::from_name(&reason.name, period);
        field("reason.name", decline.ok_or("expected the name of a decline reason"))
    };
    let decision = json.reason.as_ref().map(decline).transpose()?.map_or(Ok(()), Err);
    if json.status != instruction::status_of(decision) {
        return Err(InvalidOutcome("status: expected settled without a reason, or declined with one".into()));
    }
    Ok(decision)
}

fn leg(json: &DecidedJson) -> Result<Option<LegNumber>, InvalidOutcome> {
    field("leg", json.leg.map(|leg| LegNumber::try_new(leg.into())).transpose())
}

fn legged(id: PaymentId, json: &DecidedJson) -> Result<LeggedPayment, InvalidOutcome> {
    let debtor = field("debtor_account", AccountId::try_stored(&json.debtor_account))?;
    let leg = |leg: &LegJson| {
        Ok(Leg {
            debtor: field("legs.debtor_account", AccountId::try_stored(&leg.debtor_account))?,
            creditor: field("legs.creditor_account", AccountId::try_stored(&leg.creditor_account))?,
            amount: field("legs.amount", Amount::try_new(leg.amount))?,
            currency: field("legs.currency", Currency::try_new(&leg.currency))?,
            reference: leg.reference.as_deref().map(Into::into),
        })
    };
    let legs = json.legs.iter().map(leg).collect::<Result<Vec<Leg>, InvalidOutcome>>()?;
    Ok(LeggedPayment {
        id,
        legs: field("legs", Legs::try_new(&debtor, legs))?,
        debtor,
        reference: json.reference.as_deref().map(Into::into),
        requested_at: None,
    })
}

fn payment(id: PaymentId, json: &DecidedJson) -> Result<Payment, InvalidOutcome> {
    let Repayment { creditor, amount, currency } = paid(json)?;
    Ok(Payment {
        id,
        debtor: field("debtor_account", AccountId::try_stored(&json.debtor_account))?,
        creditor,
        amount,
        currency,
        reference: json.reference.as_deref().map(Into::into),
        requested_at: None,
    })
}

/// A refund, and what it gave back. A settled refund must say what.
fn refund(
    id: PaymentId,
    json: &DecidedJson,
    decision: Decision,
) -> Result<(Instruction, Option<Repayment>), InvalidOutcome> {
    let is_known = decision.is_ok() || json.creditor_account.is_some() || json.currency.is_some();
    let repayment = is_known.then(|| paid(json)).transpose()?;
    let refund = Refund {
        id,
        original: field("refund_of", PaymentId::try_stored(given("refund_of", json.refund_of.as_ref())?))?,
        leg: leg(json)?,
        debtor: field("debtor_account", AccountId::try_stored(&json.debtor_account))?,
        amount: json.amount.map(|amount| field("amount", Amount::try_new(amount))).transpose()?,
        reference: json.reference.as_deref().map(Into::into),
        requested_at: None,
    };
    Ok((refund.into(), repayment))
}

/// Who is paid, and how much.
fn paid(json: &DecidedJson) -> Result<Repayment, InvalidOutcome> {
    let creditor = given("creditor_account", json.creditor_account.as_ref())?;
    Ok(Repayment {
        creditor: field("creditor_account", AccountId::try_stored(creditor))?,
        amount: field("amount", Amount::try_new(*given("amount", json.amount.as_ref())?))?,
        currency: field("currency", Currency::try_new(given("currency", json.currency.as_ref())?))?,
    })
}

fn given<'j, T>(name: &str, value: Option<&'j T>) -> Result<&'j T, InvalidOutcome> {
    field(name, value.ok_or("expected to be given"))
}
