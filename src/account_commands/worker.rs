//! What: Applies the commands of one account, one after another.
//!
//! Data: Takes its requests, in their order. Gives a [`Disposition`] for each, up to the first that stays unfinished.
//!
//! A command is decided on what is known of its account ([`KnownAccount`]) and committed. The answer says what is known
//! now, and what must be done next.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::known::KnownAccount;
use crate::domain::account_command::{
    AccountChange, CommandDecision, CommandStep, DecidedCommand, Policy, Precondition, decide, too_busy,
};
use crate::domain::{AccountStatus, CommandRequest, Timestamp};
use crate::settle::deadline::within;
use crate::settle::{Backoff, Disposition};
use crate::store::{AccountLedger, CancelledCommand, CommandCommit, StoreError};

/// After payments were in the way so often, those that name the account are asked to wait.
const HINDERED_BEFORE_PAUSE: u32 = 2;

/// How often payments are asked to wait for a command in one delivery. If that doesn't help, something else is in the
/// way.
const PAUSES_MAX: u32 = 2;

/// After so many cancelled tries, the account is too busy for a command that rests on what its lanes hold.
const CANCELLED_MAX: u32 = 12;

/// How long payments are asked to wait, in milliseconds. Batches that read the account before take about a second.
const PAUSE_MS: i64 = 10_000;

/// One account with its commands.
pub(super) struct AccountWorker {
    account: KnownAccount,
    /// Its requests that have no disposition yet.
    left: VecDeque<usize>,
    policy: Policy,
    backoff: Backoff,
    /// How many tries of the current command were cancelled.
    cancelled: u32,
    /// In how many of these tries payments were in the way.
    hindered: u32,
    /// How often payments were asked to wait for the current command, and until when.
    pauses: u32,
    paused_until: Option<Timestamp>,
}

/// What must be done with a command after its steps were sent.
enum AfterCommit {
    /// It has its disposition, or stays unfinished for now.
    Disposition(Disposition<CommandDecision>),
    /// It is decided again.
    Decide,
    /// It is decided again after a wait, because an error that passes stopped it.
    Wait,
}

impl AccountWorker {
    /// These requests are left for the account. `backoff` paces tries after an error.
    pub(super) fn new(account: KnownAccount, left: Vec<usize>, policy: Policy, backoff: Backoff) -> Self {
        let (cancelled, hindered, pauses, paused_until) = (0, 0, 0, None);
        Self { account, left: left.into(), policy, backoff, cancelled, hindered, pauses, paused_until }
    }

    /// Whether a request waits for a person to mend a stored item.
    pub(super) fn waits_for_mending(&self) -> bool {
        self.account.is_damaged() && !self.left.is_empty()
    }

    /// Somebody may have mended what could not be read.
    pub(super) fn look_again(&mut self) {
        self.account.look_again();
    }

    /// The error to report.
    pub(super) fn error(self) -> Option<StoreError> {
        self.account.error()
    }

    /// Applies the commands that are left, up to the first that stays unfinished. Returns the dispositions.
    pub(super) async fn go<L: AccountLedger>(
        mut self,
        ledger: &L,
        requests: &[CommandRequest],
        deadline: Instant,
        now: &impl Fn() -> Timestamp,
    ) -> (Self, Vec<(usize, Disposition<CommandDecision>)>) {
        let mut dispositions = Vec::with_capacity(self.left.len());
        while let Some(&ix) = self.left.front() {
            let disposition = self.carry_out(ledger, &requests[ix], deadline, now).await;
            if disposition == Disposition::Unfinished {
                break;
            }
            dispositions.push((ix, disposition));
            self.left.pop_front();
        }
        (self, dispositions)
    }

    /// Decides and commits one command. Repeats this while only errors that pass stand in the way.
    async fn carry_out<L: AccountLedger>(
        &mut self,
        ledger: &L,
        request: &CommandRequest,
        deadline: Instant,
        now: &impl Fn() -> Timestamp,
    ) -> Disposition<CommandDecision> {
        self.backoff.reset();
        (self.cancelled, self.hindered, self.pauses, self.paused_until) = (0, 0, 0, None);
        loop {
            let looked = self.account.look(ledger, &request.command.action, deadline, &self.backoff).await;
            let Some((account, lanes)) = looked else { return Disposition::Unfinished };
            if Instant::now() >= deadline {
                return Disposition::Unfinished;
            }
            let at = now();
            let mut decision = decide(&request.command, account.as_ref(), &lanes, self.policy, at);
            if self.cancelled >= CANCELLED_MAX {
                // A command that never ends would keep a freeze behind it from ever being applied.
                decision = too_busy(&request.command.action, account.as_ref()).map_or(decision, Err);
            }
            let precondition = Precondition::of(&decision, account.as_ref(), &lanes);
            let decided = DecidedCommand { request, decision, decided_at: at };
            if account.is_some_and(|account| account.status == AccountStatus::Open) {
                self.pause(ledger, &decided, deadline).await;
            }
            let answer = within(deadline, "committing", commit(ledger, decided.steps_on(precondition))).await;
            match self.learn(&decided, answer) {
                AfterCommit::Disposition(disposition) => return disposition,
                AfterCommit::Decide => {}
                AfterCommit::Wait => self.backoff.wait(deadline).await,
            }
        }
    }

    /// Asks payments that name the account to wait, if they were in the way and don't wait yet. If that fails, the
    /// command is tried as before.
    async fn pause<L: AccountLedger>(&mut self, ledger: &L, decided: &DecidedCommand<'_>, deadline: Instant) {
        let at = decided.decided_at;
        let waits = self.paused_until.is_some_and(|until| at < until);
        if waits || self.hindered < HINDERED_BEFORE_PAUSE || self.pauses >= PAUSES_MAX {
            return;
        }
        let Ok(until) = Timestamp::try_from_millis(at.millis().saturating_add(PAUSE_MS)) else { return };
        let Some(step) = decided.pause(until) else { return };
        if within(deadline, "pausing payments", ledger.commit_command(&step)).await == Ok(CommandCommit::Applied) {
            self.pauses = self.pauses.saturating_add(1);
            self.paused_until = Some(until);
        }
    }

    /// Learns from what became of a command.
    fn learn(&mut self, decided: &DecidedCommand<'_>, answer: Result<CommandCommit, StoreError>) -> AfterCommit {
        match answer {
            Ok(CommandCommit::Applied) => {
                // The conditions of a change let payments pass, so the account may hold more or less than was read. The
                // next command reads it again; two commands of one account in one batch are rare.
                if decided.decision.as_ref().is_ok_and(|change| *change != AccountChange::Nothing) {
                    self.account.forget();
                }
                AfterCommit::Disposition(Disposition::Decided(decided.decision()))
            }
            Ok(CommandCommit::Cancelled(cancelled)) => self.learn_cancelled(decided, cancelled),
            Err(error) if error.passes() => {
                // The step may have happened.
                self.account.forget();
                self.account.note(error);
                AfterCommit::Wait
            }
            // Another try won't help soon.
            Err(error) => self.stop(error),
        }
    }

    /// None of a command's last step happened, for these reasons.
    fn learn_cancelled(&mut self, decided: &DecidedCommand<'_>, cancelled: CancelledCommand) -> AfterCommit {
        self.cancelled = self.cancelled.saturating_add(1);
        // A lane that doesn't fit its account stays as it is, however long payments wait.
        let moved = cancelled.lanes && decided.rests_on_lanes();
        let hindered = moved || cancelled.transient == Some(StoreError::Conflict);
        self.hindered = self.hindered.saturating_add(hindered.into());
        // Whoever wrote first may have changed more than the answer tells.
        self.account.forget();
        match cancelled.duplicate {
            Some(Ok(recorded)) if recorded.fingerprint == decided.request.command.fingerprint() => {
                return AfterCommit::Disposition(Disposition::Replayed);
            }
            Some(Ok(_)) => return AfterCommit::Disposition(Disposition::IdReused),
            Some(Err(expected)) => return self.stop(StoreError::Corrupt(expected)),
            None => {}
        }
        if let Some(main) = cancelled.account {
            self.account.learn(main);
        }
        // A lane that doesn't fit its account is damaged, or somebody else is still changing it.
        match cancelled.transient.or(cancelled.lanes.then_some(StoreError::Conflict)) {
            None => AfterCommit::Decide,
            Some(error) => {
                self.account.note(error);
                AfterCommit::Wait
            }
        }
    }

    fn stop(&mut self, error: StoreError) -> AfterCommit {
        self.account.note(error);
        AfterCommit::Disposition(Disposition::Unfinished)
    }
}

/// Commits a command's steps, one after the other, up to the first that doesn't happen.
async fn commit<L: AccountLedger>(ledger: &L, steps: Vec<CommandStep<'_>>) -> Result<CommandCommit, StoreError> {
    for step in steps {
        let answer = ledger.commit_command(&step).await?;
        if answer != CommandCommit::Applied {
            return Ok(answer);
        }
    }
    Ok(CommandCommit::Applied)
}
