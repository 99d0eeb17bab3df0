//! What: One JSON value as its own text, so that an error in it fails nothing else.
//!
//! Why not `RawValue`: Only serde's reader can make a borrowed one, and [`plain`](super::plain) reads without serde. It
//! also knows that a text has no escapes. To search the six texts of a payment for them takes 193 ns, and to read them
//! by `serde_json` 860 ns.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A well-formed JSON value, by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) struct Json<'a> {
    text: &'a str,
    /// It is known to have no escapes, so the text of a string is its content.
    plain: bool,
}

impl<'a> Json<'a> {
    /// A value whose text holds no backslash.
    pub(in crate::wire) fn plain(text: &'a str) -> Self {
        Self { text, plain: true }
    }

    /// A value that may have escapes.
    pub(in crate::wire) fn of(text: &'a str) -> Self {
        Self { text, plain: false }
    }

    /// The value as it stands.
    pub(in crate::wire) fn get(self) -> &'a str {
        self.text
    }

    pub(in crate::wire) fn is_null(self) -> bool {
        self.text == "null"
    }

    /// A string's content. `None` if the value isn't a string, or holds a lone surrogate.
    pub(in crate::wire) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        // Without a backslash the JSON is the content. This is the usual case, and nothing is copied.
        if self.plain || !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(self.text).ok().map(Cow::Owned)
    }

    /// A whole number, given as a number or as a string.
    pub(in crate::wire) fn whole(self) -> Option<i64> {
        let digits = self.text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(self.text);
        if digits.starts_with('+') { None } else { digits.parse().ok() }
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self::of(raw.get())
    }
}
