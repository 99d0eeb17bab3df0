//! The two identifiers that clients choose: of a payment and of an account.
//!
//! In: text. Out: a newtype that holds 1 to 64 characters of `A-Z a-z 0-9 . _ : -`, nothing else.
//!
//! The set leaves out `/`, so `account/lane` and `topic/partition/offset` keys can be built from ids without escaping,
//! and leaves out everything that isn't printable ASCII, so that no two ids look alike and none can break a log line.

use std::fmt;
use std::sync::Arc;

/// The longest id, in characters (which are bytes here). Long enough for a UUID with a prefix, short enough that a
/// payment item stays within one write unit of 1 KB.
pub const ID_CHARACTERS_MAX: usize = 64;

/// Why a text is no id. `Display` says what was expected, and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if (1..=ID_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(allowed) { Ok(()) } else { Err(InvalidId) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone: clones share the text.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as an id.
            ///
            /// # Errors
            /// [`InvalidId`] if it is not 1 to 64 characters of `A-Z a-z 0-9 . _ : -`.
            pub fn try_new(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(text.into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id! {
    /// Names a payment, and is its idempotency key: chosen by the client, decided at most once for ever.
    PaymentId
}
id! {
    /// Names an account.
    AccountId
}
id! {
    /// Names an account command, and is its idempotency key: chosen by whoever sends it, obeyed at most once for ever.
    CommandId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_the_allowed_set_and_nothing_else() {
        let longest = "x".repeat(64);
        for good in ["a", "A-Z_0.9:z", longest.as_str()] {
            assert_eq!(AccountId::try_new(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(65);
        for bad in ["", " ", "a b", "a/b", "a#b", "é", "a\n", "\u{0}", "аlice", too_long.as_str()] {
            assert_eq!(PaymentId::try_new(bad), Err(InvalidId), "{bad:?}");
        }
    }
}
