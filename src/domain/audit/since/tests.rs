//! What: Tests of one account, by tables of cases.

use super::super::checkpoint::given::checkpoint;
use super::*;
use crate::domain::account::given;
use crate::domain::limits::{Limits, Used, WindowLimit};
use crate::domain::plan::Entry;
use crate::domain::{
    AccountLimits, Amount, Balance, Decline, Holding, Leg, LeggedPayment, Legs, Payment, Period, Refund, Repayment,
    Request, Source,
};

const HOUR_MS: i64 = 3_600_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(ms).unwrap()
}

fn eur() -> Currency {
    Currency::try_new("EUR").unwrap()
}

fn id(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn settled(instruction: Instruction, decided_ms: i64) -> Outcome {
    let request = Request::new(instruction, Source { topic: "t".into(), partition: 0, offset: 0 });
    Entry::new(&request, Ok(()), at(decided_ms)).outcome()
}

fn payment(name: &str, debtor: &str, creditor: &str, amount: u64, currency: &str, decided_ms: i64) -> Outcome {
    let payment = Payment {
        id: name.parse().unwrap(),
        debtor: id(debtor),
        creditor: id(creditor),
        amount: Amount::try_new(amount).unwrap(),
        currency: Currency::try_new(currency).unwrap(),
        reference: None,
        requested_at: None,
    };
    settled(payment.into(), decided_ms)
}

fn refund(name: &str, original: &str, amount: u64, decided_ms: i64) -> Outcome {
    let amount = Amount::try_new(amount).unwrap();
    let refund = Refund {
        id: name.parse().unwrap(),
        original: original.parse().unwrap(),
        leg: None,
        debtor: id("alice"),
        amount: Some(amount),
        reference: None,
        requested_at: None,
    };
    let repayment = Some(Repayment { creditor: id("bob"), amount, currency: eur() });
    Outcome { repayment, ..settled(refund.into(), decided_ms) }
}

/// Closed up to 1,000, and firm up to 2,000. Bob and the bank are known to be there.
const TIMES: Times = Times::look(Timestamp::EPOCH, Timestamp::EPOCH);

fn times() -> Times {
    Times::look(at(1_000), at(2_000))
}

fn known(account: &AccountId) -> Option<Currency> {
    matches!(account.as_str(), "bob" | "bank" | "alice").then(eur)
}

/// Takes `debit | credit | declined ID AMOUNT DECIDED_MS [OTHER [CURRENCY]]`, one a line.
fn take(since: &mut Since<'_>, postings: &str) {
    for line in postings.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (other, currency) = (words.get(4).unwrap_or(&"bob"), words.get(5).unwrap_or(&"EUR"));
        let (amount, decided_ms) = (words[2].parse().unwrap(), words[3].parse().unwrap());
        let (debtor, creditor, list) = match words[0] {
            "credit" => (*other, "alice", "credits"),
            _ => ("alice", *other, "debits"),
        };
        let mut outcome = payment(words[1], debtor, creditor, amount, currency, decided_ms);
        if words[0] == "declined" {
            outcome.decision = Err(Decline::InsufficientFunds);
        }
        since.payment(list.parse().unwrap(), &outcome, known);
    }
}

fn held(balance: i64, slack: i128) -> Held {
    let account = Account { balance: Balance::new(balance), ..given::account("alice") };
    let exactly = Held::exactly(Holding { account, lanes: Vec::new() });
    Held { highest: exactly.highest.saturating_add(slack), ..exactly }
}

fn texts(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_balance_is_what_the_checkpoint_and_the_postings_since_then_make() {
    let base = checkpoint("alice", 100, 10);
    let account = given::account("alice");
    let busy = "
        credit p1 5 1000
        debit p2 3 2000
        credit p3 7 2001
        debit p4 2 2001
        declined p5 99 1000
        credit old 99 100
    ";
    let make = "account alice: its settled payments make";
    for (postings, balance, slack, width, expected) in [
        ("", 10, 0, 0, String::new()),
        ("", 11, 0, 0, format!("{make} 10, its balance is 11")),
        ("", 9, 2, 2, String::new()),
        ("", 7, 2, 2, format!("{make} 10, its balance is 9")),
        ("credit p1 5 1000\ndebit p2 3 2000", 12, 0, 0, String::new()),
        ("credit p1 5 1000\ndebit p2 3 2000", 10, 0, 0, format!("{make} 12, its balance is 10")),
        (busy, 10, 0, 9, String::new()),
        (busy, 19, 0, 9, String::new()),
        (busy, 9, 0, 9, format!("{make} 10 to 19, its balance is 9")),
        (busy, 20, 0, 9, format!("{make} 10 to 19, its balance is 20")),
        (busy, 9, 1, 10, String::new()),
    ] {
        let mut since = Since::new(&account, Some(&base), times());
        take(&mut since, postings);
        let held = held(balance, slack);
        assert_eq!(texts(&since.findings(&held)), expected, "{postings} {balance}");
        assert_eq!(since.width(&held), width, "{postings} {balance}");
    }
}

#[test]
fn a_checkpoint_holds_the_closed_postings_alone() {
    let account = given::account("alice");
    let mut first = Since::new(&account, None, Times::look(at(100), at(200)));
    take(&mut first, "credit p1 5 100\ncredit p2 7 101\ndebit p3 1 300");
    let one = first.checkpoint();
    assert_eq!((one.balance, one.postings, one.as_of, one.previous), (5, 1, at(100), None));
    let pending: Vec<String> = first.pending().iter().map(ToString::to_string).collect();
    assert_eq!((pending.join(" "), first.count()), ("debits credits".into(), 3));
    let mut next = Since::new(&account, Some(&one), times());
    take(&mut next, "debit p3 1 300\ncredit p1 5 100\ncredit p2 7 101");
    let two = next.checkpoint();
    assert_eq!((two.balance, two.postings, two.previous), (11, 3, Some(one.chain())));
    assert!(next.pending().is_empty());
    let mut at_once = Since::new(&account, None, times());
    take(&mut at_once, "credit p2 7 101\ndebit p3 1 300\ncredit p1 5 100");
    assert_eq!(at_once.checkpoint().digest, two.digest, "in whatever order and steps");
}

#[test]
fn the_other_side_of_a_payment_is_there_and_of_its_currency() {
    let account = given::account("alice");
    for (posting, read, expected) in [
        ("debit p1 1 500 bank", None, ""),
        ("debit p1 1 500 ghost", None, "payment p1 is settled, and its account ghost does not exist"),
        ("credit p1 1 500 ghost", Some(eur()), ""),
        (
            "credit p1 1 500 ghost",
            Some(Currency::try_new("USD").unwrap()),
            "payment p1 is settled, and its account ghost is of another currency",
        ),
        (
            "debit p1 1 500 bank USD",
            Some(eur()),
            "payment p1 is settled, and its account alice is of another currency; \
             payment p1 is settled, and its account bank is of another currency",
        ),
    ] {
        let mut since = Since::new(&account, None, times());
        take(&mut since, posting);
        let strangers: Vec<AccountId> = since.strangers().cloned().collect();
        strangers.iter().for_each(|stranger| since.stranger(stranger, read));
        let sign = if posting.starts_with("credit") { 1 } else { -1 };
        assert_eq!(texts(&since.findings(&held(sign, 0))), expected, "{posting}");
    }
}

#[test]
fn a_sum_of_refunds_is_what_was_proved_and_the_refunds_since_then() {
    let account = given::account("alice");
    let base = RefundBase { sum: 4, as_of: at(100) };
    let sum = "payment p1: its settled refunds make 9, the sum of its refunds is";
    for (found, base, paid, expected, next) in [
        (9, base, 20, String::new(), Some(6)),
        (10, base, 20, String::new(), Some(6)),
        (8, base, 20, format!("{sum} 8"), Some(6)),
        (11, base, 20, format!("{sum} 11"), Some(6)),
        (9, base, 8, "payment p1: 8 was paid, and 9 was refunded".into(), Some(6)),
        // An audit that was killed had proved the closed refunds before.
        (9, RefundBase { sum: 6, as_of: at(1_000) }, 20, String::new(), None),
    ] {
        let mut since = Since::new(&account, None, times());
        for outcome in [refund("r0", "p1", 4, 100), refund("r1", "p1", 2, 1_000), refund("r2", "p1", 3, 2_000)] {
            since.payment("debits".parse().unwrap(), &outcome, known);
        }
        since.payment("debits".parse().unwrap(), &refund("r3", "p1", 1, 2_001), known);
        let totals: Vec<LegId> = since.totals().cloned().collect();
        assert_eq!(totals, ["p1".parse().unwrap()]);
        let proved = since.refund_sum(&totals[0], found, base, paid);
        assert_eq!(proved, next.map(|sum| RefundBase { sum, as_of: at(1_000) }));
        assert_eq!(texts(&since.findings(&held(-10, 0))), expected, "{found}");
    }
}

/// alice pays bob, bob pays the bank, alice pays the bank.
fn legged(decided_ms: i64) -> Outcome {
    let leg = |debtor: &str, creditor: &str, amount| Leg {
        debtor: id(debtor),
        creditor: id(creditor),
        amount: Amount::try_new(amount).unwrap(),
        currency: eur(),
        reference: None,
    };
    let legs = vec![leg("alice", "bob", 10), leg("bob", "bank", 1), leg("alice", "bank", 2)];
    let debtor = id("alice");
    let legs = Legs::try_new(&debtor, legs).unwrap();
    let payment = LeggedPayment { id: "p1".parse().unwrap(), debtor, legs, reference: None, requested_at: None };
    settled(payment.into(), decided_ms)
}

fn legs_of(outcome: &Outcome) -> Vec<SettledLeg> {
    let Instruction::Legged(payment) = &outcome.instruction else { panic!("{outcome:?}") };
    payment.further(outcome.decided_at).collect()
}

#[test]
fn each_further_leg_has_its_item_whoever_told_of_it() {
    let account = given::account("alice");
    let outcome = legged(1_000);
    let [second, third] = legs_of(&outcome).try_into().unwrap();
    let mut wrong = second.clone();
    wrong.leg.amount = Amount::try_new(9).unwrap();
    let mut stray = third.clone();
    stray.id = "p1/9".parse().unwrap();
    for (is_listed, listed, stored, is_stored, asked, expected) in [
        (true, vec![&third], vec![&second], true, "p1/2", ""),
        (true, vec![&third], vec![], true, "p1/2", "leg p1/2: expected an item of its own"),
        (true, vec![&third], vec![&wrong], true, "p1/2", "leg p1/2: expected to be as its payment says"),
        (true, vec![], vec![&second], true, "p1/2 p1/3", "leg p1/3: expected an item of its own"),
        (
            true,
            vec![&third, &stray],
            vec![&second],
            true,
            "p1/2 p1",
            "leg p1/9: expected a settled payment that has it",
        ),
        (false, vec![&third], vec![], true, "p1", ""),
        (false, vec![&third], vec![], false, "p1", "leg p1/3: expected a settled payment that has it"),
        (false, vec![&stray], vec![], true, "p1", "leg p1/9: expected a settled payment that has it"),
    ] {
        for payment_first in [true, false] {
            let mut since = Since::new(&account, None, times());
            let debits = "debits".parse().unwrap();
            if is_listed && payment_first {
                since.payment(debits, &outcome, known);
            }
            listed.iter().for_each(|leg| since.leg(debits, (*leg).clone(), known));
            if is_listed && !payment_first {
                since.payment(debits, &outcome, known);
            }
            let asks = since.asks();
            let texts_of = |legs: &[LegId]| legs.iter().map(ToString::to_string).collect::<Vec<_>>();
            let payments = asks.payments.iter().map(ToString::to_string);
            assert_eq!(texts_of(&asks.legs).into_iter().chain(payments).collect::<Vec<_>>().join(" "), asked);
            let mut answers = LegAnswers::default();
            stored.iter().for_each(|leg| answers.leg((*leg).clone()));
            if is_stored && !asks.payments.is_empty() {
                answers.payment(outcome.clone());
            }
            since.told(&answers);
            let found = since.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            assert_eq!(found, expected, "{payment_first} {listed:?}");
        }
    }
    let mut open = Since::new(&account, None, times());
    open.payment("debits".parse().unwrap(), &legged(1_001), known);
    assert_eq!(open.asks(), Asked::default(), "the next audit looks at it");
}

/// An account whose window of hours counts from version 2 on.
fn windowed(used: Option<(i64, u64, u64)>) -> Account {
    let limit = Some(WindowLimit { amount: None, count: Some(9) });
    let none = AccountLimits::replaced(None, Limits { max_balance: Some(5), ..Limits::NONE });
    let mut limits = AccountLimits::replaced(Some(&none), Limits { windows: [limit, None, None], ..Limits::NONE });
    limits.window_mut(Period::Hour).unwrap().used =
        used.map(|(start, amount, count)| Used { start: at(start), amount, count });
    Account { limits: Some(Box::new(limits)), ..given::account("alice") }
}

#[test]
fn a_window_holds_what_the_checkpoint_and_the_payments_since_then_make() {
    let times = Times::look(at(HOUR_MS), at(HOUR_MS + 10));
    let mut base = checkpoint("alice", HOUR_MS - 50, 0);
    let of_base = |since| Some(WindowUse { since, used: Some(Used { start: at(0), amount: 5, count: 1 }) });
    let make = "account alice: the payments of the hour from 1970-01-01T0";
    // (base's version, payments: amount, time, version), what is used, what is found, the next checkpoint's amount.
    for (since, payments, used, expected, next) in [
        (2, vec![], Some((0, 5, 1)), String::new(), Some(5)),
        (2, vec![], Some((0, 6, 1)), format!("{make}0:00:00.000Z on make 5 in 1, and 6 in 1 is used"), Some(5)),
        (2, vec![], None, format!("{make}0:00:00.000Z on make 5 in 1, and 0 in 0 is used"), Some(5)),
        (1, vec![], None, String::new(), None),
        (2, vec![(3, HOUR_MS - 1, 2), (9, HOUR_MS - 1, 1)], Some((0, 8, 2)), String::new(), Some(8)),
        (2, vec![(3, HOUR_MS, 2)], Some((HOUR_MS, 3, 1)), String::new(), Some(3)),
        (
            2,
            vec![(3, HOUR_MS, 2)],
            Some((0, 5, 1)),
            format!(
                "{make}1:00:00.000Z on make 3 in 1, and 5 in 1 is used, of the one from 1970-01-01T00:00:00.000Z on"
            ),
            Some(3),
        ),
        (2, vec![(3, HOUR_MS + 1, 2)], Some((HOUR_MS, 3, 1)), String::new(), Some(5)),
        (2, vec![(3, HOUR_MS + 11, 2)], Some((0, 5, 1)), String::new(), Some(5)),
        (2, vec![(3, HOUR_MS + 11, 2)], Some((HOUR_MS, 3, 1)), String::new(), Some(5)),
        (
            2,
            vec![(3, HOUR_MS + 11, 2)],
            Some((HOUR_MS, 4, 1)),
            format!("{make}1:00:00.000Z on make 0 in 0, and 4 in 1 is used"),
            Some(5),
        ),
    ] {
        base.windows = [of_base(since), None, None];
        let account = windowed(used);
        let mut judged = Since::new(&account, Some(&base), times);
        let mut sum = 0;
        for (amount, decided_ms, version) in payments {
            let outcome = payment("p", "alice", "bob", amount, "EUR", decided_ms);
            let outcome = Outcome { limits_version: Some(version), ..outcome };
            judged.payment("debits".parse().unwrap(), &outcome, known);
            sum += i128::from(amount);
        }
        let mut held = held(0, 0);
        (held.lowest, held.highest) = (-sum, 0);
        assert_eq!(texts(&judged.findings(&held)), expected, "{since} {used:?}");
        let used = judged.checkpoint().windows[0].unwrap();
        assert_eq!((used.since, used.used.map(|used| used.amount)), (2, next));
    }
}

#[test]
fn a_payment_that_another_account_lists_counts_in_a_window() {
    let account = windowed(Some((0, 12, 1)));
    let outcome = Outcome { limits_version: Some(2), ..legged(1_500) };
    let mut since = Since::new(&account, None, times());
    since.leg("debits".parse().unwrap(), legs_of(&outcome)[1].clone(), known);
    assert_eq!(since.asks().payments, ["p1".parse().unwrap()]);
    let mut answers = LegAnswers::default();
    answers.payment(outcome);
    since.told(&answers);
    assert_eq!(texts(&since.findings(&held(-2, 0))), "");
}

#[test]
fn a_payment_whose_halves_are_asked_for_by_and_by_counts_once() {
    let account = windowed(Some((0, 12, 1)));
    let outcome = Outcome { limits_version: Some(2), ..legged(1_500) };
    let (legs, debits) = (legs_of(&outcome), "debits".parse().unwrap());
    for payment_first in [true, false] {
        let mut since = Since::new(&account, None, Times::look(at(2_000), at(3_000)));
        let answer = |since: &mut Since<'_>| {
            let (mut answers, asked) = (LegAnswers::default(), since.asks());
            legs.iter().filter(|leg| asked.legs.contains(&leg.id)).for_each(|leg| answers.leg(leg.clone()));
            asked.payments.iter().for_each(|_| answers.payment(outcome.clone()));
            since.told(&answers);
            assert_eq!((since.open_legs(), since.asks()), (0, Asked::default()));
        };
        for is_payment in [payment_first, !payment_first] {
            match is_payment {
                true => since.payment(debits, &outcome, known),
                false => since.leg(debits, legs[1].clone(), known),
            }
            answer(&mut since);
        }
        assert_eq!(texts(&since.findings(&held(-12, 0))), "", "{payment_first}");
    }
}

#[test]
fn items_under_a_foreign_key_and_findings_without_end_change_nothing() {
    let account = given::account("alice");
    let mut since = Since::new(&account, None, TIMES);
    since.payment("credits".parse().unwrap(), &payment("p1", "alice", "bob", 5, "EUR", 1), known);
    assert_eq!((since.count(), texts(&since.findings(&held(0, 0)))), (0, String::new()));
    for _ in 0..FINDINGS_MAX + 5 {
        since.unreadable("p".into(), "status: expected a string (S), got none".into());
    }
    assert_eq!(since.findings(&held(0, 0)).len(), FINDINGS_MAX);
}
