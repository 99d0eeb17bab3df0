//! How many random worlds a test tries. `make test` tries all of them. `make mutants` tries a few, because it runs the
//! test for every mutant in a build that isn't optimised.

use std::ops::Range;

/// The seeds of the worlds to try.
pub(crate) fn seeds(all: u64, few: u64) -> Range<u64> {
    0..if is_whole() { all } else { few }
}

/// Whether all of it is asked, and not what `make mutants` has the time for.
pub(crate) fn is_whole() -> bool {
    std::env::var_os("GIRO_FEW_WORLDS").is_none()
}
