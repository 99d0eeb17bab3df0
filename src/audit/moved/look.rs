//! What: Looks at one account: reads its checkpoint and its lists, has the domain judge it, and makes its next head.
//!
//! | step | reads | why then |
//! |---|---|---|
//! | 1 | its items, with those of other accounts ([`items`](super::items)) | they come before the lists, so the lists hold all that the balance holds. A later look judges the first read again, by lists that have caught up |
//! | 2 | the newest checkpoint and the draft | the head must fit them |
//! | 3 | the lists that can hold new postings | |
//! | 4 | by key: the other halves of legs, accounts that were not known, sums of refunds and their originals | a list shows only what was committed, with all that its transaction wrote |

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::calls::{AuditStore, Calls};
use super::proof::{ItemsRead, Job};
use crate::audit::scan::Stopped;
use crate::domain::audit::{
    Books, Checkpoint, Draft, Finding, Head, PostingList, Reach, RefundBase, Seen, Since, Times, lists, state_findings,
    unshown,
};
use crate::domain::{AccountId, Holding, LegId, Timestamp};
use crate::store::{Newest, Read, Span};

const FITS: &str = "its head to be its newest checkpoint";
const CURRENCY: &str = "it to be of the currency of its account";
const HAS_HEAD: &str = "a head, as it has checkpoints";

/// How many sums of refunds are written side by side. A seller may have very many.
const WRITES_SIDE_BY_SIDE: usize = 16;

/// Items that were read longer ago are read again before a look: they waited for large accounts.
const OPENED_MS_MAX: i64 = 10_000;

/// What all looks of a run have in common.
pub(super) struct Outlook<'a, S> {
    pub(super) calls: &'a Calls<'a, S>,
    pub(super) books: &'a Books,
    pub(super) closed: Timestamp,
    pub(super) firm_after_ms: i64,
    /// How many closed postings of an account are read at once, about.
    pub(super) postings_at_once: usize,
}

/// What a look ends with.
pub(super) enum Look {
    Ended(Looked),
    Ready(Ready),
}

/// An account whose postings and balance fit. Its next head isn't written yet.
pub(super) struct Ready {
    /// With the head before.
    pub(super) job: Job,
    pub(super) head: Box<Head>,
    pub(super) postings: u64,
    pub(super) width: i128,
}

/// What came of reading all postings.
enum Judged {
    /// There is nothing to write.
    Ended {
        is_proved: bool,
        postings: u64,
        width: i128,
    },
    Ready {
        head: Box<Head>,
        postings: u64,
        width: i128,
    },
    /// They are too many. All of them up to this time are fewer.
    TooMany {
        holding: Holding,
        until: Timestamp,
    },
}

/// What came of a look.
#[derive(Debug)]
pub(super) struct Looked {
    /// With what was found, and the head as it is now.
    pub(super) job: Job,
    /// It has the checkpoint that it needed, whichever audit has written it.
    pub(super) is_proved: bool,
    /// Another audit has written one.
    pub(super) is_overtaken: bool,
    /// It has a new draft, and its next slice is due.
    pub(super) goes_on: bool,
    /// Its postings are too many for a look, and what its items show by themselves must be told first.
    pub(super) is_large: bool,
    pub(super) postings: u64,
    pub(super) width: i128,
}

impl Looked {
    /// The account can't be judged.
    pub(super) const fn nothing(job: Job) -> Self {
        Self { job, is_proved: false, is_overtaken: false, goes_on: false, is_large: false, postings: 0, width: 0 }
    }
}

impl<S: AuditStore> Outlook<'_, S> {
    /// Looks at an account that was opened.
    pub(super) async fn look(&self, mut job: Job, clock: &impl Fn() -> Timestamp) -> Result<Look, Stopped> {
        let known = job.judged_by();
        if let Some(expected) = self.misfit(&mut job).await? {
            job.findings = vec![Finding::Checkpoint { account: job.account.clone(), expected }];
            return Ok(Look::Ended(Looked::nothing(job)));
        }
        // Items must not be older than the checkpoint or draft that they are judged by.
        let is_overtaken = job.judged_by() != known;
        if is_overtaken {
            job.read = None;
        }
        let is_old = |fresh: &ItemsRead| clock().millis().saturating_sub(fresh.ended.millis()) > OPENED_MS_MAX;
        if is_overtaken || job.fresh.as_ref().is_some_and(is_old) {
            self.open_again(&mut job, clock).await?;
        }
        let Some(fresh) = job.fresh.take() else { return Ok(Look::Ended(Looked::nothing(job))) };
        let holding = &fresh.held.holding;
        if !job.is_state_told {
            job.findings.extend(state_findings(holding));
        }
        if job.head.as_ref().is_some_and(|head| head.checkpoint.currency != holding.account.currency) {
            job.findings.push(Finding::Checkpoint { account: job.account.clone(), expected: CURRENCY });
            return Ok(Look::Ended(Looked::nothing(job)));
        }
        // What a draft lacks is read slice by slice, and the balance is compared after the last one. Before slices
        // begin, looks of their own have told what the items show by themselves.
        let slices = job.moved && job.findings.is_empty();
        let step = job.step_ms.filter(|_| slices).map(|step| job.known_to().earlier_by(step.saturating_neg()));
        if let Some(until) = step.filter(|until| *until < self.closed) {
            return self.slice(job, holding, until).await.map(Look::Ended);
        }
        let lists_at = clock();
        let read = job.read.take().unwrap_or(fresh);
        Ok(match self.judge(&mut job, read, lists_at).await? {
            Judged::Ready { head, postings, width } => {
                if job.findings.is_empty() {
                    // It isn't looked at again. What was read may be large, and heads wait.
                    job.read = None;
                }
                Look::Ready(Ready { job, head, postings, width })
            }
            Judged::Ended { is_proved, postings, width } => {
                Look::Ended(Looked { is_proved, postings, width, ..Looked::nothing(job) })
            }
            // The account can't be proved at once.
            Judged::TooMany { holding, until } if slices => Look::Ended(self.slice(job, &holding, until).await?),
            Judged::TooMany { .. } => Look::Ended(Looked { is_large: true, ..Looked::nothing(job) }),
        })
    }

    /// Reads all postings since the checkpoint or draft, judges the account, and makes its head. What is proved of
    /// refunds is written before the head.
    async fn judge(&self, job: &mut Job, mut read: ItemsRead, lists_at: Timestamp) -> Result<Judged, Stopped> {
        let holding = &read.held.holding;
        let times = Times::look(self.closed, read.began.earlier_by(self.firm_after_ms));
        let mut since = job.since(&holding.account, times);
        let mut reach = Reach::new(self.closed, self.postings_at_once);
        let (lists, span) = (lists(job.head.as_ref(), holding), Span::after(job.known_to()));
        self.take(&job.account, lists, span, &mut since, &mut reach).await?;
        if reach.is_over() {
            let until = reach.earlier(job.known_to()).unwrap_or_else(|| job.known_to().earlier_by(-1));
            return Ok(Judged::TooMany { holding: read.held.holding, until });
        }
        let bases = self.ask_refunds(&mut since, &mut read.sums).await?;
        let (postings, width, found) = (since.count(), since.width(&read.held), since.findings(&read.held));
        let is_clean = found.is_empty();
        let judged = if is_clean && job.moved {
            self.prove_refunds(&bases).await?;
            let unshown = unshown(job.head.as_ref(), holding, read.ended, lists_at);
            let head = head(job.head.as_ref(), &since, holding, read.ended, unshown);
            Judged::Ready { head: Box::new(head), postings, width }
        } else {
            if !is_clean && job.is_last {
                // What was found may be in what the draft holds. The next look begins at the head.
                self.drop_draft(job).await?;
            }
            // Another audit may have proved it before this look.
            Judged::Ended { is_proved: is_clean && self.is_proved(job), postings, width }
        };
        job.read = Some(read);
        job.findings.extend(found);
        Ok(judged)
    }

    pub(super) fn is_proved(&self, job: &Job) -> bool {
        job.head.as_ref().is_some_and(|head| head.checkpoint.as_of >= self.closed)
    }

    pub(super) async fn drop_draft(&self, job: &mut Job) -> Result<(), Stopped> {
        job.step_ms = None;
        match job.draft.take() {
            Some(_) => self.calls.ask("dropping a draft", || self.calls.store.drop_draft(&job.account)).await,
            None => Ok(()),
        }
    }

    /// Whether the head and the newest checkpoint differ. Scans of heads may be some seconds old.
    async fn misfit(&self, job: &mut Job) -> Result<Option<&'static str>, Stopped> {
        let store = self.calls.store;
        let newest = self.calls.ask("reading a checkpoint", || store.newest(&job.account)).await?;
        let Newest { checkpoint: newest, draft } = newest;
        let fits = |head: Option<&Head>, newest: &Read<Checkpoint>| match (head, newest) {
            (None, Read::Missing) => true,
            (Some(head), Read::Found(checkpoint)) => head.checkpoint == *checkpoint,
            (_, Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread) => false,
        };
        let mut misfit = None;
        if !fits(job.head.as_ref(), &newest) {
            job.head = self.head(&job.account).await?;
            job.moved &= job.head.as_ref().is_none_or(|head| head.checkpoint.as_of < self.closed);
            misfit = match fits(job.head.as_ref(), &newest) {
                true => None,
                false if job.head.is_none() => Some(HAS_HEAD),
                false => Some(FITS),
            };
        }
        if misfit.is_none() {
            self.choose(job, draft).await?;
        }
        Ok(misfit)
    }

    /// Takes the stored draft, if it fits the head and is further than that of the look before. One that doesn't fit is
    /// dropped: it was left over when its head was written, or somebody changed it.
    async fn choose(&self, job: &mut Job, stored: Read<Draft>) -> Result<(), Stopped> {
        let Some(currency) = self.books.currency(&job.account) else { return Ok(()) };
        let head = job.head.as_ref();
        let is_left = match &stored {
            Read::Found(draft) => !draft.fits(head, currency),
            Read::Corrupt(expected) => {
                tracing::warn!(account = %job.account, expected, "a draft is not as an audit wrote it: begins anew");
                true
            }
            Read::Missing | Read::Unread => false,
        };
        let fits = |draft: &Draft| draft.fits(head, currency) && draft.as_of() <= self.closed;
        let stored = match stored {
            Read::Found(draft) => Some(draft).filter(fits),
            Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        };
        let known = job.draft.take().filter(fits);
        job.draft = match (stored, known) {
            (Some(stored), Some(known)) if known.as_of() > stored.as_of() => Some(known),
            (stored, known) => stored.or(known),
        };
        match is_left {
            true => self.calls.ask("dropping a draft", || self.calls.store.drop_draft(&job.account)).await,
            false => Ok(()),
        }
    }

    /// The head as it is now. `None`: there is none, or it can't be read.
    pub(super) async fn head(&self, account: &AccountId) -> Result<Option<Head>, Stopped> {
        Ok(match self.calls.ask("reading a head", || self.calls.store.head(account)).await? {
            Read::Found(head) => Some(head),
            Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        })
    }

    pub(super) async fn prove_refunds(&self, bases: &[(LegId, RefundBase)]) -> Result<(), Stopped> {
        let store = self.calls.store;
        let write = |(total, base): &(LegId, RefundBase)| {
            let (total, base) = (total.clone(), *base);
            async move { self.calls.ask("writing what is proved of refunds", || store.prove_refunds(&total, base)).await }
        };
        for some in bases.chunks(WRITES_SIDE_BY_SIDE) {
            try_join_all(some.iter().map(write)).await?;
        }
        Ok(())
    }
}

/// The next head. Some lists are `unshown`: they may have postings that no read has shown yet. In a busy account such a
/// posting may hide among the open ones, so all lists that were read are read again next time.
fn head(
    before: Option<&Head>,
    since: &Since<'_>,
    holding: &Holding,
    items_at: Timestamp,
    unshown: BTreeSet<PostingList>,
) -> Head {
    let mut pending = unshown;
    if !since.pending().is_empty() {
        pending.extend(lists(before, holding));
    }
    pending.extend(since.pending());
    let seen = Seen::of(holding);
    let is_same = |before: &&Head| before.seen == seen;
    let seen_at = before.filter(is_same).and_then(|before| before.seen_at).map_or(items_at, |at| at.min(items_at));
    Head { checkpoint: since.checkpoint(), seen, pending, seen_at: Some(seen_at) }
}
