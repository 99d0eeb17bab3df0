//! The faults of the store that were met, as far as they are told: one.
//!
//! Invariant: a fault that stops what it met is told before one that passes, and else the last. What was met before the
//! last look at what had stopped is told only if nothing was met since.

use crate::store::StoreError;

/// What was met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    since: Option<StoreError>,
    before: Option<StoreError>,
}

impl Met {
    /// Notes a fault.
    pub(crate) fn meet(&mut self, fault: StoreError) {
        if self.since.as_ref().is_none_or(|known| known.passes() || !fault.passes()) {
            self.since = Some(fault);
        }
    }

    /// What had stopped is looked at again: it may have been mended.
    pub(crate) fn look_again(&mut self) {
        self.before = self.since.take().or(self.before.take());
    }

    /// Whether something damaged was met that nobody is known to have mended.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self.since, Some(StoreError::Corrupt(_)))
    }

    /// The fault to tell of.
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
