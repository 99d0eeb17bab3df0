//! What: The error of an invocation that Lambda must repeat as a whole.

use lambda_runtime::Diagnostic;

/// Why a batch can't be acknowledged, not even in part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Records are unfinished, and the event source mapping didn't ask for a partial batch response.
    #[error("{0} records are not finished, and PARTIAL_BATCH_RESPONSE is not true: the whole batch must come again")]
    Records(usize),
    /// An element of the event can't be named in a response. All other records are finished, or are delivered again.
    #[error("the event holds {count} elements that name no record: {first}")]
    Unplaced {
        /// How many.
        count: usize,
        /// The field of the first, and what was expected of it.
        first: String,
    },
}

/// The error type and text that alarms read.
impl From<Unfinished> for Diagnostic {
    fn from(unfinished: Unfinished) -> Self {
        let error_type = match unfinished {
            Unfinished::Records(_) => "Giro.Unfinished",
            Unfinished::Unplaced { .. } => "Giro.Unplaced",
        };
        Self { error_type: error_type.into(), error_message: unfinished.to_string() }
    }
}
