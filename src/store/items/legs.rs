//! What: Items of a payment with legs.
//!
//! Data: The payment's item holds all of its legs in the list `legs`, so that one image of the stream tells the whole
//! outcome. A leg without `debtor_account` takes from the payment's debtor. Its parties and its amount are told nowhere
//! else in the item, so an older version doesn't take it for another payment. A declined one tells the `leg` it was
//! declined for.
//!
//! Each further leg of a settled payment has an item of its own, with the key `payment/leg` and the kind `leg`, for
//! statements alone. It never changes.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::payments_table::{BY_CREDITOR, BY_DEBTOR, DECIDED_AT, KEY, KIND, statement};
use super::{Item, n, optional_number, optional_parsed, optional_text, paid, parsed, s};
use crate::domain::plan::Entry;
use crate::domain::{
    AccountId, Instruction, Leg, LegId, LegNumber, LeggedPayment, Legs, PaymentId, Repayment, SettledLeg, Timestamp,
};

/// The attribute `kind` of the item of a further leg.
pub const OF_LEG: &str = "leg";

/// The attribute that holds all legs of a payment.
const LEGS: &str = "legs";

/// The attribute of a leg's number: a payment was declined for that leg, or a refund gives it back.
const LEG: &str = "leg";

/// Whether the item is that of a further leg.
#[must_use]
pub fn is_leg(item: &Item) -> bool {
    item.get(KIND).and_then(|kind| kind.as_s().ok()).is_some_and(|kind| kind == OF_LEG)
}

/// Whether the item is that of a payment with legs.
pub(super) fn is_legged(item: &Item) -> bool {
    item.contains_key(LEGS)
}

/// The key of the item of a further leg.
#[must_use]
pub fn key(id: &LegId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Writes what only a payment with legs has.
pub(super) fn insert(item: &mut Item, payment: &LeggedPayment) {
    let leg = |leg: &Leg| {
        let mut attributes = HashMap::from([
            ("creditor_account".to_owned(), s(&leg.creditor)),
            ("amount".to_owned(), n(leg.amount)),
            ("currency".to_owned(), s(leg.currency)),
        ]);
        if leg.debtor != payment.debtor {
            attributes.insert("debtor_account".into(), s(&leg.debtor));
        }
        attributes.extend(leg.reference.as_ref().map(|reference| ("reference".into(), s(reference))));
        AttributeValue::M(attributes)
    };
    item.insert(LEGS.into(), AttributeValue::L(payment.legs.iter().map(leg).collect()));
}

/// Writes for which leg a payment was declined, or which leg a refund gives back.
pub(super) fn insert_number(item: &mut Item, leg: Option<LegNumber>) {
    item.extend(leg.map(|leg| (LEG.into(), n(leg))));
}

/// Reads for which leg a payment was declined, or which leg a refund gives back.
pub(super) fn number(item: &Item) -> Result<Option<LegNumber>, String> {
    let leg = |number| LegNumber::try_new(number).map_err(|expected| format!("{LEG}: {expected}"));
    optional_number(item, LEG)?.map(leg).transpose()
}

/// Reads a payment with legs.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub(super) fn decode(item: &Item, id: PaymentId) -> Result<LeggedPayment, String> {
    let debtor = parsed(item, "debtor_account", AccountId::try_stored)?;
    let listed = item.get(LEGS).and_then(|legs| legs.as_l().ok());
    let listed = listed.ok_or_else(|| format!("{LEGS}: expected a list (L)"))?;
    let leg = |leg: &AttributeValue| {
        let leg = leg.as_m().map_err(|_| "expected a map (M)".to_owned())?;
        let own = optional_parsed(leg, "debtor_account", AccountId::try_stored)?;
        read_leg(leg, own.unwrap_or_else(|| debtor.clone()))
    };
    let numbered = |(place, one): (usize, &AttributeValue)| {
        leg(one).map_err(|expected| format!("{LEGS}, leg {}: {expected}", LegNumber::at(place)))
    };
    let legs = listed.iter().enumerate().map(numbered).collect::<Result<Vec<Leg>, String>>()?;
    let legs = Legs::try_new(&debtor, legs).map_err(|expected| format!("{LEGS}: {expected}"))?;
    Ok(LeggedPayment {
        id,
        debtor,
        legs,
        reference: optional_text(item, "reference")?.map(Into::into),
        requested_at: optional_parsed(item, "requested_at", Timestamp::parse)?,
    })
}

fn read_leg(item: &Item, debtor: AccountId) -> Result<Leg, String> {
    let Repayment { creditor, amount, currency } = paid(item)?;
    let reference = optional_text(item, "reference")?.map(Into::into);
    Ok(Leg { debtor, creditor, amount, currency, reference })
}

/// The items of the further legs of a settled payment with legs.
pub fn further(entry: &Entry<'_>) -> Vec<Item> {
    let Instruction::Legged(payment) = &entry.request.instruction else { return Vec::new() };
    let settled = payment.further(entry.decided_at).zip(&entry.further);
    settled.map(|(leg, lanes)| encode_leg(&leg, lanes.debtor, lanes.creditor)).collect()
}

/// Writes the item of a further leg.
#[must_use]
pub fn encode_leg(settled: &SettledLeg, debtor_lane: Option<u16>, creditor_lane: Option<u16>) -> Item {
    let SettledLeg { id, leg, decided_at } = settled;
    let mut item = Item::from([
        (KEY.into(), s(id)),
        (KIND.into(), s(OF_LEG)),
        ("debtor_account".into(), s(&leg.debtor)),
        ("creditor_account".into(), s(&leg.creditor)),
        ("amount".into(), n(leg.amount)),
        ("currency".into(), s(leg.currency)),
        (DECIDED_AT.into(), s(decided_at)),
        (BY_DEBTOR.key.into(), statement(&leg.debtor, debtor_lane)),
        (BY_CREDITOR.key.into(), statement(&leg.creditor, creditor_lane)),
    ]);
    item.extend(leg.reference.as_ref().map(|reference| ("reference".into(), s(reference))));
    item
}

/// Reads the item of a further leg.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode_leg(item: &Item) -> Result<SettledLeg, String> {
    let id = parsed(item, KEY, LegId::from_str)?;
    if id.leg.is_none_or(|leg| leg == LegNumber::FIRST) {
        return Err(format!("{KEY}: expected payment/leg, such as pay-1/2"));
    }
    Ok(SettledLeg {
        id,
        leg: read_leg(item, parsed(item, "debtor_account", AccountId::try_stored)?)?,
        decided_at: parsed(item, DECIDED_AT, Timestamp::parse)?,
    })
}
