//! What: A run of the scheduled audit, which may take several invocations.

use crate::domain::Timestamp;

/// A run of the scheduled audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRun {
    /// The closed time up to which it proves accounts. It is the same in all of its invocations.
    pub closed: Timestamp,
    /// When its first invocation began.
    pub began_at: Timestamp,
    /// When all accounts had been looked at. `None`: the next invocation goes on.
    pub finished_at: Option<Timestamp>,
    /// The newest closed time up to which all accounts were proved. `None`: they never were.
    pub proved_at: Option<Timestamp>,
}
