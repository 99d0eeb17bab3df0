//! What: Account commands in memory: the conditions of an account's change and of its lanes, in the domain's own words.

use super::{Late, MemoryStore, State, kilobytes};
use crate::sent::SentStep;
use giro::domain::account_command::{CommandStep, Precondition, RecordedCommand};
use giro::domain::{Account, AccountId, CommandId, CommandRequest};
use giro::store::{
    AccountLedger, AccountRead, CancelledCommand, CommandCommit, CommandQueries, StoreError, in_deciding_order, items,
};

impl State {
    /// Everything that cancels a step. `None` if it may happen.
    pub(super) fn judge_step(&self, step: &CommandStep<'_>) -> CancelledCommand {
        let command = &step.decided.request.command;
        let on_ground = |(id, bound): &(_, _)| Precondition::holds_of_lane(*bound, self.lanes.get(id));
        CancelledCommand {
            duplicate: self.commands.get(&command.id).cloned().map(Ok),
            account: match (&step.main, &step.precondition) {
                (Some(change), _) => self.judge_main(&command.account, |account| change.may_happen(account)),
                (None, Some(precondition)) => self.judge_main(&command.account, |account| precondition.holds(account)),
                (None, None) => None,
            },
            lanes: !step.lanes.iter().all(|change| change.may_happen(self.lanes.get(&change.id)))
                || !step.precondition.iter().flat_map(|precondition| &precondition.lanes).all(on_ground),
            transient: None,
        }
    }

    fn judge_main(&self, id: &AccountId, allows: impl Fn(Option<&Account>) -> bool) -> Option<AccountRead> {
        let read = self.read(id);
        let allowed = match &read {
            AccountRead::Found(account) => allows(Some(account)),
            AccountRead::Missing => allows(None),
            AccountRead::Corrupt(_) | AccountRead::Unread => false,
        };
        (!allowed).then_some(read)
    }

    pub(super) fn apply_step(&mut self, step: &CommandStep<'_>) {
        let CommandRequest { command, source } = step.decided.request;
        // A check costs as much as a write.
        let mut units = 1;
        if step.last {
            let recorded = RecordedCommand {
                command: command.clone(),
                decision: step.decided.decision(),
                decided_at: step.decided.decided_at,
                source: source.clone(),
                fingerprint: command.fingerprint(),
            };
            self.commands.insert(command.id.clone(), recorded);
            units = kilobytes(items::size(&items::account_command::encode(step.decided)));
        }
        if let Some(change) = &step.main {
            let account = match self.read(&command.account) {
                AccountRead::Found(account) => Some(account),
                AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
            };
            if let Some(account) = change.applied_to(account) {
                self.accounts.insert(account.id.clone(), Ok(account));
                units = units.saturating_add(1);
            }
        }
        // A check costs as much as a write.
        if let Some(precondition) = &step.precondition {
            let checks = u64::try_from(precondition.lanes.len()).unwrap_or(u64::MAX);
            units = units.saturating_add(checks).saturating_add(1);
        }
        self.change_lanes(&step.lanes);
        units = units.saturating_add(u64::try_from(step.lanes.len()).unwrap_or(u64::MAX));
        // Two units a KB in a transaction.
        self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(units.saturating_mul(2_000));
    }
}

impl AccountLedger for MemoryStore {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        let mut state = self.call().await?;
        state.usage.transactions = state.usage.transactions.saturating_add(1);
        if state.strikes(self.faults.late) {
            let calls = state.random.u32(1..=8);
            state.late_commands.push(Late { calls, sent: SentStep::of(step) });
            return Err(StoreError::Unavailable("injected: given up, still under way".into()));
        }
        let mut cancelled = state.judge_step(step);
        if state.strikes(self.faults.conflict) {
            cancelled.transient = Some(StoreError::Conflict);
        }
        if cancelled != CancelledCommand::default() {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return self.lost_answer(&mut state, CommandCommit::Cancelled(cancelled));
        }
        state.apply_step(step);
        self.lost_answer(&mut state, CommandCommit::Applied)
    }
}

impl CommandQueries for MemoryStore {
    async fn command(&self, id: &CommandId) -> Result<Option<RecordedCommand>, StoreError> {
        Ok(self.state().commands.get(id).cloned())
    }

    async fn commands(&self) -> Result<Vec<RecordedCommand>, StoreError> {
        let mut commands: Vec<RecordedCommand> = self.state().commands.values().cloned().collect();
        in_deciding_order(&mut commands);
        Ok(commands)
    }
}
