//! What: Reads what many accounts hold, in few calls: a call for each account is most of what a look costs.
//!
//! | step | reads |
//! |---|---|
//! | 1 | the main items |
//! | 2 | the lanes that these count, and the main items with lanes once more |
//! | 3 | the lanes of those that changed meanwhile, once more |
//!
//! Data: Takes jobs, and gives each what its account holds, or a finding. A job without either was not read, and is to
//! be opened again: it holds up no other.
//!
//! Invariants: All is strongly consistent, and read before any list of these accounts.

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use super::calls::AuditStore;
use super::look::Outlook;
use super::proof::{ItemsRead, Job};
use crate::audit::scan::Stopped;
use crate::domain::audit::{Finding, Held};
use crate::domain::{Account, Holding, Lane, LaneId, Timestamp};
use crate::store::Read;

/// How long an account that was not read waits until it is read again.
pub(super) const UNREAD_FOR: Duration = Duration::from_secs(1);

impl<S: AuditStore> Outlook<'_, S> {
    /// Reads what the accounts of these jobs hold. One that can't be read is a finding of its job.
    pub(super) async fn open(&self, jobs: &mut [Job], clock: &impl Fn() -> Timestamp) -> Result<(), Stopped> {
        let began = clock();
        for job in jobs.iter_mut() {
            job.fresh = None;
            job.findings.clear();
        }
        let mut opening: Vec<&mut Job> = jobs.iter_mut().collect();
        let accounts = self.mains(&mut opening).await?;
        let (mut laned, mut held) = (Vec::new(), Vec::new());
        for (job, account) in opening.into_iter().zip(accounts) {
            match account {
                Some(account) if account.credit_lanes.is_none() => {
                    held.push((job, Held::exactly(Holding { account, lanes: Vec::new() })));
                }
                Some(account) => laned.push((job, account)),
                None => {}
            }
        }
        held.extend(self.with_lanes(laned).await?);
        let ended = clock();
        for (job, held) in held {
            job.fresh = Some(ItemsRead { held, began, ended, sums: BTreeMap::new() });
        }
        Ok(())
    }

    /// Reads the same of one job, until it was read or can't be.
    pub(super) async fn open_again(&self, job: &mut Job, clock: &impl Fn() -> Timestamp) -> Result<(), Stopped> {
        loop {
            self.open(slice::from_mut(job), clock).await?;
            if job.is_opened() {
                return Ok(());
            }
            self.calls.sleep(UNREAD_FOR).await;
        }
    }

    /// What accounts with lanes hold.
    async fn with_lanes<'j>(&self, accounts: Vec<(&'j mut Job, Account)>) -> Result<Vec<(&'j mut Job, Held)>, Stopped> {
        let before = self.lanes(accounts).await?;
        let (mut jobs, mut read) = (Vec::with_capacity(before.len()), Vec::with_capacity(before.len()));
        for (job, account, lanes) in before {
            jobs.push(job);
            read.push((account, lanes));
        }
        let again = self.mains(&mut jobs).await?;
        let (mut held, mut changed, mut earlier) = (Vec::new(), Vec::new(), Vec::new());
        for ((job, (account, lanes)), again) in jobs.into_iter().zip(read).zip(again) {
            match again {
                Some(again) if again.version == account.version => {
                    held.push((job, Held::exactly(Holding { account, lanes })));
                }
                Some(again) => {
                    earlier.push((job.account.clone(), lanes));
                    changed.push((job, again));
                }
                None => {}
            }
        }
        let earlier: BTreeMap<_, _> = earlier.into_iter().collect();
        for (job, account, lanes) in self.lanes(changed).await? {
            let before = earlier.get(&job.account).map(Vec::as_slice).unwrap_or_default();
            held.push((job, Held::between(before, Holding { account, lanes })));
        }
        Ok(held)
    }

    /// The main items, in the order of their jobs. `None`: it wasn't read, or it can't be, which is a finding.
    async fn mains(&self, jobs: &mut [&mut Job]) -> Result<Vec<Option<Account>>, Stopped> {
        let ids: Vec<_> = jobs.iter().map(|job| &job.account).collect();
        let store = self.calls.store;
        let read = |ids: Vec<_>| async move { store.read_accounts(&ids).await };
        let reads = self.calls.some("reading accounts", &ids, read).await?;
        let main = |(job, read): (&mut &mut Job, Read<Account>)| {
            let account = job.account.clone();
            let finding = match read {
                Read::Found(account) => return Some(account),
                Read::Corrupt(expected) => {
                    Finding::Unreadable { table: "accounts", key: account.to_string(), expected }
                }
                Read::Missing => Finding::LostAccount { account },
                Read::Unread => return None,
            };
            job.findings.push(finding);
            None
        };
        Ok(jobs.iter_mut().zip(reads).map(main).collect())
    }

    /// The lanes that are there, of those that each account counts. An account of which one wasn't read is left out. It
    /// has a finding, if that one can't be read at all.
    async fn lanes<'j>(
        &self,
        accounts: Vec<(&'j mut Job, Account)>,
    ) -> Result<Vec<(&'j mut Job, Account, Vec<Lane>)>, Stopped> {
        let ids: Vec<LaneId> = accounts.iter().flat_map(|(_, account)| account.lane_ids()).collect();
        let ids: Vec<&LaneId> = ids.iter().collect();
        let store = self.calls.store;
        let reads = self.calls.some("reading lanes", &ids, |ids| async move { store.read_lanes(&ids).await }).await?;
        let mut reads = ids.into_iter().zip(reads);
        let mut held = Vec::with_capacity(accounts.len());
        for (job, account) in accounts {
            let (mut lanes, mut is_whole) = (Vec::new(), true);
            for (id, read) in reads.by_ref().take(account.lane_ids().count()) {
                match read {
                    Read::Found(lane) => lanes.push(lane),
                    Read::Missing => {}
                    Read::Unread => is_whole = false,
                    Read::Corrupt(expected) if is_whole => {
                        is_whole = false;
                        job.findings.push(Finding::Unreadable { table: "accounts", key: id.to_string(), expected });
                    }
                    Read::Corrupt(_) => {}
                }
            }
            if is_whole {
                held.push((job, account, lanes));
            }
        }
        Ok(held)
    }
}
