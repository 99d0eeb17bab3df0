//! Small restored ledgers as texts: what is there, what was told, and what must be written.

use expect_test::expect;
use giro::domain::{AccountLimits, Decline, LegId, Limits, OverdraftLimit, Period};
use giro_testkit::given::{Setters as _, id, payment, refund};

use super::language::{check, world};
use super::tables::Tables;

#[test]
fn money_without_its_payment_goes_back() {
    check(
        "account bank -10 unlimited
         account shop 10 0",
        &expect![[r#"
            account bank: balance -10 -> 0
            account shop: balance 10 -> 0
            to write: 0 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0"#]],
    );
}

#[test]
fn a_payment_without_its_money_is_paid() {
    check(
        "account bank 0 unlimited
         account shop 0 0
         item pay p1 bank shop 10",
        &expect![[r#"
            account bank: balance 0 -> -10
            account shop: balance 0 -> 10
            to write: 0 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0"#]],
    );
}

#[test]
fn what_was_told_stands() {
    let after = check(
        "account bank 0 unlimited
         account shop 0 0
         told pay p1 bank shop 10 @5
         told declined pay p2 shop bank 99 @6
         told pay p1 bank shop 10 @5
         item pay p3 bank shop 1 @4
         item pay p4 bank shop 1 @7",
        &expect![[r#"
            payment p1: told, and missing
            payment p2: told, and missing
            account bank: balance 0 -> -12
            account shop: balance 0 -> 12
            to write: 2 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0
            untold: 1"#]],
    );
    let [p1, p2] = ["p1", "p2"].map(|id| &after.payments[&id.parse().unwrap()]);
    assert_eq!(p1.fingerprint, payment("x", "bank", "shop", 10).fingerprint());
    assert_eq!((p1.outcome.decided_at.millis(), p1.outcome.source.offset), (5, 5));
    assert_eq!(p2.outcome.decision, Err(Decline::InsufficientFunds));
}

#[test]
fn lanes_give_all_to_the_main_item_and_lanes_of_nobody_go() {
    check(
        "account bank -10 unlimited
         account shop 3 0 2
         lane shop/0 7
         lane shop/3 2
         lane gone/0 2
         item pay p1 bank shop 10",
        &expect![[r#"
            account shop: balance 3 -> 10, lanes 2 -> 4
            lane shop/0: balance 7 -> 0
            lane shop/3: balance 2 -> 0
            lane gone/0: of no account, so it goes
            to write: 0 payments, 0 legs, 1 accounts, 2 lanes, 0 sums of refunds; to remove: 1"#]],
    );
}

#[test]
fn legs_and_refunds_are_those_of_settled_payments() {
    let after = check(
        "account bank 0 unlimited
         account shop 0 0
         account fees 0 0
         told legs p1 @1
         item legs p2 @2
         leg p3 @3
         leg p2 @2
         item pay p4 bank shop 10 @4
         told refund r1 p4 @5
         asked refund r1 p4
         told refund-all r2 p4 @6
         asked refund-all r2 p4
         told refund-all r3 p4 @7
         sum p9 4",
        &expect![[r#"
            payment p1: told, and missing
            payment r1: told, and missing
            payment r2: told, and missing
            payment r3: told, and missing
            leg p1/2: missing
            leg p3/2: its payment is missing, so it goes
            account bank: balance 0 -> -19
            account fees: balance 0 -> 2
            account shop: balance 0 -> 17
            refunds of p4: 0 -> 9
            refunds of p9: 4 -> 0
            to write: 4 payments, 1 legs, 3 accounts, 0 lanes, 2 sums of refunds; to remove: 1
            untold: 2
            unasked: 1"#]],
    );
    let fingerprint = |id: &str| after.payments[&id.parse().unwrap()].fingerprint;
    let asked_for = |amount| refund("x", "p4", "shop", amount).fingerprint();
    assert_eq!(["r1", "r2"].map(fingerprint), [asked_for(Some(3)), asked_for(None)]);
    assert_eq!(fingerprint("r3"), asked_for(Some(3)), "its request is gone, so it is taken as asked for by amount");
    assert_eq!(after.sums[&"p4".parse::<LegId>().unwrap()], 9);
}

#[test]
fn accounts_are_as_commands_made_them() {
    let after = check(
        "command open a 0
         command freeze a
         command open b unlimited
         command limit b 7
         command open c 0
         command lanes c 6
         command open d 0
         command hour d 50
         command max d 50
         account a 0 0
         account b 0 unlimited 4
         account c 0 0 4
         account e 5 3 1",
        &expect![[r#"
            account a: balance 0, status open -> frozen
            account b: balance 0, another overdraft limit
            account c: balance 0, lanes 4 -> 6
            account d: missing, balance 0
            account e: balance 5 -> 0
            lane d/0: missing, balance 0
            lane d/1: missing, balance 0
            lane d/2: missing, balance 0
            lane d/3: missing, balance 0
            to write: 0 payments, 0 legs, 5 accounts, 4 lanes, 0 sums of refunds; to remove: 0"#]],
    );
    let a = &after.accounts[&id("a")];
    assert_eq!((a.status.name(), a.version), ("frozen", 2));
    assert_eq!(after.accounts[&id("e")].overdraft_limit, OverdraftLimit::Limited(3), "no command says anything of it");
    assert_eq!(after.accounts[&id("d")].limits_version(), 2);
}

#[test]
fn payments_count_in_the_windows_that_commands_set() {
    let after = check(
        "command open shop 0
         command hour shop 50
         account bank 0 unlimited
         account shop 0 0
         told pay p0 bank shop 40 @0
         told pay p1 shop bank 4 @0
         told pay p2 shop bank 5 @1
         told pay p3 shop bank 6 @3600000",
        &expect![[r#"
            payment p0: told, and missing
            payment p1: told, and missing
            payment p2: told, and missing
            payment p3: told, and missing
            account bank: balance 0 -> -25
            account shop: balance 0 -> 25, other limits
            to write: 4 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0"#]],
    );
    let versions = ["p1", "p2", "p3"].map(|id| after.payments[&id.parse().unwrap()].outcome.limits_version);
    assert_eq!(versions, [None, Some(1), Some(1)]);
    let limits = after.accounts[&id("shop")].limits.as_ref().unwrap();
    let used = limits.windows().map(|(period, window)| (period, window.used.unwrap().amount)).collect::<Vec<_>>();
    assert_eq!(used, [(Period::Hour, 6)]);
}

/// An account's item may be newer than the records of its commands.
#[test]
fn of_limits_the_higher_version_stays() {
    let (mut tables, topics) = world(
        "command open shop 0
         command hour shop 50
         account bank 0 unlimited
         account shop 0 0
         item pay p1 shop bank 4",
    );
    let newer = Limits { max_balance: Some(9), ..Limits::NONE };
    let first = AccountLimits::replaced(None, Limits { max_balance: Some(8), ..Limits::NONE });
    let second = AccountLimits::replaced(Some(&first), newer);
    tables.accounts.get_mut(&id("shop")).unwrap().limits = Some(Box::new(second));
    let limits = |tables: &Tables| {
        let after = tables.clone().with(&tables.rebuilt(&topics).1.unwrap());
        assert_eq!(after.faults(), []);
        after.accounts[&id("shop")].limits.clone().unwrap()
    };
    assert_eq!((limits(&tables).version, limits(&tables).limits()), (2, newer));
    // A payment counted under limits that neither tells.
    let payment = tables.payments.values_mut().next().unwrap();
    payment.outcome.limits_version = Some(5);
    assert_eq!((limits(&tables).version, limits(&tables).limits()), (5, newer));
    tables.commands.clear();
    tables.accounts.get_mut(&id("shop")).unwrap().limits = None;
    assert_eq!((limits(&tables).version, limits(&tables).limits()), (5, Limits::NONE));
}

/// Its lanes may have owed. Now no payment may be taken from any of them.
#[test]
fn an_account_that_got_a_limit_tells_its_lanes() {
    let (mut tables, topics) = world(
        "command open shop unlimited
         command limit shop 7
         account shop 0 unlimited 3
         lane shop/1 0",
    );
    tables.accounts.get_mut(&id("shop")).unwrap().lane_debits = true;
    let after = tables.clone().with(&tables.rebuilt(&topics).1.unwrap());
    let lanes: Vec<_> = after.lanes.values().map(|lane| (lane.id.lane, lane.is_limited, lane.version)).collect();
    assert_eq!(lanes, [(0, true, 1), (1, true, 2), (2, true, 1)]);
    assert!(!after.accounts[&id("shop")].pays_from_lanes());
    // And if the last command took the limit away again, they are told that too.
    let (mut unlimited, topics) = world(
        "command open shop 7
         command limit shop unlimited
         account shop 0 7 3
         lane shop/1 0",
    );
    let lane = unlimited.lanes.values_mut().next().unwrap();
    lane.is_limited = true;
    let after = unlimited.clone().with(&unlimited.rebuilt(&topics).1.unwrap());
    assert!(after.accounts[&id("shop")].pays_from_lanes());
    assert_eq!(after.lanes.values().map(|lane| lane.is_limited).collect::<Vec<_>>(), [false]);
}

#[test]
fn an_account_that_was_lost_is_opened_as_its_command_opens_it() {
    check(
        "account bank 0 unlimited
         opens shop 9
         opens other 9
         told pay p1 bank shop 10",
        &expect![[r#"
            payment p1: told, and missing
            account bank: balance 0 -> -10
            account shop: missing, balance 10
            to write: 1 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0"#]],
    );
    check(
        "account bank 0 unlimited
         told pay p1 bank shop 10",
        &expect![
            "account shop: settled payments name it. It has no item, and no command opened it. Open it with `giro accounts open --direct`"
        ],
    );
}

#[test]
fn what_only_lost_payments_can_mend_is_left_open() {
    check(
        "account bank 0 unlimited
         account alice 0 0
         account shop 0 0
         told pay p2 alice shop 10",
        &expect![[r#"
            payment p2: told, and missing
            account alice: balance 0 -> -10
            account shop: balance 0 -> 10
            to write: 1 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0
            open: account alice: it holds -10, which is below 0, until payments that are missing are decided anew"#]],
    );
}

#[test]
fn what_contradicts_itself_is_found() {
    check(
        "account bank 0 unlimited
         account shop 0 0
         item pay p1 bank shop 10 @1
         told pay p1 bank shop 11 @1
         item pay p2 bank shop 10 @2
         told declined pay p2 bank shop 10 @2
         item pay p3 bank shop 10 @3
         told pay p3 bank shop 10 @4
         told pay p4 bank shop 10 @5
         told declined pay p4 bank shop 10 @5
         item legs p5 @6
         leg p5 @7",
        &expect![[r#"
            payment p4: payment-outcomes/0/4 tells another outcome than a record before it
            payment p1: the topic tells another outcome than the table payments
            payment p2: the topic tells another outcome than the table payments
            payment p3: the topic tells another outcome than the table payments
            leg p5/2: its item is not as its payment says
            account fees: settled payments name it. It has no item, and no command opened it. Open it with `giro accounts open --direct`"#]],
    );
    let (mut tables, topics) = world(
        "account bank 0 unlimited
         account shop 0 0
         item pay p1 bank shop 10",
    );
    tables.payments.values_mut().for_each(|it| it.fingerprint = payment("p", "a", "b", 1).fingerprint());
    let dollars = tables.accounts.get_mut(&id("shop")).unwrap();
    *dollars = dollars.clone().currency(giro_testkit::given::currency("USD"));
    let findings = tables.rebuilt(&topics).1.unwrap_err();
    expect![[r#"
        payment p1: its fingerprint is not that of what its item says
        payment p1: it is settled in EUR, and its account shop is in USD"#]]
    .assert_eq(&findings.join("\n"));
}

/// A person has looked at a payment, and says that its item is right.
#[test]
fn an_item_stands_if_a_person_says_so() {
    let after = check(
        "account bank 0 unlimited
         account shop 0 0
         told pay p1 bank shop 11 @1
         item pay p1 bank shop 10 @2
         told pay p2 bank shop 1 @3
         told declined pay p2 bank shop 1 @4
         item pay p2 bank shop 1 @3
         stands p1
         stands p2",
        &expect![[r#"
            account bank: balance 0 -> -11
            account shop: balance 0 -> 11
            to write: 0 payments, 0 legs, 2 accounts, 0 lanes, 0 sums of refunds; to remove: 0
            payment p2: payment-outcomes/0/2 tells another outcome than a record before it. Its item stands
            payment p1: the topic tells another outcome than the table payments. Its item stands"#]],
    );
    assert_eq!(after.held(&id("shop")), 11);
    // It says so of others only.
    check(
        "account bank 0 unlimited
         account shop 0 0
         told pay p1 bank shop 11 @1
         item pay p1 bank shop 10 @2
         told pay p2 bank shop 2 @3
         item pay p2 bank shop 1 @3
         item pay p3 bank shop 1 @4
         told pay p4 bank shop 1 @5
         stands p1
         stands p3
         stands p4",
        &expect![[r#"
            payment p2: the topic tells another outcome than the table payments
            payment p3: nothing contradicts its item
            payment p4: the table payments has no item that may stand"#]],
    );
    let (mut tables, topics) = world(
        "account bank 0 unlimited
         account shop 0 0
         item pay p1 bank shop 10
         stands p1",
    );
    tables.payments.values_mut().for_each(|it| it.fingerprint = payment("p", "a", "b", 1).fingerprint());
    let (journal, changes) = tables.rebuilt(&topics);
    assert_eq!(changes.unwrap().accounts.len(), 2);
    assert_eq!(
        journal.stands.notes,
        ["payment p1: its fingerprint is not that of what its item says. Its item stands"]
    );
}
