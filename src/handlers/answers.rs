//! What: Makes the answers of the HTTP API that more than one of its routes gives.

use crate::balances::BalanceError;
use crate::store::StoreError;
use crate::wire::http::Response;
use crate::wire::problem::Problem;

/// When to ask again, in seconds. A broker's change of leader takes about this long.
const RETRY_AFTER_SECONDS: &str = "2";

/// An answer with a body of JSON.
pub(super) fn json(status: u16, body: String) -> Response {
    Response::new(status, "application/json", body)
}

/// The answer if Kafka or DynamoDB gives none.
pub(super) fn unavailable(detail: &str) -> Response {
    Problem::Unavailable.response(detail).with("retry-after", RETRY_AFTER_SECONDS)
}

/// The answer if the store gives an error.
pub(super) fn unreadable(error: StoreError) -> Response {
    if error.passes() {
        tracing::warn!(fault = %error, "the store can't be read");
        return unavailable("Nothing was changed.");
    }
    tracing::error!(fault = %error, "the store can't be read");
    Problem::Internal.response("Asking again won't help.")
}

/// The answer if a balance isn't told. Logs hold no key of a payment.
pub(super) fn untold(error: BalanceError) -> Response {
    match error {
        BalanceError::Store(error) => unreadable(error),
        BalanceError::Wrong(wrong) => unreadable(StoreError::Corrupt(format!("payments: expected {}", wrong.expected))),
        BalanceError::Unreadable { expected, .. } => unreadable(StoreError::Corrupt(format!("payments: {expected}"))),
        BalanceError::TooMany { .. } => Problem::TooManyPayments.response(&error.to_string()),
    }
}
