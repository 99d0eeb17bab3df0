//! What: The checks of an audit: each is about one account, or one sum.

use std::collections::BTreeMap;

use super::Finding;
use crate::domain::{Account, AccountStatus, Balance, Currency, Holding, Lane, LaneId};

/// What settled payments brought to an account and took from it, in minor units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Postings {
    credits: i128,
    debits: i128,
}

impl Postings {
    pub(super) fn add(&mut self, credit: i128, debit: i128) {
        self.credits = self.credits.saturating_add(credit);
        self.debits = self.debits.saturating_add(debit);
    }

    pub(super) fn net(self) -> i128 {
        self.credits.saturating_sub(self.debits)
    }

    /// The lowest and the highest sum that these make, with some of the payments that only a later scan holds.
    pub(super) fn range_to(self, later: Self) -> (i128, i128) {
        let more = |later: i128, earlier: i128| later.saturating_sub(earlier).max(0);
        let lowest = self.net().saturating_sub(more(later.debits, self.debits));
        (lowest, self.net().saturating_add(more(later.credits, self.credits)))
    }
}

/// Checks the balance of the main item against the overdraft limit.
pub(super) fn check_limit(account: &Account) -> Option<Finding> {
    let found = account.balance.minor_units().into();
    let lowest = account.overdraft_limit.lowest_balance().filter(|lowest| found < *lowest)?;
    Some(Finding::BelowLimit { account: account.id.clone(), lowest, found })
}

/// Checks all that an account's items show by themselves.
#[must_use]
pub fn state_findings(holding: &Holding) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_limit(&holding.account).into_iter().collect();
    check_lanes(holding, &mut findings);
    check_maximum(holding, &mut findings);
    findings
}

/// Checks an account's balance against the sum of its postings, and against its maximum.
pub(super) fn check_balance(holding: &Holding, expected: i128, findings: &mut Vec<Finding>) {
    let (account, found) = (holding.account.id.clone(), holding.balance());
    if expected != found {
        findings.push(Finding::Balance { account, expected, found });
    }
    check_maximum(holding, findings);
}

fn check_maximum(holding: &Holding, findings: &mut Vec<Finding>) {
    let (account, found) = (holding.account.id.clone(), holding.balance());
    if let Some(highest) = holding.account.max_balance().map(i128::from).filter(|highest| found > *highest) {
        findings.push(Finding::AboveMaximum { account, highest, found });
    }
}

/// Checks an account's lanes against the account. A lane of an open account comes into being with its first credit.
pub(super) fn check_lanes(holding: &Holding, findings: &mut Vec<Finding>) {
    let account = &holding.account;
    let may_owe = |lane: &Lane| account.pays_from_lanes() && !lane.is_limited;
    let (has_maximum, is_open) = (account.max_balance().is_some(), account.status == AccountStatus::Open);
    for lane in &holding.lanes {
        for (holds, expected) in [
            (lane.currency == account.currency, "the currency of its account"),
            (lane.status == account.status, "the status of its account"),
            (!has_maximum || lane.is_shut && lane.balance == Balance::ZERO, "to be shut and empty, beside a maximum"),
            // While the account is frozen, a command may have shut some of its lanes.
            (has_maximum || !is_open || !lane.is_shut, "to take payments, as its account has no maximum balance"),
            (lane.balance >= Balance::ZERO || may_owe(lane), "a balance not below zero"),
        ] {
            if !holds {
                findings.push(Finding::Lane { lane: lane.id.clone(), expected });
            }
        }
    }
    let needs_none = is_open && !has_maximum;
    let is_missing = |lane: &LaneId| !needs_none && holding.lanes.iter().all(|held| held.id != *lane);
    let missing = account.lane_ids().filter(is_missing);
    findings.extend(missing.map(|lane| Finding::NoLane { lane }));
}

/// Checks the sum of all balances of each currency.
pub(super) fn check_sums(sums: BTreeMap<Currency, i128>, findings: &mut Vec<Finding>) {
    let not_zero = sums.into_iter().filter(|(_, sum)| *sum != 0);
    findings.extend(not_zero.map(|(currency, sum)| Finding::NotZero { currency, sum }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OverdraftLimit;
    use crate::domain::account::given;

    #[test]
    fn a_balance_at_its_limit_is_not_below_it() {
        for (balance, limit, lowest) in [
            (0, OverdraftLimit::Limited(0), None),
            (-1, OverdraftLimit::Limited(0), Some(0)),
            (-7, OverdraftLimit::Limited(7), None),
            (-8, OverdraftLimit::Limited(7), Some(-7)),
            (i64::MIN, OverdraftLimit::Unlimited, None),
        ] {
            let account = Account { balance: Balance::new(balance), overdraft_limit: limit, ..given::account("alice") };
            let expected =
                lowest.map(|lowest| Finding::BelowLimit { account: account.id.clone(), lowest, found: balance.into() });
            assert_eq!(check_limit(&account), expected, "{balance} {limit:?}");
        }
    }

    #[test]
    fn between_two_reads_a_balance_has_moved_no_further_than_the_postings_between_them() {
        let postings = |credit, debit| {
            let mut postings = Postings::default();
            postings.add(credit, debit);
            postings.add(1, 1);
            postings
        };
        let earlier = postings(10, 4);
        for (later, range) in [
            (postings(10, 4), (6, 6)),
            (postings(13, 4), (6, 9)),
            (postings(10, 9), (1, 6)),
            (postings(13, 9), (1, 9)),
            // A payment that was lost between them.
            (postings(9, 3), (6, 6)),
        ] {
            assert_eq!((earlier.net(), earlier.range_to(later)), (6, range), "{later:?}");
        }
    }
}
