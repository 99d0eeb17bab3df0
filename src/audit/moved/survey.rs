//! What: Scans what every run looks at: dead letters, heads, accounts and lanes.
//!
//! Data: Gives all of it, and findings that need no account's postings. What looks wrong by itself is read again,
//! strongly consistent, before it is a finding.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{AuditStore, Calls};
use super::proof::Proof;
use crate::audit::scan::Stopped;
use crate::audit::scanned::{take_account, take_letter};
use crate::domain::audit::{Books, Finding, Head, Letters};
use crate::domain::{AccountId, LaneId};
use crate::store::{Read, ScanPage, ScannedHead, Segment, StoreError, Table};

const SEAL: &str = "its head to be as an audit wrote it";

/// What a run scans.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) letters: Letters,
    pub(super) heads: BTreeMap<AccountId, Head>,
    /// Accounts whose head can't be read.
    pub(super) unreadable_heads: BTreeSet<AccountId>,
    pub(super) books: Books,
    pub(super) findings: Vec<Finding>,
}

impl Survey {
    pub(super) async fn read(calls: &Calls<'_, impl AuditStore>) -> Result<Self, Stopped> {
        let mut survey = Self::default();
        let (letters, unreadable) = letters(calls).await?;
        survey.letters = letters;
        survey.findings = unreadable;
        let store = calls.store;
        let (heads, mut unread) = (&mut survey.heads, Vec::new());
        let take = |head| match head {
            ScannedHead::Head(head) => drop(heads.insert(head.checkpoint.account.clone(), *head)),
            ScannedHead::Unreadable { key, expected } => unread.push((key, expected)),
        };
        scan(calls, "reading heads", |segment, mark| store.heads(segment, mark), take).await?;
        for (key, expected) in unread {
            survey.unread_head(calls, key, expected).await?;
        }
        let books = &mut survey.books;
        let take = |item| take_account(books, item);
        scan(calls, "reading accounts", |segment, mark| store.account_pages(segment, mark), take).await?;
        survey.findings.extend(survey.books.unreadable());
        Ok(survey)
    }

    /// A head that can't be read. Another audit may have written it anew since.
    async fn unread_head(
        &mut self,
        calls: &Calls<'_, impl AuditStore>,
        key: String,
        expected: String,
    ) -> Result<(), Stopped> {
        let Ok(account) = AccountId::try_stored(&key) else {
            self.findings.push(Finding::Unreadable { table: "audit-heads", key, expected });
            return Ok(());
        };
        match calls.ask("reading a head", || calls.store.head(&account)).await? {
            Read::Found(head) => drop(self.heads.insert(account, head)),
            Read::Corrupt(_) => {
                self.findings.push(Finding::Checkpoint { account: account.clone(), expected: SEAL });
                self.unreadable_heads.insert(account);
            }
            Read::Missing | Read::Unread => {}
        }
        Ok(())
    }

    /// Accounts that no look can judge: those that can't be read, and those that were lost.
    pub(super) fn unjudged(&self) -> BTreeSet<AccountId> {
        let unreadable = self.books.accounts().map(|account| &account.id);
        let unreadable = unreadable.filter(|id| self.books.is_partly_unreadable(id)).cloned();
        let lost = self.heads.keys().filter(|id| self.books.currency(id).is_none()).cloned();
        self.unreadable_heads.iter().cloned().chain(unreadable).chain(lost).collect()
    }

    /// Reads again what looked wrong in the scans: accounts that were lost, stray lanes, dead letters.
    pub(super) async fn check_rest(
        &self,
        calls: &Calls<'_, impl AuditStore>,
        proof: &mut Proof,
    ) -> Result<(), Stopped> {
        let lost: Vec<&AccountId> = self.heads.keys().filter(|id| self.books.currency(id).is_none()).collect();
        let lost: Vec<&AccountId> = lost.into_iter().filter(|id| !self.books.is_partly_unreadable(id)).collect();
        let store = calls.store;
        let reads = calls.each("reading accounts", &lost, |ids| async move { store.read_accounts(&ids).await }).await?;
        for (account, read) in lost.into_iter().zip(reads) {
            if read == Read::Missing {
                proof.find(Finding::LostAccount { account: account.clone() });
            }
        }
        for lane in self.books.strays() {
            if let Some(finding) = stray(calls, &lane.id).await? {
                proof.find(finding);
            }
        }
        if self.letters.has_suspects() {
            let (later, _) = letters(calls).await?;
            self.letters.still_open(&later).for_each(|finding| proof.find(finding));
        }
        Ok(())
    }
}

/// A lane that no account counts, also now.
async fn stray(calls: &Calls<'_, impl AuditStore>, id: &LaneId) -> Result<Option<Finding>, Stopped> {
    let store = calls.store;
    // The lane first: a command writes it before the account counts it, or together with it.
    let lane = calls.each("reading lanes", &[id], |ids| async move { store.read_lanes(&ids).await }).await?;
    let account =
        calls.each("reading accounts", &[&id.account], |ids| async move { store.read_accounts(&ids).await }).await?;
    let counted = match account.first() {
        Some(Read::Found(account)) => id.lane < account.credit_lanes.count(),
        Some(Read::Missing) => false,
        Some(Read::Corrupt(_) | Read::Unread) | None => true,
    };
    Ok(match lane.first() {
        Some(Read::Found(lane)) if !counted => {
            Some(Finding::StrayLane { lane: id.clone(), found: lane.balance.minor_units().into() })
        }
        Some(_) | None => None,
    })
}

async fn letters(calls: &Calls<'_, impl AuditStore>) -> Result<(Letters, Vec<Finding>), Stopped> {
    let (mut letters, mut unreadable) = (Letters::default(), Vec::new());
    let store = calls.store;
    let page = |segment, mark| store.page(Table::DeadLetters, segment, mark);
    let take = |item| take_letter(&mut letters, &mut unreadable, item);
    scan(calls, "reading dead letters", page, take).await?;
    Ok((letters, unreadable))
}

/// Gives each item of a table to `take`.
async fn scan<M: Clone, I, F>(
    calls: &Calls<'_, impl AuditStore>,
    what: &str,
    page: impl Fn(Segment, Option<M>) -> F,
    mut take: impl FnMut(I),
) -> Result<(), Stopped>
where
    F: Future<Output = Result<ScanPage<M, I>, StoreError>>,
{
    let mut mark = None;
    loop {
        let read = calls.ask(what, || page(Segment { number: 0, of: 1 }, mark.clone())).await?;
        read.items.into_iter().for_each(&mut take);
        match read.next {
            Some(next) => mark = Some(next),
            None => return Ok(()),
        }
    }
}
