//! What: Reads items from a table's stream, which gives their attributes that are text, numbers, or lists of maps.
//!
//! Data: Takes texts and numbers by name, without DynamoDB's types, so that neither the event's reader nor the handler
//! needs them. Gives what the codec of the item reads.
//!
//! A newer version may write items that this one doesn't know: of a kind, or with a reason, of tomorrow. Of
//! these it gives a [`NewerOutcome`], so that they don't stop their shard.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, legs, n, optional_number, optional_parsed, optional_text, parsed, payment, payments_table, refund, s, source,
    text,
};
use crate::domain::{
    AccountId, Amount, Currency, Decline, NewerOutcome, PaymentId, Period, Principal, Recorded, Timestamp,
};
use crate::store::NotRead;

/// Texts, then numbers, by the attribute's name.
type Plain = (HashMap<String, String>, HashMap<String, String>);

/// Reads a payment with its outcome, from its own attributes and from its lists of maps.
///
/// # Errors
/// [`NotRead`]: it is a further leg, a newer version wrote it, or [`payment::decode`] can't read it.
pub fn payment(own: &Plain, lists: &HashMap<String, Vec<Plain>>) -> Result<Recorded, NotRead> {
    let map = |own: &Plain| AttributeValue::M(plain(own));
    let list = |(name, maps): (&String, &Vec<Plain>)| (name.clone(), AttributeValue::L(maps.iter().map(map).collect()));
    let mut item = plain(own);
    item.extend(lists.iter().map(list));
    if legs::is_leg(&item) {
        return Err(NotRead::Leg);
    }
    let read = if is_newer(&item) {
        newer(&item).map(|newer| Err(NotRead::Newer(Box::new(newer))))
    } else {
        payment::decode(&item).map(Ok)
    };
    read.unwrap_or_else(|expected| Err(NotRead::Damaged(expected)))
}

fn plain((texts, numbers): &Plain) -> Item {
    let texts = texts.iter().map(|(name, text)| (name.clone(), s(text)));
    texts.chain(numbers.iter().map(|(name, digits)| (name.clone(), n(digits)))).collect()
}

/// Whether the item has a kind, or a reason, that this version doesn't know.
fn is_newer(item: &Item) -> bool {
    let period = optional_text(item, payment::PERIOD).ok().flatten();
    let is_known =
        |name: &str| Decline::is_name(name) && period.is_none_or(|period| Period::from_name(period).is_some());
    let kind = optional_text(item, payments_table::KIND);
    kind.is_ok_and(|kind| kind.is_some_and(|kind| kind != refund::KIND))
        || optional_text(item, payment::REASON).is_ok_and(|name| !name.is_none_or(is_known))
}

/// Reads what consumers see. All of it must be whole, and a payment must be one but for its reason.
fn newer(item: &Item) -> Result<NewerOutcome, String> {
    let kind: Option<String> = optional_text(item, payments_table::KIND)?.map(Into::into);
    let mut all_legs = Vec::new();
    if kind.as_deref().is_none_or(|kind| kind == refund::KIND) {
        let mut known = item.clone();
        known.insert(payment::REASON.into(), s(Decline::InsufficientFunds));
        known.remove(payment::PERIOD);
        all_legs.extend_from_slice(payment::decode(&known)?.outcome.instruction.legs());
    }
    let amount = |amount| Amount::try_new(amount).map_err(|expected| format!("amount: {expected}"));
    Ok(NewerOutcome {
        id: parsed(item, payments_table::KEY, PaymentId::try_stored)?,
        kind,
        refund_of: optional_parsed(item, refund::REFUND_OF, PaymentId::try_stored)?,
        status: text(item, "status")?.into(),
        reason: optional_text(item, payment::REASON)?.map(Into::into),
        period: optional_text(item, payment::PERIOD)?.map(Into::into),
        leg: legs::number(item)?,
        debtor: parsed(item, "debtor_account", AccountId::try_stored)?,
        legs: all_legs,
        creditor: optional_parsed(item, "creditor_account", AccountId::try_stored)?,
        amount: optional_number(item, "amount")?.map(amount).transpose()?,
        currency: optional_parsed(item, "currency", Currency::try_new)?,
        reference: optional_text(item, "reference")?.map(Into::into),
        decided_at: parsed(item, payments_table::DECIDED_AT, Timestamp::parse)?,
        source: source(item)?,
        requested_by: optional_parsed(item, payment::REQUESTED_BY, Principal::try_new)?,
        trace: payment::trace(item),
    })
}
