//! What: The body of an HTTP error: problem details for HTTP APIs.
//!
//! Data: Takes what is wrong. Gives a response with `application/problem+json`. [`Problem::ALL`] is the table of types,
//! titles and statuses. `docs/openapi.yaml` names the same, and a test compares the two.
//!
//! Invariants: A problem says what was expected, never what was given or what an account holds.
//!
//! Source: RFC 9457. `type` is a stable relative reference, which need not exist as a page.

use serde::Serialize;

use super::http::Response;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The body isn't a payment request.
    MalformedPayment,
    /// The body isn't a request for a refund.
    MalformedRefund,
    /// The header `Idempotency-Key` isn't a payment id, or the body holds another.
    InvalidIdempotencyKey,
    /// A parameter of the query has a value that isn't allowed.
    InvalidParameter,
    /// The caller may not do this, whether or not what it names exists.
    NotAllowed,
    /// The id doesn't begin as the caller's ids must.
    IdNotAllowed,
    /// No resource has this path.
    NotFound,
    /// No outcome is known for this payment id.
    PaymentNotFound,
    /// No outcome is known for this refund id.
    RefundNotFound,
    /// No account has this id.
    AccountNotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// The payment id has an outcome, which answers another request.
    PaymentIdReused,
    /// The body is longer than a request may be.
    BodyTooLarge,
    /// The body is not said to be JSON, or is compressed.
    UnsupportedMediaType,
    /// So many payments would have to be read that the answer isn't given.
    TooManyPayments,
    /// A stored item can't be read.
    Internal,
    /// Kafka or DynamoDB gave no answer. Nothing was done, or asking again is safe.
    Unavailable,
}

impl Problem {
    /// Every problem with its status, the last part of its type, and its title.
    pub const ALL: [(Self, u16, &'static str, &'static str); 17] = [
        (Self::MalformedPayment, 400, "malformed-payment", "The body is not a payment request"),
        (Self::MalformedRefund, 400, "malformed-refund", "The body is not a request for a refund"),
        (Self::InvalidIdempotencyKey, 400, "invalid-idempotency-key", "The idempotency key can't be used"),
        (Self::InvalidParameter, 400, "invalid-parameter", "A parameter can't be used"),
        (Self::NotAllowed, 403, "not-allowed", "This is not allowed to the caller"),
        (Self::IdNotAllowed, 403, "id-not-allowed", "The id is not one of the caller's"),
        (Self::NotFound, 404, "not-found", "There is no such resource"),
        (Self::PaymentNotFound, 404, "payment-not-found", "No outcome is known for this payment"),
        (Self::RefundNotFound, 404, "refund-not-found", "No outcome is known for this refund"),
        (Self::AccountNotFound, 404, "account-not-found", "There is no such account"),
        (Self::MethodNotAllowed, 405, "method-not-allowed", "The resource has no such method"),
        (Self::PaymentIdReused, 409, "payment-id-reused", "The payment id belongs to another request"),
        (Self::BodyTooLarge, 413, "body-too-large", "The body is too large"),
        (Self::UnsupportedMediaType, 415, "unsupported-media-type", "The body must be JSON, not compressed"),
        (Self::TooManyPayments, 422, "too-many-payments", "Too many payments would have to be read"),
        (Self::Internal, 500, "internal", "A stored item can't be read"),
        (Self::Unavailable, 503, "unavailable", "Not available at the moment"),
    ];

    fn row(self) -> (u16, &'static str, &'static str) {
        // Every variant has its row (a test holds it), so the fall-back is never used.
        let row = Self::ALL.into_iter().find(|row| row.0 == self);
        row.map_or((500, "internal", ""), |(_, status, name, title)| (status, name, title))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// The type: a stable relative reference.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.row().1)
    }

    /// The response, with what a person may want to know.
    #[must_use]
    pub fn response(self, detail: &str) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
        }
        let (status, _, title) = self.row();
        let body = Body { r#type: self.type_uri(), title, status, detail };
        // Strings and integers always serialise.
        let body = serde_json::to_string(&body).unwrap_or_default();
        Response::new(status, "application/problem+json", body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_its_row() {
        for (problem, status, name, _) in Problem::ALL {
            assert_eq!((problem.status(), problem.type_uri()), (status, format!("/problems/{name}")));
        }
        let names: std::collections::HashSet<_> = Problem::ALL.iter().map(|row| row.2).collect();
        assert_eq!(names.len(), Problem::ALL.len(), "a type is used once");
    }
}
