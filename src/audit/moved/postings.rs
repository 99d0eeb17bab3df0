//! What: Reads the postings of one account, and by key what they name.
//!
//! Data: Takes lists, and gives all that it reads to the account's [`Since`]. A [`Reach`] says when that is too much.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::AuditStore;
use super::look::Outlook;
use crate::audit::scan::Stopped;
use crate::domain::audit::{Asked, LegAnswers, PostingList, Reach, RefundBase, Since};
use crate::domain::{Account, AccountId, LegId, LegNumber, PaymentId};
use crate::store::{Read, ScannedItem, Span};

/// How many legs may wait for their other halves, before these are read by key.
const OPEN_LEGS_MAX: usize = 1_000;
/// How many sums of refunds are asked for together, with their originals.
const TOTALS_AT_ONCE: usize = 1_000;

impl<S: AuditStore> Outlook<'_, S> {
    /// Takes the postings of some lists in this span. Stops as soon as they are too many.
    pub(super) async fn take(
        &self,
        account: &AccountId,
        lists: BTreeSet<PostingList>,
        span: Span,
        since: &mut Since<'_>,
        reach: &mut Reach,
    ) -> Result<(), Stopped> {
        for list in lists {
            self.take_list(account, list, span, since, reach).await?;
            if reach.is_over() {
                return Ok(());
            }
        }
        self.ask_legs(since).await?;
        self.ask_strangers(since).await
    }

    /// Takes the postings of a list, page by page.
    async fn take_list(
        &self,
        account: &AccountId,
        list: PostingList,
        span: Span,
        since: &mut Since<'_>,
        reach: &mut Reach,
    ) -> Result<(), Stopped> {
        let (store, mut mark) = (self.calls.store, None);
        let currency = |id: &AccountId| self.books.currency(id);
        loop {
            let page = || store.listed(account, list, span, mark.clone());
            let page = self.calls.ask("reading postings", page).await?;
            for item in page.items {
                match item {
                    ScannedItem::Payment(recorded) => {
                        reach.take(recorded.outcome.decided_at);
                        since.payment(list, &recorded.outcome, currency);
                    }
                    ScannedItem::Leg(leg) => {
                        reach.take(leg.decided_at);
                        since.leg(list, leg, currency);
                    }
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
            match page.next.filter(|_| !reach.is_over()) {
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
    pub(super) async fn ask_refunds(
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

    pub(super) async fn accounts(&self, ids: &[&AccountId]) -> Result<Vec<Read<Account>>, Stopped> {
        let store = self.calls.store;
        self.calls.each("reading accounts", ids, |ids| async move { store.read_accounts(&ids).await }).await
    }
}
