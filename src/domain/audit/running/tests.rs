//! What: Tests the audit beside payments in flight, scan by scan: what it judges at each scan, and what it doesn't.

use super::*;
use crate::domain::account::given;
use crate::domain::{
    Account, Amount, Balance, CreditLanes, Instruction, Lane, OverdraftLimit, Payment, Source, Timestamp,
};

/// Accounts, by name, balance, version and lanes counted; and lanes, by name, balance and version.
fn books(items: &[(&str, i64, u64, u16)]) -> Books {
    let mut books = Books::default();
    for &(name, balance, version, lanes) in items {
        let (account, _) = name.split_once('/').unwrap_or((name, ""));
        let account = Account {
            balance: Balance::new(balance),
            overdraft_limit: OverdraftLimit::Unlimited,
            version,
            credit_lanes: CreditLanes::try_new(lanes).unwrap(),
            ..given::account(account)
        };
        match name.parse() {
            Ok(id) => books.lane(Lane { id, balance: account.balance, version, ..Lane::new(&account, 0) }),
            Err(_) => books.account(account),
        }
    }
    books
}

/// Takes payments from debtors to creditors, each named after its place, and ends the look.
fn look(running: &mut Running, payments: &[(&str, &str, u64)], after: Books) -> usize {
    for (ix, (debtor, creditor, amount)) in payments.iter().enumerate() {
        running.payment(&Outcome {
            requested_by: None,
            trace: None,
            declined_leg: None,
            limits_version: None,
            repayment: None,
            instruction: Instruction::Payment(Payment {
                id: format!("p{ix}").parse().unwrap(),
                debtor: debtor.parse().unwrap(),
                creditor: creditor.parse().unwrap(),
                amount: Amount::try_new(*amount).unwrap(),
                currency: Currency::try_new("EUR").unwrap(),
                reference: None,
                requested_at: None,
            }),
            decision: Ok(()),
            decided_at: Timestamp::EPOCH,
            source: Source { topic: "t".into(), partition: 0, offset: 0 },
        });
    }
    running.end_look(after)
}

/// A shop, and an item of this key that can't be read.
fn partly_unread(key: &str) -> Books {
    let mut books = books(&[("shop", 5, 1, 0)]);
    books.unread(key.into(), "balance: expected a number".into());
    books
}

fn found(running: Running) -> Vec<String> {
    running.finish().findings.iter().map(ToString::to_string).collect()
}

#[test]
fn findings_past_the_most_are_counted() {
    let mut running = Running::new(Books::default());
    for _ in 0..=FINDINGS_MAX {
        running.find(Finding::NoLane { lane: "shop/0".parse().unwrap() });
    }
    let report = running.finish();
    assert_eq!((report.findings.len(), report.more), (1_000, 1));
}

#[test]
fn one_payment_is_kept_for_each_missing_account_up_to_a_bound() {
    let at_rest = || books(&[("bank", -10_003, 1, 0)]);
    let names: Vec<String> = (0..=10_000).map(|ix| format!("gone-{ix}")).collect();
    let mut payments: Vec<(&str, &str, u64)> = names.iter().map(|name| ("bank", name.as_str(), 1)).collect();
    payments.push(("bank", "gone-0", 2));
    let mut running = Running::new(at_rest());
    assert_eq!(look(&mut running, &payments, at_rest()), 0);
    let report = running.finish();
    assert_eq!((report.settled, report.accounts, report.looks), (10_002, 1, 1));
    // Ten thousand, and one for the sum that is not zero.
    assert_eq!(
        (report.count(), report.findings[0].to_string()),
        (10_001, "payment p0 is settled, and its account gone-0 does not exist".to_owned())
    );
}

/// The second look decides. This much may have moved between the payments of the first look and those of the second.
#[test]
fn a_busy_account_is_judged_by_what_its_payments_can_have_made() {
    let first = [("bank", "alice", 5)];
    let second = [("bank", "alice", 5), ("bank", "alice", 3), ("alice", "bank", 2)];
    for (balance, accused) in [(2, true), (3, false), (5, false), (8, false), (9, true)] {
        let mut running = Running::new(books(&[("bank", 0, 1, 0), ("alice", 0, 1, 0)]));
        assert!(running.is_first_look());
        assert_eq!(look(&mut running, &first, books(&[("bank", -5, 2, 0), ("alice", balance, 2, 0)])), 2);
        assert!(!running.is_first_look());
        let left = look(&mut running, &second, books(&[("bank", -6, 3, 0), ("alice", 6, 3, 0)]));
        assert_eq!(left, if accused { 1 } else { 2 }, "{balance}");
        let told = format!("account alice: its settled payments make 3 to 8, its balance is {balance}");
        assert_eq!(found(running), if accused { vec![told] } else { vec![] });
    }
}

/// Its items are read at different times, so it is judged only when it is at rest. The other accounts are not judged
/// again.
#[test]
fn an_account_with_lanes_is_judged_at_rest_only() {
    let at = |balance, version| books(&[("bank", -5, 1, 0), ("shop", balance, version, 1), ("shop/0", 0, 1, 0)]);
    let payments = [("bank", "shop", 5)];
    let mut running = Running::new(at(0, 1));
    assert_eq!(look(&mut running, &payments, at(99, 2)), 1);
    assert_eq!(look(&mut running, &payments, at(98, 3)), 1);
    // The bank is already judged. A later error of it is for another audit.
    let shop_rests = || books(&[("bank", 77, 9, 0), ("shop", 98, 3, 1), ("shop/0", 0, 1, 0)]);
    assert_eq!(look(&mut running, &payments, shop_rests()), 0);
    assert_eq!(found(running), ["account shop: its settled payments make 5, its balance is 98"]);

    // An account that gets its first lanes now is an account with lanes.
    let mut running = Running::new(books(&[("shop", 0, 1, 0)]));
    assert_eq!(look(&mut running, &[], books(&[("shop", 99, 2, 1)])), 1);
    assert_eq!(look(&mut running, &[], books(&[("shop", 99, 3, 1)])), 1);
    assert_eq!(running.finish().undecided, 1);
}

/// An account may be opened while payments are read.
#[test]
fn an_account_that_a_payment_names_must_be_in_the_read_that_follows() {
    let before = || books(&[("bank", -5, 1, 0)]);
    let payments = [("bank", "new", 5)];
    let opened = || books(&[("bank", -5, 1, 0), ("new", 5, 2, 0)]);
    let mut running = Running::new(before());
    assert_eq!(look(&mut running, &payments, opened()), 1, "not judged yet");
    assert_eq!(look(&mut running, &payments, opened()), 0);
    assert_eq!(found(running), [""; 0]);

    let mut dollars = before();
    let currency = Currency::try_new("USD").unwrap();
    let new = opened().accounts().find(|account| account.id.as_str() == "new").unwrap().clone();
    dollars.account(Account { currency, ..new });
    let mut running = Running::new(before());
    look(&mut running, &payments, dollars);
    assert_eq!(found(running), ["payment p0 is settled, and its account new is of another currency"]);

    let mut unread = before();
    unread.unread("new".into(), "balance: expected a number".into());
    let mut running = Running::new(before());
    look(&mut running, &payments, unread);
    assert_eq!(found(running), ["the balances in EUR sum to -5, not to 0"], "the account is there");
}

/// If any item of it can't be read, neither its sum nor its lanes prove anything.
#[test]
fn an_account_that_is_partly_unreadable_is_not_judged() {
    for key in ["shop", "shop/0", "shop/9"] {
        let mut running = Running::new(partly_unread(key));
        assert_eq!(look(&mut running, &[], partly_unread(key)), 0);
        let unread = format!("accounts, item {key}: balance: expected a number");
        assert_eq!(found(running), [unread, "the balances in EUR sum to 5, not to 0".into()]);
    }
    // The key of another account doesn't matter.
    for key in ["shop0", "sho/0", "shop-1/0"] {
        let mut running = Running::new(partly_unread(key));
        look(&mut running, &[], partly_unread(key));
        assert!(
            found(running).contains(&"account shop: its settled payments make 0, its balance is 5".into()),
            "{key}"
        );
    }
}

/// An account may soon count a stray lane. So both scans must have shown it as a stray.
#[test]
fn a_stray_lane_is_one_in_both_reads() {
    let lanes = |counted, version| books(&[("shop", 0, 1, counted), ("shop/0", 0, 1, 0), ("shop/1", 0, version, 0)]);
    let stray = vec!["lane shop/1 holds 0, and no account counts it".to_owned()];
    let none = books(&[("shop", 0, 1, 1), ("shop/0", 0, 1, 0)]);
    for (before, after, expected) in [
        (lanes(1, 1), lanes(1, 1), stray.clone()),
        (lanes(1, 1), lanes(1, 2), vec![]),
        (lanes(2, 1), lanes(1, 1), vec![]),
        (lanes(1, 1), lanes(2, 1), vec![]),
        (lanes(2, 1), lanes(2, 1), vec![]),
        (none, lanes(1, 1), vec![]),
    ] {
        let mut running = Running::new(before);
        look(&mut running, &[], after);
        assert_eq!(found(running), expected);
    }
    // No account has this id.
    let gone = || books(&[("gone/0", 0, 1, 0)]);
    let mut running = Running::new(gone());
    look(&mut running, &[], gone());
    assert_eq!(found(running), ["lane gone/0 holds 0, and no account counts it"]);
    // The account can't be read, and may count the lane.
    let unread = || {
        let mut books = gone();
        books.unread("gone".into(), "balance: expected a number".into());
        books
    };
    let mut running = Running::new(unread());
    look(&mut running, &[], unread());
    assert_eq!(found(running), ["accounts, item gone: balance: expected a number"]);
}

#[test]
fn what_is_in_circulation_is_what_is_held() {
    let at_rest = || books(&[("bank", -7, 1, 0), ("alice", 4, 1, 0), ("shop", 1, 1, 1), ("shop/0", 2, 1, 0)]);
    let mut running = Running::new(at_rest());
    look(&mut running, &[("bank", "alice", 4), ("bank", "shop", 3)], at_rest());
    let report = running.finish();
    assert_eq!((report.findings, report.accounts, report.settled), (vec![], 3, 2));
    assert_eq!(report.circulation.into_values().collect::<Vec<_>>(), [7]);
}
