//! What: The scheduled audit: proves the accounts that moved since their checkpoints, and writes their next ones.
//!
//! | step | module | reads |
//! |---|---|---|
//! | the closed time: that of a run that isn't finished, else a new one | here | the run under way |
//! | dead letters, heads, accounts and lanes | [`survey`] | three tables; accounts and heads may be some seconds old |
//! | each account that moved, or that looks wrong | [`look`] | its items, its lists, and by key what they name |
//! | its head and checkpoint | [`look`] | writes them, if nothing was found |
//! | accounts in which something was found, up to [`LOOKS_MAX`] times | here | as above, after a pause |
//! | per currency, the balances of all checkpoints | here | nothing |
//!
//! Data: Takes the store, a clock, how fast it may read, and a deadline. Gives a [`Proof`]. The module `since` of
//! [`crate::domain::audit`] says why no clean ledger is accused.
//!
//! Invariants: A checkpoint is written for a closed time alone, and only for an account in which nothing was found.
//! Each account is written by itself. So an audit that was killed goes on where it was, and two at once do no harm.
//!
//! Limits: Memory grows with accounts, and not with payments. It doesn't read postings from before a checkpoint again.

mod calls;
mod look;
mod proof;
mod survey;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::pace::Pace;
use super::scan::Stopped;
use crate::domain::audit::{AuditRun, Finding, Head, has_moved, state_findings};
use crate::domain::{AccountId, Currency, Timestamp};
use crate::store::{Read, StoreError};
use calls::Calls;
use look::{Looked, Outlook};
use proof::Job;
use survey::Survey;

pub use calls::AuditStore;
pub use proof::Proof;

/// A time is closed this much later. It is longer than the time-out of a function, the difference of two clocks, and
/// the delay of an index together.
pub const CLOSED_AFTER_MS: i64 = 20 * 60 * 1_000;

/// What was decided this much before a read was committed before it: the time-out of `payment-processor` is a minute,
/// and two clocks differ by less than another.
const FIRM_AFTER_MS: i64 = 2 * 60 * 1_000;

/// How often an account in which something was found is looked at. An index may be behind, or a command half-way.
pub const LOOKS_MAX: usize = 3;

/// How many accounts are looked at side by side.
const SIDE_BY_SIDE: usize = 16;

/// How many accounts are looked at before those in which something was found are looked at again. So an audit that
/// comes to its deadline has told what it found.
const TOGETHER: usize = 64;

/// How long an audit waits. A test on a real clock waits for less.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// Between the scan of the accounts and the first look, so that the indexes show what the scan has shown.
    pub for_indexes: Duration,
    /// Before an account in which something was found is looked at again.
    pub before_another_look: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { for_indexes: Duration::from_secs(10), before_another_look: Duration::from_secs(5) }
    }
}

/// Proves the accounts that moved, until all are proved or the deadline has come.
///
/// # Errors
/// [`StoreError::Rejected`] if the store refuses to be read at all, [`StoreError::Corrupt`] if it can't be understood.
/// Other errors are tried again until the deadline, and then reported in [`Proof::stopped`].
pub async fn prove(
    store: &impl AuditStore,
    clock: impl Fn() -> Timestamp,
    pace: Pace,
    waits: Waits,
    deadline: Instant,
) -> Result<Proof, StoreError> {
    let before = store.usage().read_milliunits;
    let calls = Calls::new(store, pace, deadline);
    let mut audit = Audit { is_overtaken: false, calls, clock: &clock, waits, proof: Proof::default() };
    match Box::pin(audit.run()).await {
        Ok(()) => {}
        Err(Stopped::Refused(error)) => return Err(error),
        Err(Stopped::Deadline(text)) => audit.proof.stopped = Some(text),
    }
    audit.proof.read_milliunits = store.usage().read_milliunits.saturating_sub(before);
    Ok(audit.proof)
}

struct Audit<'a, S, C> {
    /// Another audit has written a checkpoint meanwhile.
    is_overtaken: bool,
    calls: Calls<'a, S>,
    clock: &'a C,
    waits: Waits,
    proof: Proof,
}

impl<S: AuditStore, C: Fn() -> Timestamp> Audit<'_, S, C> {
    async fn run(&mut self) -> Result<(), Stopped> {
        let run = self.begun().await?;
        (self.proof.closed, self.proof.oldest) = (Some(run.closed), run.proved_at);
        let mut survey = Survey::read(&self.calls).await?;
        self.proof.accounts = survey.books.accounts().count();
        self.proof.letters = survey.letters.whole;
        std::mem::take(&mut survey.findings).into_iter().for_each(|finding| self.proof.find(finding));
        self.calls.sleep(self.waits.for_indexes).await;
        let jobs = self.jobs(&mut survey, run.closed);
        self.proof.moved = jobs.iter().filter(|job| job.moved).count();
        let mut open: BTreeMap<AccountId, Option<Timestamp>> =
            jobs.iter().filter(|job| job.moved).map(|job| (job.account.clone(), as_of(job.head.as_ref()))).collect();
        let ended = self.looks(jobs, &mut survey, run.closed, &mut open).await;
        let unjudged = match ended {
            Ok(()) => survey.check_rest(&self.calls, &mut self.proof).await,
            Err(stopped) => Err(stopped),
        };
        self.sum_up(&survey, &run, &open, unjudged.is_ok());
        unjudged?;
        let proved_at = if self.proof.behind == 0 { Some(run.closed) } else { run.proved_at };
        let run = AuditRun { finished_at: Some((self.clock)()), proved_at, ..run };
        self.calls.ask("writing the run", || self.calls.store.write_run(&run)).await
    }

    /// The run to go on with, or a new one.
    async fn begun(&self) -> Result<AuditRun, Stopped> {
        let now = (self.clock)();
        let store = self.calls.store;
        let proved_at = match self.calls.ask("reading the run", || store.run()).await? {
            Read::Found(run) if run.finished_at.is_none() => return Ok(run),
            Read::Found(run) => run.proved_at,
            Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        };
        let closed = now.earlier_by(CLOSED_AFTER_MS);
        let run = AuditRun { closed, began_at: now, finished_at: None, proved_at };
        self.calls.ask("writing the run", || store.write_run(&run)).await?;
        Ok(run)
    }

    /// The accounts to look at. Those that wait longest come first.
    fn jobs(&self, survey: &mut Survey, closed: Timestamp) -> Vec<Job> {
        let mut jobs = Vec::new();
        for account in survey.books.accounts() {
            let id = &account.id;
            if survey.books.is_partly_unreadable(id) || survey.unreadable_heads.contains(id) {
                continue;
            }
            let Some(holding) = survey.books.holding(id) else { continue };
            let head = survey.heads.get(id);
            let is_done = head.is_some_and(|head| head.checkpoint.as_of >= closed);
            let moved = !is_done && has_moved(head, &holding);
            if moved || !state_findings(&holding).is_empty() {
                jobs.push(Job { account: id.clone(), head: head.cloned(), moved, read: None, findings: Vec::new() });
            }
        }
        jobs.sort_by_key(|job| as_of(job.head.as_ref()));
        jobs
    }

    /// Looks at all accounts. `open` are those that still need a checkpoint.
    async fn looks(
        &mut self,
        jobs: Vec<Job>,
        survey: &mut Survey,
        closed: Timestamp,
        open: &mut BTreeMap<AccountId, Option<Timestamp>>,
    ) -> Result<(), Stopped> {
        let mut jobs = jobs.into_iter();
        loop {
            let some: Vec<Job> = jobs.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.look_at(some, survey, closed, open).await?;
        }
    }

    /// Looks at some accounts, and again at those in which something was found.
    async fn look_at(
        &mut self,
        mut jobs: Vec<Job>,
        survey: &mut Survey,
        closed: Timestamp,
        open: &mut BTreeMap<AccountId, Option<Timestamp>>,
    ) -> Result<(), Stopped> {
        for look in 0..LOOKS_MAX {
            if jobs.is_empty() {
                return Ok(());
            }
            if look > 0 {
                self.calls.sleep(self.waits.before_another_look).await;
            }
            let mut heads = Vec::new();
            let mut suspects = Vec::new();
            let mut stopped = None;
            {
                let outlook =
                    Outlook { calls: &self.calls, books: &survey.books, closed, firm_after_ms: FIRM_AFTER_MS };
                let outlook = &outlook;
                let clock = self.clock;
                // Boxed, as many of them are in flight, and each is large.
                let looks = jobs.into_iter().map(|job| Box::pin(async move { outlook.look(job, clock()).await }));
                let mut looks = stream::iter(looks).buffer_unordered(SIDE_BY_SIDE);
                while let Some(looked) = looks.next().await {
                    match looked {
                        Ok(Looked { job, is_proved, is_overtaken, postings, width }) => {
                            self.is_overtaken |= is_overtaken;
                            self.proof.postings = self.proof.postings.saturating_add(postings);
                            self.proof.widest = self.proof.widest.max(width);
                            if is_proved {
                                open.remove(&job.account);
                                heads.extend(job.head.clone());
                            }
                            if !job.findings.is_empty() {
                                suspects.push(job);
                            }
                        }
                        Err(error) => {
                            stopped = Some(error);
                            break;
                        }
                    }
                }
            }
            survey.heads.extend(heads.into_iter().map(|head| (head.checkpoint.account.clone(), head)));
            if let Some(stopped) = stopped {
                return Err(stopped);
            }
            jobs = suspects;
        }
        jobs.into_iter().flat_map(|job| job.findings).for_each(|finding| self.proof.find(finding));
        Ok(())
    }

    /// Counts who is behind. If nobody is, the balances of all checkpoints sum to zero.
    fn sum_up(
        &mut self,
        survey: &Survey,
        run: &AuditRun,
        open: &BTreeMap<AccountId, Option<Timestamp>>,
        is_finished: bool,
    ) {
        let closed = run.closed;
        let unjudged = survey.unjudged();
        self.proof.behind = open.len().saturating_add(unjudged.len());
        // An account that didn't move was proved with all others.
        let waits = |id: &AccountId| as_of(survey.heads.get(id)).or(survey.books.opened_at(id)).max(run.proved_at);
        let oldest = open.keys().chain(&unjudged).filter_map(waits).min();
        self.proof.oldest = Some(oldest.map_or(closed, |oldest| oldest.min(closed)));
        let is_later = |head: &Head| head.checkpoint.as_of > closed;
        if !is_finished || self.is_overtaken || self.proof.behind > 0 || survey.heads.values().any(is_later) {
            return;
        }
        let mut sums = BTreeMap::<Currency, i128>::new();
        for checkpoint in survey.heads.values().map(|head| &head.checkpoint) {
            let sum = sums.entry(checkpoint.currency).or_default();
            *sum = sum.saturating_add(checkpoint.balance);
        }
        for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            self.proof.find(Finding::NotZero { currency, sum });
        }
    }
}

fn as_of(head: Option<&Head>) -> Option<Timestamp> {
    head.map(|head| head.checkpoint.as_of)
}
