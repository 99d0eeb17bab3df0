//! What: The ledger on DynamoDB.
//!
//! Data: Takes calls of the ports of [`crate::store`], and sends one request for each. Gives the answer or the error in
//! the words of the port.
//!
//! | the port | the request |
//! |---|---|
//! | read accounts, lanes, payments, sums of refunds | `BatchGetItem`, strongly consistent |
//! | commit | `TransactWriteItems`: Puts of payments first, then Updates and ConditionChecks of accounts, then Updates of sums of refunds; an item whose condition fails comes back |
//! | commit a command's step | the same: the Put of the command, then Put or Update of its account and lanes |
//! | postings of an account since a time | a `Query` of an index for each page |
//! | write heads and their checkpoints | `TransactWriteItems` with two Puts for each head |
//! | store a dead letter | a conditional `PutItem` for each part, the first part last; it also replaces a dead letter that was redriven |
//!
//! Invariants: Nothing is retried here or in the SDK, because the caller holds the deadline and the backoff. Every
//! write is conditional. The SDK gives each transaction its own client request token, which holds for ten minutes only.
//! So the payment's own condition guards idempotency, not the token.

mod accounts;
mod checkpoints;
mod commands;
mod decode;
mod error;
mod ledger_queries;
mod posting_lists;
mod scan;
mod statements;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConsumedCapacity, KeysAndAttributes, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};

use super::items::conditional::Conditional;
use super::items::{self, Item};
use super::{AccountRead, Commit, LaneRead, Ledger, PaymentRead, Read, StoreError, Tables, TotalRead, Usage};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::plan::Transaction;
use crate::domain::{AccountId, DeadLetter, LaneId, LegId, PaymentId};

use decode::{Decode, read};
use error::store_error;

/// The ledger on DynamoDB.
#[derive(Debug)]
pub struct DynamoDb {
    client: Client,
    tables: Tables,
    usage: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    read_calls: AtomicU64,
    transactions: AtomicU64,
    cancelled: AtomicU64,
    puts: AtomicU64,
    read_milliunits: AtomicU64,
    write_milliunits: AtomicU64,
}

impl DynamoDb {
    /// The ledger in these tables.
    #[must_use]
    pub fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables, usage: Counters::default() }
    }

    /// The client behind it.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The names of its tables.
    #[must_use]
    pub const fn tables(&self) -> &Tables {
        &self.tables
    }
}

impl Ledger for DynamoDb {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        let keys = ids.iter().map(|id| items::account::key(id)).collect();
        self.read_items(&self.tables.accounts, items::accounts_table::KEY, keys, items::account::decode).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        let keys = ids.iter().map(|id| items::lane::key(id)).collect();
        self.read_items(&self.tables.accounts, items::accounts_table::KEY, keys, items::lane::decode).await
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        let keys = ids.iter().map(|id| items::payment::key(id)).collect();
        self.read_items(&self.tables.payments, items::payments_table::KEY, keys, items::payment::decode).await
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        let keys = ids.iter().map(|id| items::refund_total::key(id)).collect();
        self.read_items(&self.tables.refunds, items::refund_total::KEY, keys, items::refund_total::decode).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let actions = self.actions(transaction).map_err(|error| StoreError::Rejected(error.to_string()))?;
        let mut tables = vec![&*self.tables.payments, &*self.tables.accounts];
        if !transaction.totals.is_empty() {
            tables.push(&self.tables.refunds);
        }
        Ok(match self.transact(actions, &tables).await? {
            None => Commit::Applied,
            Some(reasons) => Commit::Cancelled(error::cancelled(transaction, &reasons)),
        })
    }

    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        // The first part is written last, because it says that the dead letter is whole.
        for part in items::dead_letter::encode(letter).into_iter().rev() {
            let put = self.client.put_item().condition_expression(items::dead_letter::IS_NEW_OR_REDRIVEN);
            let put = put
                .expression_attribute_names("#source", items::dead_letter::KEY)
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":redriven", items::s(DeadLetterStatus::Redriven.name()));
            self.put_if(&self.tables.dead_letters, part, put).await?;
        }
        Ok(())
    }

    fn usage(&self) -> Usage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage {
            read_calls: read(&self.usage.read_calls),
            transactions: read(&self.usage.transactions),
            cancelled: read(&self.usage.cancelled),
            puts: read(&self.usage.puts),
            read_milliunits: read(&self.usage.read_milliunits),
            write_milliunits: read(&self.usage.write_milliunits),
        }
    }
}

impl DynamoDb {
    /// Sends a transaction. If it was cancelled, returns the reasons in the order of its actions.
    async fn transact(
        &self,
        actions: Vec<TransactWriteItem>,
        tables: &[&str],
    ) -> Result<Option<Vec<CancellationReason>>, StoreError> {
        count(&self.usage.transactions);
        let call = self.client.transact_write_items().set_transact_items(Some(actions));
        match call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(answer) => {
                add(&self.usage.write_milliunits, answer.consumed_capacity());
                Ok(None)
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    count(&self.usage.cancelled);
                    Ok(Some(cancelled.cancellation_reasons().to_vec()))
                }
                _ => Err(store_error("TransactWriteItems", &tables.join(", "), &error)),
            },
        }
    }

    /// Reads items of a table with this key attribute. The answer is in the order of the keys.
    async fn read_items<T>(
        &self,
        table: &str,
        key: &str,
        keys: Vec<Item>,
        decode: Decode<T>,
    ) -> Result<Vec<Read<T>>, StoreError> {
        const OPERATION: &str = "BatchGetItem";
        count(&self.usage.read_calls);
        let text = |item: &Item| item.get(key).and_then(|key| key.as_s().ok()).cloned();
        let asked: Vec<Option<String>> = keys.iter().map(text).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let keys = keys.map_err(|error| StoreError::Rejected(error.to_string()))?;
        let call = self.client.batch_get_item().request_items(table, keys);
        let answer = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| store_error(OPERATION, table, &error))?;
        add(&self.usage.read_milliunits, answer.consumed_capacity());

        let found = answer.responses().and_then(|tables| tables.get(table)).map(Vec::as_slice).unwrap_or_default();
        let found: HashMap<Option<String>, &Item> = found.iter().map(|item| (text(item), item)).collect();
        let unread = answer.unprocessed_keys().and_then(|tables| tables.get(table));
        let unread: HashSet<Option<String>> =
            unread.map(|unread| unread.keys.iter().map(text).collect()).unwrap_or_default();
        let one = |key: &Option<String>| match found.get(key) {
            None if unread.contains(key) => Read::Unread,
            item => read(decode, item.copied()),
        };
        Ok(asked.iter().map(one).collect())
    }

    /// The actions of a transaction: its entries first, then their further legs, then its updates and totals.
    /// Cancellation reasons come in this order.
    fn actions(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<Vec<TransactWriteItem>, aws_sdk_dynamodb::error::BuildError> {
        let put = |entry| {
            let put = Conditional::on(&self.tables.payments).returning().and(items::payment::IS_NEW);
            put.put(items::payment::encode(entry))
        };
        let leg = |leg| Conditional::on(&self.tables.payments).and(items::payment::IS_NEW).put(leg);
        let update = |update| items::account::update(update, &self.tables.accounts);
        let total = |total| items::refund_total::update(total, &self.tables.refunds);
        let (entries, updates) = (transaction.entries.iter().map(put), transaction.updates.iter().map(update));
        let legs = transaction.entries.iter().flat_map(items::legs::further).map(leg);
        entries.chain(legs).chain(updates).chain(transaction.totals.iter().map(total)).collect()
    }

    /// Writes an item if the condition of this put holds. Otherwise the stored item stays.
    async fn put_if(&self, table: &str, item: Item, put: PutItemFluentBuilder) -> Result<(), StoreError> {
        count(&self.usage.puts);
        let call = put.table_name(table).set_item(Some(item));
        let call = call
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match call.send().await {
            Ok(answer) => {
                add(&self.usage.write_milliunits, answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(store_error("PutItem", table, &error)),
            },
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn add(counter: &AtomicU64, consumed: &[ConsumedCapacity]) {
    counter.fetch_add(consumed.iter().map(milliunits).sum(), Ordering::Relaxed);
}

/// Thousandths of a read or write unit that a call has consumed.
#[must_use]
#[expect(clippy::as_conversions, clippy::float_arithmetic, reason = "DynamoDB tells units as a small float of halves")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are small and never below zero")]
pub fn milliunits(consumed: &ConsumedCapacity) -> u64 {
    (consumed.capacity_units().unwrap_or_default() * 1_000.0).round() as u64
}
