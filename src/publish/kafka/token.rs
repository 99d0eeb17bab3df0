//! What: Tokens by which a broker knows a client (SASL/OAUTHBEARER), and the port that they come from.
//!
//! [`iam`](super::iam) is the adapter, for the roles that Amazon MSK knows. Tests have an adapter of their own.

use std::fmt;
use std::time::SystemTime;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What is sent.
    pub token: String,
    /// When it expires, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A token could not be made. The text has no credentials.
#[derive(Debug, thiserror::Error)]
#[error("making a token for Kafka: {0}")]
pub struct NoToken(pub String);

/// Makes tokens. `Debug` shows no credentials.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is valid from `now` on.
    ///
    /// # Errors
    /// [`NoToken`] if none can be made.
    fn token(&self, now: SystemTime) -> Result<Token, NoToken>;
}
