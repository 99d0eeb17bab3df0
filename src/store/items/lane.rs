//! What: The item of a credit lane. It is in the accounts table, under the key `account/lane`.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::accounts_table::{BALANCE_IS_SAME, IS_NEW, KEY, bounded, status};
use super::conditional::Conditional;
use super::{Item, flag, n, number, optional_number, parsed, s};
use crate::domain::account_command::{BalanceBound, LaneChange};
use crate::domain::{Balance, Currency, Lane, LaneId};

/// The condition under which a lane that is there gets another status. It has the account's status, or already the new
/// one, and the account's currency.
const IS_OF_ACCOUNT: &str = "#status IN (:from, :to) AND currency = :currency";

/// Gives a lane a status, and takes what it gives to the main item. If the lane isn't there, this makes it, at balance
/// zero.
const NEW_STATUS: &str = "ADD balance :net, version :one SET #status = :to, currency = :currency";
/// From now on, payments may not take the lane below zero. It goes on [`NEW_STATUS`].
const NEW_LIMIT: &str = ", overdraft_limit = :zero";
/// From now on, it takes no payment. It goes on [`NEW_STATUS`].
const SHUT: &str = ", shut = :yes";
/// From now on, payments may take it below zero, or it takes payments again. They go on all of the above.
const NO_LIMIT: &str = "overdraft_limit";
/// See [`NO_LIMIT`].
const NOT_SHUT: &str = "shut";

/// The condition under which a payment may be on a lane that is there: its account had no maximum balance when the lane
/// was last told.
pub(super) const IS_NOT_SHUT: &str = "attribute_not_exists(shut)";

/// From now on, a statement lists its debits. It goes on the expression of a payment, or of a sweep beside one.
pub(super) const TAKE_BACK: &str = ", debited = :yes";

const DEBITED: &str = "debited";

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
    if lane.is_limited {
        item.insert("overdraft_limit".into(), n(0));
    }
    if lane.is_shut {
        item.insert(NOT_SHUT.into(), AttributeValue::Bool(true));
    }
    if lane.is_debited {
        item.insert(DEBITED.into(), AttributeValue::Bool(true));
    }
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
        is_limited: match optional_number::<u64>(item, "overdraft_limit")? {
            None => false,
            Some(0) => true,
            Some(_) => return Err("overdraft_limit: expected 0, or none".into()),
        },
        is_shut: flag(item, NOT_SHUT)?,
        is_debited: flag(item, DEBITED)?,
        version: number(item, "version")?,
    })
}

/// The check that a lane is within a precondition's balance bound. A lane that isn't there holds zero.
///
/// # Errors
/// If the action can't be built.
pub fn check(id: &LaneId, bound: BalanceBound, table: &str) -> Result<TransactWriteItem, BuildError> {
    let check = bounded(Conditional::on(table), bound);
    match bound.allows(Balance::ZERO) {
        true => check.or_new(IS_NEW).check(key(id)),
        false => check.check(key(id)),
    }
}

/// What an account command does to a lane, in its transaction.
///
/// # Errors
/// If the action can't be built.
pub fn change(change: &LaneChange, table: &str) -> Result<TransactWriteItem, BuildError> {
    let LaneChange { id, currency, from, to, balance, gives, limited, shut } = change;
    let mut write = Conditional::on(table)
        .and(IS_OF_ACCOUNT)
        .value(":from", s(from))
        .value(":to", s(to))
        .value(":currency", s(currency))
        .value(":net", n(i128::from(gives.minor_units()).saturating_neg()))
        .value(":one", n(1));
    if let Some(balance) = balance {
        write = write.and(BALANCE_IS_SAME).value(":balance", n(balance));
    }
    if change.makes_lane() {
        write = write.or_new(IS_NEW);
    }
    let (mut expression, mut removed) = (NEW_STATUS.to_owned(), Vec::new());
    match limited {
        Some(true) => {
            write = write.value(":zero", n(0));
            expression.push_str(NEW_LIMIT);
        }
        Some(false) => removed.push(NO_LIMIT),
        None => {}
    }
    match shut {
        Some(true) => {
            write = write.value(":yes", AttributeValue::Bool(true));
            expression.push_str(SHUT);
        }
        Some(false) => removed.push(NOT_SHUT),
        None => {}
    }
    if !removed.is_empty() {
        expression = format!("{expression} REMOVE {}", removed.join(", "));
    }
    write.update(key(id), &expression)
}
