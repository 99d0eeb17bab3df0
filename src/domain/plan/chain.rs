//! Which steps a step must wait for: the last before it that touches one of its main items or lanes.

use std::collections::HashMap;

use super::LaneIx;
use crate::domain::AccountIx;

/// The last step that touches each main item and lane, so far.
pub(super) struct LastSteps {
    mains: Vec<Option<usize>>,
    lanes: HashMap<LaneIx, usize>,
}

impl LastSteps {
    pub(super) fn new(accounts: usize) -> Self {
        Self { mains: vec![None; accounts], lanes: HashMap::new() }
    }

    /// The steps that `step` must wait for, in order, each once. It is then the last that touches what it touches.
    pub(super) fn before(
        &mut self,
        step: usize,
        mains: impl Iterator<Item = AccountIx>,
        lanes: impl Iterator<Item = LaneIx>,
    ) -> Vec<usize> {
        let mut after = Vec::new();
        // The same step again means: touched by an earlier member of this very transaction.
        let mut note = |before: Option<usize>| after.extend(before.filter(|&before| before != step));
        mains.for_each(|main| note(self.mains[main].replace(step)));
        lanes.for_each(|lane| note(self.lanes.insert(lane, step)));
        after.sort_unstable();
        after.dedup();
        after
    }
}
