//! What: Says which steps a step must wait for. For each of its main items and lanes, it is the last earlier step that
//! touches it.

use std::collections::HashMap;

use super::lanes::LaneIx;
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

    /// The steps that `step` must wait for, in order, each once. Afterwards `step` is the last that touches its items.
    pub(super) fn before(
        &mut self,
        step: usize,
        mains: impl Iterator<Item = AccountIx>,
        lanes: impl Iterator<Item = LaneIx>,
    ) -> Vec<usize> {
        let mut after = Vec::new();
        // If the last step is this one, an earlier member of the same transaction touched the item.
        let mut note = |before: Option<usize>| after.extend(before.filter(|&before| before != step));
        mains.for_each(|main| note(self.mains[main].replace(step)));
        lanes.for_each(|lane| note(self.lanes.insert(lane, step)));
        after.sort_unstable();
        after.dedup();
        after
    }
}
