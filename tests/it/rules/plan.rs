//! The group commit against a naive ledger: exhaustive small worlds, and the shape of plans.
//!
//! The naive ledger settles one payment after the other and knows no transactions. A plan's transactions are applied by
//! an interpreter written from the words of `AccountUpdate`, not from the code that builds them. Both must end with the
//! same outcomes and balances. Transactions that don't wait for each other are applied in every order. Transactions may
//! be very small, so that small worlds have many of them.

mod lanes;
mod slices;

use std::collections::{HashMap, HashSet};

use giro::domain::decide::{Decisions, Snapshot, decide_all};
use giro::domain::lane::KnownLanes;
use giro::domain::plan::{Capacity, Plan, Step, plan};
use giro::domain::{Account, AccountId, AccountStatus, Balance, Batch, Decision, Decline, OverdraftLimit, Timestamp};
use giro_testkit::given::{self, Placed as _, Setters as _, payment};

use crate::rules::worlds::is_whole;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn account(ix: usize, balance: i64, limit: u64) -> Account {
    given::account(NAMES[ix]).holding(balance).limit(limit).version(7)
}

/// debtor, creditor, amount
type Order = (usize, usize, u64);

fn batch(orders: &[Order]) -> Batch {
    let request = |(offset, &(debtor, creditor, amount)): (usize, &Order)| {
        payment(&format!("k{offset}"), NAMES[debtor], NAMES[creditor], amount).at(0, offset as i64)
    };
    Batch::new(orders.iter().enumerate().map(request).collect())
}

/// One payment after the other, in the plainest words there are. `limit` is that of each account, if it has one.
fn naive(orders: &[Order], balances: &mut [i64], limit: impl Fn(usize) -> Option<u64>) -> Vec<Decision> {
    let settle = |&(debtor, creditor, amount): &Order| {
        let amount = amount as i64;
        if debtor == creditor {
            Err(Decline::SameAccount)
        } else if limit(debtor).is_some_and(|limit| balances[debtor] - amount < -(limit as i64)) {
            Err(Decline::InsufficientFunds)
        } else {
            balances[debtor] -= amount;
            balances[creditor] += amount;
            Ok(())
        }
    };
    orders.iter().map(settle).collect()
}

/// Accounts as they stand: main item, and lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ledger {
    mains: Vec<Account>,
    lanes: Vec<Vec<i64>>,
}

impl Ledger {
    /// `lanes` by account; an account past its end has none.
    fn new(balances: &[i64], lanes: &[&[i64]], limit: u64) -> Self {
        let main = |(ix, balance): (usize, &i64)| {
            let count = lanes.get(ix).map_or(0, |lanes| lanes.len());
            account(ix, *balance, limit).lanes(count as u16)
        };
        let mains: Vec<Account> = balances.iter().enumerate().map(main).collect();
        let lanes = (0..balances.len()).map(|ix| lanes.get(ix).map_or(vec![], |lanes| lanes.to_vec())).collect();
        Self { mains, lanes }
    }

    /// The same, but the first account has no limit and pays from its lanes.
    fn paying(mut self) -> Self {
        self.mains[0] = Account { lane_debits: true, ..self.mains[0].clone().unlimited() };
        self
    }

    fn balances(&self) -> Vec<i64> {
        let sum = |(main, lanes): (&Account, &Vec<i64>)| main.balance.minor_units() + lanes.iter().sum::<i64>();
        self.mains.iter().zip(&self.lanes).map(sum).collect()
    }

    /// What is known of the lanes of these accounts.
    fn known(&self, batch: &Batch, accounts: &[usize]) -> HashMap<usize, KnownLanes> {
        let known = |&account: &usize| {
            let mut known = KnownLanes::default();
            let lanes = self.lanes[ix_of(&batch.accounts()[account])].iter().enumerate();
            lanes.for_each(|(lane, &balance)| known.learn(lane as u16, Balance::new(balance)));
            (account, known)
        };
        accounts.iter().map(known).collect()
    }

    /// Applies a step's updates, each of which must be allowed.
    fn apply(&mut self, step: &Step<'_>) {
        for update in &step.transaction.updates {
            let ix = ix_of(&update.account);
            let main = &mut self.mains[ix];
            assert_eq!((main.status, main.currency), (AccountStatus::Open, update.currency));
            assert!(update.overdraft_limit.is_none_or(|limit| limit == main.overdraft_limit));
            let balance = match update.lane {
                None => i128::from(main.balance.minor_units()),
                Some(lane) => self.lanes[ix][usize::from(lane)].into(),
            };
            assert!(update.balance_min.is_none_or(|min| balance >= min), "balance_min of {step:?}");
            assert!(update.balance_max.is_none_or(|max| balance <= max), "balance_max of {step:?}");
            let after = (balance + update.net) as i64;
            match update.lane {
                None => {
                    assert!(update.version.is_none_or(|version| version == main.version), "version of {step:?}");
                    main.version += u64::from(!update.is_check());
                    main.balance = Balance::new(after);
                }
                Some(lane) => {
                    let may_owe = main.pays_from_lanes();
                    assert!(may_owe || after >= 0, "a lane is below zero: {step:?}");
                    self.lanes[ix][usize::from(lane)] = after;
                }
            }
        }
        for main in &self.mains {
            assert!(main.overdraft_limit.allows(main.balance), "{main:?} after {step:?}");
        }
    }
}

fn ix_of(name: &AccountId) -> usize {
    NAMES.iter().position(|known| *known == name.as_str()).unwrap()
}

/// Decides all of a batch, after asking for lanes as settling does.
fn decide(batch: &Batch, ledger: &Ledger) -> (Vec<Option<Account>>, HashMap<usize, KnownLanes>, Decisions) {
    let all: Vec<usize> = (0..batch.requests().len()).collect();
    decide_in(batch, &all, ledger, now())
}

/// The time of tests in which it stands still.
fn now() -> Timestamp {
    Timestamp::EPOCH
}

/// Decides some requests of a batch at a time, after asking for lanes as settling does.
fn decide_in(
    batch: &Batch,
    requests: &[usize],
    ledger: &Ledger,
    now: Timestamp,
) -> (Vec<Option<Account>>, HashMap<usize, KnownLanes>, Decisions) {
    let accounts: Vec<Option<Account>> =
        batch.accounts().iter().map(|id| Some(ledger.mains[ix_of(id)].clone())).collect();
    let mut asked: Vec<usize> = Vec::new();
    loop {
        let lanes = ledger.known(batch, &asked);
        let decisions = decide_all(
            batch,
            requests,
            Snapshot { refund_totals: &HashMap::new(), accounts: &accounts, lanes: &lanes, now },
        );
        if decisions.unread.is_empty() {
            return (accounts, lanes, decisions);
        }
        assert!(decisions.unread.iter().all(|account| !asked.contains(account)), "asked once");
        asked.extend(decisions.unread);
    }
}

/// Decides and plans all of a batch.
fn planned<'b>(batch: &'b Batch, opened: &Ledger, items_max: usize) -> (Vec<Step<'b>>, Decisions) {
    let (accounts, lanes, decisions) = decide(batch, opened);
    let all: Vec<usize> = (0..batch.requests().len()).collect();
    let snapshot = Snapshot { refund_totals: &HashMap::new(), accounts: &accounts, lanes: &lanes, now: now() };
    (plan(batch, &all, &decisions, snapshot, &Capacity::of(items_max)).steps, decisions)
}

fn check_shape(steps: &[Step<'_>], items_max: usize) {
    let mut last = HashMap::new();
    // What a step waits for, also through others.
    let mut before: Vec<HashSet<usize>> = Vec::new();
    for (ix, step) in steps.iter().enumerate() {
        let updates = &step.transaction.updates;
        let items: HashSet<_> = updates.iter().map(|update| (&update.account, update.lane)).collect();
        assert_eq!(items.len(), updates.len(), "no item twice in a transaction");
        assert_eq!(step.accounts.len(), updates.len());
        assert_eq!(step.requests.len(), step.transaction.entries.len());
        assert!(step.requests.len() + items.len() <= items_max, "{step:?}");
        assert!(step.requests.len() + items.len() > 0);
        assert!(step.after.iter().all(|&earlier| earlier < ix), "only earlier steps are waited for");
        let through = step.after.iter().flat_map(|&earlier| before[earlier].clone());
        before.push(step.after.iter().copied().chain(through).collect());
        for item in items {
            if let Some(earlier) = last.insert(item, ix) {
                assert!(before[ix].contains(&earlier), "{ix} changes what {earlier} changes, and must wait for it");
            }
        }
    }
}

fn check(orders: &[Order], balances: &[i64], limit: u64, items_max: usize) {
    check_laned(orders, &Ledger::new(balances, &[], limit), limit, items_max);
}

fn check_laned(orders: &[Order], opened: &Ledger, limit: u64, items_max: usize) {
    let mut expected = opened.balances();
    let unlimited = |ix: usize| opened.mains[ix].overdraft_limit == OverdraftLimit::Unlimited;
    let outcomes = naive(orders, &mut expected, |ix| (!unlimited(ix)).then_some(limit));

    let batch = batch(orders);
    let (steps, decisions) = planned(&batch, opened, items_max);
    assert_eq!(decisions.decisions, outcomes, "{orders:?} on {opened:?}");
    check_shape(&steps, items_max);
    let mut requests: Vec<usize> = steps.iter().flat_map(|step| step.requests.clone()).collect();
    requests.sort_unstable();
    assert_eq!(requests, (0..orders.len()).collect::<Vec<_>>(), "every request once");

    // First to last, and the latest that may go next: two very different orders of what doesn't wait.
    for latest_first in [false, true] {
        let mut ledger = opened.clone();
        let mut done = vec![false; steps.len()];
        for _ in 0..steps.len() {
            let may = |ix: &usize| !done[*ix] && steps[*ix].after.iter().all(|&before| done[before]);
            let next = if latest_first { (0..steps.len()).rev().find(may) } else { (0..steps.len()).find(may) };
            let next = next.expect("something can always go next");
            ledger.apply(&steps[next]);
            done[next] = true;
        }
        assert_eq!(ledger.balances(), expected, "{orders:?} in transactions of {items_max} on {opened:?}");
    }
}

/// Every sequence of `length` orders out of `kinds`.
fn sequences(kinds: &[Order], length: u32, mut each: impl FnMut(&[Order])) {
    let mut orders = vec![(0, 0, 0); length as usize];
    for number in 0..kinds.len().pow(length) {
        let mut rest = number;
        for order in &mut orders {
            *order = kinds[rest % kinds.len()];
            rest /= kinds.len();
        }
        each(&orders);
    }
}

#[test]
fn two_accounts_every_order_of_up_to_four_payments() {
    let kinds: Vec<Order> =
        (0..2).flat_map(|d| (0..2).flat_map(move |c| (1..=3).map(move |amount| (d, c, amount)))).collect();
    let mut worlds = 0_u64;
    let longest = if is_whole() { 4 } else { 3 };
    for length in 0..=longest {
        sequences(&kinds, length, |orders| {
            for (a, b) in (0..=3).flat_map(|a| (0..=3).map(move |b| (a, b))) {
                check(orders, &[a, b], 0, 100);
                worlds += 1;
            }
            check(orders, &[1, 0], 2, 3);
        });
    }
    assert_eq!(worlds, 16 * (0..=longest).map(|length| 12_u64.pow(length)).sum::<u64>());
}

#[test]
fn three_accounts_every_order_of_up_to_four_payments() {
    let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
    let kinds: Vec<Order> = pairs.iter().flat_map(|&(d, c)| (1..=3).map(move |amount| (d, c, amount))).collect();
    let longest = if is_whole() { 4 } else { 3 };
    for length in 1..longest {
        sequences(&kinds, length, |orders| {
            for balances in [[0, 0, 3], [3, 0, 0], [1, 2, 3], [2, 1, 0], [3, 3, 3], [0, 1, 1]] {
                for items_max in [3, 4, 5, 100] {
                    check(orders, &balances, 0, items_max);
                }
            }
        });
    }
    // One more in the smallest transactions there are, so that each world is cut as much as it can be.
    sequences(&kinds, longest, |orders| check(orders, &[1, 2, 0], 0, 3));
    sequences(&kinds, longest, |orders| check(orders, &[2, 0, 1], 0, 5));
}

#[test]
fn accounts_that_share_nothing_wait_for_nobody() {
    let orders = [(0, 1, 1), (0, 1, 1), (1, 0, 1), (0, 1, 2)];
    let batch = batch(&orders);
    let (steps, _) = planned(&batch, &Ledger::new(&[9, 9], &[], 0), 4);
    let chain: Vec<(Vec<usize>, Vec<usize>)> =
        steps.iter().map(|step| (step.requests.clone(), step.after.clone())).collect();
    assert_eq!(chain, [(vec![0, 1], vec![]), (vec![2, 3], vec![0])], "one component, cut in order");
}

/// The conditions are as weak as the decisions allow, and no weaker.
#[test]
fn conditions_hold_what_the_verdicts_rest_on() {
    // a: 5. Pays 4 (left 1), can't pay 3 (declined), gets 6 (7), pays 7 (0): worst prefix −4 and then −5.
    let orders = [(0, 1, 4), (0, 1, 3), (1, 0, 6), (0, 1, 7)];
    let batch = batch(&orders);
    let (steps, decisions) = planned(&batch, &Ledger::new(&[5, 2], &[], 0), 100);
    assert_eq!(decisions.decisions, [Ok(()), Err(Decline::InsufficientFunds), Ok(()), Ok(())]);
    let [step] = steps.as_slice() else { panic!("one transaction, not {steps:?}") };
    let [a, b] = step.transaction.updates.as_slice() else { panic!("two accounts") };
    assert_eq!((a.net, a.balance_min, a.version), (-5, Some(5), None), "a has no lanes: its balance was read at once");
    assert_eq!((b.net, b.balance_min, b.version), (5, Some(2), None), "b must cover 6 after getting 4");
    let top = i128::from(i64::MAX);
    assert_eq!((a.balance_max, b.balance_max), (Some(top - 2), Some(top - 5)));
    // The limit where a debit rests on it: not on an account that is only credited.
    let batch = self::batch(&[(0, 1, 4)]);
    let (steps, _) = planned(&batch, &Ledger::new(&[2, 2], &[], 2), 100);
    let conditions: Vec<_> =
        steps[0].transaction.updates.iter().map(|u| (u.net, u.overdraft_limit, u.balance_min, u.balance_max)).collect();
    let debit = (-4, Some(OverdraftLimit::Limited(2)), Some(2), None);
    assert_eq!(conditions, [debit, (4, None, None, Some(top - 4))]);
}

/// A decline for insufficient funds rests on its debtor. Other credits to its creditor neither wait for it nor join its
/// transaction.
#[test]
fn a_decline_for_want_of_money_ties_its_debtor_alone() {
    for orders in [[(0, 1, 99), (2, 1, 1)], [(2, 1, 1), (0, 1, 99)]] {
        let batch = batch(&orders);
        let (steps, _) = planned(&batch, &Ledger::new(&[0, 0, 9], &[], 0), 3);
        assert_eq!(steps.iter().map(|step| step.after.len()).collect::<Vec<_>>(), [0, 0], "{orders:?}");
    }
}

/// A payment that moves no money writes only its own item. A decline that rests on lanes also checks the version of its
/// debtor's main item.
#[test]
fn a_decline_writes_no_account() {
    for (order, lanes, expected) in [
        ((0, 1, 99), &[&[1][..]][..], vec![("a", 0, None, Some(7))]),
        ((0, 1, 99), &[], vec![]),
        ((0, 1, 99), &[&[], &[1]], vec![]),
        ((0, 0, 1), &[&[1]], vec![]),
        ((0, 1, 3), &[&[1]], vec![("a", -3, Some(3), None), ("b", 3, None, None)]),
    ] {
        let batch = batch(&[order]);
        let (steps, _) = planned(&batch, &Ledger::new(&[9, 9], lanes, 0), 100);
        let updates = &steps[0].transaction.updates;
        let found: Vec<_> = updates.iter().map(|u| (u.account.as_str(), u.net, u.balance_min, u.version)).collect();
        assert_eq!(found, expected, "{order:?} on {lanes:?}");
    }
}

/// A component that is cut leaves a transaction half full, and a small one takes that room; so the large ones go first.
#[test]
fn small_components_fill_what_large_ones_leave() {
    // a and b: six payments and two accounts, in transactions of seven items. c and d: one payment, before and after.
    for at in [0, 3, 6] {
        let mut orders = vec![(0, 1, 1); 6];
        orders.insert(at, (2, 3, 1));
        let batch = batch(&orders);
        let (steps, _) = planned(&batch, &Ledger::new(&[9, 9, 9, 9], &[], 0), 7);
        check_shape(&steps, 7);
        let small = steps.iter().position(|step| step.requests.contains(&at));
        assert_eq!((steps.len(), small), (2, Some(1)), "{at}: {steps:?}");
    }
}

/// What others hold is planned apart, and after that in smaller transactions; the rest is not.
#[test]
fn contended_accounts_are_planned_apart_and_smaller() {
    let names: Vec<String> = (0..200).map(|ix| format!("n{ix}")).collect();
    let order = |offset: usize, debtor: &str, creditor: &str| {
        payment(&format!("k{offset}"), debtor, creditor, 1).at(0, offset as i64)
    };
    let to_shop = (0..40).map(|ix| order(ix, &names[ix], "shop"));
    let others = (40..60).map(|ix| order(ix, &names[ix], &names[ix + 100]));
    let batch = Batch::new(to_shop.chain(others).collect());
    let accounts: Vec<Option<Account>> =
        batch.accounts().iter().map(|id| Some(given::account(id.as_str()).holding(9))).collect();
    let shop = batch.accounts().iter().position(|account| account.as_str() == "shop").unwrap();
    let lanes = HashMap::new();
    let snapshot = Snapshot { refund_totals: &HashMap::new(), accounts: &accounts, lanes: &lanes, now: now() };
    let all: Vec<usize> = (0..60).collect();
    let decisions = decide_all(&batch, &all, snapshot);
    let mut capacity = Capacity::of(100);
    let mut shapes = Vec::new();
    for _ in 0..6 {
        let Plan { steps, .. } = plan(&batch, &all, &decisions, snapshot, &capacity);
        let to_shop = |step: &Step<'_>| step.requests.iter().filter(|&&request| request < 40).count();
        shapes.push(steps.iter().map(|step| (to_shop(step), step.requests.len())).collect::<Vec<_>>());
        capacity.contend(shop);
    }
    assert_eq!(shapes[0], [(40, 46), (0, 14)], "packed together");
    assert_eq!(shapes[1], [(0, 20), (40, 40)], "kept apart");
    assert_eq!(shapes[2], [(0, 20), (24, 24), (16, 16)], "halved");
    assert_eq!(shapes[3], [(0, 20), (12, 12), (12, 12), (12, 12), (4, 4)], "and again");
    assert_eq!(shapes[5], shapes[3], "and no further");

    // Apart also where there would be room: of ten to the shop, and the others.
    let some: Vec<usize> = (0..10).chain(40..60).collect();
    let decisions = decide_all(&batch, &some, snapshot);
    let mut capacity = Capacity::of(100);
    capacity.contend(shop);
    let Plan { steps, .. } = plan(&batch, &some, &decisions, snapshot, &capacity);
    let members: Vec<Vec<usize>> = steps.iter().map(|step| step.requests.clone()).collect();
    assert_eq!(members, [(40..60).collect::<Vec<_>>(), (0..10).collect()]);
}
