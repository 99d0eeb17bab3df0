//! What: The header that says who asked for an instruction.
//!
//! Data: Takes the headers of a record. Gives the principal, or [`Malformed`]. A record without the header says nobody.
//!
//! `payment-api` writes the header, after the API in front has checked who calls. It is believed because nobody else
//! may write the topic: `docs/authorization.md` says how. It isn't part of an instruction, and so not of its
//! fingerprint: whoever asks again for the same gets the same answer.

use super::json::fields::Malformed;
use crate::domain::{Header, Principal};

/// The name of the header.
pub const HEADER: &str = "giro-requested-by";

/// The header of a principal.
#[must_use]
pub fn header(principal: &Principal) -> Header {
    Header { name: HEADER.into(), value: Some(principal.as_str().into()) }
}

/// Who asked.
///
/// # Errors
/// [`Malformed`] if the header stands more than once, or holds no principal.
pub fn read(headers: &[Header]) -> Result<Option<Principal>, Malformed> {
    let mut given = headers.iter().filter(|header| header.name == HEADER);
    let Some(header) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(Malformed::DuplicateField(HEADER));
    }
    let text = header.value.as_deref().and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    let invalid = |expected: crate::domain::principal::InvalidPrincipal| Malformed::InvalidField {
        field: HEADER,
        expected: expected.to_string(),
    };
    Principal::try_new(text).map(Some).map_err(invalid)
}
