//! What: Keeps what was sent to the store longer than the batch that it was planned from.
//!
//! Data: Takes transactions and steps of account commands, which borrow their requests. Gives the same again, later.

use giro::domain::account_command::{AccountChange, CommandStep, DecidedCommand, LaneChange, Precondition};
use giro::domain::plan::{AccountUpdate, Entry, StatementLanes, TotalUpdate, Transaction};
use giro::domain::{CommandRequest, Decision, LegNumber, Refusal, Repayment, Request, Timestamp};

/// A transaction that outlives its batch.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) entries: Vec<SentEntry>,
    pub(crate) updates: Vec<AccountUpdate>,
    pub(crate) totals: Vec<TotalUpdate>,
}

/// An entry of a transaction that outlives its batch.
#[derive(Debug, Clone)]
pub(crate) struct SentEntry {
    pub(crate) request: Request,
    pub(crate) repayment: Option<Repayment>,
    pub(crate) decision: Decision,
    pub(crate) declined_leg: Option<LegNumber>,
    pub(crate) lanes: StatementLanes,
    pub(crate) further: Vec<StatementLanes>,
    pub(crate) decided_at: Timestamp,
    pub(crate) limits_version: Option<u64>,
}

impl SentEntry {
    fn of(entry: &Entry<'_>) -> Self {
        let &Entry { decision, declined_leg, lanes, decided_at, limits_version, .. } = entry;
        let (request, further) = (entry.request.clone(), entry.further.clone());
        let repayment = entry.outcome().repayment;
        Self { request, repayment, decision, declined_leg, lanes, further, decided_at, limits_version }
    }

    fn entry(&self) -> Entry<'_> {
        let &Self { ref request, decision, declined_leg, lanes, decided_at, limits_version, .. } = self;
        let further = self.further.clone();
        let debtor = request.instruction.debtor();
        let repayment = self.repayment.as_ref().map(|repayment| repayment.from(debtor));
        Entry { request, repayment, decision, declined_leg, lanes, further, decided_at, limits_version }
    }
}

impl Sent {
    pub(crate) fn of(transaction: &Transaction<'_>) -> Self {
        Self {
            entries: transaction.entries.iter().map(SentEntry::of).collect(),
            updates: transaction.updates.clone(),
            totals: transaction.totals.clone(),
        }
    }

    /// The transaction again.
    pub(crate) fn transaction(&self) -> Transaction<'_> {
        Transaction {
            entries: self.entries.iter().map(SentEntry::entry).collect(),
            updates: self.updates.clone(),
            totals: self.totals.clone(),
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
