//! What: The item of a credit lane. It is in the accounts table, under the key `account/lane`.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::account::{BALANCE_IS_SAME, KEY, NEW_STATUS, status, within};
use super::conditional::Conditional;
use super::{Item, n, number, parsed, s};
use crate::domain::account_command::{BalanceBound, LaneChange};
use crate::domain::{Balance, Currency, Lane, LaneId};

/// The condition under which a lane may be written: it doesn't exist, or was never used. An unused one may be left over
/// when adding lanes stopped half-way.
const IS_UNUSED: &str =
    "attribute_not_exists(account_id) OR (currency = :currency AND balance = :zero AND version = :one)";

/// The condition under which a lane gets another status: it has the account's status, or already the new one.
const IS_OF_ACCOUNT: &str = "#status IN (:from, :to)";

/// A lane's key.
#[must_use]
pub fn key(id: &LaneId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Whether an item of the accounts table is a lane's. Its key says so, because the id of an account holds no `/`.
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
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Lane, String> {
    Ok(Lane {
        id: parsed(item, KEY, str::parse::<LaneId>)?,
        currency: parsed(item, "currency", Currency::try_new)?,
        status: parsed(item, "status", status)?,
        balance: Balance::new(number(item, "balance")?),
        version: number(item, "version")?,
    })
}

/// The check that a lane is within a precondition's balance bound.
///
/// # Errors
/// If the action can't be built.
pub fn check(id: &LaneId, bound: BalanceBound, table: &str) -> Result<TransactWriteItem, BuildError> {
    within(Conditional::on(table), bound).check(key(id))
}

/// What an account command does to a lane, in its transaction.
///
/// # Errors
/// If the action can't be built.
pub fn change(change: &LaneChange, table: &str) -> Result<TransactWriteItem, BuildError> {
    let write = Conditional::on(table).value(":one", n(1));
    match change {
        LaneChange::New(lane) => {
            let write = write.and(IS_UNUSED).value(":currency", s(lane.currency)).value(":zero", n(0));
            write.put(encode(lane))
        }
        LaneChange::Status { id, from, to, balance } => {
            let mut write = write.and(IS_OF_ACCOUNT).value(":from", s(from)).value(":to", s(to));
            if let Some(balance) = balance {
                write = write.and(BALANCE_IS_SAME).value(":balance", n(balance));
            }
            write.update(key(id), NEW_STATUS)
        }
    }
}
