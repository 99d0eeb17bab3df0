//! What: Reads an account command strictly: the value of a record on `account-commands`.
//!
//! Data: Takes a record's value. Gives a command, or [`Malformed`] with the field and what was expected of it.
//!
//! Fields are read by the rules of [`fields`]. A field that a command doesn't use is ignored like an unknown one:
//! `freeze` with a currency is a `freeze`.

use serde::Serialize;

use super::json::fields::{self, Fields, Malformed};
use super::json::raw::Json;
use super::kafka_event::Payload;
use super::limits::{self, WindowJson};
use crate::domain::account_command::{Action, Terms};
use crate::domain::credit_lanes::InvalidCreditLanes;
use crate::domain::money::{AMOUNT_MAX, InvalidAmount};
use crate::domain::principal::NONE;
use crate::domain::{
    AccountCommand, AccountId, Amount, CommandId, CreditLanes, Currency, Limits, OverdraftLimit, Principal, Timestamp,
};

/// Means no limit.
const UNLIMITED: &str = "unlimited";

/// Reads a record's value as a command.
///
/// # Errors
/// [`Malformed`]: what is wrong with the value as a whole, else with the first wrong field in the order of the
/// contract.
pub fn decode(value: &Payload) -> Result<AccountCommand, Malformed> {
    decode_json(fields::bytes(value)?)
}

/// Reads the JSON of a command.
///
/// # Errors
/// As [`decode`].
pub fn decode_json(json: &[u8]) -> Result<AccountCommand, Malformed> {
    let fields = CommandFields::read(json, &NAMES)?;
    let id = fields.required(COMMAND_ID, CommandId::try_new)?;
    let action = fields.required(COMMAND, |name| {
        let known = COMMANDS.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, action)| action).ok_or_else(|| format!("expected one of {}", Action::NAMES.join(", ")))
    })?;
    Ok(AccountCommand {
        id,
        account: fields.required(ACCOUNT_ID, AccountId::try_new)?,
        action: action(&fields)?,
        requested_at: fields.optional(REQUESTED_AT, Timestamp::parse)?,
    })
}

type CommandFields<'a> = Fields<'a, { NAMES.len() }>;

/// Reads the rest of a command whose name is known.
type Rest = fn(&CommandFields<'_>) -> Result<Action, Malformed>;

/// Each command's name, and the function that reads the rest of it.
const COMMANDS: [(&str, Rest); Action::NAMES.len()] = [
    ("open", open),
    ("set_overdraft_limit", set_overdraft_limit),
    ("freeze", |_| Ok(Action::Freeze)),
    ("unfreeze", |_| Ok(Action::Unfreeze)),
    ("close", |_| Ok(Action::Close)),
    ("add_lanes", |fields| fields.given(CREDIT_LANES, lanes(fields)?).map(Action::AddLanes)),
    ("set_limits", |fields| set_limits(fields).map(Action::SetLimits)),
    ("set_owner", |fields| set_owner(fields).map(Action::SetOwner)),
];

fn open(fields: &CommandFields<'_>) -> Result<Action, Malformed> {
    Ok(Action::Open(Terms {
        currency: fields.required(CURRENCY, Currency::try_new)?,
        overdraft_limit: limit(fields)?.unwrap_or(OverdraftLimit::Limited(0)),
        credit_lanes: lanes(fields)?.unwrap_or(CreditLanes::NONE),
        owner: fields.optional(OWNER, Principal::try_new)?,
    }))
}

fn set_overdraft_limit(fields: &CommandFields<'_>) -> Result<Action, Malformed> {
    fields.given(OVERDRAFT_LIMIT, limit(fields)?).map(Action::SetOverdraftLimit)
}

/// Limits that are missing are none.
fn set_limits(fields: &CommandFields<'_>) -> Result<Limits, Malformed> {
    let amount = |json: Json<'_>| json.get().parse().map_err(|_| InvalidAmount).and_then(Amount::try_new);
    Ok(Limits {
        max_payment: fields.optional_json(MAX_PAYMENT, amount)?,
        max_balance: fields.optional_json(MAX_BALANCE, limits::max_balance)?,
        windows: fields.optional_json(WINDOWS, limits::read_windows)?.unwrap_or_default(),
    })
}

/// The new owner. Nobody takes an owner away by forgetting a field, so `none` must stand there.
fn set_owner(fields: &CommandFields<'_>) -> Result<Option<Principal>, Malformed> {
    fields.required(OWNER, |text| if text == NONE { Ok(None) } else { Principal::try_new(text).map(Some) })
}

/// The limit: an integer of minor units in plain digits, or `"unlimited"`.
fn limit(fields: &CommandFields<'_>) -> Result<Option<OverdraftLimit>, Malformed> {
    fields.optional_json(OVERDRAFT_LIMIT, |json| {
        let limited = |json: &str| json.parse().ok().filter(|&limit| limit <= AMOUNT_MAX).map(OverdraftLimit::Limited);
        let limit = match json.text() {
            Some(text) => (text == UNLIMITED).then_some(OverdraftLimit::Unlimited),
            None => limited(json.get()),
        };
        limit.ok_or_else(|| format!("expected an integer of minor units, 0 to {AMOUNT_MAX}, or \"{UNLIMITED}\""))
    })
}

/// The number of lanes, in plain digits.
fn lanes(fields: &CommandFields<'_>) -> Result<Option<CreditLanes>, Malformed> {
    fields.optional_json(CREDIT_LANES, |json| {
        json.get().parse().map_err(|_| InvalidCreditLanes).and_then(CreditLanes::try_new)
    })
}

/// The fields, by their index in [`NAMES`].
const NAMES: [&str; 11] = [
    "command_id",
    "command",
    "account_id",
    "currency",
    "overdraft_limit",
    "credit_lanes",
    "max_payment",
    "max_balance",
    "windows",
    "owner",
    "requested_at",
];
const COMMAND_ID: usize = 0;
const COMMAND: usize = 1;
const ACCOUNT_ID: usize = 2;
const CURRENCY: usize = 3;
const OVERDRAFT_LIMIT: usize = 4;
const CREDIT_LANES: usize = 5;
const MAX_PAYMENT: usize = 6;
const MAX_BALANCE: usize = 7;
const WINDOWS: usize = 8;
const OWNER: usize = 9;
const REQUESTED_AT: usize = 10;

/// An overdraft limit, as a client writes it.
#[derive(Serialize)]
#[serde(untagged)]
enum Limit {
    Limited(u64),
    Unlimited(&'static str),
}

/// Writes a command, as a client does.
#[must_use]
pub fn encode(command: &AccountCommand) -> String {
    #[derive(Serialize)]
    struct Command<'a> {
        command_id: &'a str,
        command: &'a str,
        account_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        currency: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        overdraft_limit: Option<Limit>,
        #[serde(skip_serializing_if = "Option::is_none")]
        credit_lanes: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_payment: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_balance: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        windows: Option<Vec<WindowJson>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        requested_at: Option<String>,
    }
    let (currency, limit, lanes) = match &command.action {
        Action::Open(terms) => {
            let lanes = Some(terms.credit_lanes).filter(|lanes| !lanes.is_none());
            (Some(terms.currency.to_string()), Some(terms.overdraft_limit), lanes)
        }
        Action::SetOverdraftLimit(limit) => (None, Some(*limit), None),
        Action::AddLanes(lanes) => (None, None, Some(*lanes)),
        Action::Freeze | Action::Unfreeze | Action::Close | Action::SetLimits(_) | Action::SetOwner(_) => {
            (None, None, None)
        }
    };
    let taken = matches!(command.action, Action::SetOwner(None)).then_some(NONE);
    let limits = if let Action::SetLimits(limits) = &command.action { *limits } else { Limits::NONE };
    let command = Command {
        command_id: command.id.as_str(),
        command: command.action.name(),
        account_id: command.account.as_str(),
        currency,
        overdraft_limit: limit.map(|limit| match limit {
            OverdraftLimit::Limited(limit) => Limit::Limited(limit),
            OverdraftLimit::Unlimited => Limit::Unlimited(UNLIMITED),
        }),
        credit_lanes: lanes.map(CreditLanes::count),
        max_payment: limits.max_payment.map(Amount::minor_units),
        max_balance: limits.max_balance,
        windows: limits::windows(&limits),
        owner: command.action.owner().map(Principal::as_str).or(taken),
        requested_at: command.requested_at.map(|at| at.to_string()),
    };
    // Strings and integers always serialise.
    serde_json::to_string(&command).unwrap_or_default()
}
