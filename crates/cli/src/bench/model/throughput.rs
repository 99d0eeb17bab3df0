//! What: Counts the units that each partition key has, and that each call takes.
//!
//! Data: Takes the units of a call, by partition key. Says whether each key still has them.
//!
//! A key of a table or of an index takes 1000 write units and 3000 read units a second. It may still use what it did
//! not use in the last second. Units are counted in thousandths, and time in microseconds.
//!
//! Source: Amazon DynamoDB developer guide. "Best practices for designing and using partition keys effectively": 1000
//! and 3000 a partition. "Using global secondary indexes": a throttled index throttles its table. "Read/write
//! consumption": 1 KB a write unit, 4 KB a read unit, twice for a transaction.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

use giro::domain::plan::Transaction;
use giro::domain::{AccountId, LegId, PaymentId};
use giro_testkit::charge::payment_kilobytes;

/// A partition key, and the table or index that it is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartitionKey {
    /// An account's main item, or one of its lanes, in the accounts table.
    Account(AccountId, Option<u16>),
    /// A payment in the payments table.
    Payment(PaymentId),
    /// The sum of a payment's refunds in the refunds table.
    RefundTotal(LegId),
    /// A debtor's statement, or that of one of its lanes, in the index `by-debtor`.
    DebtorStatement(AccountId, Option<u16>),
    /// A creditor's statement, or that of one of its lanes, in the index `by-creditor`.
    CreditorStatement(AccountId, Option<u16>),
}

impl PartitionKey {
    /// The table or index, for texts that hold no account holder's data.
    #[must_use]
    pub const fn place(&self) -> &'static str {
        match self {
            Self::Account(..) => "accounts",
            Self::Payment(_) => "payments",
            Self::RefundTotal(_) => "refunds",
            Self::DebtorStatement(..) => "payments/by-debtor",
            Self::CreditorStatement(..) => "payments/by-creditor",
        }
    }
}

/// What a transaction needs.
#[derive(Debug, Default)]
pub struct Need {
    /// Thousandths of write units, by partition key, in the order of the transaction's items and their indexes.
    pub keys: Vec<(PartitionKey, u64)>,
    /// What the tables alone need. A cancelled transaction is charged this, because no index is written.
    pub tables_milliunits: u64,
    /// What tables and indexes need.
    pub all_milliunits: u64,
}

impl Need {
    /// What a transaction needs.
    #[must_use]
    pub fn of(transaction: &Transaction<'_>) -> Self {
        let mut need = Self::default();
        let mut by_key: HashMap<PartitionKey, usize> = HashMap::new();
        let mut add = |key: PartitionKey, milliunits: u64, table: bool| {
            need.all_milliunits = need.all_milliunits.saturating_add(milliunits);
            if table {
                need.tables_milliunits = need.tables_milliunits.saturating_add(milliunits);
            }
            let ix = *by_key.entry(key.clone()).or_insert_with(|| {
                need.keys.push((key, 0));
                need.keys.len().saturating_sub(1)
            });
            need.keys[ix].1 = need.keys[ix].1.saturating_add(milliunits);
        };
        for entry in &transaction.entries {
            let kilobytes = payment_kilobytes(entry);
            let instruction = &entry.request.instruction;
            add(PartitionKey::Payment(instruction.id().clone()), kilobytes.saturating_mul(2_000), true);
            let index = kilobytes.saturating_mul(1_000);
            add(PartitionKey::DebtorStatement(instruction.debtor().clone(), entry.lanes.debtor), index, false);
            if let Some(transfer) = entry.transfer() {
                add(PartitionKey::CreditorStatement(transfer.creditor.clone(), entry.lanes.creditor), index, false);
            }
        }
        for total in &transaction.totals {
            add(PartitionKey::RefundTotal(total.id.clone()), 2_000, true);
        }
        for update in &transaction.updates {
            add(PartitionKey::Account(update.account.clone(), update.lane), 2_000, true);
        }
        need
    }
}

/// How many units a second a partition key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units a second, which is the same number of thousandths a millisecond.
    pub units_a_second: u64,
}

/// The units that each partition key still has.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    by_key: HashMap<PartitionKey, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    milliunits: u64,
    filled_at: Instant,
}

impl Buckets {
    /// Full buckets.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, by_key: HashMap::new() }
    }

    /// Whether a key has this many thousandths of a unit now.
    pub fn has(&mut self, key: &PartitionKey, milliunits: u64) -> bool {
        self.bucket(key).milliunits >= milliunits
    }

    /// Takes this many thousandths of a unit from a key.
    pub fn take(&mut self, key: &PartitionKey, milliunits: u64) {
        let bucket = self.bucket(key);
        bucket.milliunits = bucket.milliunits.saturating_sub(milliunits);
    }

    fn bucket(&mut self, key: &PartitionKey) -> &mut Bucket {
        let now = Instant::now();
        let full = self.rate.units_a_second.saturating_mul(1_000);
        let bucket = self.by_key.entry(key.clone()).or_insert(Bucket { milliunits: full, filled_at: now });
        let passed = u64::try_from(now.saturating_duration_since(bucket.filled_at).as_micros()).unwrap_or(u64::MAX);
        let filled = passed.saturating_mul(self.rate.units_a_second) / 1_000;
        bucket.milliunits = bucket.milliunits.saturating_add(filled).min(full);
        bucket.filled_at = now;
        bucket
    }
}
