//! What: Which versions of requests are known here, as a client asks for them first of all.
//!
//! librdkafka's mock cluster knows that question up to version 2. It refuses a newer one in bytes that librdkafka alone
//! can read. So it is asked in the oldest form, and its answer is written in the form that was asked for.
//!
//! Data: Takes an answer to `ApiVersions`. Gives it in another form, with the versions that the front adds.
//!
//! Source: Kafka's protocol guide (<https://kafka.apache.org/protocol>); KIP-511, which says what a refusal is.

use super::fields::{Fields, NO_TAGS, count_of, frame};
use super::keys::{API_VERSIONS, FIND_COORDINATOR, OFFSET_FETCH};

/// The newest versions that a client may use here, where they are newer than the broker's.
const ADDED: [(i16, i16); 3] = [(OFFSET_FETCH, 8), (FIND_COORDINATOR, 4), (API_VERSIONS, NEWEST)];

/// The newest `ApiVersions`, and the newest one that the broker knows.
pub(super) const NEWEST: i16 = 4;
pub(super) const NEWEST_OF_BROKER: i16 = 2;

/// The error of a refusal.
const UNSUPPORTED_VERSION: i16 = 35;

/// The question of version 0, from a client without a name.
pub(super) fn oldest_question(correlation: [u8; 4]) -> Vec<u8> {
    let no_name = (-1_i16).to_be_bytes();
    frame(&[&API_VERSIONS.to_be_bytes(), &0_i16.to_be_bytes(), &correlation, &no_name])
}

/// The answer to a version that isn't known, in the form of version 0, as every client reads it: an error, and the
/// versions of the question itself.
pub(super) fn refusal(correlation: [u8; 4]) -> Vec<u8> {
    let known = [API_VERSIONS, 0, NEWEST].map(i16::to_be_bytes).concat();
    frame(&[&correlation, &UNSUPPORTED_VERSION.to_be_bytes(), &1_i32.to_be_bytes(), &known])
}

/// The answer of version 0, in the form of version 3.
pub(super) fn newer_answer(answer: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(answer.get(4..)?);
    // The correlation id, and an error.
    let head = fields.take(6)?;
    let count = usize::try_from(u32::from_be_bytes(fields.array()?)).ok()?;
    let mut versions = Vec::new();
    for _ in 0..count {
        let (key, oldest, of_broker) = (fields.i16()?, fields.i16()?, fields.i16()?);
        let newest = ADDED.iter().find(|(added, _)| *added == key).map_or(of_broker, |(_, newest)| *newest);
        versions.extend([key, oldest, newest].map(i16::to_be_bytes).concat());
        versions.extend(NO_TAGS);
    }
    let throttled = 0_i32.to_be_bytes();
    Some(frame(&[head, &count_of(count), &versions, &throttled, NO_TAGS]))
}
