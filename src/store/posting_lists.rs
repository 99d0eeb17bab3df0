//! What: The port to the postings of single accounts, for the audit of those that moved.

use std::future::Future;

use super::{Read, ScanPage, Segment, StoreError};
use crate::domain::audit::PostingList;
use crate::domain::{AccountId, LegId, SettledLeg, Timestamp};

/// The postings of a list that are asked for, by their time of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Those decided after this time,
    pub after: Timestamp,
    /// up to this time, with it.
    pub until: Timestamp,
}

impl Span {
    /// All that were decided after a time.
    #[must_use]
    pub const fn after(after: Timestamp) -> Self {
        Self { after, until: Timestamp::MAX }
    }
}

/// Reads accounts that may be a little old, and the lists of their postings.
pub trait PostingLists: Sync {
    /// Where a page of accounts ended.
    type AccountMark: Clone + Send;
    /// Where a page of a list ended.
    type ListMark: Clone + Send;

    /// Reads a page of accounts and lanes, as [`TableScan::page`](super::TableScan::page) does. They may be some
    /// seconds old. It costs half as much.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn account_pages(
        &self,
        segment: Segment,
        mark: Option<Self::AccountMark>,
    ) -> impl Future<Output = Result<ScanPage<Self::AccountMark>, StoreError>> + Send;

    /// Reads a page of a list: payments and further legs that were decided in this span, oldest first. Lists are a
    /// little behind the payments. Declined payments are in them too.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn listed(
        &self,
        account: &AccountId,
        list: PostingList,
        span: Span,
        mark: Option<Self::ListMark>,
    ) -> impl Future<Output = Result<ScanPage<Self::ListMark>, StoreError>> + Send;

    /// Reads the items of at most [`READ_ITEMS_MAX`](super::READ_ITEMS_MAX) different further legs, strongly
    /// consistent. The answer is in the order of `ids`.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn read_legs(&self, ids: &[&LegId]) -> impl Future<Output = Result<Vec<Read<SettledLeg>>, StoreError>> + Send;
}
