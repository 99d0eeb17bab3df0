//! What: The item of the table `audit-heads`: the newest checkpoint of an account, and what was seen when it was
//! proved.
//!
//! Invariants: `seal` is the digest of all that the item says. An item whose seal doesn't fit is one that can't be
//! read.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::checkpoint::{self, digest};
use super::conditional::Conditional;
use super::{Item, n, number, optional_parsed, s, text};
use crate::domain::audit::{Digest, Head, PostingList, Seen};
use crate::domain::{AccountId, Timestamp};

/// The key attribute.
pub const KEY: &str = "account_id";

/// The condition of the first head of an account.
const IS_NEW: &str = "attribute_not_exists(account_id)";

/// The condition of every other: nobody has written one since.
const IS_SAME: &str = "seal = :seal";

const SEAL: &str = "seal";
const LANE_VERSIONS: &str = "lane_versions";
const PENDING: &str = "pending";
const SEEN_AT: &str = "seen_at";

/// The key of a head.
#[must_use]
pub fn key(account: &AccountId) -> Item {
    Item::from([(KEY.into(), s(account))])
}

/// Writes a head.
#[must_use]
pub fn encode(head: &Head) -> Item {
    let mut item = checkpoint::encode(&head.checkpoint);
    item.insert("version".into(), n(head.seen.version));
    if !head.seen.lanes.is_empty() {
        item.insert(LANE_VERSIONS.into(), AttributeValue::L(head.seen.lanes.iter().map(n).collect()));
    }
    item.insert("held".into(), s(head.seen.held));
    item.extend(head.seen_at.map(|at| (SEEN_AT.into(), s(at))));
    if !head.pending.is_empty() {
        item.insert(PENDING.into(), AttributeValue::L(head.pending.iter().map(s).collect()));
    }
    item.insert(SEAL.into(), s(head.seal()));
    item
}

/// The write of a head in a transaction. `before` is the seal of the head that is there.
///
/// # Errors
/// If the action can't be built.
pub fn put(head: &Head, before: Option<Digest>, table: &str) -> Result<TransactWriteItem, BuildError> {
    let put = Conditional::on(table).returning();
    let put = match before {
        None => put.and(IS_NEW),
        Some(seal) => put.and(IS_SAME).value(":seal", s(seal)),
    };
    put.put(encode(head))
}

/// Reads a head.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Head, String> {
    let version = |value: &AttributeValue| value.as_n().ok().and_then(|digits| digits.parse().ok());
    let list = |value: &AttributeValue| value.as_s().ok().and_then(|list| list.parse::<PostingList>().ok());
    let head = Head {
        checkpoint: checkpoint::decode(item)?,
        seen: Seen {
            version: number(item, "version")?,
            lanes: each(item, LANE_VERSIONS, "whole numbers (N)", version)?,
            held: digest(item, "held")?,
        },
        pending: each(item, PENDING, "lists, such as credits/3 (S)", list)?.into_iter().collect(),
        seen_at: optional_parsed(item, SEEN_AT, Timestamp::parse)?,
    };
    match seal(item)? == head.seal() {
        true => Ok(head),
        false => Err(format!("{SEAL}: expected the digest of all that the item says")),
    }
}

/// The seal of a head, whatever else it says.
///
/// # Errors
/// What was expected.
pub fn seal(item: &Item) -> Result<Digest, String> {
    digest(item, SEAL)
}

/// The account of a head, as far as it is text.
#[must_use]
pub fn account(item: &Item) -> String {
    text(item, KEY).unwrap_or_default().to_owned()
}

fn each<T>(
    item: &Item,
    name: &str,
    expected: &str,
    read: impl Fn(&AttributeValue) -> Option<T>,
) -> Result<Vec<T>, String> {
    let Some(value) = item.get(name) else { return Ok(Vec::new()) };
    let values = value.as_l().ok().and_then(|values| values.iter().map(read).collect());
    values.ok_or_else(|| format!("{name}: expected a list (L) of {expected}"))
}
