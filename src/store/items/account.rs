//! The item of an account, and its guarded update.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{Item, lane, n, number, optional_number, parsed, s};
use crate::domain::account_command::{Bound, Change, Ground};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::plan::AccountUpdate;
use crate::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, OverdraftLimit, Timestamp};

/// The key attribute.
pub const KEY: &str = "account_id";

/// How many lanes the account has; left out where it has none.
pub const CREDIT_LANES: &str = "credit_lanes";

/// The condition under which an account may be created.
pub const IS_NEW: &str = "attribute_not_exists(account_id)";

/// Makes an account count more lanes, once they are there.
pub const COUNT_LANES: &str = "SET credit_lanes = :lanes, version = version + :one";
/// The condition that status and number of lanes are what the new lanes were made for, or what another status is for.
pub const HAS_NO_LANES: &str = "#status = :status AND attribute_not_exists(credit_lanes)";
/// The same for an account that has lanes already.
pub const HAS_LANES: &str = "#status = :status AND credit_lanes = :was";

const APPLY: &str = "SET balance = balance + :net, version = version + :one";
// The parts of an update's condition, by what the decisions rest on. `status` is a reserved word of DynamoDB's.
const IS_OPEN_IN_CURRENCY: &str = "#status = :open AND currency = :currency";
const BALANCE_COVERS_DEBITS: &str = "balance >= :balance_min";
const BALANCE_HOLDS_CREDITS: &str = "balance <= :balance_max";
const LIMIT_IS_SAME: &str = "overdraft_limit = :overdraft_limit";
const LIMIT_IS_ABSENT: &str = "attribute_not_exists(overdraft_limit)";
const VERSION_IS_SAME: &str = "version = :version";
// What an account command changes, and the parts of its condition.
const NEW_STATUS: &str = "SET #status = :to, version = version + :one";
const NEW_LIMIT: &str = "SET overdraft_limit = :overdraft_limit, version = version + :one";
const NO_LIMIT: &str = "SET version = version + :one REMOVE overdraft_limit";
const STATUS_IS_SAME: &str = "#status = :status";
const BALANCE_IS_SAME: &str = "balance = :balance";
const BALANCE_WITHIN_LIMIT: &str = "balance >= :balance_min";
/// Of an item that a refusal rests on: what it holds is still enough, or still too little.
pub(super) const BALANCE_AT_LEAST: &str = "balance >= :balance";
/// See [`BALANCE_AT_LEAST`].
pub(super) const BALANCE_AT_MOST: &str = "balance <= :balance";

/// An account's key.
#[must_use]
pub fn key(id: &AccountId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Writes an account.
#[must_use]
pub fn encode(account: &Account) -> Item {
    let mut item = key(&account.id);
    item.insert("currency".into(), s(account.currency));
    item.insert("status".into(), s(account.status));
    item.insert("balance".into(), n(account.balance));
    if let OverdraftLimit::Limited(limit) = account.overdraft_limit {
        item.insert("overdraft_limit".into(), n(limit));
    }
    item.insert("version".into(), n(account.version));
    item.insert("opened_at".into(), s(account.opened_at));
    if !account.credit_lanes.is_none() {
        item.insert(CREDIT_LANES.into(), n(account.credit_lanes));
    }
    item
}

/// Reads an account.
///
/// # Errors
/// The attribute that isn't as it must be, and what was expected.
pub fn decode(item: &Item) -> Result<Account, String> {
    let overdraft_limit = match optional_number(item, "overdraft_limit")? {
        None => OverdraftLimit::Unlimited,
        Some(limit) if limit <= AMOUNT_MAX => OverdraftLimit::Limited(limit),
        Some(_) => return Err(format!("overdraft_limit: expected at most {AMOUNT_MAX}")),
    };
    let credit_lanes = match optional_number::<u16>(item, CREDIT_LANES)? {
        None => CreditLanes::NONE,
        Some(0) => return Err(format!("{CREDIT_LANES}: expected at least 1, or none")),
        Some(count) => CreditLanes::try_new(count).map_err(|expected| format!("{CREDIT_LANES}: {expected}"))?,
    };
    Ok(Account {
        id: parsed(item, KEY, AccountId::try_stored)?,
        currency: parsed(item, "currency", Currency::try_new)?,
        status: parsed(item, "status", status)?,
        balance: Balance::new(number(item, "balance")?),
        overdraft_limit,
        version: number(item, "version")?,
        opened_at: parsed(item, "opened_at", Timestamp::parse)?,
        credit_lanes,
    })
}

/// A status, by its name.
pub(super) fn status(name: &str) -> Result<AccountStatus, &'static str> {
    AccountStatus::from_name(name).ok_or("expected open, frozen or closed")
}

/// The update of one account or lane in a transaction, with the conditions that its decisions rest on.
#[must_use]
pub fn update(update: &AccountUpdate, table: &str) -> UpdateBuilder {
    let key = update.lane_id().map_or_else(|| key(&update.account), |lane| lane::key(&lane));
    let mut condition = IS_OPEN_IN_CURRENCY.to_owned();
    let mut builder = Update::builder()
        .table_name(table)
        .set_key(Some(key))
        .update_expression(APPLY)
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":net", n(update.net))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":open", s(AccountStatus::Open))
        .expression_attribute_values(":currency", s(update.currency))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let mut and = |part: &str| {
        condition.push_str(" AND ");
        condition.push_str(part);
    };
    if let Some(balance) = update.balance_min {
        and(BALANCE_COVERS_DEBITS);
        builder = builder.expression_attribute_values(":balance_min", n(balance));
    }
    if let Some(balance) = update.balance_max {
        and(BALANCE_HOLDS_CREDITS);
        builder = builder.expression_attribute_values(":balance_max", n(balance));
    }
    match update.overdraft_limit {
        Some(OverdraftLimit::Limited(limit)) => {
            and(LIMIT_IS_SAME);
            builder = builder.expression_attribute_values(":overdraft_limit", n(limit));
        }
        Some(OverdraftLimit::Unlimited) => and(LIMIT_IS_ABSENT),
        None => {}
    }
    if let Some(version) = update.version {
        and(VERSION_IS_SAME);
        builder = builder.expression_attribute_values(":version", n(version));
    }
    builder.condition_expression(condition)
}

/// What an account command does to the account, in its transaction; nothing if it does nothing.
///
/// # Errors
/// If the action can't be built.
pub fn change(change: &Change, id: &AccountId, table: &str) -> Result<Option<TransactWriteItem>, BuildError> {
    let action = TransactWriteItem::builder();
    let changed = |status: AccountStatus| {
        Update::builder()
            .table_name(table)
            .set_key(Some(key(id)))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(status))
            .expression_attribute_values(":one", n(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    Ok(match change {
        Change::Nothing => None,
        Change::Open(account) => {
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(encode(account)))
                .condition_expression(IS_NEW)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            Some(action.put(put.build()?).build())
        }
        Change::Status { from, to, lanes, balances } => {
            let update = changed(*from).update_expression(NEW_STATUS).expression_attribute_values(":to", s(to));
            let (same, update) = same_lanes(*lanes, update);
            let update = match balances.as_ref().and_then(|balances| balances.first()) {
                None => update.condition_expression(same),
                Some(balance) => update
                    .condition_expression(format!("{same} AND {BALANCE_IS_SAME}"))
                    .expression_attribute_values(":balance", n(balance)),
            };
            Some(action.update(update.build()?).build())
        }
        Change::Lanes { account, to } => {
            let update = changed(account.status).update_expression(COUNT_LANES);
            let (same, update) = same_lanes(account.credit_lanes, update);
            let update = update.condition_expression(same).expression_attribute_values(":lanes", n(to));
            Some(action.update(update.build()?).build())
        }
        Change::Limit { status, to: OverdraftLimit::Unlimited } => {
            let update = changed(*status).update_expression(NO_LIMIT).condition_expression(STATUS_IS_SAME);
            Some(action.update(update.build()?).build())
        }
        Change::Limit { status, to: OverdraftLimit::Limited(limit) } => {
            let update = changed(*status)
                .update_expression(NEW_LIMIT)
                .condition_expression(format!("{STATUS_IS_SAME} AND {BALANCE_WITHIN_LIMIT}"))
                .expression_attribute_values(":overdraft_limit", n(limit))
                .expression_attribute_values(":balance_min", n(i128::from(*limit).saturating_neg()));
            Some(action.update(update.build()?).build())
        }
    })
}

/// The check that a command's ground holds of its account's main item.
#[must_use]
pub fn check(ground: &Ground, id: &AccountId, table: &str) -> ConditionCheckBuilder {
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key(id)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let Some(account) = &ground.main else { return check.condition_expression(IS_NEW) };
    let mut condition = String::new();
    let mut values = Item::from([(":status".to_owned(), s(account.status))]);
    let mut and = |part: &str, value: Option<(&str, AttributeValue)>| {
        condition.push_str(if condition.is_empty() { "" } else { " AND " });
        condition.push_str(part);
        values.extend(value.map(|(name, value)| (name.to_owned(), value)));
    };
    match account.credit_lanes.is_none() {
        true => and(HAS_NO_LANES, None),
        false => and(HAS_LANES, Some((":was", n(account.credit_lanes)))),
    }
    match account.overdraft_limit {
        OverdraftLimit::Limited(limit) => and(LIMIT_IS_SAME, Some((":overdraft_limit", n(limit)))),
        OverdraftLimit::Unlimited => and(LIMIT_IS_ABSENT, None),
    }
    match ground.balance {
        Some(Bound::AtLeast(least)) => and(BALANCE_AT_LEAST, Some((":balance", n(least)))),
        Some(Bound::AtMost(most)) => and(BALANCE_AT_MOST, Some((":balance", n(most)))),
        None => {}
    }
    if ground.same_version {
        and(VERSION_IS_SAME, Some((":version", n(account.version))));
    }
    check
        .condition_expression(condition)
        .expression_attribute_names("#status", "status")
        .set_expression_attribute_values(Some(values))
}

/// The condition that status and lanes are the same, and the update with what it compares with.
fn same_lanes(lanes: CreditLanes, update: UpdateBuilder) -> (&'static str, UpdateBuilder) {
    match lanes.is_none() {
        true => (HAS_NO_LANES, update),
        false => (HAS_LANES, update.expression_attribute_values(":was", n(lanes))),
    }
}
