//! What: The item of an account, and its update with conditions.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::accounts_table::{BALANCE_IS_SAME, IS_NEW, KEY, bounded, status};
use super::conditional::Conditional;
use super::{Item, flag, lane, limits, n, number, optional_number, optional_parsed, overdraft_limit, parsed, s};
use crate::domain::account_command::{AccountChange, Precondition};
use crate::domain::plan::AccountUpdate;
use crate::domain::{
    Account, AccountId, AccountLimits, AccountStatus, Balance, CreditLanes, Currency, OverdraftLimit, Principal,
    Timestamp,
};

/// How many lanes the account has. It is left out if there are none.
pub const CREDIT_LANES: &str = "credit_lanes";

/// Whether payments may be, or may have been, taken from its lanes. It is left out if not.
pub const LANE_DEBITS: &str = "lane_debits";

/// Until when payments that name the account wait. It is left out if they don't.
pub const PAUSED_UNTIL: &str = "paused_until";

/// Who may pay from it and read it over HTTP. It is left out if nobody owns it.
pub const OWNER: &str = "owner";

/// Makes an account count more lanes.
const COUNT_LANES: &str = "REMOVE paused_until SET version = version + :one, credit_lanes = :lanes";
/// Lets payments be taken from its lanes. It goes on one of the expressions that end with a `SET`.
const BEGIN_LANE_DEBITS: &str = ", lane_debits = :begin";
const APPLY: &str = "SET balance = balance + :net, version = version + :one";
/// The same for a payment on a lane. If the lane isn't there, this makes it, open and of the payment's currency.
const APPLY_OR_MAKE: &str = "ADD balance :net, version :one SET #status = :open, currency = :currency";
// The parts of an update's condition. `status` is a reserved word of DynamoDB.
const IS_OPEN_IN_CURRENCY: &str = "#status = :open AND currency = :currency";
const BALANCE_IS_ENOUGH: &str = "balance >= :balance_min";
const BALANCE_HOLDS_CREDITS: &str = "balance <= :balance_max";
const LIMIT_IS_SAME: &str = "overdraft_limit = :overdraft_limit";
const LIMIT_IS_ABSENT: &str = "attribute_not_exists(overdraft_limit)";
const VERSION_IS_SAME: &str = "version = :version";
// What account commands change, and the parts of their conditions.
const PAUSE: &str = "SET paused_until = :until";
const NEW_STATUS: &str = "REMOVE paused_until SET #status = :to, version = version + :one";
const NEW_LIMIT: &str =
    "REMOVE paused_until SET balance = balance + :net, version = version + :one, overdraft_limit = :limit";
const NO_LIMIT: &str = "REMOVE paused_until, overdraft_limit SET balance = balance + :net, version = version + :one";
const NEW_OWNER: &str = "REMOVE paused_until SET #owner = :owner, version = version + :one";
const NO_OWNER: &str = "REMOVE paused_until, #owner SET version = version + :one";
const STATUS_IS_SAME: &str = "#status = :status";
const LANES_ARE_SAME: &str = "credit_lanes = :was";
const OWNER_IS_SAME: &str = "#owner = :owner";
const OWNER_IS_ABSENT: &str = "attribute_not_exists(#owner)";
const LANES_ARE_ABSENT: &str = "attribute_not_exists(credit_lanes)";

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
    if account.lane_debits {
        item.insert(LANE_DEBITS.into(), AttributeValue::Bool(true));
    }
    if let Some(until) = account.paused_until {
        item.insert(PAUSED_UNTIL.into(), s(until));
    }
    if let Some(limits) = &account.limits {
        limits::insert_account(&mut item, limits);
    }
    if let Some(owner) = &account.owner {
        item.insert(OWNER.into(), s(owner));
    }
    item
}

/// Reads an account.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<Account, String> {
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
        overdraft_limit: overdraft_limit(item)?,
        version: number(item, "version")?,
        opened_at: parsed(item, "opened_at", Timestamp::parse)?,
        credit_lanes,
        lane_debits: flag(item, LANE_DEBITS)?,
        paused_until: optional_parsed(item, PAUSED_UNTIL, Timestamp::parse)?,
        limits: limits::decode_account(item)?,
        owner: optional_parsed(item, OWNER, Principal::try_new)?,
    })
}

/// The update or check of one account or lane in a transaction, with its conditions.
///
/// # Errors
/// If the action can't be built.
pub fn update(update: &AccountUpdate, table: &str) -> Result<TransactWriteItem, BuildError> {
    let key = update.lane_id().map_or_else(|| key(&update.account), |lane| lane::key(&lane));
    let mut write = Conditional::on(table)
        .returning()
        .and(IS_OPEN_IN_CURRENCY)
        .value(":open", s(AccountStatus::Open))
        .value(":currency", s(update.currency));
    if let Some(balance) = update.balance_min {
        write = write.and(BALANCE_IS_ENOUGH).value(":balance_min", n(balance));
    }
    if let Some(balance) = update.balance_max {
        write = write.and(BALANCE_HOLDS_CREDITS).value(":balance_max", n(balance));
    }
    if let Some(limit) = update.overdraft_limit {
        write = same_limit(write, limit);
    }
    if let Some(version) = update.version {
        write = same_version(write, version);
    }
    if let Some(version) = update.limits_version {
        write = limits::same_version(write, version);
    }
    if update.is_check() {
        return write.check(key);
    }
    let mut write = write.value(":net", n(update.net)).value(":one", n(1));
    let mut expression = if update.makes_lane() { APPLY_OR_MAKE } else { APPLY }.to_owned();
    if update.makes_lane() {
        write = write.and(lane::IS_NOT_SHUT).or_new(IS_NEW);
    }
    if update.takes_back {
        write = write.value(":yes", AttributeValue::Bool(true));
        expression.push_str(lane::TAKE_BACK);
    }
    if !update.windows.is_empty() {
        let (counting, counts) = limits::count(write, &update.windows);
        write = counting;
        expression.push_str(&counts);
    }
    write.update(key, &expression)
}

/// What an account command does to the account, in its transaction. `None` if it changes nothing.
///
/// # Errors
/// If the action can't be built.
pub fn change(change: &AccountChange, id: &AccountId, table: &str) -> Result<Option<TransactWriteItem>, BuildError> {
    let write = Conditional::on(table).returning();
    let changed = |status: AccountStatus| same_status(write.clone(), status).value(":one", n(1));
    let action = match change {
        AccountChange::Nothing => return Ok(None),
        AccountChange::Open(account) => write.and(IS_NEW).put(encode(account)),
        AccountChange::Pause(until) => {
            same_status(write, AccountStatus::Open).value(":until", s(until)).update(key(id), PAUSE)
        }
        AccountChange::Status { from, to, lanes, limits_version, balances, .. } => {
            let mut write = same_lanes(changed(*from), *lanes).value(":to", s(to));
            write = limits::same_version(write, *limits_version);
            if let Some(balance) = balances.as_ref().and_then(|balances| balances.first()) {
                write = write.and(BALANCE_IS_SAME).value(":balance", n(balance));
            }
            write.update(key(id), NEW_STATUS)
        }
        AccountChange::Lanes { account, to } => {
            let write = same_lanes(changed(account.status), account.credit_lanes).value(":lanes", n(to));
            updated(limits::same_version(write, account.limits_version()), change, COUNT_LANES, id)
        }
        AccountChange::Owner { from, to } => match to {
            Some(owner) => changed(*from).value(":owner", s(owner)).update(key(id), NEW_OWNER),
            None => changed(*from).update(key(id), NO_OWNER),
        },
        AccountChange::Limits { account, to, .. } => {
            let write = on_terms(changed(account.status), account, change);
            let after = AccountLimits::replaced(account.limits.as_deref(), *to);
            let (write, set, remove) = limits::replace(write, &after);
            write.update(key(id), &format!("REMOVE paused_until{remove} {APPLY}{set}"))
        }
        AccountChange::Limit { account, to, .. } => {
            let write = on_terms(changed(account.status), account, change);
            match to {
                OverdraftLimit::Unlimited => updated(write, change, NO_LIMIT, id),
                OverdraftLimit::Limited(limit) => updated(write.value(":limit", n(limit)), change, NEW_LIMIT, id),
            }
        }
    };
    action.map(Some)
}

/// The conditions of a change that rests on what the account is, and on what it holds.
fn on_terms<'t>(write: Conditional<'t>, account: &Account, change: &AccountChange) -> Conditional<'t> {
    let mut write = same_lanes(write, account.credit_lanes);
    write = same_limit(write, account.overdraft_limit).value(":net", n(change.gives()));
    write = limits::same_version(write, account.limits_version());
    let (least, most) = change.balance_bounds();
    if let Some(least) = least {
        write = write.and(BALANCE_IS_ENOUGH).value(":balance_min", n(least));
    }
    if let Some(most) = most {
        write = write.and(BALANCE_HOLDS_CREDITS).value(":balance_max", n(most));
    }
    write
}

/// The update of a change that may let payments be taken from the account's lanes.
fn updated(
    write: Conditional<'_>,
    change: &AccountChange,
    expression: &str,
    id: &AccountId,
) -> Result<TransactWriteItem, BuildError> {
    match change.begins_lane_debits() {
        true => {
            let write = write.value(":begin", AttributeValue::Bool(true));
            write.update(key(id), &format!("{expression}{BEGIN_LANE_DEBITS}"))
        }
        false => write.update(key(id), expression),
    }
}

/// The check that the account's main item fulfils a command's preconditions.
///
/// # Errors
/// If the action can't be built.
pub fn check(precondition: &Precondition, id: &AccountId, table: &str) -> Result<TransactWriteItem, BuildError> {
    let check = Conditional::on(table).returning();
    let Some(account) = &precondition.main else { return check.and(IS_NEW).check(key(id)) };
    let mut check = same_lanes(same_status(check, account.status), account.credit_lanes);
    check = same_limit(check, account.overdraft_limit);
    check = limits::same_version(check, account.limits_version());
    check = match &account.owner {
        Some(owner) => check.and(OWNER_IS_SAME).value(":owner", s(owner)),
        None => check.and(OWNER_IS_ABSENT),
    };
    if let Some(bound) = precondition.balance {
        check = bounded(check, bound);
    }
    if precondition.same_version {
        check = same_version(check, account.version);
    }
    check.check(key(id))
}

fn same_status(conditional: Conditional<'_>, status: AccountStatus) -> Conditional<'_> {
    conditional.and(STATUS_IS_SAME).value(":status", s(status))
}

fn same_lanes(conditional: Conditional<'_>, lanes: CreditLanes) -> Conditional<'_> {
    match lanes.is_none() {
        true => conditional.and(LANES_ARE_ABSENT),
        false => conditional.and(LANES_ARE_SAME).value(":was", n(lanes)),
    }
}

fn same_limit(conditional: Conditional<'_>, limit: OverdraftLimit) -> Conditional<'_> {
    match limit {
        OverdraftLimit::Limited(limit) => conditional.and(LIMIT_IS_SAME).value(":overdraft_limit", n(limit)),
        OverdraftLimit::Unlimited => conditional.and(LIMIT_IS_ABSENT),
    }
}

fn same_version(conditional: Conditional<'_>, version: u64) -> Conditional<'_> {
    conditional.and(VERSION_IS_SAME).value(":version", n(version))
}
