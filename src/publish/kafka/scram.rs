//! What: Reads the user that SCRAM logs in from Secrets Manager.

use super::ConnectError;
use crate::aws;
use crate::publish::broker::Password;
use crate::wire::kafka_secret;

/// Reads the user that a secret holds. Each new client reads it, so that it knows a new password.
pub(super) async fn user(arn: &str) -> Result<(String, Password), ConnectError> {
    let answer = aws::secrets()?.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| {
        let code = error.as_service_error().and_then(|error| error.meta().code());
        ConnectError::Secret(code.unwrap_or("Secrets Manager gave no answer").to_owned())
    })?;
    let text = answer.secret_string().ok_or_else(|| ConnectError::Secret("expected text".into()))?;
    let user = kafka_secret::decode(text).map_err(|expected| ConnectError::Secret(expected.to_string()))?;
    Ok((user.username, Password(user.password)))
}
