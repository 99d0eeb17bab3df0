//! What: What an account held at one moment, as far as reads at several moments can tell.
//!
//! Data: Takes the account's main item and its lanes, each read at a time of its own. Gives the lowest and the highest
//! that the account may have held.
//!
//! Why it is right: Payments that are committed between two reads are among those that may or may not be counted
//! ([`since`](super::since)). Only sweeps are left, which move money from a lane to the main item. Each sweep changes
//! both. If the main item is the same before and after the lanes were read, no sweep came between. If not, the lanes
//! are read again. A lane that is the same before and after the main item held at its moment what both reads show. One
//! that changed held nothing less than its lower read or zero, and beside new payments nothing more than its higher.

use crate::domain::{Holding, Lane};

/// What an account held, and its items as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The account, with the lanes that are there.
    pub holding: Holding,
    /// The lowest that it may have held, in minor units.
    pub lowest: i128,
    /// The most that it may have held.
    pub highest: i128,
}

impl Held {
    /// No sweep came between the reads of the items.
    #[must_use]
    pub fn exactly(holding: Holding) -> Self {
        let balance = holding.balance();
        Self { holding, lowest: balance, highest: balance }
    }

    /// The lanes were read before the main item, and again after it.
    #[must_use]
    pub fn between(before: &[Lane], holding: Holding) -> Self {
        let main = i128::from(holding.account.balance.minor_units());
        let (mut lowest, mut highest) = (main, main);
        for lane in &holding.lanes {
            let later = i128::from(lane.balance.minor_units());
            let earlier = before.iter().find(|before| before.id == lane.id);
            // A lane that wasn't there held nothing.
            let (low, high) = match earlier {
                Some(earlier) if earlier.version == lane.version => (later, later),
                earlier => {
                    let earlier = earlier.map_or(0, |earlier| i128::from(earlier.balance.minor_units()));
                    (later.min(earlier).min(0), later.max(earlier).max(0))
                }
            };
            lowest = lowest.saturating_add(low);
            highest = highest.saturating_add(high);
        }
        Self { holding, lowest, highest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::given::account;
    use crate::domain::{Account, Balance, CreditLanes};

    #[test]
    fn a_lane_that_changed_beside_a_sweep_widens_what_may_be_held() {
        let account =
            Account { balance: Balance::new(10), credit_lanes: CreditLanes::try_new(2).unwrap(), ..account("shop") };
        let lane = |balance, version| Lane { balance: Balance::new(balance), version, ..Lane::new(&account, 1) };
        for (before, after, lowest, highest) in [
            (Some(lane(7, 3)), Some(lane(7, 3)), 17, 17),
            (Some(lane(7, 3)), Some(lane(0, 4)), 10, 17),
            (Some(lane(7, 3)), Some(lane(9, 4)), 10, 19),
            (None, Some(lane(9, 1)), 10, 19),
            (Some(lane(-4, 3)), Some(lane(2, 5)), 6, 12),
            (None, None, 10, 10),
        ] {
            let holding = Holding { account: account.clone(), lanes: after.into_iter().collect() };
            let before: Vec<Lane> = before.into_iter().collect();
            let held = Held::between(&before, holding.clone());
            assert_eq!((held.lowest, held.highest), (lowest, highest), "{before:?}");
            let exactly = Held::exactly(holding);
            assert_eq!((exactly.lowest, exactly.highest), (exactly.holding.balance(), exactly.holding.balance()));
        }
    }
}
