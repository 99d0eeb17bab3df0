//! What: Chooses the one error of the store that is reported.
//!
//! Invariants: An error that stops a request is reported before one that passes. Among equals, the last is reported. An
//! error from before the last look at stopped requests is reported only if none came after it.

use crate::store::StoreError;

/// The errors of the store so far.
#[derive(Debug, Default)]
pub(crate) struct Met {
    since: Option<StoreError>,
    before: Option<StoreError>,
}

impl Met {
    /// Notes an error.
    pub(crate) fn meet(&mut self, fault: StoreError) {
        if self.since.as_ref().is_none_or(|known| known.passes() || !fault.passes()) {
            self.since = Some(fault);
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

    /// The error to report.
    pub(crate) fn told(self) -> Option<StoreError> {
        self.since.or(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(faults: &[StoreError]) -> Option<StoreError> {
        let mut met = Met::default();
        faults.iter().cloned().for_each(|fault| met.meet(fault));
        met.told()
    }

    #[test]
    fn what_stops_is_told_before_what_passes() {
        let (corrupt, throttled) = (StoreError::Corrupt("c".into()), StoreError::Throttled("t".into()));
        let rejected = StoreError::Rejected("r".into());
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[throttled.clone(), StoreError::Conflict]), Some(StoreError::Conflict));
        assert_eq!(told(&[throttled.clone(), corrupt.clone(), throttled.clone()]), Some(corrupt.clone()));
        assert_eq!(told(&[corrupt.clone(), rejected.clone(), throttled.clone()]), Some(rejected));
        let mut met = Met::default();
        met.meet(corrupt.clone());
        assert!(met.is_damage());
        met.look_again();
        assert!(!met.is_damage());
        met.look_again();
        met.meet(throttled.clone());
        assert_eq!(met.told(), Some(throttled), "mended, then slow");
    }
}
