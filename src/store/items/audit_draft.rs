//! What: The item of an account's draft. It is in the table `checkpoints`, beside the account's checkpoints. Its sort
//! key is no time, and comes after all times.
//!
//! Invariants: `seal` is the digest of all that the item says. An item whose seal doesn't fit is one that can't be
//! read. No role may delete items of this table. So a draft that is dropped leaves an item that says nothing.

use aws_sdk_dynamodb::types::AttributeValue;

use super::checkpoint::{self, AS_OF, KEY, digest};
use super::{Item, s, text};
use crate::domain::audit::{Draft, RefundBase};
use crate::domain::{AccountId, LegId, Timestamp};

/// The sort key of a draft.
const DRAFT: &str = "draft";

const DRAFTED_TO: &str = "drafted_to";
const REFUNDS: &str = "refunds";
const SEAL: &str = "seal";

/// The key of a draft.
#[must_use]
pub fn key(account: &AccountId) -> Item {
    Item::from([(KEY.into(), s(account)), (AS_OF.into(), s(DRAFT))])
}

/// Whether it is the item of a draft, and no checkpoint.
#[must_use]
pub fn is_draft(item: &Item) -> bool {
    text(item, AS_OF) == Ok(DRAFT)
}

/// Writes a draft.
#[must_use]
pub fn encode(draft: &Draft) -> Item {
    let mut item = checkpoint::made(&draft.made);
    item.extend(key(&draft.made.account));
    item.insert(DRAFTED_TO.into(), s(draft.as_of()));
    if !draft.refunds.is_empty() {
        let refunds = draft.refunds.iter().map(|(total, base)| s(format!("{total} {} {}", base.sum, base.as_of)));
        item.insert(REFUNDS.into(), AttributeValue::L(refunds.collect()));
    }
    item.insert(SEAL.into(), s(draft.seal()));
    item
}

/// Reads a draft. `None`: it was dropped.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Option<Draft>, String> {
    if !item.contains_key(SEAL) && !item.contains_key(DRAFTED_TO) {
        return Ok(None);
    }
    let refunds = match item.get(REFUNDS).map(AttributeValue::as_l) {
        None => Some(Vec::new()),
        Some(Ok(values)) => values.iter().map(refund).collect(),
        Some(Err(_)) => None,
    };
    let refunds = refunds.ok_or_else(|| format!("{REFUNDS}: expected a list (L) of ids with a sum and a time (S)"))?;
    let made = checkpoint::read_made(item, DRAFTED_TO)?;
    let draft = Draft { made, refunds: refunds.into_iter().collect() };
    match digest(item, SEAL)? == draft.seal() {
        true => Ok(Some(draft)),
        false => Err(format!("{SEAL}: expected the digest of all that the item says")),
    }
}

/// A refund such as `p1/2 1250 2026-11-30T02:00:00.123Z`.
fn refund(value: &AttributeValue) -> Option<(LegId, RefundBase)> {
    let mut words = value.as_s().ok()?.split(' ');
    let (total, sum, as_of) = (words.next()?, words.next()?, words.next()?);
    let base = RefundBase { sum: sum.parse().ok()?, as_of: Timestamp::parse(as_of).ok()? };
    Some((total.parse().ok()?, base)).filter(|_| words.next().is_none())
}
