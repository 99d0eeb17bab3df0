//! What: Publishes the record of a dead letter again, and names its old place in a header.

use std::fmt::Display;

use giro::domain::{DeadLetter, Header};
use giro::publish::{Placed, Publish, PublishError};

/// The header that names the dead letter or the place that a redriven record comes from.
const REDRIVEN_FROM: &str = "giro-redriven-from";

/// A record's own headers, and its place, which replaces such a header from before.
pub(crate) fn headers(own: &[Header], from: &impl Display) -> Vec<Header> {
    let mut headers = own.to_vec();
    headers.retain(|header| header.name != REDRIVEN_FROM);
    headers.push(Header { name: REDRIVEN_FROM.into(), value: Some(from.to_string().into_bytes()) });
    headers
}

/// Publishes the record of a dead letter to its own topic, with its key, its headers and this value. Waits until the
/// broker has it.
///
/// # Errors
/// [`PublishError`] if the broker isn't known to have it.
pub(crate) async fn publish_again(
    producer: &impl Publish,
    letter: &DeadLetter,
    value: Option<&[u8]>,
) -> Result<Placed, PublishError> {
    let headers = headers(&letter.headers, &letter.id());
    producer.send(&letter.source.topic, letter.key.as_deref(), value, &headers).await?.placed().await
}
