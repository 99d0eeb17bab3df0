//! What: Why a balance isn't told.

use crate::domain::balance_at::WrongItem;
use crate::store::StoreError;

/// Why a balance isn't told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BalanceError {
    /// The store wasn't read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An item of the payments table can't be a posting of the account. It names the payment.
    #[error("payments: {0}")]
    Wrong(#[from] WrongItem),
    /// An item of the payments table can't be read.
    #[error("payments: {key}: {expected}")]
    Unreadable {
        /// Its key.
        key: String,
        /// What was expected.
        expected: String,
    },
    /// More items would have to be read than one answer may read.
    #[error(
        "More than {0} payments would have to be read, declined ones included. Ask for a time shortly after a checkpoint, let ledger-auditor run on its schedule, or use SQL over an export."
    )]
    TooMany(usize),
}
