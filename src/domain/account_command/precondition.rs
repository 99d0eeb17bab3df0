//! What: The preconditions of a decision that changes nothing: a refusal, or a command that finds its account as it
//! wants it.
//!
//! Data: Takes the account as it was read. Gives conditions that are checked in the transaction that writes the
//! command's record.
//!
//! What was read may be out of date, or may mix the states before and after a transaction. So the record is written
//! only if the preconditions hold in the same transaction. They are as weak as the decision allows, so that payments
//! don't keep a command from being refused:
//!
//! | the decision rests on | condition |
//! |---|---|
//! | no account | there is no account |
//! | the account's terms | status, limit, number of lanes, version of limits and owner are the same |
//! | a balance below a limit | the same; and the main item's balance is at most what was read |
//! | a sum below the first limit | the same; and the main item and every lane hold at most what was read (one that isn't there holds zero) |
//! | a sum above the new maximum | the same; and the main item and every lane hold at least what was read |
//! | a sum above zero | the same; and the main item and enough lanes hold at least what was read. If there is no limit, lanes may owe, and every lane holds at least that |
//! | a sum below zero | the same; and the main item and every lane hold at most what was read |
//! | a sum over more lanes than fit one transaction | the same version: the account is frozen, so nothing moves on it |

use super::{AccountChange, LANES_TOGETHER_MAX, Refusal};
use crate::domain::{Account, Balance, Lane, LaneId, OverdraftLimit};

/// A bound on a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceBound {
    /// This or more.
    AtLeast(Balance),
    /// This or less.
    AtMost(Balance),
}

impl BalanceBound {
    /// Whether a balance is within the bound.
    #[must_use]
    pub fn allows(self, balance: Balance) -> bool {
        match self {
            Self::AtLeast(least) => balance >= least,
            Self::AtMost(most) => balance <= most,
        }
    }
}

/// The preconditions of a decision that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// Condition: status, limit, number of lanes, version of limits and owner are those of this account. `None`: there
    /// is no account.
    pub main: Option<Account>,
    /// Condition, if the rule depends on it: the balance bound of the main item.
    pub balance: Option<BalanceBound>,
    /// Condition, if the rule depends on all that a frozen account holds: the version is the same.
    pub same_version: bool,
    /// Condition, if the rule depends on lanes: their balance bounds.
    pub lanes: Vec<(LaneId, BalanceBound)>,
}

impl Precondition {
    /// The preconditions of a decision on the account as it was read. `None` if the decision changes the account: then
    /// the change has its own conditions.
    #[must_use]
    pub fn of(decision: &Result<AccountChange, Refusal>, account: Option<&Account>, lanes: &[Lane]) -> Option<Self> {
        if decision.as_ref().is_ok_and(|change| *change != AccountChange::Nothing) {
            return None;
        }
        let mut precondition = Self { main: account.cloned(), balance: None, same_version: false, lanes: Vec::new() };
        match (decision, account) {
            (Err(Refusal::BalanceNotZero | Refusal::LimitBelowBalance | Refusal::BalanceAboveLimit), Some(_))
                if lanes.len() > LANES_TOGETHER_MAX =>
            {
                precondition.same_version = true
            }
            (Err(Refusal::LimitBelowBalance), Some(account)) => {
                precondition.bound_all(BalanceBound::AtMost, account, lanes)
            }
            (Err(Refusal::BalanceAboveLimit), Some(account)) => {
                precondition.bound_all(BalanceBound::AtLeast, account, lanes)
            }
            (Err(Refusal::BalanceNotZero), Some(account)) => precondition.bound_sum(account, lanes),
            (Ok(_) | Err(_), _) => {}
        }
        Some(precondition)
    }

    /// Bounds the main item and every lane by what was read.
    fn bound_all(&mut self, bound: fn(Balance) -> BalanceBound, account: &Account, lanes: &[Lane]) {
        self.balance = Some(bound(account.balance));
        self.lanes = lanes.iter().map(|lane| (lane.id.clone(), bound(lane.balance))).collect();
    }

    fn bound_sum(&mut self, account: &Account, lanes: &[Lane]) {
        let units = |balance: Balance| i128::from(balance.minor_units());
        let mut sum = units(account.balance);
        if lanes.iter().fold(sum, |sum, lane| sum.saturating_add(units(lane.balance))) < 0 {
            return self.bound_all(BalanceBound::AtMost, account, lanes);
        }
        if account.overdraft_limit == OverdraftLimit::Unlimited {
            return self.bound_all(BalanceBound::AtLeast, account, lanes);
        }
        self.balance = Some(BalanceBound::AtLeast(account.balance));
        let mut fullest: Vec<&Lane> = lanes.iter().collect();
        fullest.sort_by_key(|lane| std::cmp::Reverse(lane.balance));
        for lane in fullest {
            if sum > 0 {
                break;
            }
            sum = sum.saturating_add(units(lane.balance));
            self.lanes.push((lane.id.clone(), BalanceBound::AtLeast(lane.balance)));
        }
    }

    /// Whether the account's main item, as it is, fulfils the preconditions.
    #[must_use]
    pub fn holds(&self, account: Option<&Account>) -> bool {
        match (&self.main, account) {
            (None, None) => true,
            (Some(read), Some(account)) => {
                read.terms() == account.terms()
                    && read.owner == account.owner
                    && self.balance.is_none_or(|bound| bound.allows(account.balance))
                    && (!self.same_version || read.version == account.version)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// Whether a lane, as it is, is within this balance bound. A lane that isn't there holds zero.
    #[must_use]
    pub fn holds_of_lane(bound: BalanceBound, lane: Option<&Lane>) -> bool {
        bound.allows(lane.map_or(Balance::ZERO, |lane| lane.balance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::given;
    use crate::domain::account_command::{Action, Policy, decide, tests::command};
    use crate::domain::{AccountStatus, CreditLanes, Timestamp};

    fn account(balance: i64) -> Account {
        Account {
            balance: Balance::new(balance),
            overdraft_limit: OverdraftLimit::Limited(9),
            credit_lanes: CreditLanes::try_new(2).unwrap(),
            ..given::account("shop")
        }
    }

    /// If a refusal to close may still be written, closing must still be refused.
    #[test]
    fn a_sum_that_was_not_zero_is_not_zero_where_its_ground_holds() {
        let lanes = |least| (least..=3).flat_map(move |one| (least..=3).map(move |two| (one, two)));
        let worlds = |least| (-3..=3).flat_map(move |main| lanes(least).map(move |(one, two)| (main, one, two)));
        refuses(Action::Close, OverdraftLimit::Limited(9), worlds(0).collect(), |sum| sum != 0);
        // Without a limit, lanes may owe.
        refuses(Action::Close, OverdraftLimit::Unlimited, worlds(-3).collect(), |sum| sum != 0);
        let limit = Action::SetOverdraftLimit(OverdraftLimit::Limited(0));
        refuses(limit, OverdraftLimit::Unlimited, worlds(-3).collect(), |sum| sum < 0);
    }

    /// A refusal of this command rests on the sum of a main item and two lanes.
    fn refuses(action: Action, limit: OverdraftLimit, worlds: Vec<(i64, i64, i64)>, is_refused: fn(i64) -> bool) {
        let command = command("shop", action);
        let account = |balance| Account { overdraft_limit: limit, lane_debits: true, ..account(balance) };
        let lanes = |first, second| {
            let lane = |number, balance| Lane { balance: Balance::new(balance), ..Lane::new(&account(0), number) };
            vec![lane(0, first), lane(1, second)]
        };
        let (mut held, mut failed): (u32, u32) = (0, 0);
        for &(main, one, two) in &worlds {
            let (read, of_read) = (account(main), lanes(one, two));
            let decision = decide(&command, Some(&read), &of_read, Policy::default(), Timestamp::EPOCH);
            let Some(precondition) = Precondition::of(&decision, Some(&read), &of_read) else {
                assert!(!is_refused([main, one, two].iter().sum()));
                continue;
            };
            for &(main, one, two) in &worlds {
                let (now, of_now) = (account(main), lanes(one, two));
                let lane = |(id, bound): &(LaneId, BalanceBound)| {
                    Precondition::holds_of_lane(*bound, of_now.get(usize::from(id.lane)))
                };
                let holds = precondition.holds(Some(&now)) && precondition.lanes.iter().all(lane);
                if !is_refused([main, one, two].iter().sum()) {
                    assert!(!holds, "{precondition:?} {main} {one} {two}");
                }
                let count = if holds { &mut held } else { &mut failed };
                *count = count.saturating_add(1);
            }
        }
        assert!(held > 1_000 && failed > 1_000, "{held} {failed}");
    }

    #[test]
    fn money_in_the_main_item_needs_no_lane_and_no_more_lanes_than_it_takes() {
        let lane = |number, balance| Lane { balance: Balance::new(balance), ..Lane::new(&account(0), number) };
        let precondition = |main, lanes: &[Lane]| {
            Precondition::of(&Err(Refusal::BalanceNotZero), Some(&account(main)), lanes).unwrap().lanes
        };
        let bound = |lane: &Lane| (lane.id.clone(), BalanceBound::AtLeast(lane.balance));
        let lanes = [lane(0, 2), lane(1, 5)];
        assert_eq!(precondition(1, &lanes), []);
        assert_eq!(precondition(-4, &lanes), [bound(&lanes[1])]);
        assert_eq!(precondition(-6, &lanes), [bound(&lanes[1]), bound(&lanes[0])]);
    }

    /// Lanes that fit one transaction are checked by their balances. More lanes are checked by the version.
    #[test]
    fn a_sum_over_very_many_lanes_rests_on_the_version() {
        let read = account(1);
        for (count, same_version) in [(98, false), (99, true)] {
            let lanes: Vec<Lane> = (0..count).map(|number| Lane::new(&read, number)).collect();
            let precondition = Precondition::of(&Err(Refusal::BalanceNotZero), Some(&read), &lanes).unwrap();
            let balance = (!same_version).then_some(BalanceBound::AtLeast(Balance::new(1)));
            assert_eq!(
                (precondition.same_version, precondition.balance, precondition.lanes.len()),
                (same_version, balance, 0),
                "{count}"
            );
            assert!(precondition.holds(Some(&read)));
            assert_eq!(precondition.holds(Some(&Account { version: 2, ..read.clone() })), !same_version, "{count}");
        }
    }

    #[test]
    fn what_an_account_is_must_be_the_same_but_not_its_version() {
        let read = account(0);
        let precondition = Precondition::of(&Ok(AccountChange::Nothing), Some(&read), &[]).unwrap();
        assert!(precondition.holds(Some(&Account { version: 2, balance: Balance::new(7), ..read.clone() })));
        let others = [
            Account { status: AccountStatus::Frozen, ..read.clone() },
            Account { overdraft_limit: OverdraftLimit::Unlimited, ..read.clone() },
            Account { credit_lanes: CreditLanes::NONE, ..read },
        ];
        assert!(others.iter().all(|other| !precondition.holds(Some(other))) && !precondition.holds(None));
        let none = Precondition::of(&Err(Refusal::AccountNotFound), None, &[]).unwrap();
        assert!(none.holds(None) && !none.holds(Some(&account(0))));
        let limit = Precondition::of(&Err(Refusal::LimitBelowBalance), Some(&account(-5)), &[]).unwrap();
        assert!(limit.holds(Some(&account(-6))) && !limit.holds(Some(&account(-4))));
    }
}
