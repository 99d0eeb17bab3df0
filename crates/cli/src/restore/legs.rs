//! What: Pairs the further legs of settled payments with their items.
//!
//! Data: Takes both in any order. Gives items to write, items to remove, and what contradicts what.
//!
//! An item whose payment was lost is removed. Its payment is decided anew, and could not be written beside it.
//!
//! Limits: Memory grows with the legs that only one of the two has told so far.

use std::collections::BTreeMap;

use giro::domain::{Instruction, LegId, Outcome, SettledLeg};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Teller {
    Payment,
    Item,
}

/// The further legs of settled payments.
#[derive(Debug, Clone, Default)]
pub struct FurtherLegs {
    /// Those that only one of the two has told so far.
    open: BTreeMap<LegId, (Teller, SettledLeg)>,
}

impl FurtherLegs {
    /// Takes a settled payment. Gives what contradicts it.
    pub fn settled(&mut self, outcome: &Outcome) -> Vec<String> {
        match &outcome.instruction {
            Instruction::Legged(payment) => {
                payment.further(outcome.decided_at).filter_map(|leg| self.told(Teller::Payment, leg)).collect()
            }
            Instruction::Payment(_) | Instruction::Refund(_) => Vec::new(),
        }
    }

    /// Takes the item of a leg. Gives what contradicts it.
    pub fn item(&mut self, leg: SettledLeg) -> Option<String> {
        self.told(Teller::Item, leg)
    }

    fn told(&mut self, by: Teller, leg: SettledLeg) -> Option<String> {
        match self.open.remove(&leg.id) {
            None => drop(self.open.insert(leg.id.clone(), (by, leg))),
            Some((_, other)) if other == leg => {}
            Some(_) => return Some(format!("leg {}: its item is not as its payment says", leg.id)),
        }
        None
    }

    /// The legs that have no item.
    pub fn without_item(&self) -> impl Iterator<Item = &SettledLeg> {
        self.open.values().filter(|(by, _)| *by == Teller::Payment).map(|(_, leg)| leg)
    }

    /// The legs whose items have no settled payment.
    pub fn without_payment(&self) -> impl Iterator<Item = &LegId> {
        self.open.iter().filter(|(_, (by, _))| *by == Teller::Item).map(|(id, _)| id)
    }
}
