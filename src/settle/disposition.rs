//! What: The disposition of a request: what became of it.

use crate::domain::Decision;

/// What became of a request. The answer is a payment's, unless another type is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition<V = Decision> {
    /// This batch decided it.
    Decided(V),
    /// Its id already had an answer, to this request or to an equal one. There is nothing to do.
    Replayed,
    /// Its id already names another request, so it becomes a dead letter.
    IdReused,
    /// It is not known whether it has an answer. It must be reported, so that it is delivered again.
    Unfinished,
}
