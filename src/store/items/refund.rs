//! What: What the item of a refund holds beside what every instruction holds.
//!
//! Data: `kind` is `refund`, and `refund_of` is the original. `amount` is what is given back, or what was asked for.
//! `asked_for` is `all_left` if no amount was. A declined refund has no `creditor_account` and no `currency`, unless
//! its original and its amount are known.

use super::{Item, legs, optional_number, optional_parsed, optional_text, paid, parsed, s};
use crate::domain::{AccountId, Amount, Decision, Instruction, PaymentId, Refund, Repayment, Timestamp};

/// The attribute `kind` of a refund.
pub const KIND: &str = "refund";

/// The attribute that names the original.
pub const REFUND_OF: &str = "refund_of";

const ASKED_FOR: &str = "asked_for";
const ALL_LEFT: &str = "all_left";

/// Writes what only a refund has.
pub(super) fn insert(item: &mut Item, refund: &Refund) {
    item.insert(REFUND_OF.into(), s(&refund.original));
    if refund.amount.is_none() {
        item.insert(ASKED_FOR.into(), s(ALL_LEFT));
    }
}

/// Reads a refund, and what it gave back. A settled refund must say what.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub(super) fn decode(
    item: &Item,
    id: PaymentId,
    decision: Decision,
) -> Result<(Instruction, Option<Repayment>), String> {
    let amount = |amount| Amount::try_new(amount).map_err(|expected| format!("amount: {expected}"));
    let asked = match optional_text(item, ASKED_FOR)? {
        None => optional_number(item, "amount")?.map(amount).transpose()?,
        Some(ALL_LEFT) => None,
        Some(_) => return Err(format!("{ASKED_FOR}: expected none or {ALL_LEFT}")),
    };
    let is_known = decision.is_ok() || item.contains_key("creditor_account") || item.contains_key("currency");
    let repayment = is_known.then(|| paid(item)).transpose()?;
    let refund = Refund {
        id,
        original: parsed(item, REFUND_OF, PaymentId::try_stored)?,
        leg: legs::number(item)?,
        debtor: parsed(item, "debtor_account", AccountId::try_stored)?,
        amount: asked,
        reference: optional_text(item, "reference")?.map(Into::into),
        requested_at: optional_parsed(item, "requested_at", Timestamp::parse)?,
    };
    if asked.is_none() && optional_text(item, ASKED_FOR)?.is_none() {
        return Err(format!("amount: expected a number (N), or {ASKED_FOR} to be {ALL_LEFT}"));
    }
    Ok((refund.into(), repayment))
}
