//! The AWS SDK, configured as handlers and `giro` need it.
//!
//! In: an endpoint, or none for AWS itself. Out: a configuration from which a service's client is made.
//!
//! On Lambda, region and credentials stand in the environment, and nothing else is read: no file, no other service. On
//! a person's machine the SDK's usual places are asked. An endpoint on plain HTTP (a local engine) gets a client without
//! TLS, which loads no certificates, and credentials that mean nothing, so that local work needs no set-up.
//!
//! Invariant: the SDK never retries. Whoever calls holds the deadline and the backoff, and one call is one request.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;

/// A connection within a region takes a few milliseconds; one that takes this long won't come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The slowest transactions of 100 items take well under a second; what takes this long is lost, and asked again while
/// the invocation still has time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Where a local engine is said to be; any name does.
const LOCAL_REGION: &str = "eu-central-1";

/// The SDK's variable that says where DynamoDB is.
pub const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// No region is named anywhere.
    #[error("no AWS region: set AWS_REGION")]
    NoRegion,
}

/// The configuration for a service at `endpoint`, else at AWS.
///
/// # Errors
/// [`AwsError::NoRegion`] if the endpoint is AWS and no region is named.
pub async fn config(endpoint: Option<&str>) -> Result<SdkConfig, AwsError> {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        loader = loader.http_client(aws_smithy_http_client::Builder::new().build_http());
        if variable("AWS_ACCESS_KEY_ID").is_none() {
            loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "giro"));
        }
        if variable("AWS_REGION").is_none() {
            loader = loader.region(Region::from_static(LOCAL_REGION));
        }
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(AwsError::NoRegion);
    }
    Ok(config)
}

/// A client for DynamoDB at `endpoint`, else where the environment's `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`
/// say, else at AWS.
///
/// # Errors
/// As [`config`].
pub async fn dynamodb(endpoint: Option<&str>) -> Result<aws_sdk_dynamodb::Client, AwsError> {
    let named = || variable(DYNAMODB_ENDPOINT).or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.map(str::to_owned).or_else(named);
    Ok(aws_sdk_dynamodb::Client::new(&config(endpoint.as_deref()).await?))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
