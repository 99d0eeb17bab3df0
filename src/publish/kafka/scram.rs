//! What: Reads the user that SCRAM logs in from Secrets Manager.

use crate::aws::{self, AwsError};
use crate::publish::broker::Password;
use crate::wire::kafka_secret;

/// Why there is no user.
pub(super) enum NoUser {
    /// The environment lacks what AWS needs.
    Aws(AwsError),
    /// What is wrong with the secret, without what it holds.
    Secret(String),
}

/// Reads the user that a secret holds.
pub(super) async fn user(arn: &str) -> Result<(String, Password), NoUser> {
    let answer = aws::secrets().map_err(NoUser::Aws)?.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| {
        let code = error.as_service_error().and_then(|error| error.meta().code());
        NoUser::Secret(code.unwrap_or("Secrets Manager gave no answer").to_owned())
    })?;
    let text = answer.secret_string().ok_or_else(|| NoUser::Secret("expected text".into()))?;
    let user = kafka_secret::decode(text).map_err(|expected| NoUser::Secret(expected.to_string()))?;
    Ok((user.username, Password(user.password)))
}
