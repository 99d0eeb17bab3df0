//! What: The port to what audits have proved of single accounts, for balances at a time.
//!
//! Invariants: Nothing of it writes. So whoever has this port alone can't change what was proved.

use std::future::Future;

use super::{Read, StoreError};
use crate::domain::audit::{Checkpoint, Head};
use crate::domain::{AccountId, Timestamp};

/// The most checkpoints that one call reads. If that many in a row can't be read, older ones aren't looked for.
pub const CHECKPOINTS_READ_MAX: usize = 8;

/// Reads heads and checkpoints of single accounts.
pub trait ProvedBalances: Sync {
    /// Reads the head of an account, strongly consistent.
    ///
    /// # Errors
    /// [`StoreError`] if it wasn't read.
    fn proved_head(&self, account: &AccountId) -> impl Future<Output = Result<Read<Head>, StoreError>> + Send;

    /// Reads the newest checkpoints of an account at or before a time, newest first, at most
    /// [`CHECKPOINTS_READ_MAX`]. They may be some seconds old. One that can't be read is among them.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn proved_up_to(
        &self,
        account: &AccountId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Vec<Read<Checkpoint>>, StoreError>> + Send;

    /// Reads the oldest checkpoint of an account after a time. It may be some seconds old.
    ///
    /// # Errors
    /// [`StoreError`] if nothing was read.
    fn proved_after(
        &self,
        account: &AccountId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Read<Checkpoint>, StoreError>> + Send;
}
