//! What: The small worlds of refunds. The original is `p1`, which Alice paid to the shop.

use giro::domain::account_command::Action;
use giro::domain::{Account, Instruction};

use super::SmallWorld;
use crate::given::{Setters as _, account, payment, refund};

/// The original.
fn paid(amount: u64) -> [Instruction; 1] {
    [payment("p1", "alice", "shop", amount).into()]
}

/// A refund of the original. `None`: all that is left.
fn back(id: &str, amount: impl Into<Option<u64>>) -> Instruction {
    refund(id, "p1", "shop", amount.into()).into()
}

/// Every small world of refunds.
pub(super) fn worlds() -> Vec<SmallWorld> {
    let (alice, bob, shop) = (account("alice").holding(50), account("bob"), account("shop"));
    let two = |shop: &Account| [alice.clone(), shop.clone()];
    vec![
        SmallWorld::new("one original, refunds on two partitions", two(&shop.clone().holding(50)))
            .began_with(paid(50))
            .asks(0, [back("r1", 30), back("r2", 20)])
            .asks(1, [back("r3", 30)]),
        SmallWorld::new("all that is left, on two partitions", two(&shop.clone().holding(50)))
            .began_with(paid(50))
            .asks(0, [back("r1", None)])
            .asks(1, [back("r2", 20), back("r3", None)]),
        SmallWorld::new("refunds, two workers", two(&shop.clone().holding(20)))
            .began_with(paid(50))
            .asks(0, [back("r1", 30), back("r2", 30), back("r3", None)])
            .twice(),
        SmallWorld::new("refunds beside their original", two(&shop.clone().holding(50)))
            .asks(0, paid(50))
            .asks(1, [back("r1", 30), back("r2", 30)]),
        SmallWorld::new(
            "an original and its refunds in one batch",
            [alice.clone(), bob.clone(), shop.clone().holding(20)],
        )
        .asks(0, paid(50).into_iter().chain([back("r1", 30), back("r2", 30)]))
        .pays(1, &[("p2", "shop", "bob", 40)]),
        SmallWorld::new("refunds of what gives nothing back", [alice.clone(), bob.clone(), shop.clone()])
            .asks(
                0,
                paid(50).into_iter().chain([
                    back("r1", 30),
                    refund("r2", "r1", "alice", None).into(),
                    refund("r3", "p1", "bob", None).into(),
                ]),
            )
            .pays(1, &[("p2", "alice", "bob", 30)]),
        SmallWorld::new("a refund takes no overdraft", [alice.clone(), bob.clone(), shop.clone().limit(50)])
            .began_with(paid(30))
            .asks(0, [back("r1", 30)])
            .pays(1, &[("p2", "shop", "bob", 20), ("p3", "shop", "bob", 20)]),
        SmallWorld::new("refunds of what came to lanes", two(&shop.clone().lanes(2)))
            .began_with(paid(50))
            .asks(0, [back("r1", 30)])
            .asks(1, [back("r2", 30)]),
        SmallWorld::new("refunds that are taken from lanes", two(&shop.clone().paying_from_lanes(2)))
            .began_with(paid(50))
            .asks(0, [back("r1", 30), back("r2", 20)])
            .asks(1, [back("r3", 30)]),
        SmallWorld::new("a freeze beside refunds", two(&shop))
            .began_with(paid(50))
            .asks(0, [back("r1", 30), back("r2", None)])
            .orders(0, &[("c1", "alice", Action::Freeze), ("c2", "alice", Action::Unfreeze)]),
        SmallWorld::new("refunds of one original beside each other and a payment", [alice, bob, shop.holding(20)])
            .began_with(paid(50))
            .asks(0, [back("r1", 30)])
            .asks(1, [back("r2", None)])
            .pays(2, &[("p2", "shop", "bob", 40)])
            .long(),
    ]
}
