//! What: The item of how much of a payment or leg is proved to be refunded. It is in the table `checkpoints`, under a
//! key that no account has.

use super::checkpoint::{AS_OF, KEY};
use super::{Item, n, number, parsed, s};
use crate::domain::audit::RefundBase;
use crate::domain::{LegId, Timestamp};

/// The condition under which it may be written: it isn't there, or proved less far.
pub const IS_FURTHER: &str = "attribute_not_exists(account_id) OR proved_to < :proved_to";

/// The attribute of the closed time.
pub const PROVED_TO: &str = "proved_to";

/// The key of what is proved of these refunds.
#[must_use]
pub fn key(total: &LegId) -> Item {
    Item::from([(KEY.into(), s(format!("refund/{total}"))), (AS_OF.into(), s("head"))])
}

/// Writes what is proved of refunds.
#[must_use]
pub fn encode(total: &LegId, base: RefundBase) -> Item {
    let mut item = key(total);
    item.insert("refunded".into(), n(base.sum));
    item.insert(PROVED_TO.into(), s(base.as_of));
    item
}

/// Reads what is proved of refunds.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<RefundBase, String> {
    Ok(RefundBase { sum: number(item, "refunded")?, as_of: parsed(item, PROVED_TO, Timestamp::parse)? })
}
