//! What: Holds the outcomes that the topic told, until the table shows each of them.
//!
//! Data: Takes records of the topic of outcomes, then payments of the table. Gives what contradicts what, and the
//! outcomes that the table doesn't have.
//!
//! Invariants: An outcome that was told stands for ever. What a record tells must be what the table's item tells. Only
//! what older versions left out may be missing: a leg, or the name of a reason that they didn't know.
//!
//! Limits: Memory grows with the topic, by less than a kilobyte for each outcome.

use std::collections::BTreeMap;

use giro::domain::{Instruction, Outcome, PaymentId, Timestamp};
use giro::wire::outcome;

/// What the topic told of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// An outcome, as this version writes it.
    Outcome(Box<str>),
    /// A record that this version can't read: where it stands, and why.
    Unread(String),
}

/// The outcomes that the topic told, and the table didn't show yet.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    told: BTreeMap<PaymentId, Told>,
    count: usize,
    /// When the oldest of them was decided.
    from: Option<Timestamp>,
}

/// An outcome as its record tells it.
fn as_told(outcome: &Outcome) -> Option<Outcome> {
    outcome::decode(outcome::encode(outcome).as_bytes()).ok()
}

impl Outcomes {
    /// Takes a record. The answer is what is wrong with it.
    pub fn record(&mut self, place: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<String> {
        let read = outcome::decode(value.unwrap_or_default());
        let (id, told) = match read {
            Ok(outcome) => {
                self.from = Some(self.from.map_or(outcome.decided_at, |from| from.min(outcome.decided_at)));
                (outcome.instruction.id().clone(), Told::Outcome(outcome::encode(&outcome).into()))
            }
            Err(error) => {
                let id = std::str::from_utf8(key.unwrap_or_default()).ok();
                match id.and_then(|id| PaymentId::try_stored(id).ok()) {
                    Some(id) => (id, Told::Unread(format!("{place}: {error}"))),
                    None => return Some(format!("{place}: {error}, and its key is no id of a payment")),
                }
            }
        };
        if key != Some(id.as_str().as_bytes()) {
            return Some(format!("{place}: its key is not the payment {id} that it tells of"));
        }
        match self.told.get(&id) {
            Some(Told::Outcome(before)) => match told {
                Told::Outcome(told) if told != *before => {
                    return Some(format!("payment {id}: {place} tells another outcome than a record before it"));
                }
                Told::Outcome(_) | Told::Unread(_) => {}
            },
            // An outcome is told at least once. What can be read replaces what can't be.
            Some(Told::Unread(_)) => drop(self.told.insert(id, told)),
            None => {
                self.count = self.count.saturating_add(1);
                self.told.insert(id, told);
            }
        }
        None
    }

    /// How many different outcomes were told.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// When the oldest that was told was decided.
    #[must_use]
    pub const fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// Takes an outcome that the table has. Gives whether it was told, or what contradicts it.
    ///
    /// # Errors
    /// What the topic says instead.
    pub fn shown(&mut self, outcome: &Outcome) -> Result<bool, String> {
        let id = outcome.instruction.id();
        match self.told.remove(id) {
            None => Ok(false),
            Some(Told::Unread(_)) => Ok(true),
            Some(Told::Outcome(told)) if *told == *outcome::encode(outcome) => Ok(true),
            Some(Told::Outcome(told)) => {
                let told = outcome::decode(told.as_bytes()).ok().map(|told| completed(told, outcome));
                if told.is_some() && told == as_told(outcome) {
                    return Ok(true);
                }
                Err(format!("payment {id}: the topic tells another outcome than the table payments"))
            }
        }
    }

    /// The outcomes that the table didn't show.
    ///
    /// # Errors
    /// The first record among them that can't be read.
    pub fn missing(&self) -> Result<Vec<Outcome>, String> {
        let read = |(id, told): (&PaymentId, &Told)| match told {
            Told::Outcome(json) => outcome::decode(json.as_bytes()).map_err(|error| format!("payment {id}: {error}")),
            Told::Unread(why) => Err(format!("payment {id} is not in the table payments, and its outcome on {why}")),
        };
        self.told.iter().map(read).collect()
    }
}

/// What was told, with what only older versions left out.
fn completed(told: Outcome, item: &Outcome) -> Outcome {
    let mut told = told;
    if let (Instruction::Refund(told), Instruction::Refund(item)) = (&mut told.instruction, &item.instruction) {
        told.leg = told.leg.or(item.leg);
    }
    told.declined_leg = told.declined_leg.or(item.declined_leg);
    told
}
