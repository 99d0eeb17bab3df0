//! The group commit against a naive ledger: exhaustive small worlds, and the shape of plans.
//!
//! The naive ledger settles one payment after the other and knows no transactions. A plan's transactions are applied by
//! an interpreter written from the words of `AccountUpdate`, not from the code that builds them. Both must end with the
//! same outcomes and balances, whatever the order in which transactions that don't wait for each other are applied, and
//! however small a transaction may be, so that small worlds are cut into many.

use giro::domain::decide::decide_all;
use giro::domain::plan::{Step, plan};
use giro::domain::{
    Account, AccountId, AccountStatus, Amount, Balance, Batch, CreditLanes, Currency, Decline, OverdraftLimit, Payment,
    PaymentId, Request, Source, Timestamp, Verdict,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

fn account(ix: usize, balance: i64, limit: u64) -> Account {
    Account {
        id: AccountId::try_new(NAMES[ix]).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        status: AccountStatus::Open,
        balance: Balance::new(balance),
        overdraft_limit: OverdraftLimit::Limited(limit),
        version: 7,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
    }
}

/// debtor, creditor, amount
type Order = (usize, usize, u64);

fn batch(orders: &[Order]) -> Batch {
    let topic: std::sync::Arc<str> = "t".into();
    let request = |(offset, &(debtor, creditor, amount)): (usize, &Order)| Request {
        payment: Payment {
            id: PaymentId::try_new(&format!("k{offset}")).unwrap(),
            debtor: AccountId::try_new(NAMES[debtor]).unwrap(),
            creditor: AccountId::try_new(NAMES[creditor]).unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
            requested_at: None,
        },
        source: Source { topic: topic.clone(), partition: 0, offset: offset as i64 },
    };
    Batch::new(orders.iter().enumerate().map(request).collect())
}

/// One payment after the other, in the plainest words there are.
fn naive(orders: &[Order], balances: &mut [i64], limit: u64) -> Vec<Verdict> {
    let settle = |&(debtor, creditor, amount): &Order| {
        let amount = amount as i64;
        if debtor == creditor {
            Err(Decline::SameAccount)
        } else if balances[debtor] - amount < -(limit as i64) {
            Err(Decline::InsufficientFunds)
        } else {
            balances[debtor] -= amount;
            balances[creditor] += amount;
            Ok(())
        }
    };
    orders.iter().map(settle).collect()
}

/// Applies a step's updates if every condition holds.
fn apply(step: &Step<'_>, ledger: &mut [Account]) {
    for update in &step.transaction.updates {
        let account = ledger.iter_mut().find(|account| account.id == update.account).unwrap();
        let balance = i128::from(account.balance.minor_units());
        assert_eq!((account.status, account.currency), (AccountStatus::Open, update.currency));
        assert!(update.overdraft_limit.is_none_or(|limit| limit == account.overdraft_limit));
        assert!(update.balance_min.is_none_or(|min| balance >= min), "balance_min of {step:?}");
        assert!(update.balance_max.is_none_or(|max| balance <= max), "balance_max of {step:?}");
        assert!(update.version.is_none_or(|version| version == account.version), "version of {step:?}");
        account.balance = Balance::new((balance + update.net) as i64);
        account.version += 1;
    }
}

fn check_shape(steps: &[Step<'_>], items_max: usize) {
    let mut last = std::collections::HashMap::new();
    // What a step waits for, also through others.
    let mut before: Vec<std::collections::HashSet<usize>> = Vec::new();
    for (ix, step) in steps.iter().enumerate() {
        let accounts: std::collections::HashSet<_> = step.accounts.iter().collect();
        assert_eq!(accounts.len(), step.transaction.updates.len(), "no account twice in a transaction");
        assert!(step.requests.len() + accounts.len() <= items_max, "{step:?}");
        assert!(step.after.iter().all(|&earlier| earlier < ix), "only earlier steps are waited for");
        let through = step.after.iter().flat_map(|&earlier| before[earlier].clone());
        before.push(step.after.iter().copied().chain(through).collect());
        for account in &step.accounts {
            if let Some(earlier) = last.insert(account, ix) {
                assert!(before[ix].contains(&earlier), "{ix} changes what {earlier} changes, and must wait for it");
            }
        }
    }
}

fn check(orders: &[Order], balances: &[i64], limit: u64, items_max: usize) {
    let mut expected = balances.to_vec();
    let outcomes = naive(orders, &mut expected, limit);

    let batch = batch(orders);
    let ix_of = |name: &AccountId| NAMES.iter().position(|known| *known == name.as_str()).unwrap();
    let snapshot: Vec<Option<Account>> =
        batch.accounts().iter().map(|id| Some(account(ix_of(id), balances[ix_of(id)], limit))).collect();
    let all: Vec<usize> = (0..orders.len()).collect();
    let verdicts = decide_all(&batch, &all, &snapshot);
    assert_eq!(verdicts, outcomes, "{orders:?} on {balances:?}");

    let steps = plan(&batch, &all, &verdicts, &snapshot, Timestamp::EPOCH, items_max);
    check_shape(&steps, items_max);
    let mut planned: Vec<usize> = steps.iter().flat_map(|step| step.requests.clone()).collect();
    planned.sort_unstable();
    assert_eq!(planned, all, "every request once");

    // First to last, and the latest that may go next: two very different orders of what doesn't wait.
    for latest_first in [false, true] {
        let mut ledger: Vec<Account> = (0..balances.len()).map(|ix| account(ix, balances[ix], limit)).collect();
        let mut done = vec![false; steps.len()];
        for _ in 0..steps.len() {
            let may = |ix: &usize| !done[*ix] && steps[*ix].after.iter().all(|&before| done[before]);
            let next = if latest_first { (0..steps.len()).rev().find(may) } else { (0..steps.len()).find(may) };
            let next = next.expect("something can always go next");
            apply(&steps[next], &mut ledger);
            done[next] = true;
        }
        let balances: Vec<i64> = ledger.iter().map(|account| account.balance.minor_units()).collect();
        assert_eq!(balances, expected, "{orders:?} in transactions of {items_max}");
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
    for length in 0..=4 {
        sequences(&kinds, length, |orders| {
            for (a, b) in (0..=3).flat_map(|a| (0..=3).map(move |b| (a, b))) {
                check(orders, &[a, b], 0, 100);
                worlds += 1;
            }
            check(orders, &[1, 0], 2, 3);
        });
    }
    assert_eq!(worlds, 16 * (1 + 12 + 144 + 1_728 + 20_736));
}

#[test]
fn three_accounts_every_order_of_up_to_four_payments() {
    let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
    let kinds: Vec<Order> = pairs.iter().flat_map(|&(d, c)| (1..=3).map(move |amount| (d, c, amount))).collect();
    for length in 1..=3 {
        sequences(&kinds, length, |orders| {
            for balances in [[0, 0, 3], [3, 0, 0], [1, 2, 3], [2, 1, 0], [3, 3, 3], [0, 1, 1]] {
                for items_max in [3, 4, 5, 100] {
                    check(orders, &balances, 0, items_max);
                }
            }
        });
    }
    // Four payments in the smallest transactions there are, so that each world is cut as much as it can be.
    sequences(&kinds, 4, |orders| check(orders, &[1, 2, 0], 0, 3));
    sequences(&kinds, 4, |orders| check(orders, &[2, 0, 1], 0, 5));
}

#[test]
fn accounts_that_share_nothing_wait_for_nobody() {
    let orders = [(0, 1, 1), (0, 1, 1), (1, 0, 1), (0, 1, 2)];
    let batch = batch(&orders);
    let snapshot: Vec<Option<Account>> = (0..2).map(|ix| Some(account(ix, 9, 0))).collect();
    let all = [0, 1, 2, 3];
    let verdicts = decide_all(&batch, &all, &snapshot);
    let steps = plan(&batch, &all, &verdicts, &snapshot, Timestamp::EPOCH, 4);
    let chain: Vec<(Vec<usize>, Vec<usize>)> =
        steps.iter().map(|step| (step.requests.clone(), step.after.clone())).collect();
    assert_eq!(chain, [(vec![0, 1], vec![]), (vec![2, 3], vec![0])], "one component, cut in order");
}

/// The conditions are as weak as the verdicts allow, and no weaker.
#[test]
fn conditions_hold_what_the_verdicts_rest_on() {
    // a: 5. Pays 4 (left 1), can't pay 3 (declined), gets 6 (7), pays 7 (0): worst prefix −4 and then −5.
    let orders = [(0, 1, 4), (0, 1, 3), (1, 0, 6), (0, 1, 7)];
    let batch = batch(&orders);
    let snapshot = [Some(account(0, 5, 0)), Some(account(1, 2, 0))];
    let all = [0, 1, 2, 3];
    let verdicts = decide_all(&batch, &all, &snapshot);
    assert_eq!(verdicts, [Ok(()), Err(Decline::InsufficientFunds), Ok(()), Ok(())]);
    let steps = plan(&batch, &all, &verdicts, &snapshot, Timestamp::EPOCH, 100);
    let [step] = steps.as_slice() else { panic!("one transaction, not {steps:?}") };
    let [a, b] = step.transaction.updates.as_slice() else { panic!("two accounts") };
    assert_eq!((a.net, a.balance_min, a.version), (-5, Some(5), Some(7)), "a decline rests on a's very version");
    assert_eq!((b.net, b.balance_min, b.version), (5, Some(2), None), "b must cover 6 after getting 4");
    let top = i128::from(i64::MAX);
    assert_eq!((a.balance_max, b.balance_max), (Some(top - 2), Some(top - 5)));
}
