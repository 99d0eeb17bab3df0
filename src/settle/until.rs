//! Until when work goes on, and calls of the store that end by then.

use tokio::time::{Instant, timeout_at};

use crate::store::StoreError;

/// Until when work goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// All of it stops here.
    pub done: Instant,
    /// What is stopped by damaged data is looked at again until here, once nothing else is left to do.
    pub mended: Instant,
}

/// One moment for both.
impl From<Instant> for Until {
    fn from(until: Instant) -> Self {
        Self { done: until, mended: until }
    }
}

/// The answer to a call of the store, or [`StoreError::Unavailable`] if it is `deadline` first. `what` says in a few
/// words what the call does.
pub(crate) async fn within<T>(
    deadline: Instant,
    what: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unavailable(format!("{what}: time is up")));
    timeout_at(deadline, call).await.unwrap_or_else(late)
}
