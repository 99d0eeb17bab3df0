//! What: A principal: who asks, or who owns an account, as an identity provider names it.
//!
//! Data: Takes text. Gives a newtype that holds 1 to 128 printable ASCII characters, without spaces. No principal is
//! called `none`, because that word takes an owner away.
//!
//! The subject of a token and the ARN of a role both fit. No character can break a log line or a header.

use std::fmt;
use std::sync::Arc;

/// The longest principal, in characters, which are bytes here. With it, the item of most payments stays within 1 KB.
pub const PRINCIPAL_CHARACTERS_MAX: usize = 128;

/// Why a text is not a principal. `Display` says what was expected, and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 128 printable ASCII characters without spaces, and not none")]
pub struct InvalidPrincipal;

/// The text that stands for no principal in a command.
pub const NONE: &str = "none";

/// Who asks, or who owns an account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Takes a text as a principal.
    ///
    /// # Errors
    /// [`InvalidPrincipal`] if it is not 1 to 128 printable ASCII characters without spaces, or is `none`.
    pub fn try_new(text: &str) -> Result<Self, InvalidPrincipal> {
        let fits = (1..=PRINCIPAL_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        (fits && text != NONE).then(|| Self(text.into())).ok_or(InvalidPrincipal)
    }

    /// The principal as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Principal {
    type Err = InvalidPrincipal;
    fn from_str(text: &str) -> Result<Self, InvalidPrincipal> {
        Self::try_new(text)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Principal").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_short_and_printable() {
        let longest = "x".repeat(PRINCIPAL_CHARACTERS_MAX);
        for good in ["a", "auth0|5f7c", "arn:aws:sts::123456789012:assumed-role/payments+ops@x", &longest] {
            assert_eq!(good.parse::<Principal>().map(|principal| principal.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", " a", "a\n", "ä", "none", "a\u{7f}", &format!("{longest}x")] {
            assert_eq!(bad.parse::<Principal>(), Err(InvalidPrincipal), "{bad:?}");
        }
    }
}
