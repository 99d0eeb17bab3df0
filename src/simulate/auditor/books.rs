//! Accounts as the auditor keeps them, and the rules as it knows them: written again, in plain integers, and sharing
//! nothing with the code under test.

use super::super::workload::Change;

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Standing {
    Open,
    Frozen,
    Closed,
}

impl Standing {
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Books {
    pub(in super::super) currency: &'static str,
    pub(in super::super) balance: i128,
    /// The lowest balance that it may have.
    pub(in super::super) lowest: Option<i128>,
    pub(in super::super) standing: Standing,
}

/// What the rules say to a payment: the balances after it, or the name of the reason.
pub(super) fn rule(
    asked: (&str, &str, i128, &str),
    debtor: Option<&Books>,
    creditor: Option<&Books>,
) -> Result<(i128, i128), &'static str> {
    let (debtor_id, creditor_id, amount, currency) = asked;
    if debtor_id == creditor_id {
        return Err("same_account");
    }
    let Some(debtor) = debtor else { return Err("debtor_not_found") };
    let Some(creditor) = creditor else { return Err("creditor_not_found") };
    for (books, standing, reason) in [
        (debtor, Standing::Closed, "debtor_closed"),
        (creditor, Standing::Closed, "creditor_closed"),
        (debtor, Standing::Frozen, "debtor_frozen"),
        (creditor, Standing::Frozen, "creditor_frozen"),
    ] {
        if books.standing == standing {
            return Err(reason);
        }
    }
    if debtor.currency != currency || creditor.currency != currency {
        return Err("currency_mismatch");
    }
    let (debited, credited) = (debtor.balance.saturating_sub(amount), creditor.balance.saturating_add(amount));
    if debited < i128::from(i64::MIN) || credited > i128::from(i64::MAX) {
        return Err("balance_overflow");
    }
    if debtor.lowest.is_some_and(|lowest| debited < lowest) {
        return Err("insufficient_funds");
    }
    Ok((debited, credited))
}

/// Whether this reason holds of a payment, whatever other reasons do.
pub(super) fn holds(
    reason: &str,
    asked: (&str, &str, i128, &str),
    debtor: Option<&Books>,
    creditor: Option<&Books>,
) -> bool {
    let (debtor_id, creditor_id, amount, currency) = asked;
    let is = |books: Option<&Books>, standing| books.is_some_and(|books| books.standing == standing);
    let balance = |books: Option<&Books>, net: i128| books.map_or(0, |books| books.balance.saturating_add(net));
    match reason {
        "same_account" => debtor_id == creditor_id,
        "debtor_not_found" => debtor.is_none(),
        "creditor_not_found" => creditor.is_none(),
        "debtor_closed" => is(debtor, Standing::Closed),
        "creditor_closed" => is(creditor, Standing::Closed),
        "debtor_frozen" => is(debtor, Standing::Frozen),
        "creditor_frozen" => is(creditor, Standing::Frozen),
        "currency_mismatch" => [debtor, creditor].into_iter().flatten().any(|books| books.currency != currency),
        "balance_overflow" => {
            balance(debtor, amount.saturating_neg()) < i128::from(i64::MIN)
                || balance(creditor, amount) > i128::from(i64::MAX)
        }
        "insufficient_funds" => debtor
            .and_then(|books| books.lowest)
            .is_some_and(|lowest| balance(debtor, amount.saturating_neg()) < lowest),
        _ => false,
    }
}

/// What an account is after a change; none if the change isn't allowed, or changes nothing.
pub(in super::super) fn changed(books: Option<&Books>, change: Change) -> Option<Books> {
    let opened = || Books { currency: "EUR", balance: 0, lowest: Some(0), standing: Standing::Open };
    let Some(books) = books else { return (change == Change::Open).then(opened) };
    let after = match (change, books.standing) {
        (Change::Freeze, Standing::Open) => Books { standing: Standing::Frozen, ..books.clone() },
        (Change::Unfreeze, Standing::Frozen) => Books { standing: Standing::Open, ..books.clone() },
        (Change::Close, Standing::Open | Standing::Frozen) if books.balance == 0 => {
            Books { standing: Standing::Closed, ..books.clone() }
        }
        // A limit that the balance already breaks is refused.
        (Change::Limit(limit), Standing::Open | Standing::Frozen)
            if books.lowest.is_some() && books.balance >= i128::from(limit).saturating_neg() =>
        {
            Books { lowest: Some(i128::from(limit).saturating_neg()), ..books.clone() }
        }
        (Change::Open | Change::Freeze | Change::Unfreeze | Change::Close | Change::Limit(_), _) => return None,
    };
    (after != *books).then_some(after)
}
