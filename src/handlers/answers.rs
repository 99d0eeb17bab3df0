//! What: Makes the answers of the HTTP API that more than one of its routes gives.

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
