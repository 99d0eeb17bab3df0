//! What: Whether there are AWS credentials where the SDK looks for them: in the environment, in profiles, and with this
//! machine's own service.

use anyhow::bail;
use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::config::ProvideCredentials;

use giro::aws::http_client;

/// Looks for credentials. It may ask other services, so it is for whoever has failed already.
///
/// # Errors
/// With the variables that give some, if there are none.
pub(crate) async fn check_credentials() -> anyhow::Result<()> {
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(false)).load().await;
    let found = match config.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.is_ok(),
        None => false,
    };
    if !found {
        bail!(
            "no AWS credentials: none that can be used are in the environment, in the profile, or with this machine's \
             own service. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile by AWS_PROFILE"
        );
    }
    Ok(())
}
