//! What: The event of an HTTP API (Amazon API Gateway, payload format 2.0), and the answer to it.
//!
//! Data: Takes the JSON of an invocation. Gives method, path, query, headers, body and who calls.
//!
//! The types of `aws_lambda_events`, which `lambda_http` uses, refuse an event because of a null or of one unusual
//! header. They take a request without a method as a GET. Here such a client gets a 4xx. Their response writes
//! `multiValueHeaders`, which this format doesn't have. A program that reads one request and prints it takes 499 KB
//! with them, and 390 KB with this reader.
//!
//! | odd | taken as |
//! |---|---|
//! | unknown fields, missing fields | ignored; empty |
//! | payload format 1.0, a load balancer's event, no `requestContext.http.method` | not a request: [`Foreign`] |
//! | a path that begins with the stage's name, as API Gateway writes it for a named stage | the path after it |
//! | percent-encoded segments of the path | decoded; a segment that is not UTF-8 names nothing |
//! | header names of any case | lower case |
//!
//! Source: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs".

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::incoming::{self, Fields, Foreign, Service};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path's segments, decoded: `["payments", "pay-1"]`. Empty segments count, so `/payments/` is not `/payments`.
    pub path: Vec<String>,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body. `None` if it should have been base64 and was not.
    pub body: Option<Vec<u8>>,
    /// What the API in front has found out about the caller.
    pub authorizer: Authorizer,
}

/// What an authorizer of the API in front says about the caller. All of it is empty if there was none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authorizer {
    /// The claims of a JSON web token, by name. API Gateway writes a list as `[a b]`.
    pub claims: BTreeMap<String, String>,
    /// The ARN of an IAM user, or of a session of a role.
    pub user_arn: Option<String>,
}

impl Authorizer {
    /// Reads `requestContext.authorizer`. What has another shape than API Gateway writes says nothing.
    fn of(json: Option<&Value>) -> Self {
        let at = |path: &str| json.and_then(|json| json.pointer(path));
        let claims = at("/jwt/claims").and_then(Value::as_object);
        let claims =
            claims.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let user_arn = at("/iam/userArn").and_then(Value::as_str).map(Into::into);
        Self { claims: claims.collect(), user_arn }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    request_context: Option<RequestContext>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RequestContext {
    http: Option<Http>,
    stage: Option<String>,
    authorizer: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Http {
    method: Option<String>,
}

impl<'de> Deserialize<'de> for HttpRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        incoming::of_its_kind(deserializer)
    }
}

impl incoming::Event for HttpRequest {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error> {
        let foreign = |got| Err(Foreign { expected: "an HTTP API's request in payload format 2.0", got });
        let json = <&RawValue>::deserialize(deserializer)?;
        let fields = match Fields::of(json) {
            Ok(fields) => fields,
            Err(other) => return Ok(foreign(other)),
        };
        Ok(match fields.service() {
            Some(Service::HttpApi) => match serde_json::from_str::<Event>(json.get()) {
                Ok(event) if event.has_method() => Ok(event.into()),
                Ok(_) => foreign("a request without requestContext.http.method"),
                Err(_) => foreign("a request that has a field of another type"),
            },
            Some(other) => foreign(other.event()),
            None => foreign("an object without requestContext.http"),
        })
    }
}

impl Event {
    fn has_method(&self) -> bool {
        let http = self.request_context.as_ref().and_then(|context| context.http.as_ref());
        http.is_some_and(|http| http.method.is_some())
    }
}

impl From<Event> for HttpRequest {
    fn from(event: Event) -> Self {
        let context = event.request_context.unwrap_or_default();
        let path = event.raw_path.unwrap_or_default();
        let stage = context.stage.filter(|stage| stage != "$default").map(|stage| format!("/{stage}"));
        let path = stage
            .and_then(|stage| path.strip_prefix(&stage))
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(&path);
        let body = event.body.unwrap_or_default();
        Self {
            authorizer: Authorizer::of(context.authorizer.as_ref()),
            method: context.http.and_then(|http| http.method).unwrap_or_default().to_ascii_uppercase(),
            path: path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect(),
            query: form_urlencoded::parse(event.raw_query_string.unwrap_or_default().as_bytes()).into_owned().collect(),
            headers: event
                .headers
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            body: if event.is_base64_encoded.unwrap_or_default() {
                STANDARD.decode(body).ok()
            } else {
                Some(body.into_bytes())
            },
        }
    }
}

impl HttpRequest {
    /// The value of a header, without the space around it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.trim())
    }
}

/// Decodes percent-encoding. Bytes that aren't UTF-8 become replacement characters, which no id may hold.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The status.
    pub status_code: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, Cow<'static, str>>,
    /// The body. It is empty if there is none.
    pub body: String,
    /// Whether the body is base64. It never is.
    pub is_base64_encoded: bool,
}

impl Response {
    /// A response with a body of this type. No cache may keep it, because it is an account holder's data.
    #[must_use]
    pub fn new(status_code: u16, content_type: &'static str, body: String) -> Self {
        let headers = [("content-type", content_type), ("cache-control", "no-store")];
        let headers = headers.into_iter().map(|(name, value)| (name, Cow::Borrowed(value))).collect();
        Self { status_code, headers, body, is_base64_encoded: false }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.insert(name, value.into());
        self
    }
}
