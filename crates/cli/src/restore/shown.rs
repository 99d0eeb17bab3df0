//! What: Shows changes to a person, a line for each item.

use giro::domain::{Account, Balance, Lane, LegId};

use super::changes::{Changed, Changes};

/// A line for each item that is written or removed.
pub fn lines(changes: &Changes) -> impl Iterator<Item = String> + '_ {
    let payments = changes.payments.iter().map(|it| format!("payment {}: told, and missing", it.instruction.id()));
    let legs = changes.legs.iter().map(|leg| format!("leg {}: missing", leg.id));
    let stray_legs = changes.stray_legs.iter().map(|leg| format!("leg {leg}: its payment is missing, so it goes"));
    let stray_lanes = changes.stray_lanes.iter().map(|lane| format!("lane {}: of no account, so it goes", lane.id));
    let all = payments.chain(legs).chain(stray_legs).chain(changes.accounts.iter().map(account));
    all.chain(changes.lanes.iter().map(lane)).chain(stray_lanes).chain(changes.sums.iter().map(sum))
}

/// How many items of each sort there are.
#[must_use]
pub fn counts(changes: &Changes) -> String {
    let removed = changes.stray_legs.len().saturating_add(changes.stray_lanes.len());
    let counts = [
        (changes.payments.len(), "payments"),
        (changes.legs.len(), "legs"),
        (changes.accounts.len(), "accounts"),
        (changes.lanes.len(), "lanes"),
        (changes.sums.len(), "sums of refunds"),
    ];
    let counts = counts.map(|(count, of)| format!("{count} {of}")).join(", ");
    match changes.items() {
        0 => "nothing must change".to_owned(),
        _ => format!("to write: {counts}; to remove: {removed}"),
    }
}

fn balance(was: Option<Balance>, to: Balance) -> String {
    match was {
        None => format!("missing, balance {to}"),
        Some(was) if was == to => format!("balance {to}"),
        Some(was) => format!("balance {was} -> {to}"),
    }
}

fn account(Changed { was, to }: &Changed<Account>) -> String {
    let mut line = format!("account {}: {}", to.id, balance(was.as_ref().map(|was| was.balance), to.balance));
    let Some(was) = was else { return line };
    let terms = [
        (was.status != to.status, format!("status {} -> {}", was.status, to.status)),
        (was.overdraft_limit != to.overdraft_limit, "another overdraft limit".to_owned()),
        (was.credit_lanes != to.credit_lanes, format!("lanes {} -> {}", was.credit_lanes, to.credit_lanes)),
        (was.limits_version() != to.limits_version(), "other limits".to_owned()),
        (was.limits != to.limits && was.limits_version() == to.limits_version(), "windows".to_owned()),
    ];
    for (_, what) in terms.iter().filter(|(differs, _)| *differs) {
        line.push_str(", ");
        line.push_str(what);
    }
    line
}

fn lane(Changed { was, to }: &Changed<Lane>) -> String {
    format!("lane {}: {}", to.id, balance(was.as_ref().map(|was| was.balance), to.balance))
}

fn sum((id, Changed { was, to }): &(LegId, Changed<u64>)) -> String {
    format!("refunds of {id}: {} -> {to}", was.unwrap_or_default())
}
