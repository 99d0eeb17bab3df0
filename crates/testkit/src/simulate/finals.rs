//! What: What was asked of balances while a world lived, and what was told.

use std::collections::BTreeMap;

use giro::domain::{AccountId, Timestamp};

/// What answers were given while a world lived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finals {
    /// How many were final.
    pub finals: u64,
    /// How many of those were not zero.
    pub not_zero: u64,
    /// How many rested on checkpoints.
    pub proved: u64,
    /// Those that were another later.
    pub changed: Vec<String>,
}

/// What was asked so far.
pub(super) struct Questions {
    pub(super) random: fastrand::Rng,
    pub(super) closed_after_ms: i64,
    /// What was final, to be asked again.
    pub(super) answers: BTreeMap<(AccountId, Timestamp), i128>,
    pub(super) told: Finals,
}

impl Questions {
    /// Questions that are drawn from a seed. A time counts as closed so much later.
    pub(super) fn new(seed: u64, closed_after_ms: i64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, closed_after_ms, answers: BTreeMap::new(), told: Finals::default() }
    }
}
