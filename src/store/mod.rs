//! Where accounts, payments and dead letters live: the ports, and DynamoDB behind them.
//!
//! - [`Ledger`]: all that settling a batch needs, and nothing more.
//! - [`Inspect`]: whole-item reads for people and the audit.
//! - [`Survey`]: whole tables, a page at a time, for the audit beside payments in flight.
//! - [`AccountLedger`]: all that applying account commands needs; [`Commands`]: reading their records.
//! - [`Redrive`]: noting that a dead letter was published again.
//! - [`Statements`]: pages of an account's postings.
//!
//! [`dynamodb`] is the adapter; [`items`] holds its codec, keys and named conditions. `crates/testkit` holds the same
//! conditions in memory, with seeded faults.
//!
//! Invariants: every write is conditional, so that doing it again changes nothing; an adapter makes one call for one
//! method and never retries, because the caller holds the deadline and the backoff. No business rule lives here, and
//! nothing here knows the wire.

pub mod dynamodb;
pub mod items;
mod read;
mod survey;

use std::future::Future;

pub use read::{AccountRead, LaneRead, Read, Together};
pub use survey::{Page, Segment, Survey, Surveyed, Table};

use crate::domain::account_command::{CommandStep, RecordedCommand};
use crate::domain::plan::Transaction;
use crate::domain::statement;
use crate::domain::{
    AccountId, CommandId, CreditLanes, DeadLetter, Holding, Lane, LaneId, LetterId, PaymentId, Recorded, Source,
};

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Accounts and their lanes, by `account_id`.
    pub accounts: String,
    /// Payments, by `payment_id`.
    pub payments: String,
    /// Dead letters, by `source` (the letter's name) and `part`.
    pub dead_letters: String,
    /// Account commands, by `command_id`.
    pub account_commands: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            accounts: "accounts".into(),
            payments: "payments".into(),
            dead_letters: "dead-letters".into(),
            account_commands: "account-commands".into(),
        }
    }
}

/// The most accounts or lanes one read takes. Source: DynamoDB `BatchGetItem`, 100 keys.
pub const READ_ACCOUNTS_MAX: usize = 100;

/// Why the store could not know or write. Not a business answer: the caller tries again within its deadline, then
/// reports the records as failed. `Display` carries no account holder's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another transaction in flight holds an item of this one.
    #[error("another transaction in flight holds an item of this one")]
    Conflict,
    /// The store asks to slow down.
    #[error("the store asks to slow down: {0}")]
    Throttled(String),
    /// The store can't be reached or gave no answer: what was asked may or may not have happened.
    #[error("the store gave no answer: {0}")]
    Unavailable(String),
    /// The store has no such table. A deployment under way may still make it.
    #[error(
        "DynamoDB has no table {0}. Check that the stack exists, in this account and region, and that this is the table's name"
    )]
    NoTable(String),
    /// A stored item is not what this version can read. Trying again helps only once somebody has mended it; its
    /// partition must stop.
    #[error("a stored item can't be read: {0}")]
    Corrupt(String),
    /// The store refuses a request as it was asked for. That is our own fault: trying again won't help, and its
    /// partition must stop.
    #[error("the store refuses a request as it was asked for: {0}")]
    Rejected(String),
}

impl StoreError {
    /// The fault in one word: the stable name that logs and alarms know it by.
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

    /// Whether it passes by itself, so that the same request may go well a moment later.
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
pub enum Commit {
    /// All of it happened.
    Applied,
    /// None of it happened.
    Cancelled(Cancelled),
}

/// Why a transaction was cancelled: every item that stood in the way, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cancelled {
    /// Entries (by index in [`Transaction::entries`]) whose payment id already has an outcome, and that outcome; the
    /// text says what was expected where the stored one can't be read.
    pub duplicates: Vec<(usize, Result<Recorded, String>)>,
    /// Updates of accounts (by index in [`Transaction::updates`]) whose condition failed, and the account as it is now.
    /// Never [`AccountRead::Unread`].
    pub accounts: Vec<(usize, AccountRead)>,
    /// The same of updates of lanes.
    pub lanes: Vec<(usize, LaneRead)>,
    /// Updates (by index in [`Transaction::updates`]) whose item another transaction in flight holds.
    pub busy: Vec<usize>,
    /// What the store refuses as it was asked for, if anything.
    pub rejected: Option<Rejected>,
    /// Set if an item was busy, throttled or not reached.
    pub transient: Option<StoreError>,
}

/// Writes that the store refuses, whatever their items hold: our own fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// Entries, by index in [`Transaction::entries`].
    pub entries: Vec<usize>,
    /// Updates, by index in [`Transaction::updates`].
    pub updates: Vec<usize>,
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

/// Why a command's transaction was cancelled: what stood in the way, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CancelledCommand {
    /// The record that the command's id already has; the text says what was expected where it can't be read.
    pub duplicate: Option<Result<RecordedCommand, String>>,
    /// The account's main item as it is now, if its condition failed. Never [`AccountRead::Unread`].
    pub account: Option<AccountRead>,
    /// Whether the condition of a lane failed.
    pub lanes: bool,
    /// Set if an item was busy, throttled or not reached.
    pub transient: Option<StoreError>,
}

/// What was asked of the store since it was made.
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
    /// Write units, in thousandths of a DynamoDB write request unit. A cancelled transaction's are not told by
    /// DynamoDB and not counted.
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
    /// Reads at most [`READ_ACCOUNTS_MAX`] different accounts in one call, strongly consistent; the answer stands in
    /// the order of `ids`.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_accounts(&self, ids: &[&AccountId]) -> impl Future<Output = Result<Vec<AccountRead>, StoreError>> + Send;

    /// Reads at most [`READ_ACCOUNTS_MAX`] different lanes in one call, strongly consistent; the answer stands in the
    /// order of `ids`.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] or [`StoreError::Unavailable`] if nothing was read.
    fn read_lanes(&self, ids: &[&LaneId]) -> impl Future<Output = Result<Vec<LaneRead>, StoreError>> + Send;

    /// Reads different accounts and lanes as they are at one moment, at most
    /// [`TRANSACTION_ITEMS_MAX`](crate::domain::plan::TRANSACTION_ITEMS_MAX) in all: every
    /// transaction that anybody has seen anything of is seen whole. The other reads promise that of no two items.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a transaction in flight holds one of them; else as any read.
    fn read_together(
        &self,
        accounts: &[&AccountId],
        lanes: &[&LaneId],
    ) -> impl Future<Output = Result<Together, StoreError>> + Send;

    /// Commits a transaction: all of it, or nothing and the reasons.
    ///
    /// # Errors
    /// [`StoreError`] if the result is unknown or the whole call was refused. After an `Unavailable` the transaction
    /// may still happen, even later: only the payment's own item tells.
    fn commit(&self, transaction: &Transaction<'_>) -> impl Future<Output = Result<Commit, StoreError>> + Send;

    /// Sets a record aside, under the name that [`DeadLetter::id`] gives. The same record again is the same letter:
    /// while it is parked, nothing changes. If it was redriven, it is parked again, with the reason and the time of
    /// now. Another record is another letter, wherever it stood.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be parked.
    fn park(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What was asked of the store so far.
    fn usage(&self) -> Usage;
}

/// Whole-item reads, strongly consistent, for people and the audit. Lists come in key order of the items' ids.
pub trait Inspect: Sync {
    /// One account with its lanes.
    fn account(&self, id: &AccountId) -> impl Future<Output = Result<Option<Holding>, StoreError>> + Send;
    /// Every account with its lanes.
    fn accounts(&self) -> impl Future<Output = Result<Vec<Holding>, StoreError>> + Send;
    /// Every lane that no account counts among its own: what opening an account or adding lanes leaves behind when it
    /// stops half-way.
    fn stray_lanes(&self) -> impl Future<Output = Result<Vec<Lane>, StoreError>> + Send;
    /// One payment.
    fn payment(&self, id: &PaymentId) -> impl Future<Output = Result<Option<Recorded>, StoreError>> + Send;
    /// Every payment.
    fn payments(&self) -> impl Future<Output = Result<Vec<Recorded>, StoreError>> + Send;
    /// One dead letter, its parts joined.
    fn dead_letter(&self, id: &LetterId) -> impl Future<Output = Result<Option<DeadLetter>, StoreError>> + Send;
    /// Every dead letter whose record stood at this place, its parts joined, in the order of [`LetterId`]. Passes the
    /// whole table, and costs as much as [`dead_letters`](Self::dead_letters).
    fn dead_letters_at(&self, place: &Source) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;
    /// Every dead letter, its parts joined, in the order of [`LetterId`].
    fn dead_letters(&self) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;
}

/// Pages of an account's postings, from lists that follow the payments by a moment.
pub trait Statements: Sync {
    /// One page. `lanes` says how many credit lanes the account has.
    ///
    /// # Errors
    /// [`StoreError`] if the page can't be read.
    fn statement(
        &self,
        account: &AccountId,
        lanes: CreditLanes,
        ask: &statement::Ask,
    ) -> impl Future<Output = Result<statement::Page, StoreError>> + Send;
}

/// Noting what became of dead letters.
pub trait Redrive: Sync {
    /// Marks a parked letter as redriven. `false` if no such letter is parked: there is none, or it was marked before.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be marked.
    fn mark_redriven(&self, id: &LetterId) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// All that applying account commands needs.
pub trait AccountLedger: Ledger {
    /// Commits a step of a decided command, if the command's id has no record and the conditions of the changes hold;
    /// all of it, or nothing and the reasons. The last step writes the record and changes the main item.
    ///
    /// # Errors
    /// [`StoreError`] if the result is unknown or the whole call was refused. After an `Unavailable` the transaction
    /// may still happen, even later: only the command's own record tells.
    fn commit_command(&self, step: &CommandStep<'_>) -> impl Future<Output = Result<CommandCommit, StoreError>> + Send;
}

/// Reading the records of account commands, strongly consistent.
pub trait Commands: Sync {
    /// One command; `None` while it has no record.
    fn command(&self, id: &CommandId) -> impl Future<Output = Result<Option<RecordedCommand>, StoreError>> + Send;
    /// Every command, in the order in which they were decided.
    fn commands(&self) -> impl Future<Output = Result<Vec<RecordedCommand>, StoreError>> + Send;
}

/// Sorts commands by when they were decided; of one millisecond, as they stood in their topic.
pub fn in_deciding_order(commands: &mut [RecordedCommand]) {
    commands.sort_by(|a, b| (a.decided_at, &a.source, &a.command.id).cmp(&(b.decided_at, &b.source, &b.command.id)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_counts_once() {
        let usage = Usage {
            read_calls: 1,
            transactions: 20,
            // Of the twenty.
            cancelled: 7,
            puts: 300,
            read_milliunits: 5_000,
            write_milliunits: 6_000,
        };
        assert_eq!(usage.calls(), 321);
    }
}
