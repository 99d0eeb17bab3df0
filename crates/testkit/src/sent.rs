//! What: Keeps what was sent to the store longer than the batch that it was planned from.
//!
//! Data: Takes transactions and steps of account commands, which borrow their requests. Gives the same again, later.

use giro::domain::account_command::{Change, CommandStep, DecidedCommand, Ground, LaneChange};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{CommandRequest, Refusal, Request, Timestamp, Verdict};

/// A transaction that outlives its batch.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) entries: Vec<(Request, Verdict, Option<u16>)>,
    pub(crate) updates: Vec<AccountUpdate>,
    pub(crate) decided_at: Timestamp,
}

impl Sent {
    pub(crate) fn of(transaction: &Transaction<'_>) -> Self {
        let entry = |entry: &Entry<'_>| (entry.request.clone(), entry.verdict, entry.creditor_lane);
        Self {
            entries: transaction.entries.iter().map(entry).collect(),
            updates: transaction.updates.clone(),
            decided_at: transaction.decided_at,
        }
    }

    /// The transaction again.
    pub(crate) fn transaction(&self) -> Transaction<'_> {
        let entries = self.entries.iter();
        Transaction {
            entries: entries
                .map(|(request, verdict, lane)| Entry { request, verdict: *verdict, creditor_lane: *lane })
                .collect(),
            updates: self.updates.clone(),
            decided_at: self.decided_at,
        }
    }
}

/// A step of an account command that outlives its batch.
#[derive(Debug, Clone)]
pub(crate) struct SentStep {
    pub(crate) request: CommandRequest,
    pub(crate) ruling: Result<Change, Refusal>,
    pub(crate) decided_at: Timestamp,
    pub(crate) lanes: Vec<LaneChange>,
    pub(crate) last: bool,
    pub(crate) ground: Option<Ground>,
}

impl SentStep {
    pub(crate) fn of(step: &CommandStep<'_>) -> Self {
        let DecidedCommand { request, ruling, decided_at } = step.decided.clone();
        let (lanes, ground) = (step.lanes.clone(), step.ground.clone());
        Self { request: request.clone(), ruling, decided_at, lanes, last: step.last, ground }
    }

    /// Does something with the step again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&CommandStep<'_>) -> T) -> T {
        let (request, ruling, decided_at) = (&self.request, self.ruling.clone(), self.decided_at);
        let decided = DecidedCommand { request, ruling, decided_at };
        let (lanes, ground) = (self.lanes.clone(), self.ground.clone());
        act(&CommandStep { decided: &decided, lanes, last: self.last, ground })
    }
}
