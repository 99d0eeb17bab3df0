//! What: Looks at one account: reads its items and its lists, has the domain judge it, and writes its checkpoint.
//!
//! | step | reads | why then |
//! |---|---|---|
//! | 1 | the newest checkpoint | the head must fit it |
//! | 2 | the main item, the lanes, the main item | they come before the lists, so the lists hold all that the balance holds. A later look judges the first read again, by lists that have caught up |
//! | 3 | the lists that can hold new postings | |
//! | 4 | by key: the other halves of legs, accounts that were not known, sums of refunds and their originals | a list shows only what was committed, with all that its transaction wrote |

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{AuditStore, Calls};
use super::proof::{EarlierRead, Job};
use crate::audit::scan::Stopped;
use crate::domain::audit::{
    Asked, Books, Checkpoint, Finding, Head, Held, LegAnswers, PostingList, RefundBase, Seen, Since, Times, lists,
    state_findings, unshown,
};
use crate::domain::{Account, AccountId, Holding, Lane, LaneId, LegId, LegNumber, PaymentId, Timestamp};
use crate::store::{Proved, Read, ScannedItem, Span};

const FITS: &str = "its head to be its newest checkpoint";
/// How many legs may wait for their other halves, before these are read by key.
const OPEN_LEGS_MAX: usize = 1_000;
/// How many sums of refunds are asked for together, with their originals.
const TOTALS_AT_ONCE: usize = 1_000;

const CURRENCY: &str = "it to be of the currency of its account";
const HAS_HEAD: &str = "a head, as it has checkpoints";

/// What all looks of a run have in common.
pub(super) struct Outlook<'a, S> {
    pub(super) calls: &'a Calls<'a, S>,
    pub(super) books: &'a Books,
    pub(super) closed: Timestamp,
    pub(super) firm_after_ms: i64,
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
    pub(super) postings: u64,
    pub(super) width: i128,
}

impl Looked {
    /// The account can't be judged.
    const fn nothing(job: Job) -> Self {
        Self { job, is_proved: false, is_overtaken: false, postings: 0, width: 0 }
    }
}

impl<S: AuditStore> Outlook<'_, S> {
    pub(super) async fn look(&self, mut job: Job, clock: &impl Fn() -> Timestamp) -> Result<Looked, Stopped> {
        let began = clock();
        job.findings.clear();
        if let Some(expected) = self.misfit(&mut job).await? {
            job.findings.push(Finding::Checkpoint { account: job.account.clone(), expected });
            return Ok(Looked::nothing(job));
        }
        let Some(fresh) = self.held(&mut job).await? else { return Ok(Looked::nothing(job)) };
        job.findings.extend(state_findings(&fresh.holding));
        if job.head.as_ref().is_some_and(|head| head.checkpoint.currency != fresh.holding.account.currency) {
            job.findings.push(Finding::Checkpoint { account: job.account.clone(), expected: CURRENCY });
            return Ok(Looked::nothing(job));
        }
        let lists_at = clock();
        let new = || EarlierRead { held: fresh, began, ended: lists_at, sums: BTreeMap::new() };
        let EarlierRead { held, began, ended, mut sums } = job.read.take().unwrap_or_else(new);
        let firm = began.earlier_by(self.firm_after_ms);
        let base = job.head.as_ref().map(|head| &head.checkpoint);
        let mut since = Since::new(&held.holding.account, base, Times { closed: self.closed, firm });
        for list in lists(job.head.as_ref(), &held.holding) {
            self.take(&job.account, list, base, &mut since).await?;
        }
        self.ask_legs(&mut since).await?;
        self.ask_strangers(&mut since).await?;
        let bases = self.ask_refunds(&mut since, &mut sums).await?;
        let (postings, width, found) = (since.count(), since.width(&held), since.findings(&held));
        let (mut is_proved, mut is_overtaken) = (false, false);
        if found.is_empty() && job.moved {
            let unshown = unshown(job.head.as_ref(), &held.holding, ended, lists_at);
            let head = head(job.head.as_ref(), &since, &held.holding, ended, unshown);
            is_overtaken = self.write(job.head.as_ref(), &head, bases).await? == Proved::Overtaken;
            // The other audit's closed time may be earlier. Then the account stays behind in this one.
            job.head = if is_overtaken { self.head(&job.account).await? } else { Some(head) };
            is_proved = job.head.as_ref().is_some_and(|head| head.checkpoint.as_of >= self.closed);
            job.moved = !is_proved;
        }
        job.read = Some(EarlierRead { held, began, ended, sums });
        job.findings.extend(found);
        Ok(Looked { job, is_proved, is_overtaken, postings, width })
    }

    /// Whether the head and the newest checkpoint differ. Scans of heads may be some seconds old.
    async fn misfit(&self, job: &mut Job) -> Result<Option<&'static str>, Stopped> {
        let store = self.calls.store;
        let newest = || store.checkpoint(&job.account, Timestamp::MAX);
        let newest = self.calls.ask("reading a checkpoint", newest).await?;
        let fits = |head: Option<&Head>, newest: &Read<Checkpoint>| match (head, newest) {
            (None, Read::Missing) => true,
            (Some(head), Read::Found(checkpoint)) => head.checkpoint == *checkpoint,
            (_, Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread) => false,
        };
        if fits(job.head.as_ref(), &newest) {
            return Ok(None);
        }
        job.head = self.head(&job.account).await?;
        job.moved &= job.head.as_ref().is_none_or(|head| head.checkpoint.as_of < self.closed);
        Ok(match fits(job.head.as_ref(), &newest) {
            true => None,
            false if job.head.is_none() => Some(HAS_HEAD),
            false => Some(FITS),
        })
    }

    /// The head as it is now. `None`: there is none, or it can't be read.
    async fn head(&self, account: &AccountId) -> Result<Option<Head>, Stopped> {
        Ok(match self.calls.ask("reading a head", || self.calls.store.head(account)).await? {
            Read::Found(head) => Some(head),
            Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        })
    }

    /// What the account holds. `None`: it can't be read, which is a finding.
    async fn held(&self, job: &mut Job) -> Result<Option<Held>, Stopped> {
        let Some(account) = self.main(job).await? else { return Ok(None) };
        if account.credit_lanes.is_none() {
            return Ok(Some(Held::exactly(Holding { account, lanes: Vec::new() })));
        }
        let Some(lanes) = self.lanes(&account, job).await? else { return Ok(None) };
        let Some(again) = self.main(job).await? else { return Ok(None) };
        if again.version == account.version {
            return Ok(Some(Held::exactly(Holding { account, lanes })));
        }
        let Some(later) = self.lanes(&again, job).await? else { return Ok(None) };
        Ok(Some(Held::between(&lanes, Holding { account: again, lanes: later })))
    }

    async fn main(&self, job: &mut Job) -> Result<Option<Account>, Stopped> {
        match self.accounts(&[&job.account]).await?.pop() {
            Some(Read::Found(account)) => return Ok(Some(account)),
            Some(Read::Corrupt(expected)) => {
                let key = job.account.to_string();
                job.findings.push(Finding::Unreadable { table: "accounts", key, expected });
            }
            Some(Read::Missing) => job.findings.push(Finding::LostAccount { account: job.account.clone() }),
            Some(Read::Unread) | None => {}
        }
        Ok(None)
    }

    /// The lanes that are there, of those that the account counts.
    async fn lanes(&self, account: &Account, job: &mut Job) -> Result<Option<Vec<Lane>>, Stopped> {
        let ids: Vec<LaneId> = account.lane_ids().collect();
        let ids: Vec<&LaneId> = ids.iter().collect();
        let store = self.calls.store;
        let reads = self.calls.each("reading lanes", &ids, |ids| async move { store.read_lanes(&ids).await }).await?;
        let mut lanes = Vec::with_capacity(reads.len());
        for (id, read) in ids.into_iter().zip(reads) {
            match read {
                Read::Found(lane) => lanes.push(lane),
                Read::Missing | Read::Unread => {}
                Read::Corrupt(expected) => {
                    job.findings.push(Finding::Unreadable { table: "accounts", key: id.to_string(), expected });
                    return Ok(None);
                }
            }
        }
        Ok(Some(lanes))
    }

    /// Takes all new postings of a list, page by page.
    async fn take(
        &self,
        account: &AccountId,
        list: PostingList,
        base: Option<&Checkpoint>,
        since: &mut Since<'_>,
    ) -> Result<(), Stopped> {
        let after = base.map_or(Timestamp::MIN, |base| base.as_of);
        let (store, mut mark) = (self.calls.store, None);
        let currency = |id: &AccountId| self.books.currency(id);
        loop {
            let page = || store.listed(account, list, Span::after(after), mark.clone());
            let page = self.calls.ask("reading postings", page).await?;
            for item in page.items {
                match item {
                    ScannedItem::Payment(recorded) => since.payment(list, &recorded.outcome, currency),
                    ScannedItem::Leg(leg) => since.leg(list, leg, currency),
                    ScannedItem::Unreadable { key, expected } => since.unreadable(key, expected),
                    ScannedItem::Account(_)
                    | ScannedItem::Lane(_)
                    | ScannedItem::RefundSum(..)
                    | ScannedItem::DeadLetterPart { .. } => {}
                }
            }
            if since.open_legs() >= OPEN_LEGS_MAX {
                self.ask_legs(since).await?;
            }
            match page.next {
                Some(next) => mark = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn ask_legs(&self, since: &mut Since<'_>) -> Result<(), Stopped> {
        let Asked { legs, payments } = since.asks();
        if legs.is_empty() && payments.is_empty() {
            return Ok(());
        }
        let (store, mut answers) = (self.calls.store, LegAnswers::default());
        let legs: Vec<&LegId> = legs.iter().collect();
        let reads = self.calls.each("reading legs", &legs, |ids| async move { store.read_legs(&ids).await }).await?;
        for read in reads {
            if let Read::Found(leg) = read {
                answers.leg(leg);
            }
        }
        let payments: Vec<&PaymentId> = payments.iter().collect();
        let read = |ids: Vec<_>| async move { store.read_payments(&ids).await };
        for read in self.calls.each("reading payments", &payments, read).await? {
            if let Read::Found(recorded) = read {
                answers.payment(recorded.outcome);
            }
        }
        since.told(&answers);
        Ok(())
    }

    async fn ask_strangers(&self, since: &mut Since<'_>) -> Result<(), Stopped> {
        let strangers: Vec<AccountId> = since.strangers().cloned().collect();
        let reads = self.accounts(&strangers.iter().collect::<Vec<_>>()).await?;
        for (id, read) in strangers.iter().zip(reads) {
            match read {
                Read::Found(account) => since.stranger(id, Some(account.currency)),
                Read::Missing => since.stranger(id, None),
                // It is a finding of its own.
                Read::Corrupt(_) | Read::Unread => {}
            }
        }
        Ok(())
    }

    /// Judges the sums of refunds. `sums` are those that were read before the lists; it takes those that are read now.
    /// Gives what is proved now.
    async fn ask_refunds(
        &self,
        since: &mut Since<'_>,
        sums: &mut BTreeMap<LegId, u64>,
    ) -> Result<Vec<(LegId, RefundBase)>, Stopped> {
        let totals: Vec<LegId> = since.totals().cloned().collect();
        let mut proved = Vec::new();
        // The answers are larger than what is kept of them, so they are asked for bit by bit.
        for totals in totals.chunks(TOTALS_AT_ONCE) {
            proved.extend(self.ask_totals(totals, since, sums).await?);
        }
        Ok(proved)
    }

    async fn ask_totals(
        &self,
        totals: &[LegId],
        since: &mut Since<'_>,
        sums: &mut BTreeMap<LegId, u64>,
    ) -> Result<Vec<(LegId, RefundBase)>, Stopped> {
        let totals: Vec<&LegId> = totals.iter().collect();
        let store = self.calls.store;
        let new: Vec<&LegId> = totals.iter().copied().filter(|total| !sums.contains_key(total)).collect();
        sums.extend(self.sums(&new).await?);
        let read = |ids: Vec<_>| async move { store.refund_bases(&ids).await };
        let bases = self.calls.each("reading what is proved of refunds", &totals, read).await?;
        let originals: BTreeSet<&PaymentId> = totals.iter().map(|total| &total.payment).collect();
        let originals: Vec<&PaymentId> = originals.into_iter().collect();
        let read = |ids: Vec<_>| async move { store.read_payments(&ids).await };
        let reads = self.calls.each("reading payments", &originals, read).await?;
        let originals: BTreeMap<&PaymentId, _> = originals.into_iter().zip(reads).collect();
        let mut proved = Vec::new();
        for (total, base) in totals.into_iter().zip(bases) {
            let base = match base {
                Read::Found(base) => base,
                Read::Missing | Read::Corrupt(_) | Read::Unread => RefundBase::NONE,
            };
            let place = total.leg.map_or(0, LegNumber::place);
            let paid = match originals.get(&total.payment) {
                Some(Read::Found(original)) if original.outcome.decision.is_ok() => {
                    original.outcome.transfers().nth(place).map_or(0, |transfer| transfer.amount.minor_units())
                }
                Some(Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread) | None => 0,
            };
            let sum = sums.get(total).copied().unwrap_or_default();
            proved.extend(since.refund_sum(total, sum, base, paid).map(|base| (total.clone(), base)));
        }
        Ok(proved)
    }

    async fn sums(&self, totals: &[&LegId]) -> Result<BTreeMap<LegId, u64>, Stopped> {
        let store = self.calls.store;
        let read = |ids: Vec<_>| async move { store.read_totals(&ids).await };
        let reads = self.calls.each("reading sums of refunds", totals, read).await?;
        let sum = |(total, read): (&&LegId, Read<u64>)| match read {
            Read::Found(sum) => ((*total).clone(), sum),
            Read::Missing | Read::Corrupt(_) | Read::Unread => ((*total).clone(), 0),
        };
        Ok(totals.iter().zip(reads).map(sum).collect())
    }

    async fn accounts(&self, ids: &[&AccountId]) -> Result<Vec<Read<Account>>, Stopped> {
        let store = self.calls.store;
        self.calls.each("reading accounts", ids, |ids| async move { store.read_accounts(&ids).await }).await
    }

    /// Writes what is proved of refunds, and then the head with its checkpoint.
    async fn write(
        &self,
        before: Option<&Head>,
        head: &Head,
        bases: Vec<(LegId, RefundBase)>,
    ) -> Result<Proved, Stopped> {
        let store = self.calls.store;
        for (total, base) in &bases {
            self.calls.ask("writing what is proved of refunds", || store.prove_refunds(total, *base)).await?;
        }
        self.calls.ask("writing a checkpoint", || store.prove(before, head)).await
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
    let seen_at = before.filter(is_same).and_then(|before| before.seen_at).unwrap_or(items_at);
    Head { checkpoint: since.checkpoint(), seen, pending, seen_at: Some(seen_at) }
}
