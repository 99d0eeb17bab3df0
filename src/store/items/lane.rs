//! The item of a credit lane. It stands in the accounts table beside its account's, under the key `account/lane`.

use super::account::{KEY, status};
use super::{Item, n, number, parsed, s};
use crate::domain::{Balance, Currency, Lane, LaneId};

/// The condition under which a lane may be written: there is none, or one that was never used, left behind when lanes
/// were added and the adding stopped half-way.
pub const IS_UNUSED: &str =
    "attribute_not_exists(account_id) OR (currency = :currency AND balance = :zero AND version = :one)";

/// What [`IS_UNUSED`] compares with.
#[must_use]
pub fn unused(lane: &Lane) -> Item {
    Item::from([(":currency".into(), s(lane.currency)), (":zero".into(), n(0)), (":one".into(), n(1))])
}

/// A lane's key.
#[must_use]
pub fn key(id: &LaneId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Whether an item of the accounts table is a lane's, by its key: an account's id holds no `/`.
#[must_use]
pub fn is_lane(item: &Item) -> bool {
    item.get(KEY).and_then(|key| key.as_s().ok()).is_some_and(|key| key.contains('/'))
}

/// Writes a lane.
#[must_use]
pub fn encode(lane: &Lane) -> Item {
    let mut item = key(&lane.id);
    item.insert("currency".into(), s(lane.currency));
    item.insert("status".into(), s(lane.status));
    item.insert("balance".into(), n(lane.balance));
    item.insert("version".into(), n(lane.version));
    item
}

/// Reads a lane.
///
/// # Errors
/// The attribute that isn't as it must be, and what was expected.
pub fn decode(item: &Item) -> Result<Lane, String> {
    Ok(Lane {
        id: parsed(item, KEY, str::parse::<LaneId>)?,
        currency: parsed(item, "currency", Currency::try_new)?,
        status: parsed(item, "status", status)?,
        balance: Balance::new(number(item, "balance")?),
        version: number(item, "version")?,
    })
}
