//! What: What one function of a running stack has done so far, for whoever looks on.

use super::functions::Summary;
use crate::local::poller::Activity;

/// What a function has done so far.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its binary.
    pub binary: String,
    /// How many invocations it has now.
    pub in_flight: usize,
    /// What its pollers have done. `None`: nothing polls for it.
    pub activity: Option<Activity>,
    /// The sums of its summary lines.
    pub summary: Summary,
}
