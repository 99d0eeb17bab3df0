//! What: An outcome that a newer version wrote. Its kind, or the reason of its decline, is not known here.
//!
//! Data: The attributes of its item, as they are. They are handed on, so that consumers needn't wait for a deployment.

use std::collections::BTreeMap;

use super::{PaymentId, Source};

/// An outcome of an unknown kind, or declined for an unknown reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerOutcome {
    /// The idempotency key of what was asked for.
    pub id: PaymentId,
    /// Why it was declined, if it was.
    pub reason: Option<String>,
    /// The record that it answers.
    pub source: Source,
    /// What else people may see, by its name: text.
    pub texts: BTreeMap<String, String>,
    /// The same for numbers.
    pub numbers: BTreeMap<String, i64>,
}
