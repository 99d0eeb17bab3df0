//! What: The small worlds of limits. Some workers think that it is a moment before midnight, or a full hour, and others
//! a moment after it.

use giro::domain::account_command::Action;
use giro::domain::limits::WindowLimit;
use giro::domain::{Amount, Instruction, Limits, OverdraftLimit};

use super::SmallWorld;
use crate::given::{Setters as _, account, payment, refund};

/// One o'clock of the first day, in milliseconds.
const ONE: i64 = 3_600_000;
/// The first midnight after the epoch.
const MIDNIGHT: i64 = 24 * ONE;

/// Every small world of limits.
pub(super) fn worlds() -> Vec<SmallWorld> {
    [windows(), commands(), balances()].concat()
}

/// The most in an hour, and in a day, each with the most payments.
fn at_most(hour: (u64, u64), day: (u64, u64)) -> Limits {
    let window = |(amount, count)| Some(WindowLimit { amount: Some(amount), count: Some(count) });
    Limits { windows: [window(hour), window(day), None], ..Limits::NONE }
}

/// The most in a day.
fn daily(amount: u64) -> Limits {
    Limits { windows: [None, Some(WindowLimit { amount: Some(amount), count: None }), None], ..Limits::NONE }
}

fn largest_payment(amount: u64) -> Limits {
    Limits { max_payment: Amount::try_new(amount).ok(), ..Limits::NONE }
}

fn largest_balance(amount: u64) -> Limits {
    Limits { max_balance: Some(amount), ..Limits::NONE }
}

/// Payments that count in windows.
fn windows() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice").holding(90), account("bob"), account("shop"));
    let refunded: [Instruction; 2] =
        [refund("r1", "p1", "shop", Some(30)).into(), payment("p2", "shop", "bob", 30).into()];
    vec![
        SmallWorld::new("a window, one debtor on two partitions", [alice.clone().limits(daily(50)), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 20)])
            .pays(1, &[("p3", "alice", "bob", 30)]),
        SmallWorld::new(
            "a batch that fills a window, two workers",
            [alice.clone().limits(Limits { max_payment: Amount::try_new(30).ok(), ..daily(50) }), bob.clone()],
        )
        .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 30), ("p3", "alice", "bob", 40)])
        .twice(),
        SmallWorld::new(
            "windows before and after midnight",
            [alice.clone().limits(at_most((40, 2), (60, 3))), bob.clone()],
        )
        .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 20)])
        .at(MIDNIGHT.saturating_sub(1))
        .pays(1, &[("p3", "alice", "bob", 30)])
        .at(MIDNIGHT),
        SmallWorld::new("a new hour of the same day", [alice.clone().limits(at_most((30, 1), (50, 9))), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30)])
            .at(ONE.saturating_sub(1))
            .pays(1, &[("p2", "alice", "bob", 30), ("p3", "alice", "bob", 20)])
            .at(ONE),
        SmallWorld::new(
            "two limited debtors and two clocks",
            [alice.clone().limits(daily(30)), bob.clone().holding(30).limits(daily(30))],
        )
        .pays(0, &[("p1", "alice", "bob", 30), ("p2", "bob", "alice", 30)])
        .at(MIDNIGHT.saturating_sub(1))
        .pays(1, &[("p3", "alice", "bob", 20)])
        .at(MIDNIGHT),
        SmallWorld::new("a refund doesn't count", [alice, bob, shop.limits(daily(30))])
            .began_with([payment("p1", "alice", "shop", 60).into()])
            .asks(0, refunded)
            .pays(1, &[("p3", "shop", "bob", 20)]),
    ]
}

/// Limits that are set while payments are under way.
fn commands() -> Vec<SmallWorld> {
    let (alice, bob) = (account("alice").holding(90), account("bob"));
    let set = |id, limits| (id, "alice", Action::SetLimits(limits));
    vec![
        SmallWorld::new("lower limits beside debits", [alice.clone().limits(daily(50)), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 20)])
            .orders(0, &[set("c1", daily(40))]),
        SmallWorld::new("the first limits beside debits", [alice.clone(), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 10)])
            .orders(0, &[set("c1", largest_payment(20)), set("c2", Limits::NONE)]),
        SmallWorld::new("limits beside debits on two partitions", [alice.clone().limits(daily(50)), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30)])
            .pays(1, &[("p2", "alice", "bob", 30)])
            .orders(0, &[set("c1", daily(60))])
            .long(),
        SmallWorld::new("a limit that goes, and limits that come", [alice, bob])
            .pays(0, &[("p1", "alice", "bob", 30)])
            .orders(0, &[set("c1", daily(20))])
            .orders(1, &[("c2", "alice", Action::SetOverdraftLimit(OverdraftLimit::Unlimited))]),
    ]
}

/// Accounts that may hold only so much.
fn balances() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice").holding(50), account("bob").holding(50), account("shop"));
    let full = ("c1", "shop", Action::SetLimits(largest_balance(40)));
    vec![
        SmallWorld::new(
            "a largest balance, two partitions",
            [alice.clone(), bob.clone(), shop.clone().limits(largest_balance(40))],
        )
        .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 20)])
        .pays(1, &[("p3", "bob", "shop", 20)]),
        SmallWorld::new(
            "a largest balance that is being emptied",
            [alice.clone(), bob.clone(), shop.clone().holding(40).limits(largest_balance(40))],
        )
        .pays(0, &[("p1", "alice", "shop", 30)])
        .pays(1, &[("p2", "shop", "bob", 30), ("p3", "shop", "bob", 10)]),
        SmallWorld::new("a largest balance is set beside credits", [alice.clone(), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 20)])
            .orders(0, std::slice::from_ref(&full)),
        SmallWorld::new("a largest balance is set beside credits on lanes", [alice.clone(), shop.clone().lanes(2)])
            .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 20)])
            .orders(0, std::slice::from_ref(&full)),
        SmallWorld::new("a largest balance is set, two partitions", [alice, bob, shop.lanes(2)])
            .pays(0, &[("p1", "alice", "shop", 30)])
            .pays(1, &[("p2", "bob", "shop", 20)])
            .orders(0, &[full])
            .long(),
    ]
}
