//! How many random worlds a test tries: `make test` all of them; `make mutants`, which asks the same of every mutant in
//! a build that isn't optimised, a few.

use std::ops::Range;

/// The seeds of the worlds to try.
pub(crate) fn seeds(all: u64, few: u64) -> Range<u64> {
    0..if IS_WHOLE { all } else { few }
}

/// Whether this is the whole project, and not what `make mutants` builds of it.
pub(crate) const IS_WHOLE: bool = cfg!(feature = "local");
