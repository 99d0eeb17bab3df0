//! What: Holds what the auditor knows of the records of one topic: what each asks, how far it came, and its dead
//! letter.
//!
//! Data: Takes what was produced, delivered, answered, given up and produced again. Gives nothing, or what is wrong.

use std::collections::BTreeMap;

use super::letters::Letters;
use super::{Place, Wrong};
use crate::simulate::legs::Leg;
use crate::simulate::record::Record;
use crate::simulate::workload::Asked;
use giro::domain::{DeadLetter, Outcome};

/// A record, and what the auditor knows of it.
#[derive(Debug)]
pub(super) struct Known<A> {
    pub(super) record: Record,
    /// What it asks. `None` if its bytes aren't a request.
    pub(super) asks: Option<A>,
    /// It was given to an invocation.
    tried: bool,
    acknowledged: bool,
    /// It went to the on-failure destination.
    pub(super) given_up: bool,
    /// Its bytes were produced again, and that record has its own disposition.
    handed_on: bool,
}

/// The records of one topic.
#[derive(Debug)]
pub(in crate::simulate) struct Records<A> {
    records: BTreeMap<Place, Known<A>>,
    pub(super) letters: Letters,
}

impl<A> Default for Records<A> {
    fn default() -> Self {
        Self { records: BTreeMap::new(), letters: Letters::default() }
    }
}

impl<A: PartialEq + Clone> Records<A> {
    pub(in crate::simulate) fn produced(&mut self, place: Place, record: Record, asks: Option<A>) {
        let known = Known { record, asks, tried: false, acknowledged: false, given_up: false, handed_on: false };
        self.records.insert(place, known);
    }

    /// The record at `from` was produced again at `to`: byte for byte, with no header less.
    pub(super) fn produced_again(&mut self, from: Place, to: Place, record: Record) -> Result<(), Wrong> {
        let Some(known) = self.records.get(&from) else {
            return Err(format!("{from:?} was produced again, and was never there"));
        };
        let was = &known.record;
        if (&record.key, &record.value) != (&was.key, &was.value) || !record.headers.starts_with(&was.headers) {
            return Err(format!("{from:?} was produced again, and not as it was"));
        }
        let asks = known.asks.clone();
        self.produced(to, record, asks);
        Ok(())
    }

    /// Another record replaces this one, and must have a disposition.
    pub(super) fn handed_on(&mut self, place: Place) {
        if let Some(known) = self.records.get_mut(&place) {
            known.handed_on = true;
        }
    }

    pub(super) fn delivered(&mut self, places: &[Place]) {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                known.tried = true;
            }
        }
    }

    pub(super) fn gave_up(&mut self, places: &[Place]) -> Result<(), Wrong> {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                if !known.tried {
                    return Err(format!("{place:?} was given up, and never tried"));
                }
                known.given_up = true;
            }
        }
        Ok(())
    }

    /// The record at this place.
    pub(super) fn at(&self, place: Place) -> Option<&Known<A>> {
        self.records.get(&place)
    }

    /// What the record at this place asks.
    pub(super) fn asks(&self, place: Place) -> Option<&A> {
        self.records.get(&place)?.asks.as_ref()
    }

    /// Whether the record at this place has a dead letter that was `parked` at some time since.
    pub(super) fn is_aside(&self, place: Place, since: u64) -> bool {
        self.records.get(&place).is_some_and(|known| self.letters.have(place, &known.record, since))
    }

    /// Adds a new dead letter of the record at this place.
    pub(super) fn new_letter(&mut self, letter: DeadLetter, place: Place, now: u64) -> Result<(), Wrong> {
        match self.records.get(&place) {
            Some(known) => self.letters.add(letter, place, &known.record, now),
            None => Err(format!("there is a dead letter {place:?}, and no such record")),
        }
    }

    /// An invocation answered, and reported these of its places. `finished` are those with a disposition.
    pub(super) fn answered(&mut self, given: &[Place], reported: &[Place], finished: &[Place]) -> Result<(), Wrong> {
        for place in given.iter().filter(|place| !reported.contains(place)) {
            if !finished.contains(place) {
                return Err(format!("{place:?} was acknowledged, and has neither answer nor replay nor dead letter"));
            }
            if let Some(known) = self.records.get_mut(place) {
                known.acknowledged = true;
            }
        }
        Ok(())
    }

    /// The first record before this one on its partition that is still to be answered, by what it asks.
    pub(super) fn undecided_before(&self, place: Place, undecided: impl Fn(Place, &A) -> bool) -> Option<Place> {
        let first = Place { offset: i64::MIN, ..place };
        let mut before = self.records.range(first..place);
        let earlier = before
            .find(|(at, known)| !known.given_up && known.asks.as_ref().is_some_and(|asked| undecided(**at, asked)));
        earlier.map(|(at, _)| *at)
    }

    /// Whether a record before this one on its partition asks such a thing.
    pub(super) fn asked_before(&self, place: Place, such: impl Fn(&A) -> bool) -> bool {
        self.undecided_before(place, |_, asked| such(asked)).is_some()
    }

    /// Checks, when all is at rest, that every record has its disposition, and that what was given up was brought back.
    pub(super) fn finish(&self, finished: impl Fn(Place) -> bool) -> Result<(), Wrong> {
        if let Some((place, _)) = self.records.iter().find(|(_, known)| known.given_up && !known.handed_on) {
            return Err(format!("{place:?} was given up, and nobody brought it back"));
        }
        let ended = |place: Place, known: &Known<A>| known.handed_on || (known.acknowledged && finished(place));
        match self.records.iter().find(|(place, known)| !ended(**place, known)) {
            Some((place, _)) => Err(format!("{place:?} has no end: nothing was reported of it, and nothing holds it")),
            None => Ok(()),
        }
    }
}

/// Whether an outcome repeats what its record asked.
pub(super) fn says_what_was_asked(outcome: &Outcome, asked: &Asked) -> bool {
    let instruction = &outcome.instruction;
    if !asked.legs.is_empty() {
        let told = outcome.transfers().map(|transfer| Leg {
            debtor: transfer.debtor.to_string(),
            creditor: transfer.creditor.to_string(),
            amount: transfer.amount.minor_units(),
            currency: asked
                .legs
                .iter()
                .map(|leg| leg.currency)
                .find(|known| *known == transfer.currency.as_str())
                .unwrap_or(""),
        });
        return told.eq(asked.legs.iter().cloned())
            && asked.id == instruction.id().as_str()
            && asked.debtor == instruction.debtor().as_str()
            && asked.reference.as_deref() == instruction.reference();
    }
    let same = match (&asked.refunds, outcome.transfer()) {
        (None, Some(transfer)) => {
            asked.creditor == transfer.creditor.as_str()
                && asked.amount == transfer.amount.minor_units()
                && asked.currency == transfer.currency.as_str()
        }
        (None, None) => false,
        (Some(original), _) => {
            let amount = instruction.amount().map_or(0, |amount| amount.minor_units());
            let leg = instruction.leg().map(|leg| usize::from(leg.get()));
            instruction.original().is_some_and(|id| id.as_str() == original)
                && asked.amount == amount
                && asked.leg == leg
        }
    };
    same && asked.id == instruction.id().as_str()
        && asked.debtor == instruction.debtor().as_str()
        && asked.reference.as_deref() == instruction.reference()
}
