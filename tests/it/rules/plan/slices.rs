//! Plans by slices of time: which lane takes a credit, which debits wait for free lanes, and that all of them end.
//!
//! The batch is of partition 0 of two. An account with four lanes has two for each partition: 0 and 2 are this
//! partition's, 1 and 3 the other one's. Lanes 0 and 1 are even, 2 and 3 odd.

use giro::domain::decide::Snapshot;
use giro::domain::plan::{Capacity, Plan, Step, plan};
use giro::domain::{Batch, Decision, Slice, Timestamp};

use super::{Ledger, Order, check_shape, decide_in, naive, sequences};
use crate::rules::worlds::is_whole;

/// A time in an even slice at which lane 3 is free, and one in an odd slice at which lane 1 is free.
const EVEN_MS: i64 = 200;
const ODD_MS: i64 = 600;
/// A time at which no lane of the other partition is free: an even slice begins.
const BUSY_MS: i64 = 800;

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(ms).unwrap()
}

fn slice(at_ms: i64) -> Slice {
    Slice::at(at(at_ms))
}

fn batch(orders: &[Order]) -> Batch {
    super::batch(orders).with_partitions(2)
}

/// Decides and plans these requests at a time.
fn planned<'b>(
    batch: &'b Batch,
    pending: &[usize],
    ledger: &Ledger,
    at_ms: i64,
    capacity: &Capacity,
) -> (Plan<'b>, Vec<Decision>) {
    let (accounts, lanes, decisions) = decide_in(batch, pending, ledger, at(at_ms));
    let snapshot = Snapshot {
        refund_totals: &std::collections::HashMap::new(),
        accounts: &accounts,
        lanes: &lanes,
        now: at(at_ms),
    };
    (plan(batch, pending, &decisions, snapshot, capacity), decisions.decisions)
}

/// The lanes of account a that a step changes, each with what is added.
fn lanes_of(step: &Step<'_>) -> Vec<(u16, i128)> {
    let of_a = step.transaction.updates.iter().filter(|update| update.account.as_str() == "a");
    of_a.filter_map(|update| Some((update.lane?, update.net))).collect()
}

/// Reads payments, such as `a>b3 b>a1`.
fn orders(text: &str) -> Vec<Order> {
    let ix = |name: &str| super::NAMES.iter().position(|known| *known == name).unwrap();
    let order = |word: &str| (ix(&word[..1]), ix(&word[2..3]), word[3..].parse().unwrap());
    text.split(' ').map(order).collect()
}

/// What a plan does, in words: of each step its requests, and the lanes of account a that it changes. Then whether
/// something waits. Account b has lanes that hold nothing.
fn told(text: &str, lanes: &[i64], at_ms: i64, capacity: &Capacity) -> String {
    let batch = batch(&orders(text));
    let all: Vec<usize> = (0..batch.requests().len()).collect();
    let ledger = Ledger::new(&[0, 9, 0], &[lanes, &[0; 4]], 0);
    let (Plan { steps, holds }, _) = planned(&batch, &all, &ledger, at_ms, capacity);
    let step = |step: &Step<'_>| {
        let lanes = lanes_of(step).into_iter().map(|(lane, net)| format!(" {lane}:{net:+}"));
        format!("{:?}{}", step.requests, lanes.collect::<String>())
    };
    let waits = holds.then(|| "waits".to_owned());
    steps.iter().map(step).chain(waits).collect::<Vec<_>>().join(", ")
}

/// a is popular if the batch pays it too.
#[test]
fn popular_debtors_wait_for_lanes_that_are_free() {
    for (what, orders, lanes, at_ms, expected) in [
        ("its own lanes are always free", "a>b3 b>a1", [5, 0, 0, 0], BUSY_MS, "[0, 1] 0:-5 2:+1"),
        ("a free lane", "a>b3 b>a1", [0, 0, 0, 5], EVEN_MS, "[0, 1] 3:-5 0:+1"),
        ("free lanes before the fullest", "a>b3", [0, 9, 0, 5], EVEN_MS, "[0] 3:-5"),
        ("the same in the other slice", "a>b3", [0, 9, 0, 5], ODD_MS, "[0] 1:-9"),
        ("it waits", "a>b3 b>a1", [0, 5, 0, 0], EVEN_MS, "[1] 0:+1, waits"),
        ("nothing is free between slices", "a>b3 b>a1", [0, 5, 0, 5], BUSY_MS, "[1] 0:+1, waits"),
        ("what is free is swept", "a>b3 b>a1", [0, 2, 0, 1], EVEN_MS, "[1] 3:-1 0:+1, waits"),
        ("others don't wait", "a>b3", [0, 5, 0, 0], EVEN_MS, "[0] 1:-5"),
        ("its next debit waits behind it", "a>b3 b>a1 a>c1", [0, 5, 0, 0], EVEN_MS, "[1] 0:+1, waits"),
        ("the first debit sweeps for all", "a>b3 a>b3", [5, 0, 4, 0], EVEN_MS, "[0, 1] 0:-5 2:-4"),
    ] {
        assert_eq!(told(orders, &lanes, at_ms, &Capacity::of(100)), expected, "{what}");
    }
    // As many lanes as partitions: none will be free, so waiting would be in vain.
    assert_eq!(told("a>b3 b>a1", &[0, 5], EVEN_MS, &Capacity::of(100)), "[0, 1] 1:-5 0:+1");
    let mut contended = Capacity::of(100);
    contended.contend(0);
    assert_eq!(told("a>b3", &[0, 5, 0, 0], EVEN_MS, &contended), "waits", "others held it before");
}

/// With a clock that stands still, nothing becomes free. So nothing waits for ever.
#[test]
fn debits_wait_in_a_few_rounds_only() {
    let mut capacity = Capacity::of(100);
    let rounds = (0..).take_while(|_| {
        let waits = told("a>b3 b>a1", &[0, 5, 0, 0], EVEN_MS, &capacity).ends_with("waits");
        capacity.hold();
        waits
    });
    assert_eq!(rounds.count(), 8);
}

#[test]
fn a_step_credits_the_lane_of_the_slice_in_which_it_is_sent() {
    let orders = [(1, 0, 1), (1, 0, 2)];
    let batch = batch(&orders);
    let (plan, _) = planned(&batch, &[0, 1], &Ledger::new(&[0, 9], &[&[0; 4]], 0), EVEN_MS, &Capacity::of(100));
    let [step] = plan.steps.as_slice() else { panic!("one transaction, not {plan:?}") };
    for (at_ms, lane) in [(EVEN_MS, 0), (ODD_MS, 2), (BUSY_MS, 0)] {
        let mut sent = step.clone();
        assert!(!sent.is_late(slice(at_ms)), "it sweeps nothing");
        sent.credit_in(&batch, slice(at_ms));
        assert_eq!(lanes_of(&sent), [(lane, 3)], "at {at_ms}");
        assert!(sent.transaction.entries.iter().all(|entry| entry.lanes.creditor == Some(lane)), "at {at_ms}");
    }
}

#[test]
fn a_step_that_sweeps_lanes_of_others_is_late_when_they_are_no_longer_free() {
    let capacity = Capacity::of(100);
    for (lanes, late) in [([0, 0, 0, 5], true), ([5, 0, 0, 0], false), ([0, 0, 5, 0], false)] {
        let batch = batch(&[(0, 1, 3), (1, 0, 1)]);
        let (plan, _) = planned(&batch, &[0, 1], &Ledger::new(&[0, 9], &[&lanes], 0), EVEN_MS, &capacity);
        let [step] = plan.steps.as_slice() else { panic!("one transaction, not {plan:?}") };
        let found = [EVEN_MS, ODD_MS, BUSY_MS].map(|at_ms| step.is_late(slice(at_ms)));
        assert_eq!(found, [false, late, late], "{lanes:?}");
    }
}

/// Rounds until all is decided, while time goes on. Steps are sent some time after they are planned, or left for the
/// next round if that is too late. Each round decides what is left as the naive ledger does.
fn check(orders: &[Order], opened: &Ledger, items_max: usize, from_ms: i64, sent_after_ms: i64) {
    let batch = batch(orders);
    let mut ledger = opened.clone();
    let mut found: Vec<Option<Decision>> = vec![None; orders.len()];
    let mut capacity = Capacity::of(items_max);
    let mut at_ms = from_ms;
    for round in 0.. {
        assert!(round < 12, "{orders:?} on {opened:?} from {from_ms} doesn't end");
        let pending: Vec<usize> = (0..orders.len()).filter(|&ix| found[ix].is_none()).collect();
        if pending.is_empty() {
            break;
        }
        let (Plan { steps, holds }, decisions) = planned(&batch, &pending, &ledger, at_ms, &capacity);
        check_shape(&steps, items_max);
        let left: Vec<Order> = pending.iter().map(|&ix| orders[ix]).collect();
        assert_eq!(decisions, naive(&left, &mut ledger.balances(), |_| Some(0)), "{left:?} on {ledger:?} at {at_ms}");
        let mut applied = vec![false; steps.len()];
        for (ix, mut step) in steps.into_iter().enumerate() {
            // Every other round is quick.
            let sent = slice(at_ms + if round % 2 == 0 { sent_after_ms } else { 0 });
            if step.is_late(sent) || !step.after.iter().all(|&before| applied[before]) {
                continue;
            }
            step.credit_in(&batch, sent);
            ledger.apply(&step);
            applied[ix] = true;
            for &request in &step.requests {
                let position = pending.iter().position(|&pending| pending == request).unwrap();
                assert_eq!(found[request].replace(decisions[position]), None, "decided once");
            }
        }
        if holds {
            capacity.hold();
        }
        at_ms += if holds { slice(at_ms).until_others_are_free_ms() } else { 50 };
    }
    let mut expected = opened.balances();
    for (&(debtor, creditor, amount), decision) in orders.iter().zip(found) {
        if decision.unwrap().is_ok() {
            expected[debtor] -= i64::try_from(amount).unwrap();
            expected[creditor] += i64::try_from(amount).unwrap();
        }
    }
    assert_eq!(ledger.balances(), expected, "{orders:?} on {opened:?} from {from_ms}");
}

#[test]
fn two_accounts_in_any_slice_every_order_of_up_to_four_payments() {
    let kinds: Vec<Order> = [(0, 1), (1, 0)].iter().flat_map(|&(d, c)| (1..=3).map(move |n| (d, c, n))).collect();
    let lanes: [[&[i64]; 2]; 4] =
        [[&[0; 4], &[]], [&[1, 2, 0, 1], &[]], [&[0, 3, 0, 1], &[2, 0, 0, 2]], [&[0, 2, 1], &[0, 1, 1, 1]]];
    for length in 1..=if is_whole() { 4 } else { 3 } {
        sequences(&kinds, length, |orders| {
            for lanes in &lanes {
                for items_max in [3, 4, 100] {
                    for (from_ms, sent_after_ms) in [(EVEN_MS, 0), (EVEN_MS, 150), (ODD_MS, 400), (BUSY_MS, 0)] {
                        check(orders, &Ledger::new(&[1, 0], lanes, 0), items_max, from_ms, sent_after_ms);
                    }
                }
            }
        });
    }
}
