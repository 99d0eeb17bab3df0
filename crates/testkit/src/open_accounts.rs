//! What: Opens accounts and gives them lanes without account commands, for tests, the demo and `--direct`.
//!
//! Data: Takes an account, or how many lanes it must have. Gives the stored account. Lanes come into being with their
//! first credits.
//!
//! A store changes accounts only by a [`AccountChange`]. This is the change of a command, with the same conditions.
//! Only the command's record is missing.
//!
//! Invariants: Every lane that counts exists if the account isn't open, because the main item is written with the last
//! of them.

use std::future::Future;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use giro::aws::in_words;
use giro::domain::account_command::AccountChange;
use giro::domain::plan::TRANSACTION_ITEMS_MAX;
use giro::domain::{Account, AccountId, CreditLanes};
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, StoreError, items};

/// Opening accounts, and giving them credit lanes.
pub trait OpenAccounts: Sync {
    /// Writes a new account, and its lanes if it isn't open. If an account already has this id, returns that account
    /// and changes nothing. If this stops half-way, a second call finishes it.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be written.
    fn open_account(&self, account: &Account) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// Gives an account that is not closed lanes up to this number. If it already has as many, it stays as it is.
    /// Returns the account afterwards, or `None` if there is none. If this stops half-way, a second call finishes it.
    ///
    /// # Errors [`StoreError::Conflict`] if the account changed meanwhile. Then try again. Any [`StoreError`] if the
    /// lanes aren't known to be written.
    fn add_lanes(
        &self,
        id: &AccountId,
        lanes: CreditLanes,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;
}

impl OpenAccounts for DynamoDb {
    async fn open_account(&self, account: &Account) -> Result<Option<Account>, StoreError> {
        let existing = main_item(self, &account.id).await?;
        if existing.is_some() || happens(self, &account.id, &AccountChange::Open(account.clone())).await? {
            return Ok(existing);
        }
        match main_item(self, &account.id).await? {
            Some(existing) => Ok(Some(existing)),
            None => Err(StoreError::Corrupt(format!(
                "{}: a lane of this account is there and in use, and the account isn't there",
                self.tables().accounts
            ))),
        }
    }

    async fn add_lanes(&self, id: &AccountId, lanes: CreditLanes) -> Result<Option<Account>, StoreError> {
        let account = match main_item(self, id).await? {
            Some(account) if account.lacks(lanes) => account,
            enough_or_none => return Ok(enough_or_none),
        };
        let to = lanes.max(account.credit_lanes);
        match happens(self, id, &AccountChange::Lanes { account, to }).await? {
            true => main_item(self, id).await,
            false => Err(StoreError::Conflict),
        }
    }
}

async fn main_item(store: &DynamoDb, id: &AccountId) -> Result<Option<Account>, StoreError> {
    Ok(LedgerQueries::account(store, id).await?.map(|holding| holding.account))
}

/// Makes a change, in as many transactions as it needs. `false` if a condition fails.
async fn happens(store: &DynamoDb, id: &AccountId, change: &AccountChange) -> Result<bool, StoreError> {
    let table = &store.tables().accounts;
    let lanes = change.lanes(id);
    let lanes = lanes.iter().map(|lane| items::lane::change(lane, table).map(Some));
    let actions = lanes.chain([items::account::change(change, id, table)]).filter_map(Result::transpose);
    let actions: Result<Vec<TransactWriteItem>, _> = actions.collect();
    let actions = actions.map_err(|error| StoreError::Rejected(error.to_string()))?;
    for step in actions.chunks(TRANSACTION_ITEMS_MAX) {
        let call = store.client().transact_write_items().set_transact_items(Some(step.to_vec()));
        let Err(error) = call.send().await else { continue };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(StoreError::Unavailable(format!("TransactWriteItems: {}", in_words(&error))));
        };
        let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
        return match codes.find(|code| !["None", "TransactionConflict"].contains(code)) {
            Some("ConditionalCheckFailed") => Ok(false),
            Some(code) => Err(StoreError::Unavailable(format!("TransactWriteItems: {code}"))),
            None => Err(StoreError::Conflict),
        };
    }
    Ok(true)
}
