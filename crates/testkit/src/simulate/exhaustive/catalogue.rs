//! What: The small worlds, each with what it is there for.
//!
//! Accounts have two to five names, batches hold three to five requests in all. Amounts are chosen so that a different
//! order gives a different answer.
//!
//! | module | what |
//! |---|---|
//! | here | payments, lanes and commands |
//! | `refunds` | refunds of one original |
//! | `limits` | limits, windows over a boundary, and largest balances |
//! | `legs` | fees, chains, exchanges and loans |

mod legs;
mod limits;
mod refunds;

use giro::domain::account_command::{Action, Terms};
use giro::domain::{AccountStatus, OverdraftLimit};

use super::small_world::SmallWorld;
use crate::given::{Setters as _, account, eur};

/// Every small world.
pub(super) fn worlds() -> Vec<SmallWorld> {
    [payments(), lanes(), commands(), payments_from_lanes(), refunds::worlds(), limits::worlds(), legs::worlds()]
        .concat()
}

/// Accounts without lanes.
fn payments() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice"), account("bob"), account("shop"));
    vec![
        SmallWorld::new(
            "one creditor, two partitions",
            [alice.clone().holding(50), bob.clone().holding(30), shop.clone()],
        )
        .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 40)])
        .pays(1, &[("p3", "bob", "shop", 20)]),
        SmallWorld::new("two accounts that pay each other", [alice.clone().holding(20), bob.clone().holding(10)])
            .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 10)])
            .pays(1, &[("p3", "bob", "alice", 10), ("p4", "bob", "alice", 20)]),
        SmallWorld::new(
            "one partition, two workers",
            [alice.clone().holding(50), bob.clone().holding(10), shop.clone()],
        )
        .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 30), ("p3", "bob", "alice", 10)])
        .twice(),
        SmallWorld::new(
            "a worker too many beside another partition",
            [alice.clone().holding(20), bob.clone().holding(20)],
        )
        .pays(0, &[("p1", "alice", "bob", 20), ("p2", "alice", "bob", 10)])
        .twice()
        .pays(1, &[("p3", "bob", "alice", 10)])
        .long(),
        SmallWorld::new("one debtor on two partitions", [alice.clone().holding(50), bob.clone(), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 30), ("p2", "shop", "alice", 10)])
            .pays(1, &[("p3", "alice", "bob", 30)]),
        SmallWorld::new("one payment on two partitions", [alice.clone().holding(50), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 30)])
            .pays(1, &[("p1", "alice", "shop", 30)]),
        SmallWorld::new("a debt that a later credit would cover", [alice.holding(20), bob.holding(40), shop])
            .pays(0, &[("p1", "alice", "shop", 50), ("p2", "bob", "alice", 40)])
            .pays(1, &[("p3", "bob", "shop", 10)]),
    ]
}

/// Accounts with lanes. Those that aren't named hold nothing, and come into being with their first credit.
fn lanes() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice"), account("bob"), account("shop").lanes(2));
    vec![
        SmallWorld::new("credits on lanes", [alice.clone().holding(50), bob.clone().holding(30), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 30), ("p2", "alice", "shop", 30)])
            .pays(1, &[("p3", "bob", "shop", 20)]),
        SmallWorld::new("a sweep beside a credit", [alice.clone(), bob.clone().holding(30), shop.clone().holding(5)])
            .lane("shop/0", 20)
            .pays(0, &[("p1", "shop", "alice", 20), ("p2", "shop", "alice", 20)])
            .pays(1, &[("p3", "bob", "shop", 15)]),
        SmallWorld::new("a decline beside credits on lanes", [alice.clone(), bob.clone().holding(30), shop.clone()])
            .lane("shop/0", 10)
            .pays(0, &[("p1", "shop", "alice", 20)])
            .pays(1, &[("p2", "bob", "shop", 5), ("p3", "bob", "shop", 5)]),
        SmallWorld::new("one sweep, two workers", [alice.clone(), shop.clone()])
            .lane("shop/0", 10)
            .lane("shop/1", 10)
            .pays(0, &[("p1", "shop", "alice", 15), ("p2", "shop", "alice", 10)])
            .twice(),
        SmallWorld::new("two debits that sweep the same lanes", [alice.clone(), bob.clone(), shop.clone()])
            .lane("shop/0", 10)
            .lane("shop/1", 10)
            .pays(0, &[("p1", "shop", "alice", 15)])
            .pays(1, &[("p2", "shop", "bob", 5), ("p3", "shop", "bob", 5)]),
        SmallWorld::new("a debit beside another's sweep", [alice.clone(), bob.clone(), shop.clone()])
            .lane("shop/0", 20)
            .pays(0, &[("p1", "shop", "alice", 10)])
            .pays(1, &[("p2", "shop", "bob", 5)]),
        SmallWorld::new("a lane that is made and swept", [alice.clone().holding(20), bob.clone(), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 20)])
            .pays(1, &[("p2", "shop", "bob", 15), ("p3", "shop", "bob", 10)]),
        SmallWorld::new("a batch of two partitions", [alice.clone(), bob.clone().holding(20), shop.clone().lanes(3)])
            .lane("shop/0", 20)
            .pays(0, &[("p1", "shop", "alice", 15)])
            .and_pays(1, &[("p2", "shop", "alice", 10)])
            .pays(2, &[("p3", "bob", "shop", 5)]),
        SmallWorld::new("a sweep, a worker too many and a credit", [alice, bob.holding(20), shop])
            .lane("shop/0", 10)
            .pays(0, &[("p1", "shop", "alice", 15), ("p2", "shop", "alice", 10)])
            .twice()
            .pays(1, &[("p3", "bob", "shop", 10)])
            .long(),
    ]
}

fn set_limit(limit: u64) -> Action {
    Action::SetOverdraftLimit(OverdraftLimit::Limited(limit))
}

/// Those of a plain account.
fn terms() -> Terms {
    let (overdraft_limit, credit_lanes) = (OverdraftLimit::Limited(0), account("alice").credit_lanes);
    Terms { currency: eur(), overdraft_limit, credit_lanes, owner: None }
}

/// Account commands beside payments.
fn commands() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice"), account("bob"), account("shop").lanes(2));
    let terms = terms();
    vec![
        SmallWorld::new(
            "a freeze beside credits on lanes",
            [alice.clone().holding(50), bob.clone().holding(30), shop.clone()],
        )
        .pays(0, &[("p1", "alice", "shop", 30)])
        .pays(1, &[("p2", "bob", "shop", 20), ("p3", "bob", "alice", 10)])
        .orders(0, &[("c1", "shop", Action::Freeze)]),
        SmallWorld::new("a freeze beside a sweep", [alice.clone(), shop.clone()])
            .lane("shop/1", 20)
            .pays(0, &[("p1", "shop", "alice", 15), ("p2", "shop", "alice", 10)])
            .orders(0, &[("c1", "shop", Action::Freeze), ("c2", "shop", Action::Unfreeze)]),
        SmallWorld::new("a freeze and an unfreeze side by side", [alice.clone().holding(30), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 10), ("p2", "alice", "bob", 10)])
            .orders(0, &[("c1", "alice", Action::Freeze)])
            .orders(1, &[("c2", "alice", Action::Unfreeze)]),
        SmallWorld::new("closing what is being emptied", [alice.clone().holding(20), bob.clone().holding(5)])
            .pays(0, &[("p1", "alice", "bob", 20)])
            .pays(1, &[("p2", "bob", "alice", 5)])
            .orders(0, &[("c1", "alice", Action::Close)]),
        SmallWorld::new("closing what is being paid on lanes", [alice.clone().holding(20), shop.clone()])
            .pays(0, &[("p1", "alice", "shop", 20)])
            .pays(1, &[("p2", "shop", "alice", 20)])
            .orders(0, &[("c1", "shop", Action::Close)]),
        SmallWorld::new("another limit beside debits", [alice.clone().limit(50), bob.clone()])
            .pays(0, &[("p1", "alice", "bob", 30), ("p2", "alice", "bob", 20), ("p3", "bob", "alice", 10)])
            .orders(0, &[("c1", "alice", set_limit(10))]),
        SmallWorld::new(
            "lanes are added",
            [alice.clone().holding(30), bob.clone().holding(20), account("shop").holding(5)],
        )
        .pays(0, &[("p1", "alice", "shop", 30), ("p2", "shop", "alice", 10)])
        .pays(1, &[("p3", "bob", "shop", 20)])
        .orders(0, &[("c1", "shop", Action::AddLanes(shop.credit_lanes))])
        .long(),
        SmallWorld::new(
            "lanes are added to a debtor",
            [alice.clone(), bob.clone().holding(20), account("shop").holding(5)],
        )
        .pays(0, &[("p1", "shop", "alice", 15), ("p2", "bob", "shop", 20)])
        .orders(0, &[("c1", "shop", Action::AddLanes(shop.credit_lanes))]),
        SmallWorld::new(
            "lanes are added to a frozen account",
            [bob.clone().holding(20), account("shop").status(AccountStatus::Frozen)],
        )
        .pays(0, &[("p1", "bob", "shop", 5), ("p2", "bob", "shop", 5)])
        .orders(0, &[("c1", "shop", Action::AddLanes(shop.credit_lanes)), ("c2", "shop", Action::Unfreeze)]),
        SmallWorld::new("an account is opened", [alice.holding(30)])
            .pays(0, &[("p1", "alice", "late", 10)])
            .pays(1, &[("p2", "late", "alice", 5)])
            .orders(0, &[("c1", "late", Action::Open(terms))]),
    ]
}

/// An account without a limit that pays from lanes, beside commands.
fn payments_from_lanes() -> Vec<SmallWorld> {
    let (alice, bank) = (account("alice"), account("bank").paying_from_lanes(2));
    vec![
        SmallWorld::new("payments from lanes beside a limit", [bank.clone().holding(5), alice.clone().holding(5)])
            .pays(0, &[("p1", "bank", "alice", 10), ("p2", "bank", "alice", 5)])
            .orders(
                0,
                &[("c1", "bank", set_limit(5)), ("c2", "bank", Action::SetOverdraftLimit(OverdraftLimit::Unlimited))],
            ),
        SmallWorld::new("a lane that owes, a credit and a limit", [bank.clone(), alice.clone().holding(5)])
            .lane("bank/1", -10)
            .pays(0, &[("p1", "alice", "bank", 5)])
            .pays(1, &[("p2", "bank", "alice", 5)])
            .orders(0, &[("c1", "bank", set_limit(10))]),
        SmallWorld::new("a freeze beside payments from lanes", [bank, alice])
            .pays(0, &[("p1", "bank", "alice", 10), ("p2", "alice", "bank", 10)])
            .orders(0, &[("c1", "bank", Action::Freeze), ("c2", "bank", Action::Close)]),
    ]
}
