//! What: The port to what audits have proved: heads, checkpoints, drafts, sums of refunds, and the run under way.

use std::future::Future;

use super::{Read, ScanPage, Segment, StoreError};
use crate::domain::audit::{AuditRun, Checkpoint, Draft, Head, RefundBase};
use crate::domain::{AccountId, LegId, Timestamp};

/// A head, or that it can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannedHead {
    /// A head.
    Head(Box<Head>),
    /// One that this version can't read, or that was changed since an audit wrote it.
    Unreadable {
        /// Its key, as far as it is text.
        key: String,
        /// What was expected. Never the value.
        expected: String,
    },
}

/// The most heads that one call writes. Source: DynamoDB `TransactWriteItems`, 100 items and 4 MB. A head and its
/// checkpoint are two items. They take 41 KB by estimate if the account has the most lanes.
pub const HEADS_WRITTEN_MAX: usize = 50;

/// A head to write with its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewHead<'a> {
    /// The head that must still be there. `None`: there must be none.
    pub before: Option<&'a Head>,
    /// The new one.
    pub head: &'a Head,
}

/// What became of writing a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// It is there.
    Written,
    /// Another audit has written another one since, or its checkpoint is there already.
    Overtaken,
    /// This call hasn't written it, or doesn't know. The answer to another head of the call was one of these two.
    Unwritten,
}

/// What is stored of an account beside its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its newest checkpoint.
    pub checkpoint: Read<Checkpoint>,
    /// Its draft.
    pub draft: Read<Draft>,
}

/// Reads and writes what audits have proved.
pub trait Checkpoints: Sync {
    /// Where a page of heads ended.
    type HeadMark: Clone + Send;

    /// Reads a page of heads. They may be some seconds old.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn heads(
        &self,
        segment: Segment,
        mark: Option<Self::HeadMark>,
    ) -> impl Future<Output = Result<ScanPage<Self::HeadMark, ScannedHead>, StoreError>> + Send;

    /// Reads one head, strongly consistent.
    ///
    /// # Errors
    /// [`StoreError`] if it wasn't read.
    fn head(&self, account: &AccountId) -> impl Future<Output = Result<Read<Head>, StoreError>> + Send;

    /// Reads the newest checkpoint of an account at or before a time.
    ///
    /// # Errors
    /// [`StoreError`] if it wasn't read.
    fn checkpoint(
        &self,
        account: &AccountId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Read<Checkpoint>, StoreError>> + Send;

    /// Reads the newest checkpoint of an account and its draft, in one call.
    ///
    /// # Errors
    /// [`StoreError`] if they weren't read.
    fn newest(&self, account: &AccountId) -> impl Future<Output = Result<Newest, StoreError>> + Send;

    /// Writes a draft over the one before. It is no checkpoint: [`checkpoint`](Self::checkpoint) never gives it.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be there.
    fn write_draft(&self, draft: &Draft) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Drops the draft of an account, if it has one.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be gone.
    fn drop_draft(&self, account: &AccountId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes heads with their checkpoints, if each head before is still there. They are of different accounts, one to
    /// [`HEADS_WRITTEN_MAX`]. All are written, or none. The answer is in their order. If some are
    /// [`Proved::Unwritten`], at least one isn't, so whoever asks again for those comes to an end.
    ///
    /// # Errors
    /// [`StoreError`] if the result is unknown. The same call again says [`Proved::Written`] if it had happened.
    fn prove(&self, heads: &[NewHead<'_>]) -> impl Future<Output = Result<Vec<Proved>, StoreError>> + Send;

    /// Reads how much of at most [`READ_ITEMS_MAX`](super::READ_ITEMS_MAX) payments or legs is proved to be refunded.
    /// The answer is in the order of the question.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn refund_bases(&self, totals: &[&LegId])
    -> impl Future<Output = Result<Vec<Read<RefundBase>>, StoreError>> + Send;

    /// Writes how much of a payment or leg is proved to be refunded, unless more is proved already.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be there.
    fn prove_refunds(&self, total: &LegId, base: RefundBase) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the newest run.
    ///
    /// # Errors
    /// [`StoreError`] if it wasn't read.
    fn run(&self) -> impl Future<Output = Result<Read<AuditRun>, StoreError>> + Send;

    /// Writes a run over the one before, unless that began later.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be there.
    fn write_run(&self, run: &AuditRun) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a run over whatever is there.
    ///
    /// # Errors
    /// [`StoreError`] if it isn't known to be there.
    fn replace_run(&self, run: &AuditRun) -> impl Future<Output = Result<(), StoreError>> + Send;
}
