//! Account commands on DynamoDB: a Put of the command first, then what it does to its account.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::inspect::read;
use super::{DynamoDb, fault};
use crate::domain::CommandId;
use crate::domain::account_command::{DecidedCommand, RecordedCommand};
use crate::store::{AccountLedger, CommandCommit, Commands, StoreError, in_deciding_order, items};

impl AccountLedger for DynamoDb {
    async fn commit_command(&self, decided: &DecidedCommand<'_>) -> Result<CommandCommit, StoreError> {
        let actions = self.command_actions(decided).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let tables = [&*self.tables.account_commands, &*self.tables.accounts];
        Ok(match self.transact(actions, tables).await? {
            None => CommandCommit::Applied,
            Some(reasons) => CommandCommit::Cancelled(fault::cancelled_command(&reasons)),
        })
    }
}

impl DynamoDb {
    /// A command's actions: its record first. Reasons of a cancellation come in this order.
    fn command_actions(&self, decided: &DecidedCommand<'_>) -> Result<Vec<TransactWriteItem>, BuildError> {
        let record = Put::builder()
            .table_name(&self.tables.account_commands)
            .set_item(Some(items::account_command::encode(decided)))
            .condition_expression(items::account_command::IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut actions = vec![TransactWriteItem::builder().put(record.build()?).build()];
        if let Ok(change) = &decided.ruling {
            let account = &decided.request.command.account;
            actions.extend(items::account::change(change, account, &self.tables.accounts)?);
        }
        Ok(actions)
    }
}

impl Commands for DynamoDb {
    async fn command(&self, id: &CommandId) -> Result<Option<RecordedCommand>, StoreError> {
        let table = &self.tables.account_commands;
        let item = self.get(table, items::account_command::key(id)).await?;
        item.map(|item| read(table, items::account_command::decode, &item)).transpose()
    }

    async fn commands(&self) -> Result<Vec<RecordedCommand>, StoreError> {
        let table = &self.tables.account_commands;
        let items = self.scan(table).await?;
        let mut commands = items
            .iter()
            .map(|item| read(table, items::account_command::decode, item))
            .collect::<Result<Vec<_>, _>>()?;
        in_deciding_order(&mut commands);
        Ok(commands)
    }
}
