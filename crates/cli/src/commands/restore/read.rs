//! What: The topics that a rebuild reads.

/// Kafka, and the names of the topics there.
pub(super) struct Read {
    pub(super) kafka: String,
    pub(super) requests: String,
    pub(super) commands: String,
    pub(super) outcomes: String,
}
