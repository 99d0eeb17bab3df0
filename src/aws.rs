//! What: Makes the clients of AWS services for handlers: DynamoDB, and Secrets Manager if Kafka needs a user.
//!
//! Data: Takes the environment of Lambda: region and credentials, perhaps an endpoint. Gives a client. It reads no file
//! and asks no other service. So a cold start waits for neither, and the binary needs no code for them.
//!
//! An endpoint on plain HTTP is a local engine. Its client has no TLS, so it loads no certificates, and has fixed
//! credentials. So local work needs no set-up.
//!
//! Invariants: DynamoDB's client never retries. The caller holds the deadline and the backoff, and one call is one
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

/// A connection within a region takes a few milliseconds. One that takes this long will never succeed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The slowest transactions of 100 items take well under a second. A call that takes this long is lost, and is made
/// again while the invocation still has time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// The region of a local engine. Any name would do.
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
    /// The endpoint isn't a URL.
    #[error("{0}: expected a URL, such as http://127.0.0.1:8000")]
    NotAUrl(String),
    /// Only one half of the credentials is given.
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

/// A client for Secrets Manager, from the environment. It does retry: it is asked once, at start, when no batch waits.
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

/// A client for HTTP. It has TLS, unless the endpoint is `local` and so on plain HTTP.
#[must_use]
pub fn http_client(local: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    match local {
        true => builder.build_http(),
        false => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    }
}

/// Where a service is, and the credentials for it.
struct Place {
    region: Region,
    credentials: Credentials,
    endpoint: Option<String>,
    /// Whether it is on plain HTTP, as a local engine is.
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

/// The credentials in the environment. `None` if neither half is there.
///
/// # Errors
/// [`AwsError::HalfCredentials`] if only one half is there.
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

/// Why a call failed, for a person.
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

/// The first cause of an error. The errors above it only say where it passed.
pub fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// A variable that is set and not empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
