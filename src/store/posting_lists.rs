//! What: The port to the postings of single accounts, for the audit of those that moved.

use std::future::Future;

use super::{Read, ScanPage, Segment, StoreError};
use crate::domain::audit::PostingList;
use crate::domain::{AccountId, LegId, SettledLeg, Timestamp};

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

    /// Reads a page of a list: payments and further legs that were decided after a time, oldest first. Lists are a
    /// little behind the payments. Declined payments are in them too.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn listed(
        &self,
        account: &AccountId,
        list: PostingList,
        after: Timestamp,
        mark: Option<Self::ListMark>,
    ) -> impl Future<Output = Result<ScanPage<Self::ListMark>, StoreError>> + Send;

    /// Reads the items of at most [`READ_ITEMS_MAX`](super::READ_ITEMS_MAX) different further legs, strongly
    /// consistent. The answer is in the order of `ids`.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn read_legs(&self, ids: &[&LegId]) -> impl Future<Output = Result<Vec<Read<SettledLeg>>, StoreError>> + Send;
}
