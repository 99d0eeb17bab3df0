//! What: A transfer: money that goes from one account to another.

use super::{AccountId, Amount, Currency};

/// Money that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The account that pays.
    pub debtor: &'a AccountId,
    /// The account that is paid.
    pub creditor: &'a AccountId,
    /// How much.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
}
