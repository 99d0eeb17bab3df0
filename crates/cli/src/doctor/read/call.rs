//! What: Makes single calls to services of AWS, and tells apart why one failed.
//!
//! Data: Takes an action with its parameters. Gives JSON, also from services that write XML.
//!
//! Limits: A call that is throttled is made again, three times. One that loses its connection is made again once.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::xml::{self, Shape};
use crate::doctor::deployed::Looked;
use crate::doctor::finding::Why;
use crate::local::aws::config;
use crate::local::signed::{Signer, of_aws};
use giro::aws::{AwsError, CONNECT_TIMEOUT, http_client, in_words, is_local};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait before each further try of a call that is throttled.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// How long to wait before the second try of a call that got no answer.
const AGAIN: Duration = Duration::from_millis(200);
/// Words in the code of an error that says that a right is missing.
const NO_RIGHT: [&str; 3] = ["AccessDenied", "UnauthorizedOperation", "NotAuthorized"];
/// Words in the code of an error that says that there is no such thing.
const MISSING: [&str; 3] = ["ResourceNotFound", "NoSuchEntity", "NotFoundException"];

/// A service of AWS.
#[derive(Debug, Clone)]
pub struct Service {
    signer: Signer,
    call: Operation<HttpRequest, Reply, ErrorMetadata>,
}

#[derive(Debug)]
struct Reply {
    is_success: bool,
    status: u16,
    kind: Option<String>,
    body: Vec<u8>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// Whoever asks lacks the right to this action.
    NoRight(String),
    /// There is no such thing.
    Missing(String),
    /// The service refused, or gave no answer.
    NoAnswer(String),
}

impl Failed {
    /// The same as something that was not looked at.
    #[must_use]
    pub fn looked<T>(self) -> Looked<T> {
        match self {
            Self::Missing(_) => Looked::Missing,
            Self::NoRight(action) => Looked::Not(Why::NoRight(action)),
            Self::NoAnswer(text) => Looked::Not(Why::NoAnswer(text)),
        }
    }
}

impl Service {
    /// A service at `endpoint`, else at AWS.
    ///
    /// # Errors
    /// [`AwsError`] if the endpoint isn't a URL. Also if it is AWS and no region is named, or half of the credentials
    /// is missing.
    pub async fn new(service: &'static str, endpoint: Option<&str>) -> Result<Self, AwsError> {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(TIMEOUT).build();
        let mut config = config(endpoint, timeouts.clone()).await?;
        // Once for all calls: some providers ask a service of their own each time.
        let provider = config.credentials_provider().ok_or(AwsError::NoCredentials)?;
        let credentials = provider.provide_credentials().await.map_err(|_| AwsError::NoCredentials)?;
        let credentials = SharedCredentialsProvider::new(credentials);
        config = config.into_builder().credentials_provider(credentials).build();
        let endpoint = match endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if service == "iam" => {
                let fips = config.use_fips().unwrap_or_default();
                let (endpoint, region) = iam(config.region().map_or("", AsRef::as_ref), fips);
                config = config.into_builder().region(Region::from_static(region)).build();
                endpoint.to_owned()
            }
            None => of_aws(&config, service),
        };
        let call = Operation::builder()
            .service_name(service)
            .operation_name("Call")
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client(is_local(&endpoint)))
            .endpoint_url(&endpoint)
            .timeout_config(timeouts)
            .no_retry()
            // The request is already signed.
            .no_auth()
            .serializer(Ok)
            .deserializer(|response: &HttpResponse| {
                let kind = response.headers().get("x-amzn-errortype").map(str::to_owned);
                let body = response.body().bytes().unwrap_or_default().to_vec();
                let (is_success, status) = (response.status().is_success(), response.status().as_u16());
                Ok(Reply { is_success, status, kind, body })
            })
            .build();
        Ok(Self { signer: Signer { config, endpoint, service }, call })
    }

    /// The region that it is asked in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.signer.config.region().map_or("", AsRef::as_ref)
    }

    /// A call of a service that takes a path and writes JSON.
    ///
    /// # Errors
    /// [`Failed`] if it refuses or doesn't answer.
    pub async fn get(&self, action: &str, path: &str) -> Result<Value, Failed> {
        let body = self.send(action, "GET", path, &[], Vec::new()).await?;
        self.json(&body)
    }

    /// A call of a service that takes JSON and a target.
    ///
    /// # Errors
    /// [`Failed`] if it refuses or doesn't answer.
    pub async fn target(&self, version: &str, action: &str, input: &Value) -> Result<Value, Failed> {
        let target = format!("{version}.{action}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
        let body = self.send(action, "POST", "/", &headers, input.to_string().into_bytes()).await?;
        self.json(&body)
    }

    /// A call of a service that takes a form and writes XML.
    ///
    /// # Errors
    /// [`Failed`] if it refuses or doesn't answer, or the answer isn't of this shape.
    pub async fn query(
        &self,
        version: &str,
        action: &str,
        input: &[(&str, &str)],
        shape: &Shape,
    ) -> Result<Value, Failed> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(input);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let body = self.send(action, "POST", "/", &headers, form.finish().into_bytes()).await?;
        xml::read(&body, shape).map_err(|error| self.odd(&error))
    }

    fn json(&self, body: &[u8]) -> Result<Value, Failed> {
        serde_json::from_slice(body).map_err(|error| self.odd(&error.to_string()))
    }

    fn odd(&self, error: &str) -> Failed {
        Failed::NoAnswer(format!("the answer of {} could not be understood: {error}", self.at()))
    }

    fn at(&self) -> String {
        format!("{} at {}", self.signer.service, self.signer.endpoint)
    }

    async fn send(
        &self,
        action: &str,
        method: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        let (mut pauses, mut lost) = (PAUSES.into_iter(), 0_u8);
        loop {
            let request = self.signer.signed(method, path, headers, body.clone()).await.map_err(Failed::NoAnswer)?;
            let reply = match self.call.invoke(request).await {
                Ok(reply) => reply,
                Err(_) if lost == 0 => {
                    lost = 1;
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Err(error) => {
                    return Err(Failed::NoAnswer(format!("{} doesn't answer: {}", self.at(), in_words(&error))));
                }
            };
            if reply.is_success {
                return Ok(reply.body);
            }
            let (code, message) = error(&reply);
            let is_busy = reply.status == 429 || reply.status >= 500 || code.contains("Throttl");
            if let (true, Some(pause)) = (is_busy, pauses.next()) {
                tokio::time::sleep(pause).await;
                continue;
            }
            return Err(self.failed(action, &code, &message));
        }
    }

    fn failed(&self, action: &str, code: &str, message: &str) -> Failed {
        let is_one_of = |words: &[&str]| words.iter().any(|word| code.contains(word));
        let text = format!("{code}: {message}");
        if is_one_of(&NO_RIGHT) && code.starts_with("KMS") {
            // The service may be asked, and its key not be used.
            Failed::NoRight("kms:Decrypt".to_owned())
        } else if is_one_of(&NO_RIGHT) {
            Failed::NoRight(format!("{}:{action}", self.signer.service))
        } else if is_one_of(&MISSING) || code == "ValidationError" && message.contains("does not exist") {
            Failed::Missing(text)
        } else {
            Failed::NoAnswer(format!("{} refuses {action}: {text}", self.at()))
        }
    }
}

/// The code and the message of an error, in each of the forms that services write.
fn error(reply: &Reply) -> (String, String) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let message = ["message", "Message"].into_iter().find_map(text).unwrap_or_default().to_owned();
    if let Some(code) = reply.kind.as_deref().or_else(|| text("__type")) {
        // Before a number sign stands a namespace, and after a colon there may be a URL that says the same.
        let code = code.rsplit('#').next().unwrap_or(code);
        return (code.split(':').next().unwrap_or(code).to_owned(), message);
    }
    let known = xml::read(&reply.body, &xml::ERROR).unwrap_or_default();
    let text = |name: &str| known.pointer(&format!("/Error/{name}")).and_then(Value::as_str).map(str::to_owned);
    let code = text("Code").unwrap_or_else(|| format!("HTTP status {}", reply.status));
    (code, text("Message").unwrap_or(message))
}

/// IAM is one for all regions of a partition: where it is, and the region that requests are signed for.
fn iam(region: &str, fips: bool) -> (&'static str, &'static str) {
    let known = IAM.into_iter().find(|(begin, ..)| region.starts_with(begin));
    match known {
        Some((_, endpoint, region)) => (endpoint, region),
        None if fips => ("https://iam-fips.amazonaws.com", "us-east-1"),
        None => ("https://iam.amazonaws.com", "us-east-1"),
    }
}

/// How the regions of other partitions begin, and what is theirs. That of GovCloud is FIPS in any case.
const IAM: [(&str, &str, &str); 5] = [
    ("cn-", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("us-gov-", "https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
    ("eusc-", "https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
    ("us-isob-", "https://iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
    ("us-iso-", "https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(kind: Option<&str>, body: &str) -> Reply {
        Reply { is_success: false, status: 400, kind: kind.map(str::to_owned), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn an_error_is_read_in_each_form() {
        let xml = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>a &amp; b\
                   </Message></Error></ErrorResponse>";
        for (reply, expected) in [
            (reply(Some("AccessDeniedException:http://x"), "{\"Message\":\"no\"}"), ("AccessDeniedException", "no")),
            (
                reply(None, "{\"__type\":\"a.b#ResourceNotFoundException\",\"message\":\"m\"}"),
                ("ResourceNotFoundException", "m"),
            ),
            (reply(None, xml), ("AccessDenied", "a & b")),
            (reply(None, "gone"), ("HTTP status 400", "")),
        ] {
            assert_eq!(error(&reply), (expected.0.to_owned(), expected.1.to_owned()));
        }
    }

    #[test]
    fn iam_has_an_endpoint_in_every_partition() {
        for (region, fips, expected) in [
            ("eu-central-1", false, ("https://iam.amazonaws.com", "us-east-1")),
            ("us-west-2", true, ("https://iam-fips.amazonaws.com", "us-east-1")),
            ("cn-northwest-1", false, ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1")),
            ("us-gov-east-1", true, ("https://iam.us-gov.amazonaws.com", "us-gov-west-1")),
            ("eusc-de-east-1", false, ("https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1")),
            ("us-iso-west-1", false, ("https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1")),
        ] {
            assert_eq!(iam(region, fips), expected);
        }
    }

    #[tokio::test]
    async fn a_missing_right_is_told_from_a_missing_thing() {
        let service = Service::new("iam", Some("http://127.0.0.1:1")).await.unwrap();
        let failed = |code: &str, message: &str| service.failed("GetRole", code, message);
        assert_eq!(failed("AccessDenied", "x"), Failed::NoRight("iam:GetRole".into()));
        assert_eq!(failed("KMSAccessDeniedException", "x"), Failed::NoRight("kms:Decrypt".into()));
        assert_eq!(failed("NoSuchEntity", "x"), Failed::Missing("NoSuchEntity: x".into()));
        let gone = "Stack with id x does not exist";
        assert_eq!(failed("ValidationError", gone), Failed::Missing(format!("ValidationError: {gone}")));
        assert!(matches!(failed("ValidationError", "other"), Failed::NoAnswer(_)));
        assert!(matches!(failed("ExpiredToken", "x"), Failed::NoAnswer(_)));
    }
}
