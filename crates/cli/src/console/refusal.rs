//! What: An answer of the console that says why a request is not done.
//!
//! Data: A status and one sentence, and the field that it speaks of. As JSON: `{"error": …, "field": …}`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::json;

use crate::local::LocalError;
use giro::publish::PublishError;
use giro::store::StoreError;

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
    pub(super) field: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl ToString) -> Self {
        Self { status, error: error.to_string(), field: None }
    }

    /// A field of the request isn't what it must be.
    pub(super) fn of(field: &'static str, expected: impl ToString) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, expected) }
    }

    pub(super) fn not_found(error: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        answer(self.status, json!({ "error": self.error, "field": self.field }).to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, format!("DynamoDB: {error}"))
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, format!("Kafka: {error}"))
    }
}

impl From<LocalError> for Refusal {
    fn from(error: LocalError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, format!("{error:#}"))
    }
}

/// An answer in JSON.
pub(super) fn answer(status: StatusCode, json: String) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What was asked for, as JSON.
pub(super) fn found(json: &impl Serialize) -> Response<Body> {
    match serde_json::to_string(json) {
        Ok(json) => answer(StatusCode::OK, json),
        Err(error) => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}
