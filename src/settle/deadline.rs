//! What: The deadlines of a batch, and calls of the store that end by a deadline.

use tokio::time::{Instant, timeout_at};

use crate::store::StoreError;

/// The deadlines of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// All work stops here.
    pub done: Instant,
    /// Requests that damaged data stops are looked at again until here, once nothing else is left to do.
    pub mended: Instant,
}

/// One deadline for both.
impl From<Instant> for Deadline {
    fn from(deadline: Instant) -> Self {
        Self { done: deadline, mended: deadline }
    }
}

/// The answer to a call of the store, or [`StoreError::Unavailable`] if the deadline comes first. `what` says in a few
/// words what the call does.
pub(crate) async fn within<T>(
    deadline: Instant,
    what: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unavailable(format!("{what}: the deadline has come")));
    timeout_at(deadline, call).await.unwrap_or_else(late)
}
