//! What: The item of the table `payments`: an instruction and its outcome. It is written once and never changed.
//!
//! | kind | where |
//! |---|---|
//! | payment | here |
//! | payment with legs | [`legs`] |
//! | refund | [`refund`] |

use super::payments_table::{BY_CREDITOR, BY_DEBTOR, DECIDED_AT, KEY, KIND, statement};
use super::{
    Item, fingerprint, insert_source, legs, n, optional_number, optional_parsed, optional_text, paid, parsed, refund,
    s, source, text,
};
use crate::domain::instruction::status_of;
use crate::domain::plan::Entry;
use crate::domain::{
    AccountId, Decision, Decline, Instruction, Leg, Outcome, Payment, PaymentId, Period, Principal, Recorded,
    Repayment, Timestamp, Trace,
};

/// The attribute that tells why an instruction was declined.
pub const REASON: &str = "reason_code";

/// The attribute of the period whose window was used up, beside its reason.
pub const PERIOD: &str = "period";

/// The attribute of the version of limits in whose windows a settled payment counts.
const LIMITS_VERSION: &str = "limits_version";

/// The attribute of who asked, if the record told it.
pub const REQUESTED_BY: &str = "requested_by";

/// The attribute of the trace that it belongs to, if the record told it.
const TRACE: &str = "traceparent";

/// The condition under which a payment may be written: no payment of its id exists. It alone guards idempotency, and
/// never expires.
pub const IS_NEW: &str = "attribute_not_exists(payment_id)";

/// A payment's key.
#[must_use]
pub fn key(id: &PaymentId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Writes an instruction with its outcome.
#[must_use]
pub fn encode(entry: &Entry<'_>) -> Item {
    let (instruction, source) = (&entry.request.instruction, &entry.request.source);
    let transfer = entry.transfer();
    let mut item = key(instruction.id());
    if let Some(kind) = instruction.kind() {
        item.insert(KIND.into(), s(kind));
    }
    item.insert("status".into(), s(status_of(entry.decision)));
    if let Err(decline) = entry.decision {
        item.insert(REASON.into(), s(decline));
        item.extend(decline.period().map(|period| (PERIOD.into(), s(period))));
    }
    item.insert("debtor_account".into(), s(instruction.debtor()));
    if let Some(transfer) = transfer {
        item.insert("creditor_account".into(), s(transfer.creditor));
        item.insert("currency".into(), s(transfer.currency));
    }
    if let Some(amount) = transfer.map(|transfer| transfer.amount).or(instruction.amount()) {
        item.insert("amount".into(), n(amount));
    }
    match instruction {
        Instruction::Payment(_) => {}
        Instruction::Legged(payment) => {
            legs::insert(&mut item, payment);
            legs::insert_number(&mut item, entry.declined_leg);
        }
        Instruction::Refund(asked) => {
            refund::insert(&mut item, asked);
            legs::insert_number(&mut item, asked.leg);
        }
    }
    if let Some(reference) = instruction.reference() {
        item.insert("reference".into(), s(reference));
    }
    if let Some(requested_at) = instruction.requested_at() {
        item.insert("requested_at".into(), s(requested_at));
    }
    if let Some(principal) = &entry.request.requested_by {
        item.insert(REQUESTED_BY.into(), s(principal));
    }
    item.extend(entry.request.trace.map(|trace| (TRACE.into(), s(trace))));
    item.insert(DECIDED_AT.into(), s(entry.decided_at));
    item.extend(entry.limits_version.map(|version| (LIMITS_VERSION.into(), n(version))));
    item.insert("fingerprint".into(), s(instruction.fingerprint()));
    insert_source(&mut item, source);
    let listed = transfer.or(instruction.legs().first().map(Leg::transfer));
    let debtor = listed.map_or(instruction.debtor(), |listed| listed.debtor);
    item.insert(BY_DEBTOR.key.into(), statement(debtor, entry.lanes.debtor));
    if let Some(listed) = listed {
        item.insert(BY_CREDITOR.key.into(), statement(listed.creditor, entry.lanes.creditor));
    }
    item
}

/// Reads an instruction with its outcome.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Recorded, String> {
    let decision = decision(item)?;
    let (instruction, repayment) = match optional_text(item, KIND)? {
        None if legs::is_legged(item) => (legs::decode(item, id(item)?)?.into(), None),
        None => (payment(item)?.into(), None),
        Some(refund::KIND) => refund::decode(item, id(item)?, decision)?,
        Some(_) => return Err(format!("{KIND}: expected none or refund, because this version knows no other")),
    };
    let declined_leg = if instruction.legs().is_empty() { None } else { legs::number(item)? };
    if declined_leg.is_some() != (decision.is_err() && !instruction.legs().is_empty()) {
        return Err("leg: expected one just if a payment with legs is declined, or a refund gives back a leg".into());
    }
    let outcome = Outcome {
        instruction,
        repayment,
        decision,
        declined_leg,
        decided_at: parsed(item, DECIDED_AT, Timestamp::parse)?,
        limits_version: optional_number(item, LIMITS_VERSION)?,
        source: source(item)?,
        requested_by: optional_parsed(item, REQUESTED_BY, Principal::try_new)?,
        trace: trace(item),
    };
    Ok(Recorded { outcome, fingerprint: fingerprint(item)? })
}

/// The trace of an item. One that can't be read is none: no money rests on it, and no outcome waits for it.
pub(super) fn trace(item: &Item) -> Option<Trace> {
    Trace::parse(optional_text(item, TRACE).ok().flatten()?)
}

fn decision(item: &Item) -> Result<Decision, String> {
    let period = optional_parsed(item, PERIOD, |name| Period::from_name(name).ok_or("expected hour, day or month"))?;
    let decline = |name: &str| Decline::from_name(name, period).ok_or("expected the name of a decline reason");
    match (text(item, "status")?, optional_text(item, REASON)?) {
        ("settled", None) => Ok(Ok(())),
        ("declined", Some(_)) => Ok(Err(parsed(item, REASON, decline)?)),
        _ => Err("status: expected settled without a reason_code, or declined with one".into()),
    }
}

fn id(item: &Item) -> Result<PaymentId, String> {
    parsed(item, KEY, PaymentId::try_stored)
}

fn payment(item: &Item) -> Result<Payment, String> {
    let Repayment { creditor, amount, currency } = paid(item)?;
    Ok(Payment {
        id: id(item)?,
        debtor: parsed(item, "debtor_account", AccountId::try_stored)?,
        creditor,
        amount,
        currency,
        reference: optional_text(item, "reference")?.map(Into::into),
        requested_at: optional_parsed(item, "requested_at", Timestamp::parse)?,
    })
}
