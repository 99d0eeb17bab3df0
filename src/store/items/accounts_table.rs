//! What: What the main items of accounts and their lanes have in common. Both are in the accounts table.
//!
//! Data: Their key, the name of a status, and conditions on being there and on a balance.

use super::conditional::Conditional;
use super::n;
use crate::domain::AccountStatus;
use crate::domain::account_command::BalanceBound;

/// The key attribute.
pub const KEY: &str = "account_id";

/// The condition under which an item may be created.
pub const IS_NEW: &str = "attribute_not_exists(account_id)";

pub(super) const BALANCE_IS_SAME: &str = "balance = :balance";
/// Preconditions on balances: the item still holds at least, or at most, this much.
const BALANCE_AT_LEAST: &str = "balance >= :balance";
/// See [`BALANCE_AT_LEAST`].
const BALANCE_AT_MOST: &str = "balance <= :balance";

/// A status, by its name.
pub(super) fn status(name: &str) -> Result<AccountStatus, &'static str> {
    AccountStatus::from_name(name).ok_or("expected open, frozen or closed")
}

/// The condition that the balance of an item keeps this bound.
pub(super) fn bounded(conditional: Conditional<'_>, bound: BalanceBound) -> Conditional<'_> {
    let (part, balance) = match bound {
        BalanceBound::AtLeast(least) => (BALANCE_AT_LEAST, least),
        BalanceBound::AtMost(most) => (BALANCE_AT_MOST, most),
    };
    conditional.and(part).value(":balance", n(balance))
}
