//! What: Why a balance isn't told.

use crate::domain::Timestamp;
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
    #[error("More than {most} payments would have to be read, declined ones included. {}", way_out(*.proved))]
    TooMany {
        /// How many one answer may read.
        most: usize,
        /// The newest time before, up to which the account is proved. `None`: none is known.
        proved: Option<Timestamp>,
    },
}

fn way_out(proved: Option<Timestamp>) -> String {
    match proved {
        Some(proved) => format!("Ask for {proved}, which is proved, or use SQL over an export."),
        None => "Let ledger-auditor run on its schedule and ask again, or use SQL over an export.".to_owned(),
    }
}
