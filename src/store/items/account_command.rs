//! What: The item of an account command: the command and the answer. It is written once and never changed.

use super::account::{CREDIT_LANES, OWNER};
use super::{
    Item, fingerprint, insert_source, limits, n, optional_number, optional_parsed, optional_text, overdraft_limit,
    parsed, s, source, text,
};
use crate::domain::account_command::{Action, DecidedCommand, RecordedCommand, Terms, status_of};
use crate::domain::{
    AccountCommand, AccountId, CommandId, CreditLanes, Currency, OverdraftLimit, Principal, Refusal, Timestamp,
};

/// The key attribute.
pub const KEY: &str = "command_id";

/// The condition under which a command may be written: no command of its id exists. It alone guards idempotency, and
/// never expires.
pub const IS_NEW: &str = "attribute_not_exists(command_id)";

/// A command's key.
#[must_use]
pub fn key(id: &CommandId) -> Item {
    Item::from([(KEY.into(), s(id))])
}

/// Writes a command with its answer. As in the accounts table, an absent `overdraft_limit` means no limit, and an
/// absent `credit_lanes` means no lanes, and an absent `owner` means nobody.
#[must_use]
pub fn encode(decided: &DecidedCommand<'_>) -> Item {
    let (command, source) = (&decided.request.command, &decided.request.source);
    let mut item = key(&command.id);
    item.insert("account_id".into(), s(&command.account));
    item.insert("command".into(), s(command.action.name()));
    let (limit, lanes) = match &command.action {
        Action::Open(terms) => {
            item.insert("currency".into(), s(terms.currency));
            (Some(terms.overdraft_limit), terms.credit_lanes)
        }
        Action::SetOverdraftLimit(limit) => (Some(*limit), CreditLanes::NONE),
        Action::AddLanes(lanes) => (None, *lanes),
        Action::SetLimits(to) => {
            limits::insert(&mut item, to);
            (None, CreditLanes::NONE)
        }
        Action::Freeze | Action::Unfreeze | Action::Close | Action::SetOwner(_) => (None, CreditLanes::NONE),
    };
    if !lanes.is_none() {
        item.insert(CREDIT_LANES.into(), n(lanes));
    }
    if let Some(OverdraftLimit::Limited(limit)) = limit {
        item.insert("overdraft_limit".into(), n(limit));
    }
    if let Some(owner) = command.action.owner() {
        item.insert(OWNER.into(), s(owner));
    }
    if let Some(requested_at) = command.requested_at {
        item.insert("requested_at".into(), s(requested_at));
    }
    item.insert("status".into(), s(status_of(decided.decision())));
    if let Err(refusal) = decided.decision() {
        item.insert("reason".into(), s(refusal));
    }
    item.insert("decided_at".into(), s(decided.decided_at));
    item.insert("fingerprint".into(), s(command.fingerprint()));
    insert_source(&mut item, source);
    item
}

/// Reads a command with its answer.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<RecordedCommand, String> {
    let refusal = |name: &str| Refusal::from_name(name).ok_or("expected the name of a refusal");
    let decision = match (text(item, "status")?, optional_text(item, "reason")?) {
        ("applied", None) => Ok(()),
        ("refused", Some(_)) => Err(parsed(item, "reason", refusal)?),
        _ => return Err("status: expected applied without a reason, or refused with one".into()),
    };
    let limit = overdraft_limit(item)?;
    let lanes = CreditLanes::try_new(optional_number(item, CREDIT_LANES)?.unwrap_or_default())
        .map_err(|expected| format!("{CREDIT_LANES}: {expected}"))?;
    let owner = optional_parsed(item, OWNER, Principal::try_new)?;
    let action = match text(item, "command")? {
        "open" => Action::Open(Terms {
            currency: parsed(item, "currency", Currency::try_new)?,
            overdraft_limit: limit,
            credit_lanes: lanes,
            owner,
        }),
        "set_overdraft_limit" => Action::SetOverdraftLimit(limit),
        "freeze" => Action::Freeze,
        "unfreeze" => Action::Unfreeze,
        "close" => Action::Close,
        "add_lanes" => Action::AddLanes(lanes),
        "set_owner" => Action::SetOwner(owner),
        "set_limits" => Action::SetLimits(limits::decode(item)?),
        _ => return Err(format!("command: expected one of {}", Action::NAMES.join(", "))),
    };
    Ok(RecordedCommand {
        command: AccountCommand {
            id: parsed(item, KEY, CommandId::try_stored)?,
            account: parsed(item, "account_id", AccountId::try_stored)?,
            action,
            requested_at: optional_parsed(item, "requested_at", Timestamp::parse)?,
        },
        decision,
        decided_at: parsed(item, "decided_at", Timestamp::parse)?,
        source: source(item)?,
        fingerprint: fingerprint(item)?,
    })
}
