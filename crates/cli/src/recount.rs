//! What: Checks the checkpoints of a ledger by all of its payments, for `giro audit --full`.
//!
//! | step | what |
//! |---|---|
//! | 1 | reads all heads |
//! | 2 | counts the payments that the audit reads anyway, up to the time of each account's newest checkpoint |
//! | 3 | compares each head with what was counted |
//! | 4 | reads each account's checkpoints back to the first: each must hold the chain of the one before |
//!
//! Data: Takes a store, and the audit's scan through [`Tapped`]. Gives findings.
//!
//! Why it gives no false alarm: A checkpoint is of a closed time, so its payments were committed before its head was
//! written. Heads are read first, so the scan holds all of these payments.
//!
//! Limits: Memory grows with accounts, by estimate 300 bytes each. Each checkpoint costs half a read unit.

mod sums;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::again::again;
use giro::domain::AccountId;
use giro::domain::audit::{Checkpoint, Finding};
use giro::store::{Checkpoints, Read, ScanPage, ScannedHead, ScannedItem, Segment, StoreError, Table, TableScan};

use sums::{Sums, account_of};

/// How many accounts are read back side by side.
const SIDE_BY_SIDE: usize = 16;

const RECOUNT: &str = "its newest checkpoint to be what all postings up to its time make";
const CHAIN: &str = "each checkpoint to hold the chain of the one before";
const READABLE: &str = "a checkpoint that can be read";
const SEAL: &str = "its head to be as an audit wrote it";

/// The newest checkpoints, and what the payments up to their times make.
#[derive(Debug)]
pub struct Recount {
    sums: BTreeMap<AccountId, (Checkpoint, Sums)>,
    findings: Vec<Finding>,
}

impl Recount {
    /// Reads all heads.
    ///
    /// # Errors
    /// [`StoreError`] if they weren't read by the deadline.
    pub async fn begin(store: &impl Checkpoints, deadline: Instant) -> Result<Self, StoreError> {
        let (mut recount, mut mark) = (Self { sums: BTreeMap::new(), findings: Vec::new() }, None);
        loop {
            let page = again(deadline, || store.heads(Segment { number: 0, of: 1 }, mark.clone())).await?;
            page.items.into_iter().for_each(|head| recount.head(head));
            mark = page.next;
            if mark.is_none() {
                return Ok(recount);
            }
        }
    }

    fn head(&mut self, head: ScannedHead) {
        match head {
            ScannedHead::Head(head) => {
                let checkpoint = head.checkpoint;
                self.sums.insert(checkpoint.account.clone(), (checkpoint, Sums::default()));
            }
            ScannedHead::Unreadable { key, expected } => self.findings.push(match key.parse() {
                Ok(account) => Finding::Checkpoint { account, expected: SEAL },
                Err(_) => Finding::Unreadable { table: "audit-heads", key, expected },
            }),
        }
    }

    /// How many accounts have checkpoints.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.sums.len()
    }

    fn take(&mut self, item: &ScannedItem) {
        if let ScannedItem::Payment(recorded) = item {
            let decided_at = recorded.outcome.decided_at;
            sums::each(&recorded.outcome, |id, side, transfer| {
                if let Some((checkpoint, sums)) = self.sums.get_mut(account_of(transfer, side))
                    && decided_at <= checkpoint.as_of
                {
                    sums.add(id, side, transfer, decided_at);
                }
            });
        }
    }

    /// Compares, and reads all checkpoints back to the first of each account. Gives what was found, and how many
    /// checkpoints there are.
    ///
    /// # Errors
    /// [`StoreError`] if one wasn't read by the deadline.
    pub async fn end(self, store: &impl Checkpoints, deadline: Instant) -> Result<(Vec<Finding>, u64), StoreError> {
        let Self { sums, mut findings } = self;
        let recounted = sums.values().filter(|(checkpoint, sums)| !sums.make(checkpoint));
        findings.extend(recounted.map(|(checkpoint, _)| wrong(&checkpoint.account, RECOUNT)));
        let chains = stream::iter(sums.values()).map(|(newest, _)| chain(store, newest, deadline));
        let chains = chains.buffer_unordered(SIDE_BY_SIDE);
        let chains: Vec<(Option<Finding>, u64)> = chains.try_collect().await?;
        let count = chains.iter().map(|(_, count)| count).sum();
        findings.extend(chains.into_iter().filter_map(|(finding, _)| finding));
        findings.sort_by_key(Finding::at_fault);
        Ok((findings, count))
    }
}

fn wrong(account: &AccountId, expected: &'static str) -> Finding {
    Finding::Checkpoint { account: account.clone(), expected }
}

/// Reads the checkpoints of an account back to its first. Gives the first error, and how many fit.
async fn chain(
    store: &impl Checkpoints,
    newest: &Checkpoint,
    deadline: Instant,
) -> Result<(Option<Finding>, u64), StoreError> {
    let account = &newest.account;
    let (mut at, mut expected, mut count) = (newest.as_of, Some(newest.chain()), 0_u64);
    loop {
        let finding = match (again(deadline, || store.checkpoint(account, at)).await?, expected) {
            (Read::Missing, None) => None,
            (Read::Found(checkpoint), Some(chain)) if checkpoint.chain() == chain => {
                count = count.saturating_add(1);
                (at, expected) = (checkpoint.as_of.earlier_by(1), checkpoint.previous);
                continue;
            }
            (Read::Corrupt(_), _) => Some(wrong(account, READABLE)),
            (Read::Unread, _) => return Err(StoreError::Unavailable("a checkpoint was not read".into())),
            (Read::Found(_) | Read::Missing, _) => Some(wrong(account, CHAIN)),
        };
        return Ok((finding, count));
    }
}

/// A store whose scan of payments is counted. An audit may scan more than once; the first scan counts.
#[derive(Debug)]
pub struct Tapped<'a, S> {
    store: &'a S,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    recount: Recount,
    /// By segment of the payments, how often it was begun.
    begun: BTreeMap<u16, u32>,
}

impl<'a, S> Tapped<'a, S> {
    /// Counts what is read of this store.
    #[must_use]
    pub fn new(store: &'a S, recount: Recount) -> Self {
        Self { store, counted: Mutex::new(Counted { recount, begun: BTreeMap::new() }) }
    }

    /// What was counted.
    #[must_use]
    pub fn counted(self) -> Recount {
        self.counted.into_inner().unwrap_or_else(PoisonError::into_inner).recount
    }
}

impl<S: TableScan> TableScan for Tapped<'_, S> {
    type Mark = S::Mark;

    async fn page(
        &self,
        table: Table,
        segment: Segment,
        mark: Option<S::Mark>,
    ) -> Result<ScanPage<S::Mark>, StoreError> {
        let begins = mark.is_none();
        let page = self.store.page(table, segment, mark).await?;
        if table == Table::Payments {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            let Counted { recount, begun } = &mut *counted;
            let scans = begun.entry(segment.number).or_default();
            *scans = scans.saturating_add(u32::from(begins));
            if *scans == 1 {
                page.items.iter().for_each(|item| recount.take(item));
            }
        }
        Ok(page)
    }
}
