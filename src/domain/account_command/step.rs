//! What: A decided command as the transactions that commit it.

use super::{AccountChange, CommandDecision, CommandRequest, LANES_TOGETHER_MAX, LaneChange, Precondition, Refusal};
use crate::domain::Timestamp;

/// A decided command that must be committed: its record, and the change of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedCommand<'a> {
    /// The command and its record.
    pub request: &'a CommandRequest,
    /// What it does, or why it is refused.
    pub decision: Result<AccountChange, Refusal>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl DecidedCommand<'_> {
    /// The answer.
    pub fn decision(&self) -> CommandDecision {
        self.decision.as_ref().map(|_| ()).map_err(|refusal| *refusal)
    }

    /// Its transactions, in the order in which they must be committed. Most commands have one.
    #[must_use]
    pub fn steps(&self) -> Vec<CommandStep<'_>> {
        let change = self.decision.as_ref().ok().filter(|change| **change != AccountChange::Nothing);
        let lanes = self.lanes();
        let step = |lanes, main, last| CommandStep { decided: self, lanes, main, last, precondition: None };
        if lanes.len() <= LANES_TOGETHER_MAX {
            return vec![step(lanes, change.cloned(), true)];
        }
        // Each transaction also checks that the command has no record yet, and may change the main item.
        let before = lanes.chunks(LANES_TOGETHER_MAX);
        let mut steps: Vec<CommandStep<'_>> =
            before.map(|lanes| step(lanes.to_vec(), change.and_then(|change| change.beside(lanes)), false)).collect();
        steps.push(step(Vec::new(), change.map(AccountChange::after_lanes), true));
        steps
    }

    /// The step that makes payments wait until this time. `None` if the command changes no lane. Then it is no more in
    /// the way of payments than one payment is, and needs no pause.
    #[must_use]
    pub fn pause(&self, until: Timestamp) -> Option<CommandStep<'_>> {
        let main = Some(AccountChange::Pause(until));
        let step = || CommandStep { decided: self, lanes: Vec::new(), main, last: false, precondition: None };
        (!self.lanes().is_empty()).then(step)
    }

    /// Whether a payment on a lane can keep the command from being applied.
    #[must_use]
    pub fn rests_on_lanes(&self) -> bool {
        self.lanes().iter().any(|lane| lane.balance.is_some())
    }

    /// What it does to the lanes of its account.
    fn lanes(&self) -> Vec<LaneChange> {
        let change = self.decision.as_ref().ok();
        change.map(|change| change.lanes(&self.request.command.account)).unwrap_or_default()
    }

    /// The same with these preconditions.
    #[must_use]
    pub fn steps_on(&self, precondition: Option<Precondition>) -> Vec<CommandStep<'_>> {
        let mut steps = self.steps();
        if let Some(last) = steps.last_mut() {
            last.precondition = precondition;
        }
        steps
    }
}

/// One transaction of a decided command. Each happens only if the command has no record yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandStep<'a> {
    /// The command.
    pub decided: &'a DecidedCommand<'a>,
    /// The lanes that it changes.
    pub lanes: Vec<LaneChange>,
    /// What it does to the main item. `None`: nothing.
    pub main: Option<AccountChange>,
    /// Whether it is the last, which writes the record.
    pub last: bool,
    /// The preconditions of a decision that changes nothing.
    pub precondition: Option<Precondition>,
}
