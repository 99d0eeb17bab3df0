//! What: Chooses the one error of the store that is reported.
//!
//! Invariants: An error that stops a request is reported before one that passes. Among equals, the last is reported. An
//! error from before the last look at stopped requests is reported only if none came after it.

use crate::store::StoreError;

/// The errors of the store so far.
#[derive(Debug, Default)]
pub(crate) struct SeenErrors {
    since: Option<StoreError>,
    before: Option<StoreError>,
    throttled: u64,
}

impl SeenErrors {
    /// Notes the error of a call.
    pub(crate) fn note(&mut self, error: StoreError) {
        if let StoreError::Throttled(_) = error {
            self.throttled = self.throttled.saturating_add(1);
        }
        self.note_counted(error);
    }

    /// Notes an error that was counted already, with others of its calls.
    pub(crate) fn note_counted(&mut self, error: StoreError) {
        if self.since.as_ref().is_none_or(|known| known.passes() || !error.passes()) {
            self.since = Some(error);
        }
    }

    /// Stopped requests are looked at again: somebody may have mended their items.
    pub(crate) fn look_again(&mut self) {
        self.before = self.since.take().or(self.before.take());
    }

    /// Whether a damaged item was found, and nobody is known to have mended it.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self.since, Some(StoreError::Corrupt(_)))
    }

    /// How often the store had no time: for a transaction, or for a round of reads.
    pub(crate) const fn throttled(&self) -> u64 {
        self.throttled
    }

    /// The error to report.
    pub(crate) fn told(self) -> Option<StoreError> {
        self.since.or(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(errors: &[StoreError]) -> Option<StoreError> {
        let mut seen = SeenErrors::default();
        errors.iter().cloned().for_each(|error| seen.note(error));
        seen.told()
    }

    #[test]
    fn what_stops_is_told_before_what_passes() {
        let (corrupt, throttled) = (StoreError::Corrupt("c".into()), StoreError::Throttled("t".into()));
        let rejected = StoreError::Rejected("r".into());
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[throttled.clone(), StoreError::Conflict]), Some(StoreError::Conflict));
        assert_eq!(told(&[throttled.clone(), corrupt.clone(), throttled.clone()]), Some(corrupt.clone()));
        assert_eq!(told(&[corrupt.clone(), rejected.clone(), throttled.clone()]), Some(rejected));
        let mut seen = SeenErrors::default();
        seen.note(corrupt.clone());
        assert!(seen.is_damage());
        seen.look_again();
        assert!(!seen.is_damage());
        seen.look_again();
        seen.note(throttled.clone());
        assert_eq!(seen.told(), Some(throttled), "mended, then slow");
    }

    #[test]
    fn throttled_calls_are_counted_once() {
        let mut seen = SeenErrors::default();
        assert_eq!(seen.throttled(), 0);
        let throttled = StoreError::Throttled("t".into());
        for error in [throttled.clone(), StoreError::Conflict, StoreError::Corrupt("c".into()), throttled.clone()] {
            seen.note(error);
        }
        seen.note_counted(throttled);
        assert_eq!(seen.throttled(), 2);
    }
}
