//! Plans for accounts with lanes: which lane a credit takes, which a debit sweeps, and what fits a transaction.

use giro::domain::decide::{Snapshot, decide_all};
use giro::domain::plan::{Capacity, Plan, Step, plan};
use giro::domain::{Account, Decline, OverdraftLimit};

use super::{Ledger, Order, batch, check_laned, check_shape, ix_of, planned, sequences};
use crate::rules::worlds::is_whole;

#[test]
fn two_accounts_with_lanes_every_order_of_up_to_four_payments() {
    let kinds: Vec<Order> = [(0, 1), (1, 0)].iter().flat_map(|&(d, c)| (1..=3).map(move |n| (d, c, n))).collect();
    let lanes: [[&[i64]; 2]; 6] = [
        [&[0], &[]],
        [&[2], &[]],
        [&[1, 2], &[0]],
        [&[0, 3, 1], &[2, 2]],
        [&[1, 1, 1, 1, 1], &[]],
        [&[0, 0, 0], &[1, 0, 1, 1]],
    ];
    for length in 1..=if is_whole() { 4 } else { 3 } {
        sequences(&kinds, length, |orders| {
            for lanes in &lanes {
                for balances in [[0, 0], [1, 0], [2, 3]] {
                    for items_max in [3, 4, 5, 100] {
                        check_laned(orders, &Ledger::new(&balances, lanes, 0), 0, items_max);
                    }
                }
            }
            check_laned(orders, &Ledger::new(&[0, -1], &lanes[3], 2), 2, 4);
        });
    }
}

#[test]
fn three_accounts_with_lanes_every_order_of_up_to_three_payments() {
    let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
    let kinds: Vec<Order> = pairs.iter().flat_map(|&(d, c)| (1..=3).map(move |amount| (d, c, amount))).collect();
    let lanes: [[&[i64]; 3]; 4] =
        [[&[0, 0], &[], &[]], [&[1, 2], &[], &[0, 1]], [&[], &[3], &[1, 1, 1]], [&[2, 0, 1], &[1, 1], &[0]]];
    let longest = if is_whole() { 4 } else { 3 };
    for length in 1..longest {
        sequences(&kinds, length, |orders| {
            for lanes in &lanes {
                for balances in [[0, 0, 3], [1, 2, 0]] {
                    for items_max in [3, 4, 6, 100] {
                        check_laned(orders, &Ledger::new(&balances, lanes, 0), 0, items_max);
                    }
                }
            }
        });
    }
    sequences(&kinds, longest, |orders| check_laned(orders, &Ledger::new(&[0, 1, 0], &lanes[3], 0), 0, 4));
}

#[test]
fn an_account_that_pays_from_lanes_every_order_of_up_to_three_payments() {
    let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)];
    let kinds: Vec<Order> = pairs.iter().flat_map(|&(d, c)| (1..=2).map(move |amount| (d, c, amount))).collect();
    let lanes: [[&[i64]; 3]; 4] =
        [[&[0, 0], &[], &[]], [&[-3, 2], &[0, 1], &[]], [&[0], &[], &[1, 1]], [&[-1, -1, -1], &[1, 0], &[0]]];
    for length in 1..=if is_whole() { 4 } else { 3 } {
        sequences(&kinds, length, |orders| {
            for lanes in &lanes {
                for items_max in [3, 4, 6, 100] {
                    check_laned(orders, &Ledger::new(&[0, 1, 1], lanes, 0).paying(), 0, items_max);
                }
            }
        });
    }
}

/// Payments from lanes wait for nobody but for those of their creditor's main item, and of their own lane.
#[test]
fn groups_that_pay_from_lanes_run_side_by_side() {
    let orders = [(0, 1, 5), (0, 2, 5), (0, 1, 5), (0, 2, 5), (1, 0, 3)];
    let batch = batch(&orders[..4]);
    let (steps, _) = planned(&batch, &Ledger::new(&[0; 3], &[&[0, 0]], 0).paying(), 4);
    let shape: Vec<_> = steps.iter().map(|step| (step.requests.clone(), step.after.clone())).collect();
    assert_eq!(shape, [(vec![0, 2], vec![]), (vec![1, 3], vec![])]);
    for (step, lane) in steps.iter().zip(0..) {
        let entries = &step.transaction.entries;
        assert!(entries.iter().all(|entry| (entry.lanes.debtor, entry.lanes.creditor) == (Some(lane), None)));
        let [debit, _] = step.transaction.updates.as_slice() else { panic!("{step:?}") };
        assert_eq!((debit.lane, debit.net, debit.version), (Some(lane), -10, None));
        assert_eq!((debit.overdraft_limit, debit.balance_max), (Some(OverdraftLimit::Unlimited), None));
        assert_eq!((debit.balance_min, debit.makes_lane(), debit.is_sweep()), (Some(-(1 << 62)), true, false));
    }
    // A group that is also credited uses the same lane for both.
    let batch = self::batch(&orders);
    let (steps, _) = planned(&batch, &Ledger::new(&[0; 3], &[&[0, 0]], 0).paying(), 100);
    let [step] = steps.as_slice() else { panic!("{steps:?}") };
    let of_a: Vec<_> = step.transaction.updates.iter().filter(|update| update.account.as_str() == "a").collect();
    let [both] = of_a.as_slice() else { panic!("{step:?}") };
    assert_eq!((both.lane, both.net, both.balance_max), (Some(0), -17, Some(1 << 62)));
}

/// If no lane takes debits, the main item pays as it does without lanes.
#[test]
fn lanes_that_owe_too_much_pay_nothing() {
    let low = -(1 << 62) - 1;
    let batch = batch(&[(0, 1, 1), (0, 2, 1)]);
    for (known, expected) in [([low, 0], [Some(1), Some(1)]), ([low, low], [None, None]), ([0, 0], [Some(0), Some(1)])]
    {
        let ledger = Ledger::new(&[0; 3], &[&known], 0).paying();
        let accounts: Vec<Option<Account>> =
            batch.accounts().iter().map(|id| Some(ledger.mains[ix_of(id)].clone())).collect();
        let known = ledger.known(&batch, &[0]);
        let snapshot = Snapshot {
            refund_totals: &std::collections::HashMap::new(),
            accounts: &accounts,
            lanes: &known,
            now: super::now(),
        };
        let decisions = decide_all(&batch, &[0, 1], snapshot);
        let Plan { steps, .. } = plan(&batch, &[0, 1], &decisions, snapshot, &Capacity::of(3));
        let entries = steps.iter().flat_map(|step| &step.transaction.entries);
        assert_eq!(entries.map(|entry| entry.lanes.debtor).collect::<Vec<_>>(), expected);
    }
}

/// A shop with lanes ties nothing together: each of its debtors goes alone, and each group takes the next lane.
#[test]
fn groups_that_credit_one_account_take_its_lanes_in_turn() {
    let orders = [(1, 0, 1), (2, 0, 1), (1, 0, 1), (2, 0, 1)];
    let batch = batch(&orders);
    let (steps, _) = planned(&batch, &Ledger::new(&[0, 9, 9], &[&[0, 0]], 0), 4);
    let lane_of = |step: &Step<'_>| step.transaction.updates.iter().find_map(|update| update.lane);
    let shape: Vec<_> = steps.iter().map(|step| (step.requests.clone(), lane_of(step), step.after.clone())).collect();
    assert_eq!(shape, [(vec![0, 2], Some(0), vec![]), (vec![1, 3], Some(1), vec![])]);
    for (step, lane) in steps.iter().zip(0..) {
        assert!(step.transaction.entries.iter().all(|entry| entry.lanes.creditor == Some(lane)));
        let [_, credit] = step.transaction.updates.as_slice() else { panic!("{step:?}") };
        assert_eq!(
            (credit.net, credit.balance_min, credit.balance_max, credit.version),
            (2, None, Some(1 << 62), None)
        );
    }
    // With one lane for both, they go one after the other.
    let (steps, _) = planned(&batch, &Ledger::new(&[0, 9, 9], &[&[0]], 0), 4);
    assert_eq!(steps.iter().map(|step| step.after.clone()).collect::<Vec<_>>(), [vec![], vec![0]]);
}

/// The lane of an account's credits costs a group one item, and other requests fill the rest. Lanes of two accounts are
/// two items.
#[test]
fn a_group_has_room_for_all_that_it_writes() {
    let laned: [&[i64]; 4] = [&[], &[], &[0, 0], &[]];
    let both: [&[i64]; 4] = [&[], &[], &[0, 0], &[0, 0]];
    for (orders, lanes, items_max, groups) in [
        // A payment, its debtor and a lane of c's; then a payment and its debtor more.
        (&[(0, 2, 1), (1, 2, 1)], &laned, 5, 1),
        (&[(0, 2, 1), (1, 2, 1)], &laned, 4, 2),
        (&[(0, 2, 1), (1, 3, 1)], &laned, 6, 1),
        (&[(0, 2, 1), (1, 3, 1)], &laned, 5, 2),
        (&[(0, 2, 1), (1, 3, 1)], &both, 6, 1),
        (&[(0, 2, 1), (1, 3, 1)], &both, 5, 2),
    ] {
        let batch = batch(orders);
        let (steps, _) = planned(&batch, &Ledger::new(&[9, 9, 0, 0], lanes, 0), items_max);
        check_shape(&steps, items_max);
        assert_eq!(steps.len(), groups, "{orders:?} on {lanes:?} in transactions of {items_max}");
    }
}

/// A component that is cut grows each transaction until it is full: what it writes twice counts once.
#[test]
fn a_cut_component_fills_its_transactions() {
    let one: [&[i64]; 4] = [&[], &[], &[0, 0], &[]];
    let both: [&[i64]; 4] = [&[], &[], &[0, 0], &[0, 0]];
    type Case<'c> = (&'c [Order], &'c [&'c [i64]; 4], usize, &'c [&'c [usize]]);
    let cases: [Case<'_>; 5] = [
        // Three payments, the debtor and a lane; then the other two.
        (&[(0, 2, 1); 5], &one, 5, &[&[0, 1, 2], &[3, 4]]),
        (&[(0, 2, 1), (0, 3, 1), (0, 2, 1), (0, 2, 1)], &both, 6, &[&[0, 1, 2], &[3]]),
        (&[(0, 2, 1), (0, 3, 1), (0, 3, 1), (0, 3, 1)], &both, 6, &[&[0, 1, 2], &[3]]),
        // The third ties the two before it: three payments, two debtors and the lane that both credit.
        (&[(0, 2, 1), (1, 2, 1), (0, 1, 1), (0, 1, 1)], &one, 6, &[&[0, 1, 2], &[3]]),
        // Two lanes: seven items.
        (&[(0, 2, 1), (1, 3, 1), (0, 1, 1), (0, 1, 1)], &both, 7, &[&[0, 1, 2], &[3]]),
    ];
    for (orders, lanes, items_max, groups) in cases {
        let batch = batch(orders);
        let (steps, _) = planned(&batch, &Ledger::new(&[9, 9, 0, 0], lanes, 0), items_max);
        check_shape(&steps, items_max);
        let found: Vec<&[usize]> = steps.iter().map(|step| &step.requests[..]).collect();
        assert_eq!(found, groups, "{orders:?} in transactions of {items_max}");
    }
}

/// A declined payment credits no lane, and stands in the statement of the one whose turn it is.
#[test]
fn a_declined_payment_stands_in_the_statement_of_a_lane() {
    let lane_of_last = |orders: &[Order], lanes: &[&[i64]], partitions: u32| {
        let batch = batch(orders).with_partitions(partitions);
        let (steps, decisions) = planned(&batch, &Ledger::new(&[0, 5, 0], lanes, 0), 3);
        assert_eq!(decisions.decisions.last(), Some(&Err(Decline::InsufficientFunds)));
        steps.iter().flat_map(|step| &step.transaction.entries).last().unwrap().lanes.creditor
    };
    assert_eq!(lane_of_last(&[(1, 0, 9)], &[&[0, 0]], 1), Some(0));
    assert_eq!(lane_of_last(&[(1, 0, 1), (2, 0, 9)], &[&[0, 0]], 1), Some(1), "the next one's turn");
    assert_eq!(lane_of_last(&[(1, 0, 9)], &[], 1), None);
}

/// A credit that a debit of the batch spends goes to the main item, and stands in the account's own statement. Perhaps
/// none of its lanes is there.
#[test]
fn a_gathered_credit_stands_in_the_statement_of_the_account() {
    let batch = batch(&[(1, 0, 5), (0, 2, 3)]);
    let (steps, decisions) = planned(&batch, &Ledger::new(&[0, 5, 0], &[&[0, 0]], 0), 100);
    assert_eq!((decisions.gathered.len(), decisions.decisions), (1, vec![Ok(()), Ok(())]));
    let entries = steps.iter().flat_map(|step| &step.transaction.entries);
    assert_eq!(entries.map(|entry| entry.lanes.creditor).collect::<Vec<_>>(), [None, None]);
}

/// A debit takes what it needs from the fullest lanes, in its own transaction, and leaves the others alone.
#[test]
fn a_debit_sweeps_the_lanes_that_it_needs() {
    let batch = batch(&[(0, 1, 8)]);
    let (steps, _) = planned(&batch, &Ledger::new(&[1, 0], &[&[2, 5, 0, 3]], 0), 100);
    let [step] = steps.as_slice() else { panic!("{steps:?}") };
    let updates: Vec<_> = step.transaction.updates.iter().map(|u| (u.lane, u.net, u.balance_min)).collect();
    assert_eq!(updates, [(Some(1), -5, Some(5)), (None, 0, Some(0)), (Some(3), -3, Some(3)), (None, 8, None)]);
}

/// Lanes that don't fit beside the debit are swept before it, as many at a time as fit beside the main item.
#[test]
fn lanes_that_do_not_fit_beside_a_debit_are_swept_before_it() {
    for (count, swept) in [(0, &[0][..]), (1, &[1]), (3, &[3, 0]), (4, &[3, 1]), (5, &[3, 2, 0]), (7, &[3, 3, 1])] {
        let lanes = vec![1; count];
        let batch = batch(&[(0, 1, 1 + count as u64)]);
        let (steps, _) = planned(&batch, &Ledger::new(&[1, 0], &[&lanes], 0), 4);
        check_shape(&steps, 4);
        let lanes_of = |step: &Step<'_>| step.transaction.updates.iter().filter(|update| update.lane.is_some()).count();
        assert_eq!(steps.iter().map(lanes_of).collect::<Vec<_>>(), swept, "{count} lanes");
        assert_eq!(steps.iter().map(|step| step.requests.len()).sum::<usize>(), 1);
        assert_eq!(steps.last().unwrap().requests, [0]);
    }
}

#[test]
fn a_full_lane_takes_no_credit_and_an_account_of_full_lanes_declines() {
    let full = (1 << 62) + 1;
    let batch = batch(&[(1, 0, 1), (2, 0, 1)]);
    for (lanes, expected) in [([full, 0, full], vec![Some(1), Some(1)]), ([full; 3], vec![])] {
        let ledger = Ledger::new(&[0, 9, 9], &[&lanes], 0);
        let accounts: Vec<Option<Account>> =
            batch.accounts().iter().map(|id| Some(ledger.mains[ix_of(id)].clone())).collect();
        let known = ledger.known(&batch, &[1]);
        let snapshot = Snapshot {
            refund_totals: &std::collections::HashMap::new(),
            accounts: &accounts,
            lanes: &known,
            now: super::now(),
        };
        let decisions = decide_all(&batch, &[0, 1], snapshot);
        let Plan { steps, .. } = plan(&batch, &[0, 1], &decisions, snapshot, &Capacity::of(3));
        let lanes: Vec<Option<u16>> = steps
            .iter()
            .flat_map(|step| &step.transaction.updates)
            .filter(|update| update.lane.is_some())
            .map(|update| update.lane)
            .collect();
        assert_eq!(lanes, expected);
        let decision = if expected.is_empty() { Err(Decline::BalanceOverflow) } else { Ok(()) };
        assert_eq!(decisions.decisions, [decision; 2]);
    }
}
