//! What: The HTTP API. It hands over payments and refunds to Kafka, and shows them, accounts, balances and statements.
//!
//! Data: Takes an HTTP event. Gives a response. `docs/openapi.yaml` is the contract, and `docs/api.md` explains it.
//!
//! | route | answers |
//! |---|---|
//! | `POST /payments` | 202 once the broker has acknowledged the request; 200 with the outcome if there is one already |
//! | `POST /refunds` | the same |
//! | `POST …?dry_run=true` | 200 with what would be decided now |
//! | `GET /payments/{payment_id}` | 200 with the outcome; 404 while none is known |
//! | `GET /refunds/{refund_id}` | the same of a refund |
//! | `GET /accounts/{account_id}` | 200 with the balance |
//! | `GET /accounts/{account_id}/balance` | 200 with the balance at a time |
//! | `GET /accounts/{account_id}/statement` | 200 with a page of postings |
//! | `HEAD` of these five | the same without a body |
//!
//! Invariants: Nothing is decided here, so nothing can be half-done: a request is on the topic or it is not. If that
//! isn't known, handing it over again is safe, because its payment id is decided once. An error says what was expected,
//! and nothing about an account. A request is handed over with the principal that asked, if one is known.
//!
//! Limits: The API in front finds out who calls. [`caller`](crate::domain::caller) says what that caller may do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lambda_runtime::LambdaEvent;
use tokio::time::{self, timeout_at};

use super::answers::{json, unavailable, unreadable};
use super::authorization::{pays, whole};
use super::clock::{self, Deadlines};
use super::queries;
use crate::domain::caller::{Authorization, Caller};
use crate::domain::{Account, Header, Instruction, PaymentId, Source, Trace};
use crate::publish::{Publish, PublishError};
use crate::settle::{dry_run, dry_run_id};
use crate::store::{Ledger, LedgerQueries, PostingLists, ProvedBalances, Statements};
use crate::telemetry::observer::{Observed, Observer, SpanContent};
use crate::wire::http::{HttpRequest, Response};
use crate::wire::otlp::Attribute::{Number, Text};
use crate::wire::otlp::spans::SpanKind;
use crate::wire::payment_request::Malformed;
use crate::wire::problem::Problem;
use crate::wire::{instruction, refund_request, requested_by, resource, traceparent};

/// How long a request may take before its producer gives it up. It is well under the function's time-out (29 seconds in
/// the template), so that the client gets an answer.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest request is a payment with 16 legs, each with a reference of its own that is all escapes: 34,000 bytes.
/// The rest is room for fields of the client's own.
pub const BODY_BYTES_MAX: usize = 48 * 1024;

/// What the span of a request says that got no answer of its own.
const FAILED: &str = "the request failed";

/// The routes, as `docs/openapi.yaml` and `template.yaml` write them, and the methods that each has.
pub const ROUTES: [(&str, &str); 7] = [
    ("/payments", "POST"),
    ("/payments/{payment_id}", "GET, HEAD"),
    ("/refunds", "POST"),
    ("/refunds/{refund_id}", "GET, HEAD"),
    ("/accounts/{account_id}", "GET, HEAD"),
    ("/accounts/{account_id}/statement", "GET, HEAD"),
    ("/accounts/{account_id}/balance", "GET, HEAD"),
];

/// A kind of instructions that clients hand over.
struct Kind {
    /// The first part of its path.
    path: &'static str,
    /// Reads a body. The id may be given beside it.
    decode: fn(&[u8], Option<&PaymentId>) -> Result<Instruction, Malformed>,
    /// What is wrong if a body can't be read.
    malformed: Problem,
}

const PAYMENTS: Kind =
    Kind { path: "payments", decode: |body, id| instruction::payment(body, id), malformed: Problem::MalformedPayment };

const REFUNDS: Kind = Kind {
    path: "refunds",
    decode: |body, id| refund_request::decode_json_of(body, id).map(Into::into),
    malformed: Problem::MalformedRefund,
};

/// Answers requests.
#[derive(Debug)]
pub struct PaymentApi<S, P> {
    store: S,
    producer: P,
    topic: Arc<str>,
    authorization: Authorization,
    has_checkpoints: bool,
    observer: Observer,
}

/// A request, and the trace that its record will belong to.
struct Asked<'r> {
    request: &'r HttpRequest,
    trace: Option<Trace>,
}

impl<S: Ledger + LedgerQueries + PostingLists + ProvedBalances + Statements, P: Publish> PaymentApi<S, P> {
    /// An API that reads this store, and hands payments over to this topic.
    pub fn new(store: S, producer: P, topic: &str) -> Self {
        let (authorization, observer) = (Authorization::Open, Observer::default());
        Self { store, producer, topic: topic.into(), authorization, has_checkpoints: false, observer }
    }

    /// Sets who may do what. Without this everybody may do everything.
    #[must_use]
    pub fn with_authorization(self, authorization: Authorization) -> Self {
        if authorization == Authorization::Open {
            tracing::warn!("everybody who reaches this function may pay from every account and read it");
        }
        Self { authorization, ..self }
    }

    /// Says whether balances may rest on checkpoints. Without this they are sums from the first posting.
    #[must_use]
    pub fn with_checkpoints(self, has_checkpoints: bool) -> Self {
        Self { has_checkpoints, ..self }
    }

    /// Tells this observer of each request. Without this it tells nobody.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// There are none: every answer is a response.
    pub async fn handle(&self, event: LambdaEvent<HttpRequest>) -> Result<Response, std::convert::Infallible> {
        let (request, context) = event.into_parts();
        let started = Instant::now();
        let caller = request.header(traceparent::HEADER).and_then(Trace::parse);
        let observed = self.observer.begin(&context, caller);
        // If the request has a span of its own, its record belongs to that.
        let trace = observed.as_ref().and_then(Observed::place).or(caller);
        let asked = Asked { request: &request, trace };
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let (route, answer) = match path.as_slice() {
            ["payments"] => (0, None),
            ["payments", _] => (1, None),
            ["refunds"] => (2, None),
            ["refunds", _] => (3, None),
            ["accounts", _] => (4, None),
            ["accounts", _, "statement"] => (5, None),
            ["accounts", _, "balance"] => (6, None),
            _ => (ROUTES.len(), Some(Problem::NotFound.response("See the API's description for what there is."))),
        };
        let (name, allow) = ROUTES.get(route).copied().unwrap_or_default();
        let answer = answer.or_else(|| {
            let has = allow.split(", ").any(|method| method == request.method);
            let refusal = || Problem::MethodNotAllowed.response(&format!("Methods: {allow}.")).with("allow", allow);
            (!has).then(refusal)
        });
        let deadlines = Deadlines::of(context.deadline);
        let mut response = match answer {
            Some(refusal) => refusal,
            None => timeout_at(deadlines.dead_letters, self.answer(&path, &asked, deadlines.settle.done))
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
        if let Some(observed) = observed {
            observed
                .end(told(&request.method, name, response.status_code), &[], clock::now(), deadlines.dead_letters)
                .await;
        }
        Ok(response)
    }

    async fn answer(&self, path: &[&str], asked: &Asked<'_>, deadline: time::Instant) -> Response {
        let request = asked.request;
        let authorizer = &request.authorizer;
        let caller = &self.authorization.caller(&authorizer.claims, authorizer.user_arn.as_deref());
        match path {
            ["payments"] => self.hand_over(asked, caller, &PAYMENTS, deadline).await,
            ["payments", id] => queries::payment(&self.store, caller, id, &request.query).await,
            ["refunds"] => self.hand_over(asked, caller, &REFUNDS, deadline).await,
            ["refunds", id] => queries::refund(&self.store, caller, id, &request.query).await,
            ["accounts", id] => queries::account(&self.store, caller, id).await,
            ["accounts", id, "balance"] => {
                queries::balance(&self.store, self.has_checkpoints, caller, id, &request.query).await
            }
            ["accounts", id, ..] => {
                queries::statement(&self.store, self.has_checkpoints, caller, id, &request.query).await
            }
            _ => Err(Problem::NotFound.response("")),
        }
        .unwrap_or_else(|refusal| refusal)
    }

    /// Says what would be decided on an instruction now.
    async fn dry_run(
        &self,
        instruction: Instruction,
        caller: &Caller<'_>,
        deadline: time::Instant,
    ) -> Result<Response, Response> {
        let sight = pays(caller, &self.store, &instruction).await?;
        let knows = |account: Option<&Account>| caller.knows(account);
        let outcome = dry_run(&self.store, instruction, knows, deadline, clock::now).await.map_err(unreadable)?;
        let sight = whole(caller, &self.store, sight, &outcome).await?;
        Ok(json(200, resource::dry_run(&outcome, &sight)))
    }

    /// Hands an instruction over, or says what would be decided on it.
    async fn hand_over(
        &self,
        &Asked { request, trace }: &Asked<'_>,
        caller: &Caller<'_>,
        kind: &Kind,
        deadline: time::Instant,
    ) -> Result<Response, Response> {
        if !is_json(request.header("content-type")) {
            return Err(Problem::UnsupportedMediaType.response("Content-Type: expected application/json, in UTF-8."));
        }
        let body = request.body.as_deref().ok_or_else(|| kind.malformed.response("body: expected base64"))?;
        if is_compressed(request.header("content-encoding"), body) {
            let detail = "Content-Encoding: expected none. Send the JSON as it is.";
            return Err(Problem::UnsupportedMediaType.response(detail).with("accept-encoding", "identity"));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::BodyTooLarge.response(&format!("The limit is {BODY_BYTES_MAX} bytes.")));
        }
        let key = request.header("idempotency-key").map(idempotency_key).transpose()?;
        let malformed = |malformed: Malformed| kind.malformed.response(&malformed.to_string());
        if queries::parameter(&request.query, "dry_run", queries::is_true)?.unwrap_or_default() {
            let instruction = (kind.decode)(body, key.as_ref()).or_else(|_| (kind.decode)(body, Some(&dry_run_id())));
            return self.dry_run(instruction.map_err(malformed)?, caller, deadline).await;
        }
        let instruction = (kind.decode)(body, key.as_ref()).map_err(malformed)?;
        let (id, fingerprint) = (instruction.id(), instruction.fingerprint());
        caller.check_id(id).map_err(|expected| Problem::IdNotAllowed.response(&expected))?;
        let sight = pays(caller, &self.store, &instruction).await?;
        let location = format!("/{}/{id}", kind.path);
        match self.store.payment(id).await {
            Ok(Some(recorded)) if recorded.fingerprint == fingerprint => {
                let sight = whole(caller, &self.store, sight, &recorded.outcome).await?;
                let shown = queries::shown(&self.store, &recorded, &sight).await.map_err(unreadable)?;
                return Ok(json(200, shown).with("location", location));
            }
            Ok(Some(_)) => return Err(queries::reused()),
            Ok(None) => {}
            // This query only saves time: the processor will find the outcome anyway.
            Err(error) => tracing::warn!(fault = %error, "whether the payment has its outcome is not known"),
        }
        let by = caller.principal.as_ref().map(requested_by::header);
        let headers: Vec<Header> = by.into_iter().chain(trace.as_ref().map(traceparent::header)).collect();
        self.send(&instruction, &headers, location).await
    }

    /// Hands an instruction over to the broker, and waits until it is there.
    async fn send(
        &self,
        instruction: &Instruction,
        headers: &[Header],
        location: String,
    ) -> Result<Response, Response> {
        let key = instruction.debtor().as_str().as_bytes();
        let value = instruction::encode(instruction);
        let sending = self.producer.send(&self.topic, Some(key), Some(value.as_bytes()), headers).await;
        let placed = match sending {
            Ok(sending) => sending.placed().await,
            Err(error) => Err(error),
        };
        match placed {
            Ok(placed) => {
                let topic = Arc::clone(&self.topic);
                let source = Source { topic, partition: placed.partition, offset: placed.offset };
                let body = resource::accepted(instruction.id(), &instruction.fingerprint(), &source);
                Ok(json(202, body).with("location", location))
            }
            Err(PublishError::TooLarge) => Err(Problem::BodyTooLarge.response("The broker takes no record so large.")),
            Err(error @ PublishError::Unacknowledged(_)) => {
                tracing::warn!(fault = %error, "an instruction could not be handed over");
                Err(unavailable("The request is not known to be handed over. Hand it over again with the same id."))
            }
        }
    }
}

/// What the span of a request says. A path may hold an id of an account, so only its route is told.
fn told(method: &str, route: &str, status: u16) -> SpanContent {
    let attributes = [
        ("http.request.method", Text(method.into())),
        ("http.route", Text(route.into())),
        ("http.response.status_code", Number(status.into())),
    ];
    let said = attributes.into_iter().filter(|(_, value)| *value != Text(String::new()));
    let attributes = said.map(|(name, value)| (name.to_owned(), value)).collect();
    let error = (status >= 500).then_some(FAILED);
    let name = format!("{method} {route}").trim_end().to_owned();
    SpanContent { kind: SpanKind::Server, name, attributes, links: Vec::new(), error }
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
