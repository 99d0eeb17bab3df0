//! What: The item of the table `refunds`: how much of a payment is refunded.
//!
//! Invariants: The sum only grows, and never exceeds what was paid.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::conditional::Conditional;
use super::{Item, n, number, parsed, s};
use crate::domain::PaymentId;
use crate::domain::plan::TotalUpdate;

/// The key attribute. It holds the id of the original.
pub const KEY: &str = "payment_id";

/// Adds to the sum.
const ADD: &str = "ADD refunded :net";

/// The condition under which it may be added: the sum stays within what was paid.
const IS_WITHIN: &str = "refunded <= :max";

/// The condition of the first refund. It is within what was paid.
const IS_NEW: &str = "attribute_not_exists(refunded)";

/// The key of an original's sum.
#[must_use]
pub fn key(original: &PaymentId) -> Item {
    Item::from([(KEY.into(), s(original))])
}

/// The item of an original whose refunds sum to this.
#[must_use]
pub fn encode(original: &PaymentId, sum: u64) -> Item {
    let mut item = key(original);
    item.insert("refunded".into(), n(sum));
    item
}

/// Adds refunds to the sum of their original.
///
/// # Errors
/// If the action can't be built.
pub fn update(total: &TotalUpdate, table: &str) -> Result<TransactWriteItem, BuildError> {
    let within = Conditional::on(table).returning().and(IS_WITHIN).value(":max", n(total.total_max));
    within.or_new(IS_NEW).value(":net", n(total.net)).update(key(&total.original), ADD)
}

/// Reads the sum of an original's refunds, in minor units.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<u64, String> {
    number(item, "refunded")
}

/// Reads the sum with the id of its original.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode_with_key(item: &Item) -> Result<(PaymentId, u64), String> {
    Ok((parsed(item, KEY, PaymentId::try_stored)?, decode(item)?))
}
