//! What: The scheduled audit: proves the accounts that moved since their checkpoints, and writes their next ones.
//!
//! | step | module | reads |
//! |---|---|---|
//! | the closed time: that of a run that isn't finished, else a new one | here | the run under way |
//! | dead letters, heads, accounts and lanes | `survey` | three tables; accounts and heads may be some seconds old |
//! | what looked wrong without any posting | `survey` | the same items again |
//! | the accounts that moved, or that look wrong | `items` | their items, of many in a call |
//! | each of them | `look` | its newest checkpoint, its lists, and by key what they name |
//! | its postings, and what they name | `postings` | its lists, page by page |
//! | of a large account, a part of its postings | `slice` | as above. Writes its draft |
//! | its head and checkpoint | `heads` | writes them, if nothing was found |
//! | accounts in which something was found, up to [`LOOKS_MAX`] times | `looks`, `queue` | as above, after a pause |
//! | per currency, the balances of all checkpoints | here | nothing |
//!
//! Data: Takes the store, a clock, how fast it may read, and a deadline. Gives a [`Proof`]. The module `since` of
//! [`crate::domain::audit`] says why no clean ledger is accused.
//!
//! Invariants: A checkpoint is written for a closed time alone, and only for an account in which nothing was found.
//! Each head has a condition of its own, also where a transaction writes several. So an audit that was killed goes on
//! where it was, and two at once do no harm.
//!
//! Limits: Memory grows with accounts, and not with payments. It doesn't read postings from before a checkpoint again.
//! An account with more postings than are read at once takes several looks, and maybe several invocations. All others
//! are proved meanwhile.

mod calls;
mod heads;
mod items;
mod look;
mod looks;
mod postings;
mod proof;
mod queue;
mod slice;
mod survey;

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::pace::Pace;
use super::scan::Stopped;
use crate::domain::audit::{AuditRun, Finding, Head, has_moved, state_findings};
use crate::domain::{AccountId, Currency, Timestamp};
use crate::store::{Read, StoreError};
use calls::Calls;
use looks::{Around, Ended, Told, looks};
use proof::Job;
use survey::Survey;

pub use calls::AuditStore;
pub use proof::Proof;
pub use queue::{LOOKS_MAX, Settings};

/// Proves the accounts that moved, until all are proved or the deadline has come.
///
/// # Errors
/// [`StoreError::Rejected`] if the store refuses to be read at all, [`StoreError::Corrupt`] if it can't be understood.
/// Other errors are tried again until the deadline, and then reported in [`Proof::stopped`].
pub async fn prove(
    store: &impl AuditStore,
    clock: impl Fn() -> Timestamp,
    pace: Pace,
    settings: Settings,
    deadline: Instant,
) -> Result<Proof, StoreError> {
    let before = store.usage().read_milliunits;
    let calls = Calls::new(store, pace, deadline);
    let mut audit = Audit { is_overtaken: false, calls, clock: &clock, settings, proof: Proof::default() };
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
    settings: Settings,
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
        self.calls.sleep(self.settings.for_indexes).await;
        let unjudged = survey.check_rest(&self.calls, &mut self.proof).await;
        let jobs = self.jobs(&mut survey, run.closed);
        self.proof.moved = jobs.iter().filter(|job| job.moved).count();
        let mut open: BTreeMap<AccountId, Option<Timestamp>> =
            jobs.iter().filter(|job| job.moved).map(|job| (job.account.clone(), as_of(job.head.as_ref()))).collect();
        let ended = match unjudged {
            Ok(()) => self.looks(jobs, &mut survey, run.closed, &mut open).await,
            Err(stopped) => Err(stopped),
        };
        self.sum_up(&survey, &run, &open, matches!(ended, Ok(Ended::AllJudged)));
        match ended? {
            Ended::AllJudged => {}
            Ended::AllHadTime(text) => self.proof.stopped = Some(text),
            Ended::SomeWait(text) => {
                self.proof.stopped = Some(text);
                return Ok(());
            }
        }
        let proved_at = if self.proof.behind == 0 { Some(run.closed) } else { run.proved_at };
        let run = AuditRun { finished_at: Some((self.clock)()), proved_at, ..run };
        self.calls.ask("writing the run", || self.calls.store.write_run(&run)).await
    }

    /// The run to go on with, or a new one.
    async fn begun(&self) -> Result<AuditRun, Stopped> {
        let now = (self.clock)();
        let store = self.calls.store;
        let before = match self.calls.ask("reading the run", || store.run()).await? {
            Read::Found(run) if run.is_credible(now) => Some(run),
            Read::Missing | Read::Unread => None,
            // A time to come would hide how old the oldest proof is, and no run could be written over it.
            spoiled @ (Read::Found(_) | Read::Corrupt(_)) => {
                tracing::warn!(
                    ?spoiled,
                    "the run in the table of checkpoints is not as an audit wrote it: begins anew"
                );
                let run = AuditRun::begun(now, None);
                self.calls.ask("writing the run", || store.replace_run(&run)).await?;
                return Ok(run);
            }
        };
        if let Some(run) = before.filter(|run| run.goes_on(now)) {
            return Ok(run);
        }
        let run = AuditRun::begun(now, before.as_ref());
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
                jobs.push(Job::new(id.clone(), head.cloned(), moved));
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
    ) -> Result<Ended, Stopped> {
        let around =
            Around { calls: &self.calls, clock: self.clock, settings: self.settings, books: &survey.books, closed };
        let mut told = Told::default();
        let ended = looks(&around, jobs, open, &mut told).await;
        let Told { heads, findings, is_overtaken, postings, widest } = told;
        survey.heads.extend(heads.into_iter().map(|head| (head.checkpoint.account.clone(), head)));
        findings.into_iter().for_each(|finding| self.proof.find(finding));
        (self.is_overtaken, self.proof.postings, self.proof.widest) = (is_overtaken, postings, widest);
        ended
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
