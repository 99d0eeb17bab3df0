//! What: Reads what a login needs from Secrets Manager.

use crate::aws::{self, AwsError};
use crate::wire::kafka_secret::InvalidKafkaSecret;

/// Why a secret can't be read.
pub(super) enum NoSecret {
    /// The environment lacks what AWS needs.
    Aws(AwsError),
    /// What is wrong with the secret, without what it holds.
    Wrong(String),
}

/// Reads a secret.
pub(super) async fn read<T>(
    arn: &str,
    decode: impl FnOnce(&str) -> Result<T, InvalidKafkaSecret>,
) -> Result<T, NoSecret> {
    let answer = aws::secrets().map_err(NoSecret::Aws)?.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| {
        let code = error.as_service_error().and_then(|error| error.meta().code());
        NoSecret::Wrong(code.unwrap_or("Secrets Manager gave no answer").to_owned())
    })?;
    let text = answer.secret_string().ok_or_else(|| NoSecret::Wrong("expected text".into()))?;
    decode(text).map_err(|expected| NoSecret::Wrong(expected.to_string()))
}
