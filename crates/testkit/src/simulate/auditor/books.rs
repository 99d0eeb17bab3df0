//! What: The auditor's own accounts and its own rules. They are written again, in plain integers, and share nothing
//! with the code under test.

use super::super::limits::Limits;
use super::super::orders::AccountChange;

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulate) enum Standing {
    Open,
    Frozen,
    Closed,
}

impl Standing {
    pub(in crate::simulate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulate) struct Books {
    pub(in crate::simulate) currency: &'static str,
    pub(in crate::simulate) balance: i128,
    /// The lowest balance that it may have.
    pub(in crate::simulate) lowest: Option<i128>,
    pub(in crate::simulate) standing: Standing,
    /// How many lanes it takes its credits on.
    pub(in crate::simulate) lanes: u16,
    pub(in crate::simulate) limits: Limits,
    pub(in crate::simulate) owner: Option<&'static str>,
}

impl Books {
    /// Whether nothing depends on its balance, and its payments are taken from lanes. Then they have no order.
    pub(in super::super) fn commutes(&self) -> bool {
        self.lowest.is_none() && self.lanes > 0
    }

    /// The same account as a refund sees it: an overdraft pays for none.
    pub(in crate::simulate) fn free_money(&self) -> Self {
        Self { lowest: self.lowest.map(|lowest| lowest.max(0)), ..self.clone() }
    }

    /// Whether a lane may owe.
    pub(in super::super) fn lets_lanes_owe(&self) -> bool {
        self.lowest.is_none()
    }
}

/// Whether a command may be refused because its account isn't frozen: it rests on what lanes hold, and payments keep
/// changing that.
pub(in crate::simulate) fn may_be_too_busy(books: Option<&Books>, change: AccountChange) -> bool {
    books.is_some_and(|books| {
        let empties_lanes = matches!(change, AccountChange::Limits(to) if to.max_balance.is_some() && books.lanes > 0);
        let rests_on_lanes = match change {
            AccountChange::Limits(_) => return empties_lanes && books.standing == Standing::Open,
            AccountChange::Close => true,
            AccountChange::Limit(to) => to.is_some(),
            AccountChange::Open { .. }
            | AccountChange::Owner(_)
            | AccountChange::Freeze
            | AccountChange::Unfreeze
            | AccountChange::Lanes(_) => false,
        };
        rests_on_lanes && books.standing == Standing::Open && books.commutes()
    })
}

/// What the rules say about a payment: the balances after it, or the name of the reason.
pub(in crate::simulate) fn rule(
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
    let credited = creditor.balance.saturating_add(amount);
    if creditor.limits.max_balance.is_some_and(|most| credited > most.into()) {
        return Err("balance_limit");
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

/// Whether this reason holds for a payment, whether or not others do.
pub(in crate::simulate) fn holds(
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
        "balance_limit" => creditor
            .and_then(|books| books.limits.max_balance)
            .is_some_and(|most| balance(creditor, amount) > most.into()),
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

/// What the rules say about an account command: the account after it, or nothing if it changes nothing, or the name of
/// the refusal. `main` is the balance of its main item. `lanes_min` are the fewest lanes of a new account.
pub(in crate::simulate) fn ordered(
    books: Option<&Books>,
    change: AccountChange,
    main: i128,
    lanes_min: u16,
) -> Result<Option<Books>, &'static str> {
    let lowest = |limit: Option<u32>| limit.map(|limit| i128::from(limit).saturating_neg());
    let Some(books) = books else {
        let AccountChange::Open { currency, limit, lanes, owner } = change else { return Err("account_not_found") };
        let (standing, lanes) = (Standing::Open, lanes.max(lanes_min));
        return Ok(Some(Books {
            currency,
            balance: 0,
            lowest: lowest(limit),
            standing,
            lanes,
            limits: Limits::default(),
            owner,
        }));
    };
    let stands = books.standing;
    if stands == Standing::Closed {
        return if change == AccountChange::Close { Ok(None) } else { Err("account_closed") };
    }
    // The first limit looks at all that the account holds, any other one at the main item.
    let held = if books.lowest.is_none() { books.balance } else { main };
    let turned = |standing| (standing != stands).then(|| Books { standing, ..books.clone() });
    match change {
        AccountChange::Open { currency, limit, lanes, owner } => {
            let as_wanted = stands == Standing::Open
                && books.currency == currency
                && books.lowest == lowest(limit)
                && books.owner == owner
                && books.lanes >= lanes;
            if as_wanted { Ok(None) } else { Err("account_exists") }
        }
        AccountChange::Freeze => Ok(turned(Standing::Frozen)),
        AccountChange::Unfreeze => Ok(turned(Standing::Open)),
        AccountChange::Close if books.balance != 0 => Err("balance_not_zero"),
        AccountChange::Close => Ok(turned(Standing::Closed)),
        AccountChange::Limit(to) if lowest(to) == books.lowest => Ok(None),
        AccountChange::Limit(None) if !books.limits.is_none() => Err("limits_need_overdraft_limit"),
        AccountChange::Limits(to) if to == books.limits => Ok(None),
        AccountChange::Limits(to) if !to.is_none() && books.lowest.is_none() => Err("limits_need_overdraft_limit"),
        AccountChange::Limits(to) if to.max_balance.is_some_and(|most| books.balance > most.into()) => {
            Err("balance_above_limit")
        }
        AccountChange::Limits(to) => Ok(Some(Books { limits: to, ..books.clone() })),
        AccountChange::Limit(to) if lowest(to).is_some_and(|lowest| held < lowest) => Err("limit_below_balance"),
        AccountChange::Limit(to) => Ok(Some(Books { lowest: lowest(to), ..books.clone() })),
        AccountChange::Owner(owner) => Ok((owner != books.owner).then(|| Books { owner, ..books.clone() })),
        AccountChange::Lanes(lanes) => Ok((lanes > books.lanes).then(|| Books { lanes, ..books.clone() })),
    }
}
