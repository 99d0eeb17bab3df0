//! What: Makes every choice of the simulated world, from a seed or from a list of earlier choices.
//!
//! Data: Takes a seed, or choices. Gives numbers, and the list of all that were given out, with which the same world
//! runs again.
//!
//! Invariants: 0 is always the plainest choice: no fault, the oldest call, the first of a list. After its end a list
//! gives zeros, so a shorter list is a plainer world. Shrinking depends on that.

/// A source of choices.
#[derive(Debug)]
pub(super) struct Tape {
    random: fastrand::Rng,
    script: Option<std::vec::IntoIter<u32>>,
    taken: Vec<u32>,
}

impl Tape {
    /// Choices from a seed.
    pub(super) fn from_seed(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), script: None, taken: Vec::new() }
    }

    /// Choices made before, then zeros.
    pub(super) fn from_choices(choices: Vec<u32>) -> Self {
        Self { random: fastrand::Rng::with_seed(0), script: Some(choices.into_iter()), taken: Vec::new() }
    }

    /// Whether a list of choices has come to its end.
    pub(super) fn ended(&self) -> bool {
        self.script.as_ref().is_some_and(|left| left.len() == 0)
    }

    /// All choices so far.
    pub(super) fn into_taken(self) -> Vec<u32> {
        self.taken
    }

    /// A number below `bound`, which is at least 1.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let last = bound.saturating_sub(1);
        let choice = match &mut self.script {
            Some(left) => left.next().unwrap_or(0).min(last),
            None => self.random.u32(0..=last),
        };
        self.taken.push(choice);
        choice
    }

    /// A number of `low ..= high`; `low` is the plainest.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// A position in a list of this length, which is at least 1.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u32::try_from(length).unwrap_or(u32::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// One of these. The first is the plainest.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }

    /// Whether something strikes that does so in this many of a thousand cases.
    pub(super) fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.below(1_000) >= 1_000_u32.saturating_sub(thousandths)
    }

    /// One of these by weight; none if all weights are 0.
    pub(super) fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> Option<T> {
        let total = choices.iter().fold(0_u32, |sum, (weight, _)| sum.saturating_add(*weight));
        if total == 0 {
            return None;
        }
        let mut left = self.below(total);
        for &(weight, choice) in choices {
            if left < weight {
                return Some(choice);
            }
            left = left.saturating_sub(weight);
        }
        None
    }
}
