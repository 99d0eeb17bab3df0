//! What: Calls the store at a limited rate, and tries again until the deadline.
//!
//! Data: The store counts what its calls have cost. So calls that run side by side share one bucket.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::audit::pace::Pace;
use crate::audit::scan::Stopped;
use crate::settle::Backoff;
use crate::store::{Checkpoints, Ledger, PostingLists, READ_ITEMS_MAX, Read, StoreError, TableScan};

/// All that the scheduled audit needs of a store.
pub trait AuditStore: Ledger + TableScan + PostingLists + Checkpoints {}
impl<S: Ledger + TableScan + PostingLists + Checkpoints> AuditStore for S {}

/// Calls of a store.
pub(super) struct Calls<'a, S> {
    pub(super) store: &'a S,
    pub(super) deadline: Instant,
    /// The bucket, and what the store had counted when it was last taken from.
    pace: Mutex<(Pace, u64)>,
}

impl<'a, S: Ledger> Calls<'a, S> {
    pub(super) fn new(store: &'a S, pace: Pace, deadline: Instant) -> Self {
        Self { store, deadline, pace: Mutex::new((pace, store.usage().read_milliunits)) }
    }

    /// Makes a call as soon as the rate allows it. After an error that may pass, it makes the call again.
    ///
    /// # Errors
    /// [`Stopped`] if the deadline comes first, or the store refuses.
    pub(super) async fn ask<T, F>(&self, what: &str, call: impl Fn() -> F) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new();
        let mut last = StoreError::Unavailable("no answer before the deadline".into());
        loop {
            let ready = self.ready();
            if ready >= self.deadline || Instant::now() >= self.deadline {
                return Err(Stopped::Deadline(format!("while {what}: {last}")));
            }
            tokio::time::sleep_until(ready).await;
            match tokio::time::timeout_at(self.deadline, call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if error.passes() => last = error,
                Ok(Err(error)) => return Err(Stopped::Refused(error)),
                Err(_) => {}
            }
            backoff.wait(self.deadline).await;
        }
    }

    /// Makes a call as soon as the rate allows it, and once. `None`: it failed, or the deadline came first.
    pub(super) async fn once<T, F>(&self, call: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let ready = self.ready();
        if ready >= self.deadline {
            return None;
        }
        tokio::time::sleep_until(ready).await;
        tokio::time::timeout_at(self.deadline, call()).await.ok()?.ok()
    }

    /// Reads items by key, up to [`READ_ITEMS_MAX`] a call. None of the answers is [`Read::Unread`].
    pub(super) async fn each<I, T, F>(
        &self,
        what: &str,
        ids: &[I],
        read: impl Fn(Vec<I>) -> F,
    ) -> Result<Vec<Read<T>>, Stopped>
    where
        I: Copy,
        F: Future<Output = Result<Vec<Read<T>>, StoreError>>,
    {
        let whole = |ids: Vec<I>| {
            let answers = read(ids);
            async move {
                let answers = answers.await?;
                let is_unread = |answer: &Read<T>| matches!(answer, Read::Unread);
                match answers.iter().any(is_unread) {
                    true => Err(StoreError::Throttled(format!("{what}: some items were not read"))),
                    false => Ok(answers),
                }
            }
        };
        self.some(what, ids, whole).await
    }

    /// The same, but some of the answers may be [`Read::Unread`].
    pub(super) async fn some<I, T, F>(
        &self,
        what: &str,
        ids: &[I],
        read: impl Fn(Vec<I>) -> F,
    ) -> Result<Vec<Read<T>>, Stopped>
    where
        I: Copy,
        F: Future<Output = Result<Vec<Read<T>>, StoreError>>,
    {
        let mut reads = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_ITEMS_MAX) {
            reads.extend(self.ask(what, || read(chunk.to_vec())).await?);
        }
        Ok(reads)
    }

    /// When the next call may be made.
    fn ready(&self) -> Instant {
        let mut guard = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (pace, counted) = &mut *guard;
        let now = self.store.usage().read_milliunits;
        pace.take(now.saturating_sub(*counted));
        *counted = now;
        pace.ready()
    }

    /// Waits, but not past the deadline.
    pub(super) async fn sleep(&self, time: Duration) {
        let at = Instant::now().checked_add(time).unwrap_or(self.deadline);
        tokio::time::sleep_until(at.min(self.deadline)).await;
    }
}
