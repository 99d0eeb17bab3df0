//! The language of small restored ledgers: what is there, what was told, and what must be written.

use giro::domain::account_command::{Action, RecordedCommand, Terms};
use giro::domain::limits::WindowLimit;
use giro::domain::{
    Account, Amount, CreditLanes, Decline, Instruction, LegNumber, Limits, Outcome, OverdraftLimit, Recorded,
    Repayment, SettledLeg, Timestamp,
};
use giro_cli::restore::shown::{counts, lines};
use giro_testkit::given::{Setters as _, account, command, eur, id, lane, legged, payment, refund, source};

use super::tables::{Tables, Topics};

fn limit(word: &str) -> OverdraftLimit {
    word.parse().map_or(OverdraftLimit::Unlimited, OverdraftLimit::Limited)
}

fn outcome(instruction: Instruction, is_settled: bool, at: i64) -> Outcome {
    let repayment = match &instruction {
        Instruction::Refund(_) => {
            Some(Repayment { creditor: id("bank"), amount: Amount::try_new(3).unwrap(), currency: eur() })
        }
        Instruction::Payment(_) | Instruction::Legged(_) => None,
    };
    Outcome {
        declined_leg: (!is_settled && !instruction.legs().is_empty()).then_some(LegNumber::FIRST),
        repayment,
        instruction,
        decision: if is_settled { Ok(()) } else { Err(Decline::InsufficientFunds) },
        decided_at: Timestamp::try_from_millis(at).unwrap(),
        limits_version: None,
        source: source(0, at),
        requested_by: None,
        trace: None,
    }
}

/// `pay ID DEBTOR CREDITOR AMOUNT`, `legs ID` from the bank over shop to fees, `refund ID ORIGINAL` of 3 to the bank,
/// `refund-all ID ORIGINAL` of all that is left.
fn asked(words: &[&str]) -> Instruction {
    match words {
        ["pay", id, debtor, creditor, amount] => payment(id, debtor, creditor, amount.parse().unwrap()).into(),
        ["legs", id] => legged(id, "bank", &[("bank", "shop", "EUR", 9), ("shop", "fees", "EUR", 1)]).into(),
        ["refund", id, original] => refund(id, original, "shop", Some(3)).into(),
        ["refund-all", id, original] => refund(id, original, "shop", None).into(),
        _ => panic!("not understood: {words:?}"),
    }
}

fn told_of(words: &[&str], at: i64) -> Outcome {
    match words {
        ["declined", rest @ ..] => outcome(asked(rest), false, at),
        rest => outcome(asked(rest), true, at),
    }
}

/// The items of the legs behind the first.
fn legs_of(outcome: &Outcome) -> Vec<SettledLeg> {
    match &outcome.instruction {
        Instruction::Legged(payment) => payment.further(outcome.decided_at).collect(),
        Instruction::Payment(_) | Instruction::Refund(_) => Vec::new(),
    }
}

fn commanded(name: &str, words: &[&str], at: i64) -> RecordedCommand {
    let (account, action) = match words {
        ["open", account, of] => (
            account,
            Action::Open(Terms {
                currency: eur(),
                overdraft_limit: limit(of),
                credit_lanes: CreditLanes::NONE,
                owner: None,
            }),
        ),
        ["freeze", account] => (account, Action::Freeze),
        ["unfreeze", account] => (account, Action::Unfreeze),
        ["close", account] => (account, Action::Close),
        ["limit", account, to] => (account, Action::SetOverdraftLimit(limit(to))),
        ["lanes", account, to] => (account, Action::AddLanes(to.parse().unwrap())),
        ["max", account, most] => {
            (account, Action::SetLimits(Limits { max_balance: most.parse().ok(), ..Limits::NONE }))
        }
        ["hour", account, most] => {
            let hour = Some(WindowLimit { amount: most.parse().ok(), count: None });
            (account, Action::SetLimits(Limits { windows: [hour, None, None], ..Limits::NONE }))
        }
        _ => panic!("not understood: {words:?}"),
    };
    let command = command(name, account, action);
    let decided_at = Timestamp::try_from_millis(at).unwrap();
    RecordedCommand { fingerprint: command.fingerprint(), command, decision: Ok(()), decided_at, source: source(0, at) }
}

/// `account ID BALANCE LIMIT [LANES]`, `lane ID BALANCE`, `sum ID AMOUNT`, `command …`; `item …` for a payment in its
/// table, `leg ID` for the item of its leg, `told …` for one on the topic, `asked …` for a request; and for a command
/// on its topic, `opens ID LIMIT`; and for what a person says, `stands ID`. Each line is a millisecond later than the
/// one before.
pub(super) fn world(text: &str) -> (Tables, Topics) {
    let (mut tables, mut topics) = (Tables::default(), Topics::default());
    for (at, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // An outcome that is named twice is the same.
        let at = words.iter().find_map(|word| word.strip_prefix('@')?.parse().ok()).unwrap_or(at as i64);
        let words: Vec<&str> = words.into_iter().filter(|word| !word.starts_with('@')).collect();
        match words.as_slice() {
            ["account", name, balance, of, lanes @ ..] => {
                let lanes = lanes.first().map_or(0, |lanes| lanes.parse().unwrap());
                let limited = Account { overdraft_limit: limit(of), ..account(name) };
                let account = limited.holding(balance.parse().unwrap()).lanes(lanes);
                tables.accounts.insert(account.id.clone(), account);
            }
            ["lane", name, balance] => {
                let lane = lane(name, balance.parse().unwrap());
                tables.lanes.insert(lane.id.clone(), lane);
            }
            ["sum", original, sum] => drop(tables.sums.insert(original.parse().unwrap(), sum.parse().unwrap())),
            ["command", rest @ ..] => {
                let recorded = commanded(&format!("c{at}"), rest, at);
                tables.commands.insert(recorded.command.id.clone(), recorded);
            }
            ["item", rest @ ..] => {
                let outcome = told_of(rest, at);
                let recorded = Recorded { fingerprint: outcome.instruction.fingerprint(), outcome };
                tables.payments.insert(recorded.outcome.instruction.id().clone(), recorded);
            }
            ["leg", payment] => {
                let legs = legs_of(&told_of(&["legs", payment], at));
                tables.legs.extend(legs.into_iter().map(|leg| (leg.id.clone(), leg)));
            }
            ["told", rest @ ..] => topics.told.push(told_of(rest, at)),
            ["asked", rest @ ..] => {
                let asked = asked(rest);
                topics.asked.insert(asked.id().clone(), asked);
            }
            ["stands", payment] => topics.stands.push(payment.parse().unwrap()),
            ["opens", name, of] => {
                let account = Account { overdraft_limit: limit(of), ..account(name) };
                topics.opened.insert(account.id.clone(), account);
            }
            _ => panic!("not understood: {line}"),
        }
    }
    (tables, topics)
}

pub(super) fn check(text: &str, expected: &expect_test::Expect) -> Tables {
    let (tables, topics) = world(text);
    let (journal, changes) = tables.rebuilt(&topics);
    let changes = match changes {
        Ok(changes) => changes,
        Err(findings) => {
            expected.assert_eq(&findings.join("\n"));
            return tables;
        }
    };
    let mut shown: Vec<String> = lines(&changes).collect();
    shown.push(counts(&changes));
    shown.extend(changes.open.iter().map(|open| format!("open: {open}")));
    shown.extend(journal.untold.map(|untold| format!("untold: {}", untold.count)));
    shown.extend(journal.stands.notes.iter().cloned());
    shown.extend((!journal.unasked.is_empty()).then(|| format!("unasked: {}", journal.unasked.len())));
    expected.assert_eq(&shown.join("\n"));
    let after = tables.with(&changes);
    assert_eq!(after.faults(), []);
    assert_eq!(after.rebuilt(&topics).1.unwrap().items(), 0, "a second run");
    after
}
