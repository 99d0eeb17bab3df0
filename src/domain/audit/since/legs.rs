//! What: Checks that each further leg of the payments of one account has its own item, which says the same.
//!
//! Data: Takes settled payments and items of legs, as the account's debits list them. Asks for the other half of what
//! only one of them has told. Gives findings.
//!
//! Why it gives no false alarm: A payment and the items of its legs are written in one transaction. Whoever sees one of
//! them in a list can read all of them by their keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::audit::Finding;
use crate::domain::{Instruction, LegId, Outcome, PaymentId, SettledLeg};

const AS_PAYMENT: &str = "to be as its payment says";
const OF_PAYMENT: &str = "a settled payment that has it";
const OWN_ITEM: &str = "an item of its own";

/// What must be read by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Items of further legs.
    pub legs: Vec<LegId>,
    /// Payments.
    pub payments: Vec<PaymentId>,
}

/// What reads by key have shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegAnswers {
    legs: BTreeMap<LegId, SettledLeg>,
    payments: BTreeMap<PaymentId, Outcome>,
}

impl LegAnswers {
    /// Takes the item of a further leg that is there.
    pub fn leg(&mut self, leg: SettledLeg) {
        self.legs.insert(leg.id.clone(), leg);
    }

    /// Takes a payment that is there.
    pub fn payment(&mut self, outcome: Outcome) {
        if outcome.decision.is_ok() {
            self.payments.insert(outcome.instruction.id().clone(), outcome);
        }
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = &Outcome> {
        self.payments.values()
    }
}

/// The legs of the payments of one account.
#[derive(Debug, Default)]
pub(super) struct LegsSince {
    /// Legs that their payment has told, and no item yet.
    by_payment: BTreeMap<LegId, SettledLeg>,
    /// Legs that their own item has told, and no payment yet.
    by_item: BTreeMap<LegId, SettledLeg>,
    /// Payments with legs that were told. They are kept for windows alone, in which a payment must count once.
    told: BTreeSet<PaymentId>,
}

impl LegsSince {
    /// Takes a settled payment. Its further legs are checked if it `is_closed`; else only those of the account are.
    pub(super) fn settled(&mut self, outcome: &Outcome, is_closed: bool) -> Vec<Finding> {
        let Instruction::Legged(payment) = &outcome.instruction else { return Vec::new() };
        let mut findings = Vec::new();
        for leg in payment.further(outcome.decided_at) {
            match self.by_item.remove(&leg.id) {
                Some(item) if item != leg => findings.push(Finding::Leg { leg: leg.id, expected: AS_PAYMENT }),
                Some(_) => {}
                None if is_closed => drop(self.by_payment.insert(leg.id.clone(), leg)),
                None => {}
            }
        }
        findings
    }

    /// Takes the item of a leg. Its payment is checked if it `is_closed`.
    pub(super) fn item(&mut self, leg: SettledLeg, is_closed: bool) -> Option<Finding> {
        match self.by_payment.remove(&leg.id) {
            Some(told) if told != leg => Some(Finding::Leg { leg: leg.id, expected: AS_PAYMENT }),
            Some(_) => None,
            None if !is_closed && self.told.contains(&leg.id.payment) => None,
            None => {
                self.by_item.insert(leg.id.clone(), leg);
                None
            }
        }
    }

    pub(super) fn asks(&self) -> Asked {
        let payments: BTreeSet<&PaymentId> = self.by_item.keys().map(|leg| &leg.payment).collect();
        Asked { legs: self.by_payment.keys().cloned().collect(), payments: payments.into_iter().cloned().collect() }
    }

    /// How many halves are open.
    pub(super) fn open(&self) -> usize {
        self.by_payment.len().saturating_add(self.by_item.len())
    }

    /// How many legs and payments are kept.
    pub(super) fn kept(&self) -> usize {
        self.open().saturating_add(self.told.len())
    }

    /// Whether a payment was told for the first time.
    pub(super) fn is_new(&mut self, payment: &PaymentId) -> bool {
        self.told.insert(payment.clone())
    }

    /// Judges all open halves by the answers, and forgets them. A half that comes later is asked for again.
    pub(super) fn told(&mut self, answers: &LegAnswers) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (id, told) in &self.by_payment {
            let expected = match answers.legs.get(id) {
                Some(item) if item == told => continue,
                Some(_) => AS_PAYMENT,
                None => OWN_ITEM,
            };
            findings.push(Finding::Leg { leg: id.clone(), expected });
        }
        for (id, item) in &self.by_item {
            let payment = answers.payments.get(&id.payment);
            let told = payment.and_then(|outcome| match &outcome.instruction {
                Instruction::Legged(payment) => payment.further(outcome.decided_at).find(|leg| leg.id == *id),
                Instruction::Payment(_) | Instruction::Refund(_) => None,
            });
            let expected = match told {
                Some(told) if told == *item => continue,
                Some(_) => AS_PAYMENT,
                None => OF_PAYMENT,
            };
            findings.push(Finding::Leg { leg: id.clone(), expected });
        }
        self.by_payment.clear();
        self.by_item.clear();
        findings
    }
}
