//! What: Applies the commands of one account, one after another.
//!
//! Data: Takes its requests, in their order. Gives an [`End`] for each, up to the first that stays unfinished.
//!
//! A command is decided on what is known of its account ([`KnownAccount`]) and committed. The answer says what is known
//! now, and what must be done next.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::known::KnownAccount;
use crate::domain::account_command::{Change, CommandStep, CommandVerdict, DecidedCommand, Ground, decide};
use crate::domain::{CommandRequest, Timestamp};
use crate::settle::until::within;
use crate::settle::{Backoff, End};
use crate::store::{AccountLedger, CancelledCommand, CommandCommit, StoreError};

/// One account with its commands.
pub(super) struct AccountWorker {
    account: KnownAccount,
    /// Its requests that have no disposition yet.
    left: VecDeque<usize>,
    backoff: Backoff,
}

/// What must be done next with a command that was sent.
enum Next {
    /// It has its disposition, or stays unfinished for now.
    End(End<CommandVerdict>),
    /// It is decided again.
    Decide,
    /// It is decided again after a wait, because an error that passes stopped it.
    Wait,
}

impl AccountWorker {
    /// These requests are left for the account. `backoff` paces tries after an error.
    pub(super) fn new(account: KnownAccount, left: Vec<usize>, backoff: Backoff) -> Self {
        Self { account, left: left.into(), backoff }
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
    pub(super) fn fault(self) -> Option<StoreError> {
        self.account.fault()
    }

    /// Applies the commands that are left, up to the first that stays unfinished. Returns the dispositions.
    pub(super) async fn go<L: AccountLedger>(
        mut self,
        ledger: &L,
        requests: &[CommandRequest],
        until: Instant,
        now: &impl Fn() -> Timestamp,
    ) -> (Self, Vec<(usize, End<CommandVerdict>)>) {
        let mut ends = Vec::with_capacity(self.left.len());
        while let Some(&ix) = self.left.front() {
            let end = self.carry_out(ledger, &requests[ix], until, now).await;
            if end == End::Unfinished {
                break;
            }
            ends.push((ix, end));
            self.left.pop_front();
        }
        (self, ends)
    }

    /// Decides and commits one command. Repeats this while only errors that pass stand in the way.
    async fn carry_out<L: AccountLedger>(
        &mut self,
        ledger: &L,
        request: &CommandRequest,
        until: Instant,
        now: &impl Fn() -> Timestamp,
    ) -> End<CommandVerdict> {
        self.backoff.reset();
        loop {
            let looked = self.account.look(ledger, request.command.action, until, &self.backoff).await;
            let Some((account, lanes)) = looked else { return End::Unfinished };
            if Instant::now() >= until {
                return End::Unfinished;
            }
            let at = now();
            let ruling = decide(&request.command, account.as_ref(), &lanes, at);
            let ground = Ground::of(&ruling, account.as_ref(), &lanes);
            let decided = DecidedCommand { request, ruling, decided_at: at };
            let answer = within(until, "committing", commit(ledger, decided.steps_on(ground))).await;
            match self.learn(&decided, answer) {
                Next::End(end) => return end,
                Next::Decide => {}
                Next::Wait => self.backoff.wait(until).await,
            }
        }
    }

    /// Learns from what became of a command.
    fn learn(&mut self, decided: &DecidedCommand<'_>, answer: Result<CommandCommit, StoreError>) -> Next {
        match answer {
            Ok(CommandCommit::Applied) => {
                // The conditions of a change let payments pass, so the account may hold more or less than was read. The
                // next command reads it again; two commands of one account in one batch are rare.
                if decided.ruling.as_ref().is_ok_and(|change| *change != Change::Nothing) {
                    self.account.forget();
                }
                Next::End(End::Decided(decided.verdict()))
            }
            Ok(CommandCommit::Cancelled(cancelled)) => self.learn_cancelled(decided.request, cancelled),
            Err(error) if error.passes() => {
                // The step may have happened.
                self.account.forget();
                self.account.meet(error);
                Next::Wait
            }
            // Another try won't help soon.
            Err(error) => self.stop(error),
        }
    }

    /// None of a command's last step happened, for these reasons.
    fn learn_cancelled(&mut self, request: &CommandRequest, cancelled: CancelledCommand) -> Next {
        // Whoever wrote first may have changed more than the answer tells.
        self.account.forget();
        match cancelled.duplicate {
            Some(Ok(recorded)) if recorded.fingerprint == request.command.fingerprint() => {
                return Next::End(End::Replayed);
            }
            Some(Ok(_)) => return Next::End(End::IdReused),
            Some(Err(expected)) => return self.stop(StoreError::Corrupt(expected)),
            None => {}
        }
        if let Some(main) = cancelled.account {
            self.account.learn(main);
        }
        // A lane that doesn't fit its account is damaged, or somebody else is still changing it.
        match cancelled.transient.or(cancelled.lanes.then_some(StoreError::Conflict)) {
            None => Next::Decide,
            Some(fault) => {
                self.account.meet(fault);
                Next::Wait
            }
        }
    }

    fn stop(&mut self, fault: StoreError) -> Next {
        self.account.meet(fault);
        Next::End(End::Unfinished)
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
