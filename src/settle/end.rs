//! How a request ends.

use crate::domain::Verdict;

/// What became of a request: of a payment, unless another kind of answer is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<V = Verdict> {
    /// It has its answer, given here and now.
    Decided(V),
    /// Its id already had an answer, from this very request delivered before or from an equal one. Nothing to do.
    Replayed,
    /// Its id already names another request: a dead letter.
    IdReused,
    /// Not known to have an outcome: report it, so that it is delivered again.
    Unfinished,
}
