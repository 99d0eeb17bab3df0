//! Reads one JSON value from its own text, so that a fault in it stays its own.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A JSON string's content; `None` if the value is no string, or one that is no text (a lone surrogate).
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    // Without a backslash the JSON is the content: the usual case, and nothing is copied.
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// A whole number, given as a number or as a string.
pub(super) fn whole(raw: &RawValue) -> Option<i64> {
    let json = raw.get();
    let digits = json.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(json);
    if digits.starts_with('+') { None } else { digits.parse().ok() }
}
