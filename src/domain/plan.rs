//! Plans decisions into as few transactions as they fit in.
use super::{AccountId, Currency, OverdraftLimit, Request, Timestamp, Verdict};

/// The most items one transaction may write. Source: DynamoDB `TransactWriteItems`, 100 actions.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// A set of writes that happen together or not at all: one Put a payment, one Update an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The payments that it gives an outcome. Each is written only if no payment of that id exists.
    pub entries: Vec<Entry<'a>>,
    /// The accounts that it changes, each once.
    pub updates: Vec<AccountUpdate<'a>>,
    /// When the entries were decided.
    pub decided_at: Timestamp,
}

/// A payment and the outcome that a transaction gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The payment and its record.
    pub request: &'a Request,
    /// The answer.
    pub verdict: Verdict,
}

/// The change of one account in a transaction, and what must still be true of the account for it to happen.
///
/// Status `open` and the currency are always conditions; the others where they are `Some`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUpdate<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// What is added to the balance, in minor units (below zero: taken from it). The version rises by one.
    pub net: i128,
    /// Condition: the account's currency.
    pub currency: Currency,
    /// Condition: the overdraft limit is this one; where the decisions rest on it, because the account is debited.
    pub overdraft_limit: Option<OverdraftLimit>,
    /// Condition: the balance before is at least this, so that the worst prefix of the debits stays within the limit.
    pub balance_min: Option<i128>,
    /// Condition: the balance before is at most this, so that no prefix of the credits passes what a balance can hold.
    pub balance_max: Option<i128>,
    /// Condition: the version is exactly this; where a decline rests on the balance that this update changes.
    pub version: Option<u64>,
}
