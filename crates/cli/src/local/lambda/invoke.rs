//! What: Serves the Invoke call over HTTP.
//!
//! | `X-Amz-Invocation-Type` | then |
//! |---|---|
//! | `RequestResponse`, or none | it runs, and its answer is the response: 200, also for a failure of its own |
//! | `Event` | 202 at once; it runs by itself (`asynchronous`) |
//! | `DryRun` | 204; nothing runs |
//!
//! Each function has one version, which runs for every named version or alias.
//!
//! Source: AWS Lambda API reference, Invoke.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::function::Pool;
use super::{Answer, PAYLOAD_BYTES_MAX, asynchronous, name};

const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// `POST /2015-03-31/functions/{name}/invocations`
pub(super) async fn invoke(
    State(pools): State<Arc<HashMap<String, Arc<Pool>>>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    payload: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    match begin(&pools, &name, query.as_deref(), &headers, payload) {
        Ok((pool, kind, payload)) => match kind {
            Kind::RequestResponse => match pool.invoke(payload).await {
                Answer::Response(body) => answered(body, None),
                Answer::Error(body) => answered(body, Some("Unhandled")),
            },
            Kind::Event => {
                tokio::spawn(by_itself(pool, payload));
                status(StatusCode::ACCEPTED)
            }
            Kind::DryRun => status(StatusCode::NO_CONTENT),
        },
        Err(refusal) => refusal.into(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

/// Why nothing runs, as AWS words it.
struct Refusal(StatusCode, &'static str, String);

/// Checks a call: which function, how, and with what.
fn begin(
    pools: &HashMap<String, Arc<Pool>>,
    name: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    payload: Result<Bytes, BytesRejection>,
) -> Result<(Arc<Pool>, Kind, Bytes), Refusal> {
    let kind = match headers.get(INVOCATION_TYPE).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"RequestResponse") => Kind::RequestResponse,
        Some(b"Event") => Kind::Event,
        Some(b"DryRun") => Kind::DryRun,
        Some(_) => return Err(invalid("invocationType", "be one of [Event, RequestResponse, DryRun]")),
    };
    let named = name::read(name).ok_or_else(|| invalid("functionName", "be a name, a partial ARN or an ARN"))?;
    let mut parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let given = parameters.find(|(name, _)| name == "Qualifier").map(|(_, qualifier)| qualifier);
    if given.as_deref().is_some_and(|qualifier| !name::is_qualifier(qualifier)) {
        return Err(invalid("qualifier", "be a version or an alias"));
    }
    if let (Some(given), Some(derived)) = (&given, named.qualifier)
        && given != derived
    {
        let message = "The derived qualifier from the function name does not match the specified qualifier.";
        return Err(Refusal(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message.into()));
    }
    let Some(pool) = pools.get(named.function) else {
        let qualifier = given.as_deref().or(named.qualifier).map(|text| format!(":{text}")).unwrap_or_default();
        let (region, account) = (giro::aws::LOCAL_REGION, "000000000000");
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{}{qualifier}", named.function);
        return Err(Refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", format!("Function not found: {arn}")));
    };
    let payload = payload.map_err(|_| {
        let message =
            format!("Request must be smaller than {PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation");
        Refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message)
    })?;
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return Err(Refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message));
    }
    Ok((Arc::clone(pool), kind, payload))
}

fn invalid(parameter: &str, must: &str) -> Refusal {
    let message =
        format!("1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must {must}");
    Refusal(StatusCode::BAD_REQUEST, "ValidationException", message)
}

async fn by_itself(pool: Arc<Pool>, payload: Bytes) {
    let done = asynchronous::run(pool.asynchronous(), || pool.invoke(payload.clone())).await;
    if let Err(failure) = done {
        let failure = String::from_utf8_lossy(&failure);
        tracing::warn!(function = pool.name(), %failure, "an asynchronous invocation is given up");
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A function's answer. Its own failure is 200 with `X-Amz-Function-Error`.
fn answered(body: Bytes, function_error: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    if let Some(error) = function_error {
        response.headers_mut().insert(FUNCTION_ERROR, HeaderValue::from_static(error));
    }
    response
}

impl From<Refusal> for Response<Body> {
    fn from(Refusal(status, kind, message): Refusal) -> Self {
        let body = serde_json::json!({ "Type": "User", "Message": message }).to_string();
        let mut response = Self::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
