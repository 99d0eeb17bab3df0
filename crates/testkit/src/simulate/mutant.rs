//! What: Planted mistakes, which prove that the auditor sees them. Each is the code under test with one line of it
//! removed.
//!
//! Data: Takes what the handler asks of the store and answers to Lambda, and when mappings give up. Gives what a
//! handler, store or template with that mistake would have asked, answered and said. The mistakes act outside the code
//! that deploys.

mod transactions;

use super::network::{Answer, Call, at_once, execute};
use super::policy::Policies;
use crate::memory_store::MemoryStore;
use crate::sent::{Sent, SentStep};
use giro::domain::account_command::AccountChange;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::plan::AccountUpdate;
use giro::domain::{Account, AccountStatus, Balance, DeadLetter, Holding, Lane, LaneId};
use giro::store::{CommandCommit, Commit, LaneRead, Ledger, LedgerQueries, PaymentRead, StoreError};
use giro::wire::batch_response::BatchResponse;

/// What a mapping with a limit on the age of records allows.
const SIX_HOURS_MS: i64 = 6 * 3_600_000;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A payment is written whether or not its id has an outcome.
    DropPutCondition,
    /// The debits of a batch are checked against the balance at its end, not one by one.
    NetOverdraft,
    /// A transaction without an answer counts as done.
    AcknowledgeLostCommit,
    /// An outcome is published when its transaction is sent.
    PublishBeforeCommit,
    /// The first unfinished record of a partition isn't reported.
    ReportFromSecond,
    /// A debit doesn't look at the balance.
    DropBalanceCondition,
    /// A sweep doesn't look at what its lane holds, as if the slices of time kept others away from it.
    SkipSweepCondition,
    /// A decline doesn't look at the version of its debtor's main item.
    SkipDeclineCheck,
    /// A debit of a main item doesn't look at the limit.
    DropLimitCondition,
    /// A debit of a lane doesn't look at the limit.
    DebitLimitedLanes,
    /// A new limit changes the main item, and not the lanes.
    LimitMainItemOnly,
    /// A dead letter that isn't known to be stored counts as stored.
    AcknowledgeLostLetter,
    /// A dead letter loses the last byte of its value.
    CutLetter,
    /// An outcome that the broker did not acknowledge counts as published.
    AcknowledgeLostPublication,
    /// A command without an answer counts as done.
    AcknowledgeLostCommand,
    /// A credit doesn't look at its lane, whatever status that has.
    CreditAnyLane,
    /// A payment doesn't look at the version of the limits that it was decided on.
    DropLimitsVersion,
    /// The first payment of a period begins its window, whatever period that has now.
    RestartWindow,
    /// A payment is checked against what was used before its batch, and not against the payments before it.
    CheckLimitBeforeBatch,
    /// A refund doesn't look at the sum of the refunds of its original.
    DropRefundCondition,
    /// A refund leaves the sum of the refunds of its original as it is.
    LeaveOutRefundSum,
    /// The money of the last leg of a payment isn't moved.
    LeaveOutLeg,
    /// The last leg of a payment gets no item.
    LeaveOutLegItem,
    /// A read of outcomes finds none, as if originals were read before the payments that come before.
    IgnoreOriginals,
    /// Freezing and closing leave out lanes that aren't there yet.
    FreezeOnlyLanesThatExist,
    /// Closing doesn't check the balances when it is committed.
    CloseWithoutCondition,
    /// Freezing, unfreezing and closing change the main item, and not the lanes.
    FreezeMainItemOnly,
    /// What lanes hold doesn't count when a payment is decided.
    IgnoreLanes,
    /// A command that changes nothing doesn't check its preconditions.
    RefuseWithoutGround,
    /// A dead letter is named by the place of its record alone.
    LetterByPlace,
    /// A redriven dead letter stays redriven when its record is delivered again.
    LeaveRedriven,
    /// A mapping gives up records older than six hours, tried or not.
    LimitRecordAge,
    /// An operator's command notes a record as brought back before it publishes it.
    RememberBeforeRedrive,
}

impl Mutant {
    /// Every mistake, by name.
    pub const ALL: [(Self, &'static str); 33] = [
        (Self::DropPutCondition, "drop-put-condition"),
        (Self::NetOverdraft, "net-overdraft"),
        (Self::AcknowledgeLostCommit, "acknowledge-lost-commit"),
        (Self::PublishBeforeCommit, "publish-before-commit"),
        (Self::ReportFromSecond, "report-from-second"),
        (Self::DropBalanceCondition, "drop-balance-condition"),
        (Self::SkipSweepCondition, "skip-sweep-condition"),
        (Self::SkipDeclineCheck, "skip-decline-check"),
        (Self::DropLimitCondition, "drop-limit-condition"),
        (Self::DebitLimitedLanes, "debit-limited-lanes"),
        (Self::LimitMainItemOnly, "limit-main-item-only"),
        (Self::AcknowledgeLostLetter, "acknowledge-lost-letter"),
        (Self::CutLetter, "cut-letter"),
        (Self::AcknowledgeLostPublication, "acknowledge-lost-publication"),
        (Self::AcknowledgeLostCommand, "acknowledge-lost-command"),
        (Self::CreditAnyLane, "credit-any-lane"),
        (Self::DropLimitsVersion, "drop-limits-version"),
        (Self::RestartWindow, "restart-window"),
        (Self::CheckLimitBeforeBatch, "check-limit-before-batch"),
        (Self::DropRefundCondition, "drop-refund-condition"),
        (Self::LeaveOutRefundSum, "leave-out-refund-sum"),
        (Self::LeaveOutLeg, "leave-out-leg"),
        (Self::LeaveOutLegItem, "leave-out-leg-item"),
        (Self::IgnoreOriginals, "ignore-originals"),
        (Self::FreezeOnlyLanesThatExist, "freeze-only-lanes-that-exist"),
        (Self::CloseWithoutCondition, "close-without-condition"),
        (Self::FreezeMainItemOnly, "freeze-main-item-only"),
        (Self::IgnoreLanes, "ignore-lanes"),
        (Self::RefuseWithoutGround, "refuse-without-ground"),
        (Self::LetterByPlace, "letter-by-place"),
        (Self::LeaveRedriven, "leave-redriven"),
        (Self::LimitRecordAge, "limit-record-age"),
        (Self::RememberBeforeRedrive, "remember-before-redrive"),
    ];

    /// The mistake of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(mutant, _)| mutant)
    }

    /// Sends the call that a handler with this mistake would have sent.
    pub(super) fn execute(self, store: &MemoryStore, call: Call) -> Answer {
        let updates = match &call {
            Call::Commit(sent) => sent.updates.len(),
            Call::Read(_)
            | Call::ReadLanes(_)
            | Call::ReadPayments(_)
            | Call::ReadTotals(_)
            | Call::Command(_)
            | Call::DeadLetter(_) => 0,
        };
        if let Call::DeadLetter(letter) = &call
            && self.takes_for_parked(store, letter)
        {
            return Answer::DeadLetter(Ok(()));
        }
        let reopened = self.reopened(store, &call);
        let emptied = self.emptied_windows(store, &call);
        let mut answer = execute(store, &self.call(store, call));
        if !matches!(answer, Answer::Commit(Ok(Commit::Applied))) {
            emptied.into_iter().for_each(|was| store.insert_account(was));
            reopened.into_iter().for_each(|was| store.insert_lane(was));
        }
        if let Answer::Commit(Ok(Commit::Cancelled(cancelled))) = &mut answer {
            // The handler knows nothing of the updates that the mistake added.
            cancelled.accounts.retain(|(ix, _)| *ix < updates);
            cancelled.lanes.retain(|(ix, _)| *ix < updates);
            cancelled.busy.retain(|ix| *ix < updates);
        }
        answer
    }

    fn call(self, store: &MemoryStore, call: Call) -> Call {
        match (self, call) {
            (_, Call::Commit(sent)) => Call::Commit(self.sent(store, sent)),
            (Self::LimitMainItemOnly, Call::Command(mut step)) => {
                if let Some(AccountChange::Limit { lanes, .. }) = &mut step.main {
                    lanes.clear();
                    step.lanes.clear();
                }
                Call::Command(step)
            }
            (Self::CloseWithoutCondition, Call::Command(mut step)) => {
                if let Some(AccountChange::Status { balances, .. }) = &mut step.main {
                    *balances = None;
                    step.lanes.iter_mut().for_each(|lane| lane.balance = None);
                }
                Call::Command(step)
            }
            (Self::FreezeOnlyLanesThatExist, Call::Command(mut step)) => {
                step.lanes.retain(|change| change.to == AccountStatus::Open || lane(store, &change.id).is_some());
                Call::Command(step)
            }
            (Self::FreezeMainItemOnly, Call::Command(mut step)) => {
                if let Ok(AccountChange::Status { .. }) = step.decision {
                    step.lanes.clear();
                }
                Call::Command(step)
            }
            (Self::RefuseWithoutGround, Call::Command(step)) => Call::Command(SentStep { precondition: None, ..step }),
            (Self::CutLetter, Call::DeadLetter(mut letter)) => {
                letter.value.as_mut().and_then(Vec::pop);
                Call::DeadLetter(letter)
            }
            (_, call) => call,
        }
    }

    /// The transaction that a handler with this mistake would have sent.
    fn sent(self, store: &MemoryStore, sent: Sent) -> Sent {
        match (self, sent) {
            (Self::DropPutCondition, sent) => transactions::without_duplicates(store, sent),
            (Self::NetOverdraft, sent) => transactions::netted(store, sent),
            (Self::DropBalanceCondition, mut sent) => {
                let mains = sent.updates.iter_mut().filter(|update| update.lane.is_none());
                mains.for_each(|update| update.balance_min = None);
                sent
            }
            (Self::SkipSweepCondition, mut sent) => {
                let sweeps = sent.updates.iter_mut().filter(|update| update.is_sweep());
                sweeps.for_each(|update| update.balance_min = None);
                sent
            }
            (Self::DropLimitsVersion, mut sent) => {
                sent.updates.iter_mut().for_each(|update| update.limits_version = None);
                sent
            }
            (Self::CheckLimitBeforeBatch, sent) => transactions::each_alone(store, sent),
            (Self::DropRefundCondition, mut sent) => {
                sent.totals.iter_mut().for_each(|total| total.total_max = u64::MAX);
                sent
            }
            (Self::LeaveOutRefundSum, mut sent) => {
                sent.totals.clear();
                sent
            }
            (Self::LeaveOutLeg, sent) => transactions::without_last_leg(sent),
            (Self::LeaveOutLegItem, mut sent) => {
                for entry in &mut sent.entries {
                    entry.further.pop();
                }
                sent
            }
            (Self::SkipDeclineCheck, mut sent) => {
                sent.updates.iter_mut().for_each(|update| update.version = None);
                sent
            }
            (Self::DropLimitCondition, mut sent) => {
                let mains = sent.updates.iter_mut().filter(|update| update.lane.is_none());
                mains.for_each(|update| update.overdraft_limit = None);
                sent
            }
            (Self::DebitLimitedLanes, mut sent) => {
                let debits = sent.updates.iter_mut().filter(|update| update.lane.is_some() && !update.is_sweep());
                debits.for_each(|update| (update.overdraft_limit, update.balance_min) = (None, None));
                sent
            }
            (_, sent) => sent,
        }
    }

    /// Opens the lanes that a transaction credits, as if that had no condition. Returns them as they were.
    fn reopened(self, store: &MemoryStore, call: &Call) -> Vec<Lane> {
        let Call::Commit(sent) = call else { return Vec::new() };
        if self != Self::CreditAnyLane {
            return Vec::new();
        }
        let credited = sent.updates.iter().filter(|update| update.makes_lane()).filter_map(AccountUpdate::lane_id);
        let shut: Vec<Lane> = credited.filter_map(|id| lane(store, &id)).collect();
        shut.iter().for_each(|was| store.insert_lane(Lane { status: AccountStatus::Open, ..was.clone() }));
        shut
    }

    /// Empties the windows that a transaction begins, as if that had no condition. Returns the accounts as they were.
    fn emptied_windows(self, store: &MemoryStore, call: &Call) -> Vec<Account> {
        let Call::Commit(sent) = call else { return Vec::new() };
        let begun = sent.updates.iter().filter(|update| update.windows.iter().any(|window| window.begins));
        let mut emptied = Vec::new();
        for update in begun.filter(|_| self == Self::RestartWindow) {
            let Some(Ok(Some(Holding { account: was, .. }))) = at_once(store.account(&update.account)) else {
                continue;
            };
            let mut account = was.clone();
            for begins in update.windows.iter().filter(|window| window.begins) {
                let window = account.limits.as_mut().and_then(|limits| limits.window_mut(begins.period));
                window.into_iter().for_each(|window| window.used = None);
            }
            store.insert_account(account);
            emptied.push(was);
        }
        emptied
    }

    /// Whether a store with this mistake takes a dead letter as stored already.
    fn takes_for_parked(self, store: &MemoryStore, letter: &DeadLetter) -> bool {
        let Some(Ok(letters)) = at_once(store.dead_letters()) else { return false };
        letters.iter().filter(|there| there.source == letter.source).any(|there| {
            let same = there.id() == letter.id();
            self == Self::LetterByPlace
                || (self == Self::LeaveRedriven && same && there.status == DeadLetterStatus::Redriven)
        })
    }

    /// The policies of mappings with this mistake.
    pub(super) fn policies(self, policies: Policies) -> Policies {
        if self == Self::LimitRecordAge { policies.with_age_max_ms(SIX_HOURS_MS) } else { policies }
    }

    /// How a handler with this mistake would have understood an answer.
    pub(super) fn answer(self, answer: Answer) -> Answer {
        match (self, answer) {
            (Self::AcknowledgeLostCommit, Answer::Commit(Err(StoreError::Unavailable(_)))) => {
                Answer::Commit(Ok(Commit::Applied))
            }
            (Self::AcknowledgeLostCommand, Answer::Command(Err(StoreError::Unavailable(_)))) => {
                Answer::Command(Ok(CommandCommit::Applied))
            }
            (Self::AcknowledgeLostLetter, Answer::DeadLetter(Err(StoreError::Unavailable(_)))) => {
                Answer::DeadLetter(Ok(()))
            }
            (Self::IgnoreLanes, Answer::ReadLanes(Ok(reads))) => {
                Answer::ReadLanes(Ok(reads.into_iter().map(emptied).collect()))
            }
            (Self::IgnoreOriginals, Answer::ReadPayments(Ok(reads))) => {
                Answer::ReadPayments(Ok(reads.iter().map(|_| PaymentRead::Missing).collect()))
            }
            (_, answer) => answer,
        }
    }

    /// What a handler with this mistake would have answered.
    pub(super) fn response(self, mut response: BatchResponse) -> BatchResponse {
        if self == Self::ReportFromSecond {
            let mut partitions = std::collections::BTreeSet::new();
            response.failures.retain(|failure| !partitions.insert(failure.item.partition.clone()));
        }
        response
    }
}

/// A lane, if it is there.
fn lane(store: &MemoryStore, id: &LaneId) -> Option<Lane> {
    match at_once(store.read_lanes(&[id]))?.ok()?.pop()? {
        LaneRead::Found(lane) => Some(lane),
        LaneRead::Missing | LaneRead::Corrupt(_) | LaneRead::Unread => None,
    }
}

/// A lane that was read, as if it held nothing.
fn emptied(read: LaneRead) -> LaneRead {
    match read {
        LaneRead::Found(lane) => LaneRead::Found(Lane { balance: Balance::ZERO, ..lane }),
        LaneRead::Missing | LaneRead::Corrupt(_) | LaneRead::Unread => read,
    }
}
