//! What: The HTTP API. It hands over payments to Kafka, and shows payments, accounts and statements.
//!
//! Data: Takes an HTTP event. Gives a response. `docs/openapi.yaml` is the contract, and `docs/api.md` explains it.
//!
//! | route | answers |
//! |---|---|
//! | `POST /payments` | 202 once the broker has acknowledged the request; 200 with the outcome if there is one already |
//! | `GET /payments/{payment_id}` | 200 with the outcome; 404 while none is known |
//! | `GET /accounts/{account_id}` | 200 with the balance |
//! | `GET /accounts/{account_id}/statement` | 200 with a page of postings |
//! | `HEAD` of these three | the same without a body |
//!
//! Invariants: Nothing is decided here, so nothing can be half-done: a request is on the topic or it is not. If that
//! isn't known, handing it over again is safe, because its payment id is decided once. An error says what was expected,
//! and nothing about an account.
//!
//! Limits: The API in front decides who may ask, not this function.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lambda_runtime::LambdaEvent;
use tokio::time::timeout_at;

use super::answers::{json, unavailable};
use super::clock::Deadlines;
use super::queries;
use crate::domain::{PaymentId, Source};
use crate::publish::{Publish, PublishError};
use crate::store::{LedgerQueries, Statements};
use crate::wire::http::{HttpRequest, Response};
use crate::wire::payment_request;
use crate::wire::problem::Problem;
use crate::wire::resource;

/// How long a request may take before its producer gives it up. It is well under the function's time-out (29 seconds in
/// the template), so that the client gets an answer.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// A payment request has at most about 2,000 characters, with escapes. The rest is room for fields of the client's own.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// The routes, as `docs/openapi.yaml` and `template.yaml` write them, and the methods that each has.
pub const ROUTES: [(&str, &str); 4] = [
    ("/payments", "POST"),
    ("/payments/{payment_id}", "GET, HEAD"),
    ("/accounts/{account_id}", "GET, HEAD"),
    ("/accounts/{account_id}/statement", "GET, HEAD"),
];

/// Answers requests.
#[derive(Debug)]
pub struct PaymentApi<S, P> {
    store: S,
    producer: P,
    topic: Arc<str>,
}

impl<S: LedgerQueries + Statements, P: Publish> PaymentApi<S, P> {
    /// An API that reads this store, and hands payments over to this topic.
    pub fn new(store: S, producer: P, topic: &str) -> Self {
        Self { store, producer, topic: topic.into() }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// There are none: every answer is a response.
    pub async fn handle(&self, event: LambdaEvent<HttpRequest>) -> Result<Response, std::convert::Infallible> {
        let (request, context) = event.into_parts();
        let started = Instant::now();
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let (route, answer) = match path.as_slice() {
            ["payments"] => (0, None),
            ["payments", _] => (1, None),
            ["accounts", _] => (2, None),
            ["accounts", _, "statement"] => (3, None),
            _ => (ROUTES.len(), Some(Problem::NotFound.response("See the API's description for what there is."))),
        };
        let (name, allow) = ROUTES.get(route).copied().unwrap_or_default();
        let answer = answer.or_else(|| {
            let has = allow.split(", ").any(|method| method == request.method);
            let refusal = || Problem::MethodNotAllowed.response(&format!("Methods: {allow}.")).with("allow", allow);
            (!has).then(refusal)
        });
        let mut response = match answer {
            Some(refusal) => refusal,
            None => timeout_at(Deadlines::of(context.deadline).dead_letters, self.answer(&path, &request))
                .await
                .unwrap_or_else(|_| unavailable("There was no time left for an answer.")),
        };
        if request.method == "HEAD" {
            response.body.clear();
        }
        tracing::info!(
            request_id = context.request_id,
            method = request.method,
            route = name,
            status = response.status_code,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "answered"
        );
        Ok(response)
    }

    async fn answer(&self, path: &[&str], request: &HttpRequest) -> Response {
        match path {
            ["payments"] => self.hand_over(request).await,
            ["payments", id] => queries::payment(&self.store, id, &request.query).await,
            ["accounts", id] => queries::account(&self.store, id).await,
            ["accounts", id, ..] => queries::statement(&self.store, id, &request.query).await,
            _ => Err(Problem::NotFound.response("")),
        }
        .unwrap_or_else(|refusal| refusal)
    }

    /// Hands a payment over.
    async fn hand_over(&self, request: &HttpRequest) -> Result<Response, Response> {
        if !is_json(request.header("content-type")) {
            return Err(Problem::UnsupportedMediaType.response("Content-Type: expected application/json, in UTF-8."));
        }
        let body =
            request.body.as_deref().ok_or_else(|| Problem::MalformedPayment.response("body: expected base64"))?;
        if is_compressed(request.header("content-encoding"), body) {
            let detail = "Content-Encoding: expected none. Send the JSON as it is.";
            return Err(Problem::UnsupportedMediaType.response(detail).with("accept-encoding", "identity"));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::BodyTooLarge.response(&format!("The limit is {BODY_BYTES_MAX} bytes.")));
        }
        let key = request.header("idempotency-key").map(idempotency_key).transpose()?;
        let payment = payment_request::decode_json_of(body, key)
            .map_err(|malformed| Problem::MalformedPayment.response(&malformed.to_string()))?;
        let fingerprint = payment.fingerprint();
        match self.store.payment(&payment.id).await {
            Ok(Some(recorded)) if recorded.fingerprint == fingerprint => {
                return Ok(json(200, resource::payment(&recorded)).with("location", location(&payment.id)));
            }
            Ok(Some(_)) => return Err(queries::reused()),
            Ok(None) => {}
            // This query only saves time: the processor will find the outcome anyway.
            Err(error) => tracing::warn!(fault = %error, "whether the payment has its outcome is not known"),
        }
        let key = payment.debtor.as_str().as_bytes();
        let value = payment_request::encode(&payment);
        let sending = self.producer.send(&self.topic, Some(key), Some(value.as_bytes()), &[]).await;
        let placed = match sending {
            Ok(sending) => sending.placed().await,
            Err(error) => Err(error),
        };
        match placed {
            Ok(placed) => {
                let topic = Arc::clone(&self.topic);
                let source = Source { topic, partition: placed.partition, offset: placed.offset };
                let body = resource::accepted(&payment.id, &fingerprint, &source);
                Ok(json(202, body).with("location", location(&payment.id)))
            }
            Err(PublishError::TooLarge) => Err(Problem::BodyTooLarge.response("The broker takes no record so large.")),
            Err(error @ PublishError::Unacknowledged(_)) => {
                tracing::warn!(fault = %error, "a payment could not be handed over");
                Err(unavailable("The payment is not known to be handed over. Hand it over again with the same id."))
            }
        }
    }
}

/// Reads the key from the header: a payment id, or one in quotes, as a structured field writes a string.
///
/// Source: IETF draft "The Idempotency-Key HTTP Header Field"; RFC 9651, strings. An id needs no escapes.
fn idempotency_key(value: &str) -> Result<PaymentId, Response> {
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    PaymentId::try_new(quoted.unwrap_or(value))
        .map_err(|expected| Problem::InvalidIdempotencyKey.response(&format!("Idempotency-Key: {expected}")))
}

/// Whether a content type is JSON. If it names a charset, that must be UTF-8.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let charset_is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json")) && parts.all(charset_is_utf8)
}

/// How a compressed body begins that a client sends without a header: gzip and Zstandard. No JSON begins like this.
///
/// Source: RFC 1952, section 2.3.1; RFC 8878, section 3.1.1.
const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];

/// Whether a body is compressed, by its header or by its first bytes.
fn is_compressed(content_encoding: Option<&str>, body: &[u8]) -> bool {
    let mut codings = content_encoding.unwrap_or_default().split(',').map(str::trim);
    let is_plain = codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"));
    !is_plain || COMPRESSED.iter().any(|begin| body.starts_with(begin))
}

fn location(id: &PaymentId) -> String {
    format!("/payments/{id}")
}
