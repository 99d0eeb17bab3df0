//! The clients of AWS services, as a handler needs them: DynamoDB's, and where Kafka asks for a user, Secrets
//! Manager's.
//!
//! In: the environment, as Lambda gives it: region and credentials, perhaps an endpoint. Out: a client. Nothing else is
//! read: no file, no other service; so a cold start waits for neither, and the binary carries neither.
//!
//! An endpoint on plain HTTP (a local engine) gets a client without TLS, which loads no certificates, and credentials
//! that mean nothing, so that local work needs no set-up.
//!
//! Invariant: DynamoDB's client never retries. Whoever calls holds the deadline and the backoff, and one call is one
//! request.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A connection within a region takes a few milliseconds; one that takes this long won't come.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The slowest transactions of 100 items take well under a second; what takes this long is lost, and asked again while
/// the invocation still has time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Where a local engine is said to be; any name does.
pub const LOCAL_REGION: &str = "eu-central-1";

/// The SDK's variable that says where DynamoDB is.
pub const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
const SECRETS_ENDPOINT: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// No region is named.
    #[error("no AWS region: set AWS_REGION")]
    NoRegion,
    /// No credentials are given.
    #[error("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    /// What is named as an endpoint is none.
    #[error("{0}: expected a URL, such as http://127.0.0.1:8000")]
    NotAUrl(String),
    /// Half of a pair of credentials is given.
    #[error("{given} is set and {missing} is not: set both, or neither")]
    HalfCredentials {
        /// The variable that is set.
        given: &'static str,
        /// The variable that is not.
        missing: &'static str,
    },
}

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// A client for DynamoDB, from the environment.
///
/// # Errors
/// [`AwsError`] if region or credentials are missing and the endpoint is not a local one.
pub fn dynamodb() -> Result<Client, AwsError> {
    let place = Place::of(DYNAMODB_ENDPOINT)?;
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(place.region)
        .credentials_provider(place.credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .http_client(http_client(place.local));
    if let Some(endpoint) = place.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// A client for Secrets Manager, from the environment. It does retry: it is asked once, at start, and no batch waits.
///
/// # Errors
/// [`AwsError`] if region or credentials are missing and the endpoint is not a local one.
pub fn secrets() -> Result<aws_sdk_secretsmanager::Client, AwsError> {
    let place = Place::of(SECRETS_ENDPOINT)?;
    let mut config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(place.region)
        .credentials_provider(place.credentials)
        .timeout_config(timeouts())
        .http_client(http_client(place.local));
    if let Some(endpoint) = place.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(aws_sdk_secretsmanager::Client::from_conf(config.build()))
}

/// A client for HTTP, with TLS unless the endpoint is `local`: on plain HTTP.
#[must_use]
pub fn http_client(local: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    match local {
        true => builder.build_http(),
        false => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    }
}

/// Where a service is, and who asks.
struct Place {
    region: Region,
    credentials: Credentials,
    endpoint: Option<String>,
    /// On plain HTTP: a local engine.
    local: bool,
}

impl Place {
    fn of(endpoint: &str) -> Result<Self, AwsError> {
        let endpoint = variable(endpoint).or_else(|| variable("AWS_ENDPOINT_URL"));
        let local = endpoint.as_deref().is_some_and(is_local);
        let credentials = credentials()?.or_else(|| local.then(local_credentials)).ok_or(AwsError::NoCredentials)?;
        let region = region().or_else(|| local.then(|| LOCAL_REGION.to_owned())).ok_or(AwsError::NoRegion)?;
        Ok(Self { region: Region::new(region), credentials, endpoint, local })
    }
}

/// The region that the environment names.
#[must_use]
pub fn region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// The credentials that the environment holds; none, if it holds neither half of them.
///
/// # Errors
/// [`AwsError::HalfCredentials`] if it holds one half.
pub fn credentials() -> Result<Option<Credentials>, AwsError> {
    match (variable(KEY_ID), variable(SECRET)) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(AwsError::HalfCredentials { given: KEY_ID, missing: SECRET }),
        (None, Some(_)) => Err(AwsError::HalfCredentials { given: SECRET, missing: KEY_ID }),
        (Some(id), Some(secret)) => {
            Ok(Some(Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment")))
        }
    }
}

/// Whether an endpoint is on plain HTTP, as only local engines are.
#[must_use]
pub fn is_local(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

/// Credentials for an engine that takes any.
#[must_use]
pub fn local_credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "giro")
}

/// How long a call may take.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// Why a call failed, in words for a person.
#[must_use]
pub fn in_words<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    if let Some(code) = error.code() {
        return match error.message() {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        };
    }
    match error {
        SdkError::TimeoutError(_) => "no answer in time".into(),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(cause) if cause.is_timeout() => "no connection in time".into(),
            Some(cause) => root(cause),
            None => "the request could not be sent".into(),
        },
        SdkError::ConstructionFailure(_) => "the request could not be built: are region and credentials set?".into(),
        SdkError::ResponseError(_) | SdkError::ServiceError(_) | _ => match error.raw_response() {
            Some(response) => format!("the answer could not be understood: HTTP status {}", response.status()),
            None => "the answer could not be understood".into(),
        },
    }
}

/// What lies at the bottom of an error: those above it only say where it passed.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// A variable that is set, and not to nothing.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
