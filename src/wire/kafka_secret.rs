//! What: Reads a Kafka user from a secret: the JSON that Amazon MSK and Kafka event source mappings use.
//!
//! Data: Takes `{"username":"…","password":"…"}`. Gives both, or what was expected, and never what was given.

use serde::Deserialize;

/// A user of a Kafka cluster.
#[derive(Deserialize)]
pub struct KafkaSecret {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// The text is not such a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON object with the strings username and password")]
pub struct InvalidKafkaSecret;

/// Reads a secret's text. Other fields are ignored.
///
/// # Errors
/// [`InvalidKafkaSecret`] if it holds no user.
pub fn decode(json: &str) -> Result<KafkaSecret, InvalidKafkaSecret> {
    // The error text of serde_json may repeat what it read.
    serde_json::from_str(json).map_err(|_| InvalidKafkaSecret)
}
