//! What: The balance of an account at a time.
//!
//! | what the audits have proved | the sum begins with | and reads |
//! |---|---|---|
//! | a head at or before the time | its checkpoint | the lists that can hold postings since then. A list whose item hasn't moved holds none. So an account that two audits have found at rest reads no list, however many payments were declined |
//! | a checkpoint at or before the time | the newest | all lists, from it to the time |
//! | nothing, or no checkpoints are used | zero | all lists, up to the time |
//! | a checkpoint after the time, if those would be too many items | the oldest of these | all lists, from the time to it; their postings are subtracted |
//!
//! Invariants: Each way gives the same balance, as long as no lane was lost. A head or checkpoint that can't be read,
//! or is of another currency, is passed over, and an older checkpoint is taken. `ledger-auditor` finds it. The account
//! must be read after the closed time was taken, so a balance that is called final is of lists that are whole.
//!
//! Limits: Lists are a little behind the payments. So the balance of a time that isn't closed may lack the newest.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;

use super::error::BalanceError;
use crate::domain::audit::{Checkpoint, PostingList, lists, tells_another};
use crate::domain::balance_at::{BalanceAt, PostingSum, is_base};
use crate::domain::{Holding, Timestamp};
use crate::store::{PostingLists, ProvedBalances, Read, ScannedItem, Span, StoreError};

/// The most items of lists that one balance reads, and once more if it begins with a later checkpoint. They are by
/// estimate 5 MB, and by count 717 read units.
pub const ITEMS_MAX: usize = 10_000;
/// How many lists are read side by side. A page may hold 1 MB.
const LISTS_SIDE_BY_SIDE: usize = 8;

/// Tells balances.
#[derive(Debug, Clone, Copy)]
pub struct Balances<'a, S> {
    /// The store.
    pub store: &'a S,
    /// Whether checkpoints are used. Without them every sum begins at the first posting.
    pub has_checkpoints: bool,
    /// The newest time that is closed. It must be taken before the account is read.
    pub closed: Timestamp,
}

impl<S: PostingLists + ProvedBalances> Balances<'_, S> {
    /// What the account held at a time.
    ///
    /// # Errors
    /// [`BalanceError`] if it can't be told.
    pub async fn at(&self, holding: &Holding, at: Timestamp) -> Result<BalanceAt, BalanceError> {
        let (base, lists) = self.base(holding, at).await?;
        let span = Span { after: base.as_ref().map_or(Timestamp::MIN, |base| base.as_of), until: at };
        let balance = match self.moved(holding, lists, span).await {
            Ok(moved) => base.map_or(0, |base| base.balance).saturating_add(moved),
            Err(BalanceError::TooMany { .. }) => self.by_next(holding, base, at).await?,
            Err(error) => return Err(error),
        };
        Ok(BalanceAt { at, balance, is_final: at <= self.closed })
    }

    /// The balance at a time by the next checkpoint after it. `base` is the newest one before.
    async fn by_next(&self, holding: &Holding, base: Option<Checkpoint>, at: Timestamp) -> Result<i128, BalanceError> {
        let too_many = || BalanceError::TooMany { most: ITEMS_MAX, proved: base.as_ref().map(|base| base.as_of) };
        let account = &holding.account;
        if !self.has_checkpoints {
            return Err(too_many());
        }
        let next = match self.store.proved_after(&account.id, at).await? {
            Read::Found(next) if is_base(&next, account, next.as_of) => next,
            Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread => return Err(too_many()),
        };
        if base.as_ref().is_some_and(|base| next.has_same_postings(base)) {
            return Ok(next.balance);
        }
        let since = Span { after: at, until: next.as_of };
        match self.moved(holding, there(holding), since).await {
            Ok(moved) => Ok(next.balance.saturating_sub(moved)),
            Err(BalanceError::TooMany { .. }) => Err(too_many()),
            Err(error) => Err(error),
        }
    }

    /// What the postings of some lists make.
    async fn moved(&self, holding: &Holding, lists: BTreeSet<PostingList>, span: Span) -> Result<i128, BalanceError> {
        let (mut moved, taken) = (0, &AtomicUsize::new(0));
        let lists: Vec<PostingList> = lists.into_iter().collect();
        for some in lists.chunks(LISTS_SIDE_BY_SIDE) {
            let sums = some.iter().map(|list| self.sum(holding, *list, span, taken));
            let sums = try_join_all(sums).await?;
            moved = sums.into_iter().fold(moved, i128::saturating_add);
        }
        Ok(moved)
    }

    /// What to begin with, and the lists that can hold postings since then.
    async fn base(
        &self,
        holding: &Holding,
        at: Timestamp,
    ) -> Result<(Option<Checkpoint>, BTreeSet<PostingList>), StoreError> {
        let account = &holding.account;
        if !self.has_checkpoints {
            return Ok((None, there(holding)));
        }
        let head = match self.store.proved_head(&account.id).await? {
            Read::Found(head) => Some(head),
            Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        };
        if let Some(head) = head.filter(|head| is_base(&head.checkpoint, account, at)) {
            let lists = match tells_another(&head, holding) {
                // Somebody has changed an item and kept its version. So versions don't say what a list holds.
                true => there(holding),
                false => lists(Some(&head), holding),
            };
            return Ok((Some(head.checkpoint), lists));
        }
        let newest = self.store.proved_up_to(&account.id, at).await?.into_iter().find_map(|read| match read {
            Read::Found(checkpoint) if is_base(&checkpoint, account, at) => Some(checkpoint),
            Read::Found(_) | Read::Missing | Read::Corrupt(_) | Read::Unread => None,
        });
        Ok((newest, there(holding)))
    }

    /// What the postings of a list make. `taken` counts the items of all lists.
    async fn sum(
        &self,
        holding: &Holding,
        list: PostingList,
        span: Span,
        taken: &AtomicUsize,
    ) -> Result<i128, BalanceError> {
        let mut sum = PostingSum::new(&holding.account);
        let mut mark = None;
        loop {
            let page = self.store.listed(&holding.account.id, list, span, mark).await?;
            let count = page.items.len();
            if taken.fetch_add(count, Ordering::Relaxed).saturating_add(count) > ITEMS_MAX {
                return Err(BalanceError::TooMany { most: ITEMS_MAX, proved: None });
            }
            for item in page.items {
                match item {
                    ScannedItem::Payment(recorded) => sum.payment(list.side, &recorded.outcome)?,
                    ScannedItem::Leg(leg) => sum.leg(list.side, &leg)?,
                    ScannedItem::Unreadable { key, expected } => {
                        return Err(BalanceError::Unreadable { key, expected });
                    }
                    ScannedItem::Account(_)
                    | ScannedItem::Lane(_)
                    | ScannedItem::RefundSum(..)
                    | ScannedItem::DeadLetterPart { .. } => {}
                }
            }
            match page.next {
                Some(next) => mark = Some(next),
                None => return Ok(sum.sum()),
            }
        }
    }
}

/// The lists of the main item and of the lanes that are there. A lane that isn't there was never credited, or was lost.
fn there(holding: &Holding) -> BTreeSet<PostingList> {
    let is_there =
        |list: &PostingList| list.lane.is_none_or(|lane| holding.lanes.iter().any(|there| there.id.lane == lane));
    lists(None, holding).into_iter().filter(is_there).collect()
}
