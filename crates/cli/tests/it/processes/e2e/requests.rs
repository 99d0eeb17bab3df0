//! What is asked: requests of every kind, a part of which have an end that is known before.
//!
//! Half of the requests are sets of the same questions with ids of their own. Whatever order they are decided in, each
//! has its one end: a refund, for example, is of an original of the quarter before. The others are the demo's records,
//! whose ends depend on their order. The oracle says whether those are right.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::limits::WindowLimit;
use giro::domain::{
    Account, Amount, CreditLanes, Decision, Decline, Instruction, LegNumber, Limits, OverdraftLimit, Period, Refund,
};
use giro::wire::instruction;
use giro_testkit::given::{account, legged, payment, refund};
use giro_testkit::workload::{Record, Workload};

use super::QUARTERS;

/// The demo's account without a limit, from which all money comes.
pub(crate) const BANK: &str = "settlement-eur";
/// What the account with the largest payment may pay at once.
const PAYMENT_MAX: u64 = 50;
/// What the account in debt owes, which is more than it ever gets.
const DEBT: u64 = 1_000_000;
/// What a payment of the account with a window takes.
const COUNTED: u64 = 5;

/// A request, and its end where that is known.
pub(crate) struct Asked {
    pub(crate) record: Record,
    /// What it asks for, if it can be read.
    pub(crate) instruction: Option<Instruction>,
    pub(crate) end: Option<Decision>,
    /// Another request has its id, so they must stand on the topic in their order.
    pub(crate) is_reused: bool,
}

/// All that is asked.
pub(crate) struct Everything {
    /// The accounts, without limits.
    pub(crate) accounts: Vec<Account>,
    /// The limits that accounts get before anything is asked.
    pub(crate) limits: Vec<(Account, Limits)>,
    /// What must have settled before.
    pub(crate) funding: Vec<Record>,
    pub(crate) quarters: Vec<Vec<Asked>>,
}

impl Everything {
    /// About so many requests, half of them with a known end. The others are those of the demo.
    pub(crate) fn generate(count: usize, lanes: CreditLanes) -> Self {
        let a_set = set(1, 0, 0).len();
        let sets = (count / 2 / QUARTERS / a_set).max(1);
        let known = |quarter| (0..sets).flat_map(move |number| set(quarter, number, QUARTERS * sets));
        let mut quarters: Vec<Vec<Asked>> = (0..QUARTERS).map(|quarter| known(quarter).collect()).collect();
        let others = count.saturating_sub(quarters.iter().map(Vec::len).sum());
        let workload = Workload::generate(1, others, "");

        let all = workload.accounts.into_iter().chain(of_known_ends(QUARTERS * sets));
        let limits = |account: &Account| Some((account.clone(), account.limits.as_ref()?.limits()));
        let (accounts, limits): (Vec<Account>, Vec<_>) = all
            .map(|account| (Account { limits: None, credit_lanes: lanes, ..account.clone() }, limits(&account)))
            .unzip();
        let debt = record(payment("debt", "indebted", "shop", DEBT).into());
        let others: Vec<Asked> = asked(workload.records);
        let a_quarter = others.len().div_ceil(QUARTERS);
        let mut others = others.into_iter();
        quarters.iter_mut().for_each(|quarter| quarter.extend(others.by_ref().take(a_quarter)));
        Self {
            accounts,
            limits: limits.into_iter().flatten().collect(),
            funding: workload.funding.into_iter().chain([debt]).collect(),
            quarters: quarters.into_iter().map(mixed).collect(),
        }
    }
}

/// Known and other requests by turns.
fn mixed(mut quarter: Vec<Asked>) -> Vec<Asked> {
    fastrand::Rng::with_seed(1).shuffle(&mut quarter);
    quarter
}

fn record(asked: Instruction) -> Record {
    Record { key: Some(asked.debtor().as_str().into()), value: Some(instruction::encode(&asked).into_bytes()) }
}

/// The demo's records as requests.
fn asked(records: Vec<Record>) -> Vec<Asked> {
    let read = |record: &Record| instruction::decode_json(record.value.as_deref()?).ok();
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for asked in records.iter().filter_map(read) {
        bodies.entry(asked.id().as_str().into()).or_default().insert(asked.fingerprint().to_string());
    }
    let request = |record: Record| {
        let instruction = read(&record);
        let is_reused = instruction.as_ref().is_some_and(|asked| bodies[asked.id().as_str()].len() > 1);
        Asked { record, instruction, end: None, is_reused }
    };
    records.into_iter().map(request).collect()
}

/// The accounts of requests whose end is known, beside some of the demo's.
fn of_known_ends(sets: usize) -> Vec<Account> {
    let may_owe = |name: &str| Account { overdraft_limit: OverdraftLimit::Limited(2 * DEBT), ..account(name) };
    let limited = |account: Account, limits| {
        let limits = giro::domain::AccountLimits::replaced(None, limits);
        Account { limits: Some(Box::new(limits)), ..account }
    };
    let month = Some(WindowLimit { amount: Some(COUNTED * sets as u64), count: Some(sets as u64) });
    vec![
        account("shop"),
        account("penniless"),
        may_owe("indebted"),
        limited(may_owe("capped"), Limits { max_payment: Amount::try_new(PAYMENT_MAX).ok(), ..Limits::NONE }),
        limited(may_owe("counted"), Limits { windows: [None, None, month], ..Limits::NONE }),
        limited(account("vault"), Limits { max_balance: Some(sets as u64), ..Limits::NONE }),
    ]
}

/// One request of each known end. There are so many such sets in all.
fn set(quarter: usize, number: usize, sets: usize) -> Vec<Asked> {
    let name = |quarter: usize, what: &str| format!("q{quarter}-{number}-{what}");
    let mut all = payments(&|what| name(quarter, what), sets as u64);
    all.extend(with_legs(&|what| name(quarter, what), sets as u64));
    all.extend(refunds(&|what| name(quarter, what), &|what| name(quarter.saturating_sub(1), what), quarter));
    let asked = |(instruction, end): (Instruction, Decision)| Asked {
        record: record(instruction.clone()),
        instruction: Some(instruction),
        end: Some(end),
        is_reused: false,
    };
    all.into_iter().map(asked).collect()
}

fn payments(id: &dyn Fn(&str) -> String, sets: u64) -> Vec<(Instruction, Decision)> {
    let window = Decline::VelocityLimit(Period::Month);
    [
        ("whole", BANK, "shop", 100, Ok(())),
        ("part", BANK, "shop", 100, Ok(())),
        ("much", BANK, "shop", 100, Ok(())),
        ("owed", BANK, "indebted", 10, Ok(())),
        ("at-once", "capped", "shop", PAYMENT_MAX, Ok(())),
        ("too-large", "capped", "shop", PAYMENT_MAX + 1, Err(Decline::PaymentLimit)),
        ("counts", "counted", "shop", COUNTED, Ok(())),
        ("past-its-window", "counted", "shop", COUNTED * sets + 1, Err(window)),
        ("into-vault", BANK, "vault", 1, Ok(())),
        ("too-full", BANK, "vault", sets + 1, Err(Decline::BalanceLimit)),
        ("penniless", "penniless", "shop", 5, Err(Decline::InsufficientFunds)),
        ("to-itself", "shop", "shop", 5, Err(Decline::SameAccount)),
        ("of-nobody", "nobody", "shop", 5, Err(Decline::DebtorNotFound)),
        ("to-nobody", BANK, "nobody", 5, Err(Decline::CreditorNotFound)),
        ("of-closed", "closed", "shop", 5, Err(Decline::DebtorClosed)),
        ("to-closed", BANK, "closed", 5, Err(Decline::CreditorClosed)),
        ("of-frozen", "frozen", "shop", 5, Err(Decline::DebtorFrozen)),
        ("to-frozen", BANK, "frozen", 5, Err(Decline::CreditorFrozen)),
        ("to-dollars", BANK, "dollars", 5, Err(Decline::CurrencyMismatch)),
    ]
    .into_iter()
    .map(|(what, debtor, creditor, amount, end)| (payment(&id(what), debtor, creditor, amount).into(), end))
    .collect()
}

fn with_legs(id: &dyn Fn(&str) -> String, sets: u64) -> Vec<(Instruction, Decision)> {
    let fee = [(BANK, "shop", "EUR", 100), ("shop", "fees", "EUR", 5)];
    let exchange = [(BANK, "exchange-eur", "EUR", 100), ("exchange-usd", "dollars", "USD", 110)];
    let others = [(BANK, "shop", "EUR", 100), ("customer-0", "shop", "EUR", 5)];
    let too_large = [("capped", "shop", "EUR", PAYMENT_MAX), ("capped", "fees", "EUR", 1)];
    let too_full = [(BANK, "shop", "EUR", 1), (BANK, "vault", "EUR", sets + 1)];
    [
        ("fee", BANK, &fee, Ok(())),
        ("exchange", BANK, &exchange, Ok(())),
        ("others-money", BANK, &others, Err(Decline::LegDebtorNotAllowed)),
        ("legs-too-large", "capped", &too_large, Err(Decline::PaymentLimit)),
        ("legs-too-full", BANK, &too_full, Err(Decline::BalanceLimit)),
    ]
    .into_iter()
    .map(|(what, debtor, legs, end)| (legged(&id(what), debtor, legs).into(), end))
    .collect()
}

/// Refunds of the quarter before, whose requests all have their ends.
fn refunds(
    id: &dyn Fn(&str) -> String,
    before: &dyn Fn(&str) -> String,
    quarter: usize,
) -> Vec<(Instruction, Decision)> {
    let of = |what: &str, original: &str, debtor: &str, amount| refund(&id(what), &before(original), debtor, amount);
    let of_leg = |what: &str, leg, debtor: &str| Refund {
        leg: Some(LegNumber::try_new(leg).unwrap()),
        ..of(what, "fee", debtor, None)
    };
    let mut all = vec![(of("of-none", "nowhere", "shop", None), Err(Decline::OriginalNotFound))];
    if quarter > 0 {
        all.extend([
            (of("refund-whole", "whole", "shop", None), Ok(())),
            (of("refund-part", "part", "shop", Some(40)), Ok(())),
            (of("refund-much", "much", "shop", Some(101)), Err(Decline::ExceedsRefundable)),
            (of("refund-owed", "owed", "indebted", None), Err(Decline::InsufficientFunds)),
            (of("refund-declined", "penniless", "shop", None), Err(Decline::OriginalNotSettled)),
            (of("refund-others", "whole", "fees", None), Err(Decline::RefundMismatch)),
            (of_leg("refund-fee", 2, "fees"), Ok(())),
            (of("refund-no-leg", "fee", "fees", None), Err(Decline::RefundMismatch)),
            (of_leg("refund-leg-3", 3, "fees"), Err(Decline::RefundMismatch)),
        ]);
    }
    if quarter > 1 {
        all.push((of("refund-refund", "refund-whole", BANK, None), Err(Decline::NotRefundable)));
    }
    all.into_iter().map(|(refund, end)| (refund.into(), end)).collect()
}
