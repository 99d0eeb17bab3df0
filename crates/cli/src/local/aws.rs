//! What: Makes the AWS clients of the local tools: as the machine is set up, or for a local engine.
//!
//! Data: Takes an endpoint, or none for AWS itself. Gives a client. Region and credentials come from all the SDK's
//! usual places: environment, profiles, the instance's own.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

use super::{LocalError, OrLocalError};
use giro::aws::{
    AwsError, DYNAMODB_ENDPOINT, LOCAL_REGION, credentials, http_client, in_words, is_local, local_credentials,
    timeouts, variable,
};

/// A client for DynamoDB at `endpoint`, else where the environment says, else at AWS.
///
/// # Errors
/// [`AwsError`] if the endpoint is AWS and no region is named, or half of the credentials is missing.
pub async fn dynamodb(endpoint: Option<&str>) -> Result<aws_sdk_dynamodb::Client, AwsError> {
    let named = || variable(DYNAMODB_ENDPOINT).or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.map(str::to_owned).or_else(named);
    Ok(aws_sdk_dynamodb::Client::new(&config(endpoint.as_deref(), timeouts()).await?))
}

/// Waits a few seconds for a DynamoDB to show that it is there.
///
/// # Errors
/// [`LocalError::Engine`] if it doesn't, [`LocalError::Asked`] if the environment can't be used.
pub(crate) async fn dynamodb_answers(endpoint: &str) -> Result<(), LocalError> {
    let asked = dynamodb(Some(endpoint)).await.or_asked()?.list_tables().limit(1).send().await;
    let unanswered = |error| anyhow::anyhow!("DynamoDB at {endpoint} doesn't answer: {}", in_words(&error));
    asked.map(|_| ()).map_err(unanswered).or_engine()
}

/// A client for the streams of the tables at `endpoint`. A local engine has them at the same address, AWS at another.
///
/// # Errors
/// [`AwsError`] if the endpoint is AWS and no region is named, or half of the credentials is missing.
pub async fn streams(endpoint: &str) -> Result<aws_sdk_dynamodbstreams::Client, AwsError> {
    let endpoint = Some(endpoint).filter(|endpoint| is_local(endpoint));
    Ok(aws_sdk_dynamodbstreams::Client::new(&config(endpoint, timeouts()).await?))
}

/// A client for SQS at `endpoint`, else where the environment says, else at AWS.
///
/// # Errors
/// [`AwsError::NoRegion`] if the endpoint is AWS and no region is named.
pub async fn sqs(endpoint: Option<&str>) -> Result<aws_sdk_sqs::Client, AwsError> {
    let named = || variable("AWS_ENDPOINT_URL_SQS").or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.map(str::to_owned).or_else(named);
    // A call may wait for messages.
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(30)).build();
    Ok(aws_sdk_sqs::Client::new(&config(endpoint.as_deref(), timeouts).await?))
}

/// Whether a text is a URL on HTTP, with a possible host and port.
fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let port_is_good = authority.port_u16().is_some() || authority.as_str().ends_with(authority.host());
    matches!(uri.scheme_str(), Some("http" | "https")) && !authority.host().is_empty() && port_is_good
}

/// What every client begins with.
pub(crate) async fn config(endpoint: Option<&str>, timeouts: TimeoutConfig) -> Result<SdkConfig, AwsError> {
    // One half of them is a mistake, even if another place had the rest.
    let given = credentials()?;
    if let Some(other) = endpoint.filter(|endpoint| !is_url(endpoint)) {
        return Err(AwsError::NotAUrl(other.to_owned()));
    }
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    if let Some(endpoint) = endpoint {
        // A named endpoint is used as it is. It has no FIPS or dual-stack form, and the SDK would refuse to look for
        // one.
        loader = loader.endpoint_url(endpoint).use_fips(false).use_dual_stack(false);
    }
    let local = endpoint.is_some_and(is_local);
    loader = loader.http_client(http_client(local));
    if local {
        if given.is_none() {
            loader = loader.credentials_provider(local_credentials());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_a_port_that_there_can_be() {
        for good in ["http://127.0.0.1:8000", "https://example.org", "http://[::1]:1/", "http://localhost:65535/a"] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["", "nonsense", "http://", "http://a b", "http://127.0.0.1:99999", "ftp://a", "http://a:x", "//a"] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
