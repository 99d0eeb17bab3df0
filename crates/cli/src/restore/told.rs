//! What: Holds the outcomes that the topic told, until the table shows each of them.
//!
//! Data: Takes records of the topic of outcomes, then payments of the table. Gives what contradicts what, and the
//! outcomes that the table doesn't have.
//!
//! Invariants: An outcome that was told stands for ever. What a record tells must be what the table's item tells. Only
//! what older versions left out may be missing: a leg, or the name of a reason that they didn't know.
//!
//! Limits: Memory grows with the topic, by about a kilobyte for each outcome.

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

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The payment that has another outcome too.
    pub payment: Option<PaymentId>,
    /// What is wrong, with the record's place.
    pub what: String,
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { payment: None, what }
    }
}

/// An outcome as its record tells it.
fn as_told(outcome: &Outcome) -> Option<Outcome> {
    outcome::decode(outcome::encode(outcome).as_bytes()).ok()
}

impl Outcomes {
    /// Takes a record. The answer is what is wrong with it.
    pub fn record(&mut self, place: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Wrong> {
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
                    None => return Some(format!("{place}: {error}, and its key is no id of a payment").into()),
                }
            }
        };
        if key != Some(id.as_str().as_bytes()) {
            return Some(format!("{place}: its key is not the payment {id} that it tells of").into());
        }
        match (self.told.get(&id), &told) {
            (None, _) => {
                self.count = self.count.saturating_add(1);
                self.told.insert(id, told);
            }
            // An outcome is told at least once. What can be read replaces what can't be.
            (Some(Told::Unread(_)), _) => drop(self.told.insert(id, told)),
            (Some(Told::Outcome(_)), Told::Unread(_)) => {}
            (Some(Told::Outcome(before)), Told::Outcome(now)) => match whole(before, now) {
                // A newer version has told it again, whole.
                Some(whole) if whole == &**now => drop(self.told.insert(id, told)),
                Some(_) => {}
                None => {
                    let what = format!("payment {id}: {place} tells another outcome than a record before it");
                    return Some(Wrong { payment: Some(id), what });
                }
            },
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

/// Which of two records of one payment tells its outcome whole. `None`: they tell different outcomes.
fn whole<'a>(before: &'a str, now: &'a str) -> Option<&'a str> {
    if before == now {
        return Some(before);
    }
    let read = |json: &str| outcome::decode(json.as_bytes()).ok();
    let (earlier, later) = (read(before)?, read(now)?);
    if completed(earlier.clone(), &later) == later {
        return Some(now);
    }
    (completed(later, &earlier) == earlier).then_some(before)
}

/// What was told, with what only older versions left out.
fn completed(told: Outcome, item: &Outcome) -> Outcome {
    let mut told = told;
    if let (Instruction::Refund(told), Instruction::Refund(item)) = (&mut told.instruction, &item.instruction) {
        told.leg = told.leg.or(item.leg);
    }
    told.declined_leg = told.declined_leg.or(item.declined_leg);
    told.requested_by = told.requested_by.or(item.requested_by.clone());
    // It is told by a header, and no value.
    told.trace = item.trace;
    told
}

#[cfg(test)]
mod tests {
    use giro_testkit::given::{Placed as _, entry, payment, refund};

    use super::*;

    fn refunded(leg: Option<u64>) -> Outcome {
        let leg = leg.map(|leg| giro::domain::LegNumber::try_new(leg).unwrap());
        let request = giro::domain::Refund { leg, ..refund("r1", "p1", "shop", Some(3)) }.at(0, 0);
        let back = payment("x", "shop", "bank", 3);
        let (creditor, amount, currency) = (back.creditor, back.amount, back.currency);
        let repayment = giro::domain::Repayment { creditor, amount, currency };
        Outcome {
            repayment: Some(repayment),
            ..entry(&request, Err(giro::domain::Decline::InsufficientFunds)).outcome()
        }
    }

    /// What records of these outcomes contradict, and whether the last one, as an item, was told.
    fn told(records: &[&Outcome], item: &Outcome) -> (Vec<String>, Result<bool, String>) {
        let mut outcomes = Outcomes::default();
        let key = Some(item.instruction.id().as_str().as_bytes());
        let record = |it: &&Outcome| outcomes.record("t/0/0", key, Some(outcome::encode(it).as_bytes()));
        let findings = records.iter().filter_map(record).map(|wrong| wrong.what).collect();
        (findings, outcomes.shown(item))
    }

    /// An older version published refunds of legs without the leg. Some were published again, whole.
    #[test]
    fn only_what_older_versions_left_out_may_be_missing() {
        let (whole, older, other) = (refunded(Some(2)), refunded(None), refunded(Some(3)));
        for records in [&[&whole][..], &[&older], &[&older, &whole], &[&whole, &older], &[&whole, &whole]] {
            assert_eq!(told(records, &whole), (vec![], Ok(true)), "{records:?}");
        }
        // An older publisher left out who asked.
        let named = Outcome { requested_by: giro::domain::Principal::try_new("ann").ok(), ..whole.clone() };
        for records in [&[&whole][..], &[&named], &[&whole, &named], &[&named, &whole]] {
            assert_eq!(told(records, &named), (vec![], Ok(true)), "{records:?}");
        }
        // No value tells a trace.
        let traced = giro::domain::Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert!(traced.is_some());
        let traced = Outcome { trace: traced, ..whole.clone() };
        assert_eq!(told(&[&whole], &traced), (vec![], Ok(true)));
        let contradiction = "payment r1: the topic tells another outcome than the table payments";
        assert_eq!(told(&[&other], &whole), (vec![], Err(contradiction.to_owned())));
        let (findings, _) = told(&[&other, &whole], &whole);
        assert_eq!(findings, ["payment r1: t/0/0 tells another outcome than a record before it"]);
        assert_eq!(told(&[], &whole), (vec![], Ok(false)));
    }

    /// A newer version may have told it again, in a way that this one can't read.
    #[test]
    fn a_record_that_can_not_be_read_needs_its_item() {
        let mut outcomes = Outcomes::default();
        let unread = outcomes.record("t/0/7", Some(b"p1"), Some(b"{}"));
        assert_eq!(unread, None);
        let lost = outcomes.missing().unwrap_err();
        assert!(lost.starts_with("payment p1 is not in the table payments, and its outcome on t/0/7"), "{lost}");
        let request = payment("p1", "bank", "shop", 1).at(0, 0);
        let outcome = entry(&request, Ok(())).outcome();
        assert_eq!(outcomes.shown(&outcome), Ok(true));
        assert_eq!(outcomes.missing(), Ok(vec![]));
        let nameless = outcomes.record("t/0/8", None, Some(b"{}")).unwrap().what;
        assert!(nameless.starts_with("t/0/8: not an outcome"), "{nameless}");
        let misplaced = outcomes.record("t/0/9", Some(b"p2"), Some(outcome::encode(&outcome).as_bytes()));
        assert_eq!(misplaced.unwrap().what, "t/0/9: its key is not the payment p1 that it tells of");
    }
}
