//! What: The store of accounts, payments and dead letters: the ports, and DynamoDB behind them.
//!
//! - [`Ledger`]: all that settling a batch needs, and nothing more.
//! - [`LedgerQueries`]: reads whole items for people and the audit.
//! - [`TableScan`]: scans whole tables, a page at a time, for the audit beside payments in flight.
//! - [`PostingLists`]: the postings of single accounts, for the audit of those that moved.
//! - [`Checkpoints`]: what audits have proved. [`ProvedBalances`]: reads it, of single accounts.
//! - [`AccountLedger`]: all that applying account commands needs. [`CommandQueries`]: reads their records.
//! - [`Redrive`]: marks a dead letter as published again.
//! - [`Statements`]: pages of an account's postings.
//!
//! [`dynamodb`] is the adapter. [`items`] holds its codec, keys and named conditions. `crates/testkit` has a store in
//! memory with the same conditions, which can inject errors.
//!
//! Invariants: Every write is conditional, so that a second write changes nothing. An adapter makes one call for one
//! method and never retries, because the caller holds the deadline and the backoff. No business rule is here, and
//! nothing here knows the wire.

mod checkpoints;
pub mod dynamodb;
pub mod items;
mod posting_lists;
mod proved_balances;
mod read;
mod scan;

use std::future::Future;

pub use checkpoints::{Checkpoints, HEADS_WRITTEN_MAX, NewHead, Newest, Proved, ScannedHead};
pub use posting_lists::{PostingLists, Span};
pub use proved_balances::{CHECKPOINTS_READ_MAX, ProvedBalances};
pub use read::{AccountRead, LaneRead, NotRead, PaymentRead, Read, TotalRead};
pub use scan::{ScanPage, ScannedItem, Segment, Table, TableScan};

use crate::domain::account_command::{CommandStep, RecordedCommand};
use crate::domain::plan::Transaction;
use crate::domain::statement;
use crate::domain::{
    AccountId, CommandId, DeadLetter, DeadLetterId, Holding, Lane, LaneId, LegId, PaymentId, Recorded, Source,
};

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Accounts and their lanes, by `account_id`.
    pub accounts: String,
    /// Payments and refunds, by `payment_id`.
    pub payments: String,
    /// The sums of refunds, by the `payment_id` of the original.
    pub refunds: String,
    /// Dead letters, by `source` (the dead letter's name) and `part`.
    pub dead_letters: String,
    /// Account commands, by `command_id`.
    pub account_commands: String,
    /// Checkpoints, by `account_id` and `as_of`.
    pub checkpoints: String,
    /// The newest checkpoint of each account, by `account_id`.
    pub audit_heads: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            accounts: "accounts".into(),
            payments: "payments".into(),
            refunds: "refunds".into(),
            dead_letters: "dead-letters".into(),
            account_commands: "account-commands".into(),
            checkpoints: "checkpoints".into(),
            audit_heads: "audit-heads".into(),
        }
    }
}

/// The most accounts, lanes, payments or sums of refunds that one read takes. Source: DynamoDB `BatchGetItem`, 100
/// keys.
pub const READ_ITEMS_MAX: usize = 100;

/// Why the store could not read or write. It isn't a business answer: the caller tries again within its deadline, then
/// reports the records as failed. `Display` has no data of an account holder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another transaction in flight holds an item of this one.
    #[error("another transaction in flight holds an item of this one")]
    Conflict,
    /// The store asks to slow down.
    #[error("the store asks to slow down: {0}")]
    Throttled(String),
    /// The store can't be reached or gave no answer. The write may or may not have happened.
    #[error("the store gave no answer: {0}")]
    Unavailable(String),
    /// The store has no such table. A running deployment may still create it.
    #[error(
        "DynamoDB has no table {0}. Check that the stack exists, in this account and region, and that this is the table's name"
    )]
    NoTable(String),
    /// This version can't read a stored item. Another try helps only once somebody has mended the item, so the
    /// partition must stop.
    #[error("a stored item can't be read: {0}")]
    Corrupt(String),
    /// The store refuses a request because this code built it wrong. Another try won't help, and the partition must
    /// stop.
    #[error("the store refuses a request as it was asked for: {0}")]
    Rejected(String),
}

impl StoreError {
    /// The error in one word: the stable name in logs and alarms.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) | Self::NoTable(_) => "unavailable",
            Self::Corrupt(_) => "corrupt",
            Self::Rejected(_) => "rejected",
        }
    }

    /// Whether the error passes by itself, so that the same request may soon succeed.
    #[must_use]
    pub const fn passes(&self) -> bool {
        match self {
            Self::Conflict | Self::Throttled(_) | Self::Unavailable(_) | Self::NoTable(_) => true,
            Self::Corrupt(_) | Self::Rejected(_) => false,
        }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one for a transaction, and it is looked at once")]
pub enum Commit {
    /// All of it happened.
    Applied,
    /// None of it happened.
    Cancelled(Cancelled),
}

/// Why a transaction was cancelled: every item whose condition failed, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cancelled {
    /// Entries (by index in [`Transaction::entries`]) whose payment id already has an outcome, and that outcome. If it
    /// can't be read, the text says what was expected.
    pub duplicates: Vec<(usize, Result<Recorded, String>)>,
    /// Updates of accounts (by index in [`Transaction::updates`]) whose condition failed, and the account as it is now.
    /// Never [`AccountRead::Unread`].
    pub accounts: Vec<(usize, AccountRead)>,
    /// The same for updates of lanes.
    pub lanes: Vec<(usize, LaneRead)>,
    /// Originals (by index in [`Transaction::totals`]) whose refunds would exceed them, and the sum of their refunds
    /// now. Never [`TotalRead::Unread`].
    pub totals: Vec<(usize, TotalRead)>,
    /// Updates (by index in [`Transaction::updates`]) whose item another transaction in flight holds.
    pub busy: Vec<usize>,
    /// The writes that the store rejects, if any.
    pub rejected: Option<Rejected>,
    /// Set if an item was busy, throttled or not reached.
    pub transient: Option<StoreError>,
}

/// Writes that the store refuses, whatever their items hold, because this code built them wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// Entries, by index in [`Transaction::entries`].
    pub entries: Vec<usize>,
    /// Updates, by index in [`Transaction::updates`].
    pub updates: Vec<usize>,
    /// Originals, by index in [`Transaction::totals`].
    pub totals: Vec<usize>,
    /// Why, without any value.
    pub why: String,
}

/// What became of a step of a decided command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "commands are few, and each answer is looked at once")]
pub enum CommandCommit {
    /// All of it happened.
    Applied,
    /// None of it happened.
    Cancelled(CancelledCommand),
}

/// Why a command's transaction was cancelled: the items whose condition failed, as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CancelledCommand {
    /// The record that the command's id already has. If it can't be read, the text says what was expected.
    pub duplicate: Option<Result<RecordedCommand, String>>,
    /// The account's main item as it is now, if its condition failed. Never [`AccountRead::Unread`].
    pub account: Option<AccountRead>,
    /// Whether the condition of a lane failed.
    pub lanes: bool,
    /// Set if an item was busy, throttled or not reached.
    pub transient: Option<StoreError>,
}

/// How often the store was called since it was made, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Read calls.
    pub read_calls: u64,
    /// Transactions sent, the cancelled ones among them.
    pub transactions: u64,
    /// Transactions cancelled.
    pub cancelled: u64,
    /// Single-item writes sent.
    pub puts: u64,
    /// Read units, in thousandths of a DynamoDB read request unit.
    pub read_milliunits: u64,
    /// Write units, in thousandths of a DynamoDB write request unit. Those of a cancelled transaction are not counted,
    /// because DynamoDB doesn't report them.
    pub write_milliunits: u64,
}

impl Usage {
    /// Every call.
    #[must_use]
    pub const fn calls(self) -> u64 {
        self.read_calls.saturating_add(self.transactions).saturating_add(self.puts)
    }
}

/// All that settling a batch needs.
pub trait Ledger: Sync {
    /// Reads at most [`READ_ITEMS_MAX`] different accounts in one call, strongly consistent. The answer is in the
    /// order of `ids`.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_accounts(&self, ids: &[&AccountId]) -> impl Future<Output = Result<Vec<AccountRead>, StoreError>> + Send;

    /// Reads at most [`READ_ITEMS_MAX`] different lanes in one call, strongly consistent. The answer is in the order
    /// of `ids`.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_lanes(&self, ids: &[&LaneId]) -> impl Future<Output = Result<Vec<LaneRead>, StoreError>> + Send;

    /// Reads at most [`READ_ITEMS_MAX`] different payments in one call, strongly consistent. The answer is in the order
    /// of `ids`.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_payments(&self, ids: &[&PaymentId]) -> impl Future<Output = Result<Vec<PaymentRead>, StoreError>> + Send;

    /// Reads at most [`READ_ITEMS_MAX`] different sums of refunds in one call, strongly consistent. The answer is in
    /// the order of `ids`. A sum that is missing is zero.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_totals(&self, ids: &[&LegId]) -> impl Future<Output = Result<Vec<TotalRead>, StoreError>> + Send;

    /// Commits all of a transaction, or nothing, and then gives the reasons.
    ///
    /// # Errors
    /// [`StoreError`] if the result is unknown or the whole call was refused. After an `Unavailable` the transaction
    /// may still happen, even later. Only the payment's own item tells.
    fn commit(&self, transaction: &Transaction<'_>) -> impl Future<Output = Result<Commit, StoreError>> + Send;

    /// Stores a dead letter under the name that [`DeadLetter::id`] gives. The same record again is the same dead
    /// letter. If the dead letter still waits for a redrive, nothing changes. If it was redriven, it waits again, with
    /// the new reason and time. Another record is another dead letter, also at the same place.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be stored.
    fn write_dead_letter(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How often the store was called so far, and what that cost.
    fn usage(&self) -> Usage;
}

/// Strongly consistent reads of whole items, for people and the audit. Lists are in the order of the items' ids.
pub trait LedgerQueries: Sync {
    /// One account with its lanes.
    fn account(&self, id: &AccountId) -> impl Future<Output = Result<Option<Holding>, StoreError>> + Send;
    /// Every account with its lanes.
    fn accounts(&self) -> impl Future<Output = Result<Vec<Holding>, StoreError>> + Send;
    /// Every lane that no account counts. Adding very many lanes to a frozen account leaves such lanes behind if it
    /// stops half-way.
    fn stray_lanes(&self) -> impl Future<Output = Result<Vec<Lane>, StoreError>> + Send;
    /// One payment.
    fn payment(&self, id: &PaymentId) -> impl Future<Output = Result<Option<Recorded>, StoreError>> + Send;
    /// A sum of refunds, in minor units.
    fn refunded(&self, id: &LegId) -> impl Future<Output = Result<u64, StoreError>> + Send;
    /// All sums of refunds, by their ids.
    fn refunds(&self) -> impl Future<Output = Result<Vec<(LegId, u64)>, StoreError>> + Send;
    /// Every payment.
    fn payments(&self) -> impl Future<Output = Result<Vec<Recorded>, StoreError>> + Send;
    /// One dead letter, its parts joined.
    fn dead_letter(&self, id: &DeadLetterId) -> impl Future<Output = Result<Option<DeadLetter>, StoreError>> + Send;
    /// Every dead letter whose record stood at this place, its parts joined, in the order of [`DeadLetterId`]. It scans
    /// the whole table, and costs as much as [`dead_letters`](Self::dead_letters).
    fn dead_letters_at(&self, place: &Source) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;
    /// Every dead letter, its parts joined, in the order of [`DeadLetterId`].
    fn dead_letters(&self) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;
}

/// Pages of an account's postings, from lists that are a little behind the payments.
pub trait Statements: Sync {
    /// One page, of the account as it was read. Each lane that is there has lists of its own.
    ///
    /// # Errors
    /// [`StoreError`] if the page can't be read.
    fn statement(
        &self,
        holding: &Holding,
        ask: &statement::StatementQuery,
    ) -> impl Future<Output = Result<statement::StatementPage, StoreError>> + Send;
}

/// Marking dead letters as redriven.
pub trait Redrive: Sync {
    /// Marks a dead letter as redriven. `false` if there is no such dead letter, or if it was marked before.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be marked.
    fn mark_redriven(&self, id: &DeadLetterId) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// All that applying account commands needs.
pub trait AccountLedger: Ledger {
    /// Commits a step of a decided command, if the command's id has no record and the step's conditions hold. All of it
    /// happens, or nothing, and then the answer gives the reasons. The last step writes the record.
    ///
    /// # Errors
    /// [`StoreError`] if the result is unknown or the whole call was refused. After an `Unavailable` the transaction
    /// may still happen, even later. Only the command's own record tells.
    fn commit_command(&self, step: &CommandStep<'_>) -> impl Future<Output = Result<CommandCommit, StoreError>> + Send;
}

/// Strongly consistent reads of the records of account commands.
pub trait CommandQueries: Sync {
    /// One command; `None` while it has no record.
    fn command(&self, id: &CommandId) -> impl Future<Output = Result<Option<RecordedCommand>, StoreError>> + Send;
    /// Every command, in the order in which they were decided.
    fn commands(&self) -> impl Future<Output = Result<Vec<RecordedCommand>, StoreError>> + Send;
}

/// Sorts commands by the time of decision, and at equal times by their order in the topic.
pub fn in_deciding_order(commands: &mut [RecordedCommand]) {
    commands.sort_by(|a, b| (a.decided_at, &a.source, &a.command.id).cmp(&(b.decided_at, &b.source, &b.command.id)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_one_name_and_passes_or_not() {
        let why = || "why".to_owned();
        for (error, name, passes) in [
            (StoreError::Conflict, "conflict", true),
            (StoreError::Throttled(why()), "throttled", true),
            (StoreError::Unavailable(why()), "unavailable", true),
            (StoreError::NoTable(why()), "unavailable", true),
            (StoreError::Corrupt(why()), "corrupt", false),
            (StoreError::Rejected(why()), "rejected", false),
        ] {
            assert_eq!((error.name(), error.passes()), (name, passes));
        }
    }

    #[test]
    fn every_call_counts_once() {
        let usage = Usage {
            read_calls: 1,
            transactions: 20,
            // Of the twenty transactions.
            cancelled: 7,
            puts: 300,
            read_milliunits: 5_000,
            write_milliunits: 6_000,
        };
        assert_eq!(usage.calls(), 321);
    }
}
