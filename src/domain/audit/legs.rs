//! What: Checks that each further leg of a settled payment has its own item, which says the same as the payment.
//!
//! Data: Takes settled payments and items of legs, in any order. Gives findings.
//!
//! Why it gives no false alarm: A payment and the items of its legs are written in one transaction, but a scan may read
//! one before it and the other after it. So a leg that only one of them told is judged in the next look. All that this
//! look has found was there when the next one began.
//!
//! Limits: Memory grows with the legs that only one of the two has told so far.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::domain::{Instruction, LegId, Outcome, SettledLeg};

/// Who told of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Teller {
    Payment,
    Item,
}

/// The further legs of the payments of one look.
#[derive(Debug, Default)]
pub(super) struct FurtherLegs {
    /// Legs that only one of the two has told so far.
    open: BTreeMap<LegId, (Teller, SettledLeg)>,
    /// What the look before has left open. `None` in the first look, which looks at all.
    left: Option<BTreeSet<LegId>>,
}

impl FurtherLegs {
    /// Takes a settled payment. Gives what is wrong with items of its legs.
    pub(super) fn settled(&mut self, outcome: &Outcome) -> Vec<Finding> {
        let Instruction::Legged(payment) = &outcome.instruction else { return Vec::new() };
        payment.further(outcome.decided_at).filter_map(|leg| self.told(Teller::Payment, leg)).collect()
    }

    /// Takes the item of a leg. Gives what is wrong with it.
    pub(super) fn item(&mut self, leg: SettledLeg) -> Option<Finding> {
        self.told(Teller::Item, leg)
    }

    fn told(&mut self, by: Teller, leg: SettledLeg) -> Option<Finding> {
        if self.left.as_ref().is_some_and(|left| !left.contains(&leg.id)) {
            return None;
        }
        match self.open.remove(&leg.id) {
            Some((before, known)) if before == by => drop(self.open.insert(leg.id.clone(), (by, known))),
            Some((_, other)) if other != leg => {
                return Some(Finding::Leg { leg: leg.id, expected: "to be as its payment says" });
            }
            Some(_) => {}
            None => drop(self.open.insert(leg.id.clone(), (by, leg))),
        }
        None
    }

    /// Ends a look. Gives what is wrong, and how many legs the next look must judge.
    pub(super) fn end_look(&mut self) -> (Vec<Finding>, usize) {
        let open = std::mem::take(&mut self.open);
        if self.left.is_none() {
            self.left = Some(open.into_keys().collect());
            return (Vec::new(), self.left.as_ref().map_or(0, BTreeSet::len));
        }
        self.left = Some(BTreeSet::new());
        let finding = |(leg, (by, _))| Finding::Leg {
            leg,
            expected: match by {
                Teller::Payment => "an item of its own",
                Teller::Item => "a settled payment that has it",
            },
        };
        (open.into_iter().map(finding).collect(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, Currency, Leg, LeggedPayment, Legs, Source, Timestamp};

    fn payment() -> LeggedPayment {
        let leg = |debtor: &str, creditor: &str, amount| Leg {
            debtor: debtor.parse().unwrap(),
            creditor: creditor.parse().unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
        };
        let legs = vec![leg("alice", "shop", 10), leg("shop", "fees", 1), leg("alice", "bob", 2)];
        let debtor = "alice".parse().unwrap();
        let legs = Legs::try_new(&debtor, legs).unwrap();
        LeggedPayment { id: "p1".parse().unwrap(), debtor, legs, reference: None, requested_at: None }
    }

    fn outcome() -> Outcome {
        Outcome {
            requested_by: None,
            trace: None,
            instruction: payment().into(),
            repayment: None,
            decision: Ok(()),
            declined_leg: None,
            decided_at: Timestamp::EPOCH,
            limits_version: None,
            source: Source { topic: "t".into(), partition: 0, offset: 0 },
        }
    }

    /// Looks twice at the payment, if it is there, and at these items.
    fn findings(is_there: bool, items: &[SettledLeg]) -> Vec<String> {
        let mut legs = FurtherLegs::default();
        let mut found = Vec::new();
        for _ in 0..2 {
            found.extend(items.iter().take(1).cloned().filter_map(|leg| legs.item(leg)));
            if is_there {
                found.extend(legs.settled(&outcome()));
            }
            found.extend(items.iter().skip(1).cloned().filter_map(|leg| legs.item(leg)));
            found.extend(legs.end_look().0);
        }
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_further_leg_has_its_item() {
        let items: Vec<SettledLeg> = payment().further(Timestamp::EPOCH).collect();
        let [second, third] = items.as_slice() else { panic!("a payment of three legs has two further ones") };
        let mut other = third.clone();
        other.leg.amount = Amount::try_new(3).unwrap();
        for (is_there, items, expected) in [
            (true, vec![second.clone(), third.clone()], &[][..]),
            (true, vec![third.clone(), second.clone()], &[]),
            (true, vec![third.clone()], &["leg p1/2: expected an item of its own"]),
            (true, vec![second.clone(), other], &["leg p1/3: expected to be as its payment says"]),
            (
                false,
                vec![second.clone(), third.clone()],
                &[
                    "leg p1/2: expected a settled payment that has it",
                    "leg p1/3: expected a settled payment that has it",
                ],
            ),
        ] {
            assert_eq!(findings(is_there, &items), expected, "{items:?}");
        }
    }

    /// The first look read one of the two before the transaction, and the other after it.
    #[test]
    fn a_leg_that_is_settled_during_a_look_is_judged_in_the_next() {
        let items: Vec<SettledLeg> = payment().further(Timestamp::EPOCH).collect();
        let mut legs = FurtherLegs::default();
        assert_eq!(legs.settled(&outcome()), []);
        assert_eq!(legs.item(items[0].clone()), None);
        assert_eq!(legs.end_look(), (vec![], 1));
        for item in items {
            assert_eq!(legs.item(item), None);
        }
        assert_eq!(legs.settled(&outcome()), []);
        assert_eq!(legs.end_look(), (vec![], 0));
    }
}
