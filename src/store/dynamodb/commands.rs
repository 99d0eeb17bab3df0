//! What: Commits account commands on DynamoDB: a Put of the command first, then the changes of its account and lanes.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{DynamoDb, error};
use crate::domain::CommandId;
use crate::domain::account_command::{CommandStep, RecordedCommand};
use crate::store::items::conditional::Conditional;
use crate::store::{AccountLedger, CommandCommit, CommandQueries, StoreError, in_deciding_order, items};

impl AccountLedger for DynamoDb {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        let (actions, on_account) =
            self.command_actions(step).map_err(|error| StoreError::Rejected(error.to_string()))?;
        let tables = [&*self.tables.account_commands, &*self.tables.accounts];
        Ok(match self.transact(actions, &tables).await? {
            None => CommandCommit::Applied,
            Some(reasons) => CommandCommit::Cancelled(error::cancelled_command(&reasons, on_account)?),
        })
    }
}

impl DynamoDb {
    /// The actions of one step: for the record, for the main item if any, and for the lanes. Also whether there is one
    /// for the main item. Preconditions become checks. Cancellation reasons come in this order.
    fn command_actions(&self, step: &CommandStep<'_>) -> Result<(Vec<TransactWriteItem>, bool), BuildError> {
        let (table, accounts) = (&self.tables.account_commands, &self.tables.accounts);
        let command = &step.decided.request.command;
        let record = Conditional::on(table).returning().and(items::account_command::IS_NEW);
        let record = match step.last {
            true => record.put(items::account_command::encode(step.decided)),
            false => record.check(items::account_command::key(&command.id)),
        };
        let main = match (&step.main, &step.precondition) {
            (Some(change), _) => items::account::change(change, &command.account, accounts)?,
            (None, Some(precondition)) => Some(items::account::check(precondition, &command.account, accounts)?),
            (None, None) => None,
        };
        let on_account = main.is_some();
        let mut actions = vec![record?];
        actions.extend(main);
        for lane in &step.lanes {
            actions.push(items::lane::change(lane, accounts)?);
        }
        for (id, bound) in step.precondition.iter().flat_map(|precondition| &precondition.lanes) {
            actions.push(items::lane::check(id, *bound, accounts)?);
        }
        Ok((actions, on_account))
    }
}

impl CommandQueries for DynamoDb {
    async fn command(&self, id: &CommandId) -> Result<Option<RecordedCommand>, StoreError> {
        self.find(&self.tables.account_commands, items::account_command::key(id), items::account_command::decode).await
    }

    async fn commands(&self) -> Result<Vec<RecordedCommand>, StoreError> {
        let mut commands = self.all(&self.tables.account_commands, items::account_command::decode).await?;
        in_deciding_order(&mut commands);
        Ok(commands)
    }
}
