//! What: The header of a record that was published again, which names its old place.

use std::fmt::Display;

use giro::domain::Header;

/// The header that names the dead letter or the place that a redriven record comes from.
const REDRIVEN_FROM: &str = "giro-redriven-from";

/// A record's own headers, and its place, which replaces such a header from before.
pub(crate) fn headers(own: &[Header], from: &impl Display) -> Vec<Header> {
    let mut headers = own.to_vec();
    headers.retain(|header| header.name != REDRIVEN_FROM);
    headers.push(Header { name: REDRIVEN_FROM.into(), value: Some(from.to_string().into_bytes()) });
    headers
}
