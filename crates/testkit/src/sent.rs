//! What: Keeps what was sent to the store longer than the batch that it was planned from.
//!
//! Data: Takes transactions and steps of account commands, which borrow their requests. Gives the same again, later.

use giro::domain::account_command::{AccountChange, CommandStep, DecidedCommand, LaneChange, Precondition};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{CommandRequest, Decision, Refusal, Request, Timestamp};

/// A transaction that outlives its batch.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Each with the lanes of its debtor and its creditor.
    pub(crate) entries: Vec<(Request, Decision, [Option<u16>; 2])>,
    pub(crate) updates: Vec<AccountUpdate>,
    pub(crate) decided_at: Timestamp,
}

impl Sent {
    pub(crate) fn of(transaction: &Transaction<'_>) -> Self {
        let entry =
            |entry: &Entry<'_>| (entry.request.clone(), entry.decision, [entry.debtor_lane, entry.creditor_lane]);
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
                .map(|(request, decision, [debtor_lane, creditor_lane])| Entry {
                    request,
                    decision: *decision,
                    debtor_lane: *debtor_lane,
                    creditor_lane: *creditor_lane,
                })
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
    pub(crate) decision: Result<AccountChange, Refusal>,
    pub(crate) decided_at: Timestamp,
    pub(crate) lanes: Vec<LaneChange>,
    pub(crate) main: Option<AccountChange>,
    pub(crate) last: bool,
    pub(crate) precondition: Option<Precondition>,
}

impl SentStep {
    pub(crate) fn of(step: &CommandStep<'_>) -> Self {
        let DecidedCommand { request, decision, decided_at } = step.decided.clone();
        let (lanes, main, precondition) = (step.lanes.clone(), step.main.clone(), step.precondition.clone());
        Self { request: request.clone(), decision, decided_at, lanes, main, last: step.last, precondition }
    }

    /// Does something with the step again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&CommandStep<'_>) -> T) -> T {
        let (request, decision, decided_at) = (&self.request, self.decision.clone(), self.decided_at);
        let decided = DecidedCommand { request, decision, decided_at };
        let (lanes, main, precondition) = (self.lanes.clone(), self.main.clone(), self.precondition.clone());
        act(&CommandStep { decided: &decided, lanes, main, last: self.last, precondition })
    }
}
