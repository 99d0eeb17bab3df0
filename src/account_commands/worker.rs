//! Carries out the commands of one account, one after another.
//!
//! In: its requests, in their order. Out: an [`End`] for each, up to the first that finds none.
//!
//! A command is decided on what is known of its account ([`KnownAccount`]) and committed. What became of it says what
//! is known now, and what is to be done next.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::known::KnownAccount;
use crate::domain::account_command::{Change, CommandStep, CommandVerdict, DecidedCommand, Ground, decide};
use crate::domain::{CommandRequest, Timestamp};
use crate::settle::until::within;
use crate::settle::{Backoff, End};
use crate::store::{AccountLedger, CancelledCommand, CommandCommit, StoreError};

/// One account whose commands are under way.
pub(super) struct AccountWorker {
    account: KnownAccount,
    /// Its requests that have no end yet.
    left: VecDeque<usize>,
    backoff: Backoff,
}

/// What is to be done next with a command that was sent.
enum Next {
    /// It has its end, or finds none for now.
    End(End<CommandVerdict>),
    /// It is decided again.
    Decide,
    /// The same, after a wait: something stands in its way that passes.
    Wait,
}

impl AccountWorker {
    /// These requests are left to do on the account; `backoff` paces tries after a fault.
    pub(super) fn new(account: KnownAccount, left: Vec<usize>, backoff: Backoff) -> Self {
        Self { account, left: left.into(), backoff }
    }

    /// Whether something is left that waits for a person to mend a stored item.
    pub(super) fn waits_for_mending(&self) -> bool {
        self.account.is_damaged() && !self.left.is_empty()
    }

    /// Somebody may have mended what could not be read.
    pub(super) fn look_again(&mut self) {
        self.account.look_again();
    }

    /// The fault to tell of.
    pub(super) fn fault(self) -> Option<StoreError> {
        self.account.fault()
    }

    /// Carries out what is left, up to the first command that finds no end. Returns the ends found.
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

    /// Decides and commits one command, again and again while something stands in its way that passes.
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
                // A change's conditions let payments pass, so what it left is not what was read, changed. The next
                // command reads it: two commands of one account in one batch are rare.
                if decided.ruling.as_ref().is_ok_and(|change| *change != Change::Nothing) {
                    self.account.forget();
                }
                Next::End(End::Decided(decided.verdict()))
            }
            Ok(CommandCommit::Cancelled(cancelled)) => self.learn_cancelled(decided.request, cancelled),
            Err(error) if error.passes() => {
                // It may have happened all the same.
                self.account.forget();
                self.account.meet(error);
                Next::Wait
            }
            // Trying again won't help soon.
            Err(error) => self.stop(error),
        }
    }

    /// None of a command's last step happened, and here is why.
    fn learn_cancelled(&mut self, request: &CommandRequest, cancelled: CancelledCommand) -> Next {
        // Whoever got there first may have changed more than is told here.
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
        // A lane that doesn't fit its account is someone else's half-done work, or damage.
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
