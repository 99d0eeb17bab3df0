//! The error of an invocation that Lambda must repeat as a whole.

use lambda_runtime::Diagnostic;

/// Why a batch can't be acknowledged, not even in part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Records are left over, and the event source mapping didn't ask for a partial batch response.
    #[error("{0} records are not finished, and PARTIAL_BATCH_RESPONSE is not true: the whole batch must come again")]
    Records(usize),
    /// An element of the event can't be named in a response; all records that can be are finished or come again.
    #[error("the event holds {count} elements that name no record: {first}")]
    Unplaced {
        /// How many.
        count: usize,
        /// Of the first, the field and what was expected of it.
        first: String,
    },
}

/// What an alarm can read.
impl From<Unfinished> for Diagnostic {
    fn from(unfinished: Unfinished) -> Self {
        let error_type = match unfinished {
            Unfinished::Records(_) => "Giro.Unfinished",
            Unfinished::Unplaced { .. } => "Giro.Unplaced",
        };
        Self { error_type: error_type.into(), error_message: unfinished.to_string() }
    }
}
