//! What: The requests of Kafka's protocol that the front knows, by their numbers.
//!
//! Source: Kafka's protocol guide (<https://kafka.apache.org/protocol>).

pub(super) const METADATA: i16 = 3;
pub(super) const OFFSET_FETCH: i16 = 9;
pub(super) const FIND_COORDINATOR: i16 = 10;
pub(super) const JOIN_GROUP: i16 = 11;
pub(super) const LEAVE_GROUP: i16 = 13;
pub(super) const SYNC_GROUP: i16 = 14;
pub(super) const API_VERSIONS: i16 = 18;
pub(super) const INIT_PRODUCER_ID: i16 = 22;
