//! Accounts with their lanes: read whole, opened, and given more lanes.
//!
//! | what | the requests |
//! |---|---|
//! | open | `PutItem`; with lanes one `TransactWriteItems` of main item and lanes |
//! | open with lanes past one transaction | `TransactWriteItems` of 100 lanes each, then the main item |
//! | add lanes | the same steps, the main item's `credit_lanes` last |
//!
//! Invariant: a lane that a main item counts is there, because the main item is written with its lanes or after them.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, TransactWriteItem};

use super::inspect::read;
use super::{DynamoDb, add, count, fault};
use crate::domain::account_command::LaneChange;
use crate::domain::plan::TRANSACTION_ITEMS_MAX;
use crate::domain::{Account, AccountId, CreditLanes, Holding, Lane, LaneId};
use crate::store::items::conditional::Conditional;
use crate::store::items::{self, Item, n, s};
use crate::store::{LaneRead, Ledger, OpenAccounts, READ_ACCOUNTS_MAX, StoreError};

/// What became of a transaction of new items.
enum Written {
    /// They are there.
    All,
    /// The condition of one failed; that item, where it is the first.
    NotAll(Option<Item>),
}

impl DynamoDb {
    /// One account with its lanes.
    pub(super) async fn holding(&self, id: &AccountId) -> Result<Option<Holding>, StoreError> {
        let table = &self.tables.accounts;
        let Some(item) = self.get(table, items::account::key(id)).await? else { return Ok(None) };
        let account = read(table, items::account::decode, &item)?;
        let ids: Vec<LaneId> = account.lane_ids().collect();
        let mut lanes = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_ACCOUNTS_MAX) {
            for answer in self.read_lanes(&chunk.iter().collect::<Vec<_>>()).await? {
                match answer {
                    LaneRead::Found(lane) => lanes.push(lane),
                    LaneRead::Missing => {}
                    LaneRead::Corrupt(expected) => return Err(StoreError::Corrupt(format!("{table}: {expected}"))),
                    LaneRead::Unread => return Err(StoreError::Throttled(format!("BatchGetItem on {table}"))),
                }
            }
        }
        Ok(Some(Holding { account, lanes }))
    }

    /// Every account with its lanes, in key order, and the lanes that none counts.
    pub(super) async fn holdings(&self) -> Result<(Vec<Holding>, Vec<Lane>), StoreError> {
        let table = &self.tables.accounts;
        let mut lanes: BTreeMap<AccountId, Vec<Lane>> = BTreeMap::new();
        let mut accounts: Vec<Account> = Vec::new();
        for item in self.scan(table).await? {
            if items::lane::is_lane(&item) {
                let lane = read(table, items::lane::decode, &item)?;
                lanes.entry(lane.id.account.clone()).or_default().push(lane);
            } else {
                accounts.push(read(table, items::account::decode, &item)?);
            }
        }
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let mut strays = Vec::new();
        let whole = |account: Account| {
            let all = lanes.remove(&account.id).unwrap_or_default();
            let (mut own, more): (Vec<Lane>, Vec<Lane>) =
                all.into_iter().partition(|lane| lane.id.lane < account.credit_lanes.count());
            own.sort_by_key(|lane| lane.id.lane);
            strays.extend(more);
            Holding { account, lanes: own }
        };
        let holdings = accounts.into_iter().map(whole).collect();
        strays.extend(lanes.into_values().flatten());
        strays.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((holdings, strays))
    }

    /// A write of a lane that nobody has used yet.
    fn new_lane(&self, account: &Account, lane: u16) -> Result<TransactWriteItem, StoreError> {
        let new = LaneChange::New(Lane::new(account, lane));
        items::lane::change(&new, &self.tables.accounts).map_err(|error| StoreError::Rejected(error.to_string()))
    }

    async fn write_new(&self, writes: Vec<TransactWriteItem>) -> Result<Written, StoreError> {
        let Some(reasons) = self.transact(writes, &[&self.tables.accounts]).await? else { return Ok(Written::All) };
        let failed = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
        match reasons.first() {
            Some(first) if first.code() == Some("ConditionalCheckFailed") => Ok(Written::NotAll(first.item.clone())),
            _ if failed("ConditionalCheckFailed") => Ok(Written::NotAll(None)),
            _ => Err(fault::worst("TransactWriteItems", &reasons)),
        }
    }

    /// Writes lanes that nobody has used yet, in transactions as large as they get.
    async fn write_lanes(&self, account: &Account, lanes: std::ops::Range<u16>) -> Result<(), StoreError> {
        let numbers: Vec<u16> = lanes.collect();
        for chunk in numbers.chunks(TRANSACTION_ITEMS_MAX) {
            let writes = chunk.iter().map(|&lane| self.new_lane(account, lane)).collect::<Result<_, _>>()?;
            match self.write_new(writes).await? {
                Written::All => {}
                // Somebody else is adding these lanes, and the first of them are in use.
                Written::NotAll(_) => return Err(StoreError::Conflict),
            }
        }
        Ok(())
    }

    async fn main_item(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let table = &self.tables.accounts;
        let item = self.get(table, items::account::key(id)).await?;
        item.map(|item| read(table, items::account::decode, &item)).transpose()
    }

    /// Opens an account whose main item and lanes fit one transaction.
    async fn open_together(&self, account: &Account) -> Result<Option<Account>, StoreError> {
        let table = &self.tables.accounts;
        let main = Conditional::on(table).returning().and(items::account::IS_NEW).put(items::account::encode(account));
        let mut writes = vec![main.map_err(|error| StoreError::Rejected(error.to_string()))?];
        for lane in account.credit_lanes.numbers() {
            writes.push(self.new_lane(account, lane)?);
        }
        match self.write_new(writes).await? {
            Written::All => Ok(None),
            Written::NotAll(Some(main)) => read(table, items::account::decode, &main).map(Some),
            Written::NotAll(None) => Err(StoreError::Corrupt(format!(
                "{table}: a lane of this account is there and in use, and the account isn't there"
            ))),
        }
    }
}

impl OpenAccounts for DynamoDb {
    async fn open_account(&self, account: &Account) -> Result<Option<Account>, StoreError> {
        let table = &self.tables.accounts;
        let lanes = account.credit_lanes;
        if !lanes.is_none() {
            if usize::from(lanes.count()) < TRANSACTION_ITEMS_MAX {
                return self.open_together(account).await;
            }
            // In steps: look first, so that an account that is there is left alone.
            if let Some(existing) = self.main_item(&account.id).await? {
                return Ok(Some(existing));
            }
            self.write_lanes(account, lanes.numbers()).await?;
        }
        let item = items::account::encode(account);
        let existing =
            self.put_if(table, item, self.client.put_item().condition_expression(items::account::IS_NEW)).await?;
        existing.map(|item| read(table, items::account::decode, &item)).transpose()
    }

    async fn add_lanes(&self, id: &AccountId, lanes: CreditLanes) -> Result<Option<Account>, StoreError> {
        let table = &self.tables.accounts;
        let Some(account) = self.main_item(id).await? else { return Ok(None) };
        if account.credit_lanes >= lanes {
            return Ok(Some(account));
        }
        self.write_lanes(&account, account.credit_lanes.count()..lanes.count()).await?;
        count(&self.usage.puts);
        let was = match account.credit_lanes.is_none() {
            true => items::account::HAS_NO_LANES,
            false => items::account::HAS_LANES,
        };
        let mut values = HashMap::from([
            (":lanes".to_owned(), n(lanes)),
            (":one".to_owned(), n(1)),
            (":status".to_owned(), s(account.status)),
        ]);
        if !account.credit_lanes.is_none() {
            values.insert(":was".to_owned(), n(account.credit_lanes));
        }
        let call = self.client.update_item().table_name(table).set_key(Some(items::account::key(id)));
        let call = call
            .update_expression(items::account::COUNT_LANES)
            .condition_expression(was)
            .expression_attribute_names("#status", "status")
            .set_expression_attribute_values(Some(values))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match call.send().await {
            Ok(answer) => {
                add(&self.usage.write_milliunits, answer.consumed_capacity.as_slice());
                answer.attributes().map(|item| read(table, items::account::decode, item)).transpose()
            }
            Err(error) => match error.as_service_error() {
                Some(error) if error.is_conditional_check_failed_exception() => Err(StoreError::Conflict),
                _ => Err(fault("UpdateItem", table, &error)),
            },
        }
    }
}
