//! What: The small worlds of payments with legs.

use giro::domain::account_command::Action;
use giro::domain::limits::WindowLimit;
use giro::domain::{Account, Amount, Instruction, LegNumber, Limits, OverdraftLimit, Payment, Refund};

use super::SmallWorld;
use crate::given::{Setters as _, account, currency, legged, payment, refund};

/// A payment with legs in euros.
fn legs(id: &str, debtor: &str, legs: &[(&str, &str, u64)]) -> Instruction {
    let legs: Vec<_> = legs.iter().map(|&(debtor, creditor, amount)| (debtor, creditor, "EUR", amount)).collect();
    legged(id, debtor, &legs).into()
}

fn pay(id: &str, debtor: &str, creditor: &str, amount: u64) -> Instruction {
    payment(id, debtor, creditor, amount).into()
}

/// Alice pays the shop, which pays a fee out of it.
fn with_fee(id: &str, amount: u64, fee: u64) -> Instruction {
    legs(id, "alice", &[("alice", "shop", amount), ("shop", "fees", fee)])
}

/// Every small world of payments with legs.
pub(super) fn worlds() -> Vec<SmallWorld> {
    [chains(), lenders(), beside_others()].concat()
}

/// Accounts in the middle.
fn chains() -> Vec<SmallWorld> {
    let (alice, bob, shop, fees) = (account("alice").holding(50), account("bob"), account("shop"), account("fees"));
    let three = |shop: &Account| [alice.clone(), shop.clone(), fees.clone()];
    let four = |shop: &Account| [alice.clone(), bob.clone(), shop.clone(), fees.clone()];
    vec![
        SmallWorld::new("a fee from the middle", three(&shop))
            .asks(0, [with_fee("l1", 30, 3), pay("p2", "alice", "shop", 30)])
            .asks(1, [pay("p3", "shop", "alice", 20), pay("p4", "shop", "alice", 10)]),
        SmallWorld::new("a fee, two workers", three(&shop))
            .asks(0, [with_fee("l1", 30, 3), with_fee("l2", 30, 3), with_fee("l3", 20, 2)])
            .twice(),
        SmallWorld::new("legs of one debtor on two partitions", three(&shop))
            .asks(0, [with_fee("l1", 30, 3), pay("p2", "alice", "shop", 10)])
            .asks(1, [with_fee("l3", 30, 3)]),
        SmallWorld::new("a chain whose middle is short", three(&shop.clone().holding(30)))
            .asks(0, [with_fee("l1", 20, 25), pay("p2", "alice", "shop", 50)])
            .asks(1, [pay("p3", "shop", "alice", 30)]),
        SmallWorld::new("a chain of three", four(&shop))
            .asks(0, [legs("l1", "alice", &[("alice", "shop", 30), ("shop", "fees", 20), ("fees", "bob", 20)])])
            .asks(1, [pay("p2", "bob", "alice", 20), legs("l3", "bob", &[("bob", "shop", 10), ("shop", "fees", 20)])]),
        SmallWorld::new("lanes in the middle", four(&shop.clone().lanes(2)))
            .asks(0, [with_fee("l1", 30, 3)])
            .asks(1, [pay("p2", "shop", "bob", 20), pay("p3", "shop", "bob", 10)]),
        SmallWorld::new("legs of an account that sweeps", four(&shop.clone().lanes(2)))
            .lane("shop/0", 20)
            .asks(0, [legs("l1", "shop", &[("shop", "alice", 15), ("alice", "fees", 2)])])
            .asks(1, [pay("p2", "alice", "shop", 10), pay("p3", "alice", "shop", 50)]),
        SmallWorld::new("a freeze of the middle", three(&shop))
            .asks(0, [with_fee("l1", 30, 3), pay("p2", "alice", "fees", 30)])
            .orders(0, &[("c1", "shop", Action::Freeze)]),
        SmallWorld::new(
            "two chains through each other",
            [alice.clone(), shop.clone().lanes(2), fees.clone(), bob.clone().holding(20)],
        )
        .asks(0, [with_fee("l1", 30, 10), pay("p2", "alice", "shop", 20)])
        .asks(1, [legs("l3", "bob", &[("bob", "shop", 20), ("shop", "alice", 15)]), pay("p4", "bob", "shop", 5)]),
    ]
}

/// Accounts without a limit, and somebody else's money.
fn lenders() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice").holding(50), account("bob"), account("shop"));
    let usd = |name: &str| account(name).currency(currency("USD"));
    let (euros, dollars) = (account("fx-eur").unlimited(), usd("fx-usd").unlimited());
    let of_lanes = [account("fx-eur").paying_from_lanes(2), usd("fx-usd").paying_from_lanes(2)];
    let change = |id: &str, debtor: &str| -> Instruction {
        legged(id, debtor, &[(debtor, "fx-eur", "EUR", 30), ("fx-usd", "carol", "USD", 33)]).into()
    };
    let pay_dollars: Instruction = Payment { currency: currency("USD"), ..payment("p3", "carol", "fx-usd", 40) }.into();
    let borrowed = legs("l1", "alice", &[("alice", "shop", 10), ("bank", "shop", 20)]);
    let limit = Action::SetOverdraftLimit(OverdraftLimit::Limited(0));
    vec![
        SmallWorld::new("an exchange", [alice.clone(), euros, dollars, usd("carol").holding(10)])
            .asks(0, [change("l1", "alice"), change("l2", "alice")])
            .asks(1, [pay_dollars]),
        SmallWorld::new(
            "exchanges on two partitions, from lanes",
            of_lanes.into_iter().chain([alice.clone(), bob.clone().holding(40), usd("carol")]).collect::<Vec<_>>(),
        )
        .asks(0, [change("l1", "alice"), change("l2", "alice")])
        .asks(1, [change("l3", "bob")]),
        SmallWorld::new("a lender gets a limit", [alice.clone(), shop.clone(), account("bank").unlimited().holding(5)])
            .asks(0, [borrowed, pay("p2", "alice", "shop", 40)])
            .orders(0, &[("c1", "bank", limit)]),
        SmallWorld::new("somebody else's money", [alice, bob.holding(50), shop])
            .asks(
                0,
                [legs("l1", "alice", &[("alice", "shop", 10), ("bob", "shop", 10)]), pay("p2", "alice", "shop", 50)],
            )
            .asks(1, [pay("p3", "bob", "alice", 50)]),
    ]
}

/// Legs beside limits and refunds.
fn beside_others() -> Vec<SmallWorld> {
    let (alice, shop, fees) = (account("alice").holding(60), account("shop"), account("fees"));
    let windows = [None, Some(WindowLimit { amount: Some(50), count: Some(2) }), None];
    let lower = Limits { max_payment: Amount::try_new(20).ok(), windows, ..Limits::NONE };
    let limited = alice.clone().limits(Limits { windows, ..Limits::NONE });
    let split = |id: &str| legs(id, "alice", &[("alice", "shop", 20), ("alice", "fees", 2)]);
    let back = |id: &str, leg: u64, debtor: &str, amount| -> Instruction {
        Refund { leg: LegNumber::try_new(leg).ok(), ..refund(id, "l1", debtor, amount) }.into()
    };
    vec![
        SmallWorld::new("legs count together in a window", [limited.clone(), shop.clone(), fees.clone()])
            .asks(0, [split("l1"), split("l2")])
            .asks(1, [pay("p3", "alice", "shop", 20)]),
        SmallWorld::new("lower limits beside legs", [limited, shop.clone(), fees.clone()])
            .asks(0, [split("l1"), split("l2")])
            .orders(0, &[("c1", "alice", Action::SetLimits(lower))]),
        SmallWorld::new(
            "a largest balance at the end of a chain",
            [alice.clone(), shop.clone(), fees.clone().limits(Limits { max_balance: Some(5), ..Limits::NONE })],
        )
        .asks(0, [with_fee("l1", 30, 3), with_fee("l2", 20, 3)])
        .asks(1, [pay("p3", "fees", "alice", 3)]),
        SmallWorld::new("refunds of legs", [alice, shop.holding(20), fees])
            .began_with([with_fee("l1", 30, 3)])
            .asks(0, [back("r1", 1, "shop", Some(20)), back("r2", 2, "fees", None)])
            .asks(1, [back("r3", 1, "shop", Some(20))]),
    ]
}
