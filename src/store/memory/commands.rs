//! Account commands in memory: the conditions of [`Change`], in the domain's own words.

use super::{MemoryStore, State, kilobytes};
use crate::domain::account_command::{Change, DecidedCommand, RecordedCommand};
use crate::domain::{AccountId, CommandId, CommandRequest, Refusal, Timestamp};
use crate::store::{
    AccountLedger, AccountRead, CancelledCommand, CommandCommit, Commands, StoreError, in_deciding_order, items,
};

/// A command that will happen after some more calls.
#[derive(Debug)]
pub(super) struct LateCommand {
    pub(super) calls: u32,
    request: CommandRequest,
    ruling: Result<Change, Refusal>,
    decided_at: Timestamp,
}

impl LateCommand {
    fn new(decided: &DecidedCommand<'_>, calls: u32) -> Self {
        let DecidedCommand { request, ruling, decided_at } = decided;
        Self { calls, request: (*request).clone(), ruling: ruling.clone(), decided_at: *decided_at }
    }

    /// Happens, if its conditions still hold.
    pub(super) fn happen(self, state: &mut State) {
        let Self { request, ruling, decided_at, .. } = self;
        let decided = DecidedCommand { request: &request, ruling, decided_at };
        if state.judge_command(&decided) == CancelledCommand::default() {
            state.apply_command(&decided);
        }
    }
}

impl State {
    /// Everything that stands in a command's way; nothing if it may happen.
    fn judge_command(&self, decided: &DecidedCommand<'_>) -> CancelledCommand {
        let command = &decided.request.command;
        let duplicate = self.commands.get(&command.id).cloned().map(Ok);
        let account = decided.ruling.as_ref().ok().and_then(|change| self.judge_change(change, &command.account));
        CancelledCommand { duplicate, account, transient: None }
    }

    fn judge_change(&self, change: &Change, id: &AccountId) -> Option<AccountRead> {
        let read = self.read(id);
        let allowed = match &read {
            AccountRead::Found(account) => change.may_happen(Some(account)),
            AccountRead::Missing => change.may_happen(None),
            AccountRead::Corrupt(_) | AccountRead::Unread => *change == Change::Nothing,
        };
        (!allowed).then_some(read)
    }

    fn apply_command(&mut self, decided: &DecidedCommand<'_>) {
        let CommandRequest { command, source } = decided.request;
        let recorded = RecordedCommand {
            command: command.clone(),
            verdict: decided.verdict(),
            decided_at: decided.decided_at,
            source: source.clone(),
            fingerprint: command.fingerprint(),
        };
        self.commands.insert(command.id.clone(), recorded);
        let mut units = kilobytes(items::size(&items::account_command::encode(decided)));
        if let Ok(change) = &decided.ruling
            && *change != Change::Nothing
        {
            let account = match self.read(&command.account) {
                AccountRead::Found(account) => Some(account),
                AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
            };
            if let Some(account) = change.applied_to(account) {
                self.accounts.insert(account.id.clone(), Ok(account));
                units = units.saturating_add(1);
            }
        }
        // Two units a KB in a transaction.
        self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(units.saturating_mul(2_000));
    }
}

impl AccountLedger for MemoryStore {
    async fn commit_command(&self, decided: &DecidedCommand<'_>) -> Result<CommandCommit, StoreError> {
        let mut state = self.call().await?;
        state.usage.transactions = state.usage.transactions.saturating_add(1);
        if state.strikes(self.faults.late) {
            let calls = state.random.u32(1..=8);
            state.late_commands.push(LateCommand::new(decided, calls));
            return Err(StoreError::Unavailable("injected: given up, still under way".into()));
        }
        let mut cancelled = state.judge_command(decided);
        if state.strikes(self.faults.conflict) {
            cancelled.transient = Some(StoreError::Conflict);
        }
        if cancelled != CancelledCommand::default() {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return self.lost_answer(&mut state, CommandCommit::Cancelled(cancelled));
        }
        state.apply_command(decided);
        self.lost_answer(&mut state, CommandCommit::Applied)
    }
}

impl Commands for MemoryStore {
    async fn command(&self, id: &CommandId) -> Result<Option<RecordedCommand>, StoreError> {
        Ok(self.state().commands.get(id).cloned())
    }

    async fn commands(&self) -> Result<Vec<RecordedCommand>, StoreError> {
        let mut commands: Vec<RecordedCommand> = self.state().commands.values().cloned().collect();
        in_deciding_order(&mut commands);
        Ok(commands)
    }
}
