//! What: The item of the table `refunds`: how much of a payment, or of one of its legs, is refunded.
//!
//! Invariants: The sum only grows, and never exceeds what was paid.

use std::str::FromStr;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::conditional::Conditional;
use super::{Item, n, number, parsed, s};
use crate::domain::LegId;
use crate::domain::plan::TotalUpdate;

/// The key attribute. It holds the id of the original, or `payment/leg` if the original has legs.
pub const KEY: &str = "payment_id";

/// Adds to the sum.
const ADD: &str = "ADD refunded :net";

/// The condition under which it may be added: the sum stays within what was paid.
const IS_WITHIN: &str = "refunded <= :max";

/// The condition of the first refund. It is within what was paid.
const IS_NEW: &str = "attribute_not_exists(refunded)";

/// The key of a sum.
#[must_use]
pub fn key(id: &LegId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// The item of a sum of refunds.
#[must_use]
pub fn encode(id: &LegId, sum: u64) -> Item {
    let mut item = key(id);
    item.insert("refunded".into(), n(sum));
    item
}

/// Adds refunds to a sum.
///
/// # Errors
/// If the action can't be built.
pub fn update(total: &TotalUpdate, table: &str) -> Result<TransactWriteItem, BuildError> {
    let within = Conditional::on(table).returning().and(IS_WITHIN).value(":max", n(total.total_max));
    within.or_new(IS_NEW).value(":net", n(total.net)).update(key(&total.id), ADD)
}

/// Reads a sum of refunds, in minor units.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<u64, String> {
    number(item, "refunded")
}

/// Reads a sum with its id.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode_with_key(item: &Item) -> Result<(LegId, u64), String> {
    Ok((parsed(item, KEY, LegId::from_str)?, decode(item)?))
}
