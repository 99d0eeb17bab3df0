//! The item of an account, and its guarded update.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, Update};

use super::{Item, lane, n, number, optional_number, parsed, s};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::plan::AccountUpdate;
use crate::domain::{
    Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, LaneId, OverdraftLimit, Timestamp,
};

/// The key attribute.
pub const KEY: &str = "account_id";

/// How many lanes the account has; left out where it has none.
pub const CREDIT_LANES: &str = "credit_lanes";

/// The condition under which an account may be created.
pub const IS_NEW: &str = "attribute_not_exists(account_id)";

/// Makes an account count more lanes, once they are there.
pub const COUNT_LANES: &str = "SET credit_lanes = :lanes, version = version + :one";
/// Its conditions: status and number of lanes are what the new lanes were made for.
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
        id: parsed(item, KEY, AccountId::try_new)?,
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
    let key = match update.lane {
        None => key(&update.account),
        Some(lane) => lane::key(&LaneId { account: update.account.clone(), lane }),
    };
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
