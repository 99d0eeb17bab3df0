//! What: Tokens by which a broker knows a client (SASL/OAUTHBEARER), and the port that they come from.
//!
//! [`iam`](super::iam) is the adapter, for the roles that Amazon MSK knows. Tests have an adapter of their own.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A client gets its next token after four fifths of the life of this one. So in the last tenth of it, its process was
/// frozen meanwhile.
const LAST_SHARE: i64 = 10;

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

/// How long the token of a client can be used. A client that has none yet waits for its first.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// In milliseconds since 1970; 0 without a token.
    until_ms: AtomicI64,
    /// When the client got it. A clock that shows an earlier time was set back, and says nothing of the token's life.
    from_ms: AtomicI64,
}

impl Held {
    /// The client gets this token now.
    pub(super) fn note(&self, token: &Token, now: SystemTime) {
        let life = token.expires_at_ms.saturating_sub(milliseconds_of(now));
        let until = token.expires_at_ms.saturating_sub(life.checked_div(LAST_SHARE).unwrap_or_default());
        self.from_ms.store(milliseconds_of(now), Ordering::Relaxed);
        self.until_ms.store(until, Ordering::Relaxed);
    }

    /// Whether it is better not used any more.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        let until = self.until_ms.load(Ordering::Relaxed);
        let from = self.from_ms.load(Ordering::Relaxed);
        until != 0 && !(from..until).contains(&milliseconds_of(now))
    }
}

fn milliseconds_of(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A process is frozen in the life of a token of 15 minutes. The client renews it after 12 of them, if it runs.
    #[test]
    fn a_token_is_over_before_a_broker_finds_it_expired() {
        let at = |seconds: u64| UNIX_EPOCH.checked_add(Duration::from_secs(1_795_341_600 + seconds)).unwrap();
        let held = Held::default();
        assert!(!held.is_over(at(0)), "the client waits for its first");
        let expires_at_ms = milliseconds_of(at(900));
        held.note(&Token { token: "t".into(), expires_at_ms }, at(0));
        let over = [0, 719, 720, 809, 810, 899, 900, 100_000].map(|seconds| held.is_over(at(seconds)));
        assert_eq!(over, [false, false, false, false, true, true, true, true]);
        let expires_at_ms = milliseconds_of(at(1_700));
        held.note(&Token { token: "u".into(), expires_at_ms }, at(800));
        assert_eq!([900, 1_609, 1_610].map(|seconds| held.is_over(at(seconds))), [false, false, true]);
        assert!(held.is_over(at(799)), "the clock was set back");
    }
}
