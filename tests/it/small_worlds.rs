//! Everything that can happen in small worlds, and the proof that what is wrong shows there.

use std::collections::BTreeSet;

use giro_testkit::simulate::Mutant;
use giro_testkit::simulate::exhaustive::{HEAD, explore, small_worlds};

use crate::rules::worlds::is_whole;

/// `make mutants` has the time for orders without faults only.
fn faults() -> u32 {
    u32::from(is_whole())
}

/// The long ones are left to `make worlds`.
#[test]
fn nothing_goes_wrong_in_short_small_worlds() {
    println!("{HEAD}");
    let mut states = 0;
    for (name, _) in small_worlds().into_iter().filter(|(_, is_long)| !is_long) {
        let explored = explore(name, None, faults()).unwrap();
        println!("{explored}");
        assert!(explored.wrong.is_none(), "giro simulate --exhaustive --world '{name}'\n{explored}");
        assert!(explored.ends > 0, "{name} has no end");
        states += explored.states;
    }
    assert!(states > 50_000 || !is_whole(), "only {states} states");
}

/// A rule that no small world reaches would prove nothing.
#[test]
fn every_reason_of_refunds_limits_and_legs_happens_in_small_worlds() {
    let worlds = small_worlds().into_iter().filter(|(_, is_long)| !is_long);
    let answers: BTreeSet<&str> = worlds.flat_map(|(name, _)| explore(name, None, 0).unwrap().answers).collect();
    for answer in [
        "settled",
        "insufficient_funds",
        "original_not_found",
        "not_refundable",
        "original_not_settled",
        "refund_mismatch",
        "exceeds_refundable",
        "payment_limit",
        "velocity_limit",
        "balance_limit",
        "leg_debtor_not_allowed",
        "creditor_frozen",
        "applied",
        "limits_need_overdraft_limit",
        "balance_above_limit",
    ] {
        assert!(answers.contains(answer), "{answer} never happens, and these do: {answers:?}");
    }
}

#[test]
fn a_fault_adds_states_and_takes_none_away() {
    let of = |faults| explore("credits on lanes", None, faults).unwrap();
    let (without, with) = (of(0), of(1));
    assert!(with.states > 10 * without.states && with.ends > without.ends, "{without}\n{with}");
    assert!(with.transitions >= with.states - 1 && with.histories > without.histories, "{without}\n{with}");
}

#[test]
fn mistakes_of_payments_and_commands_show_in_small_worlds() {
    show([
        (Mutant::DropPutCondition, "one partition, two workers", "its settled payments make"),
        (Mutant::NetOverdraft, "one partition, two workers", "p2 is settled, and must not be: insufficient_funds"),
        (Mutant::AcknowledgeLostCommit, "one creditor, two partitions", "is stored"),
        (Mutant::DropBalanceCondition, "one debtor on two partitions", "must not be: insufficient_funds"),
        (Mutant::SkipSweepCondition, "two debits that sweep the same lanes", "must not be: insufficient_funds"),
        (Mutant::IgnoreLanes, "a sweep beside a credit", "is declined (insufficient_funds), and was not to be"),
        (
            Mutant::SkipDeclineCheck,
            "a debit beside another's sweep",
            "is declined (insufficient_funds), and was not to be",
        ),
        (Mutant::DropLimitCondition, "another limit beside debits", "must not be: insufficient_funds"),
        (Mutant::DebitLimitedLanes, "payments from lanes beside a limit", "must not be: insufficient_funds"),
        (Mutant::LimitMainItemOnly, "a lane that owes, a credit and a limit", "the lane bank/1 is at -10"),
        (Mutant::AcknowledgeLostCommand, "an account is opened", "is stored"),
        (
            Mutant::CloseWithoutCondition,
            "closing what is being emptied",
            "c1 on alice is applied, and was balance_not_zero",
        ),
        (Mutant::CreditAnyLane, "a freeze beside credits on lanes", "must not be: creditor_frozen"),
        (Mutant::FreezeOnlyLanesThatExist, "a freeze beside credits on lanes", "must not be: creditor_frozen"),
        (Mutant::FreezeMainItemOnly, "a freeze beside credits on lanes", "must not be: creditor_frozen"),
        (Mutant::RefuseWithoutGround, "a freeze and an unfreeze side by side", "alice is Frozen"),
    ]);
}

#[test]
fn mistakes_of_refunds_limits_and_legs_show_in_small_worlds() {
    show([
        (Mutant::DropRefundCondition, "one original, refunds on two partitions", "must not be: exceeds_refundable"),
        (Mutant::DropRefundCondition, "refunds that are taken from lanes", "must not be: exceeds_refundable"),
        (Mutant::LeaveOutRefundSum, "refunds, two workers", "the sums of refunds are {}, and were to be"),
        (Mutant::IgnoreOriginals, "an original and its refunds in one batch", "and stands behind it"),
        (Mutant::IgnoreOriginals, "one original, refunds on two partitions", "r1 is declined (original_not_found)"),
        (Mutant::DropLimitsVersion, "lower limits beside debits", "p1 counts under limits Some(1), which were Some(2)"),
        (Mutant::DropLimitsVersion, "a largest balance is set beside credits", "must not be: balance_limit"),
        (Mutant::DropLimitsVersion, "lower limits beside legs", "l1 counts under limits Some(1), which were Some(2)"),
        (Mutant::RestartWindow, "windows before and after midnight", "p1 was decided before a window of alice began"),
        (Mutant::RestartWindow, "a new hour of the same day", "alice forbids it: velocity_limit"),
        (Mutant::CheckLimitBeforeBatch, "a batch that fills a window, two workers", "alice forbids it: velocity_limit"),
        (Mutant::LeaveOutLeg, "a fee from the middle", "fees is at 0, and its settled payments make 3"),
        (Mutant::LeaveOutLegItem, "a chain of three", "the items of legs are"),
        (Mutant::DropBalanceCondition, "legs of one debtor on two partitions", "must not be: insufficient_funds"),
        (Mutant::DropLimitCondition, "a lender gets a limit", "must not be: leg_debtor_not_allowed"),
    ]);
}

/// Each mistake shows in its world, with one fault, and early.
fn show<const COUNT: usize>(mistakes: [(Mutant, &str, &str); COUNT]) {
    for (mutant, name, wrong) in mistakes {
        let explored = explore(name, Some(mutant), 1).unwrap();
        println!("{mutant:?}: {explored}");
        let (why, history) = explored.wrong.unwrap_or_else(|| panic!("{mutant:?} doesn't show: {name}"));
        assert!(why.contains(wrong), "{mutant:?}: {why}");
        assert!((1..=12).contains(&history.len()), "{mutant:?}: {history:?}");
    }
}
