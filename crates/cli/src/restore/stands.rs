//! What: The payments whose items stand although something contradicts them, because a person said so.
//!
//! Data: Takes ids, then what is wrong with items. Gives back what stays wrong, and notes what stands.

use std::collections::BTreeMap;

use giro::domain::PaymentId;

/// What was seen of a payment whose item stands.
#[derive(Debug, Clone, Default)]
struct Seen {
    is_there: bool,
    is_wrong: bool,
    /// The topic tells something else.
    is_told: bool,
}

/// The payments whose items stand.
#[derive(Debug, Clone, Default)]
pub struct Stands {
    payments: BTreeMap<PaymentId, Seen>,
    /// What was wrong with them.
    pub notes: Vec<String>,
}

impl Stands {
    /// These payments.
    pub fn of(ids: impl IntoIterator<Item = PaymentId>) -> Self {
        Self { payments: ids.into_iter().map(|id| (id, Seen::default())).collect(), notes: Vec::new() }
    }

    /// The table has the item of this payment.
    pub fn is_there(&mut self, id: &PaymentId) {
        if let Some(seen) = self.payments.get_mut(id) {
            seen.is_there = true;
        }
    }

    /// Something contradicts the item of this payment. Gives it back, unless the item stands.
    pub fn judged(&mut self, id: &PaymentId, finding: String) -> Option<String> {
        let Some(seen) = self.payments.get_mut(id) else { return Some(finding) };
        seen.is_wrong = true;
        self.notes.push(format!("{finding}. Its item stands"));
        None
    }

    /// The topic tells another outcome than the item, or two. Gives the finding back, unless the item stands.
    pub fn told(&mut self, id: &PaymentId, finding: String) -> Option<String> {
        if let Some(seen) = self.payments.get_mut(id) {
            seen.is_told = true;
        }
        self.judged(id, finding)
    }

    /// The payments that must not be told again: consumers have heard another outcome.
    pub fn told_otherwise(&self) -> impl Iterator<Item = &PaymentId> {
        self.payments.iter().filter(|(_, seen)| seen.is_told).map(|(id, _)| id)
    }

    /// The payments that need not stand, or can't.
    pub fn in_vain(&self) -> impl Iterator<Item = String> + '_ {
        self.payments.iter().filter_map(|(id, seen)| match seen {
            Seen { is_there: false, .. } => {
                Some(format!("payment {id}: the table payments has no item that may stand"))
            }
            Seen { is_wrong: false, .. } => Some(format!("payment {id}: nothing contradicts its item")),
            Seen { is_there: true, is_wrong: true, .. } => None,
        })
    }
}
