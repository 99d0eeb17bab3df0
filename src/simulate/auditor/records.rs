//! What the auditor knows of the records of one topic: what each asks, how far it came, and the dead letter that holds it.
//!
//! In: what was produced, delivered, answered and given up. Out: nothing, or what is wrong.

use std::collections::BTreeMap;

use super::{Place, Wrong};
use crate::domain::DeadLetter;
use crate::simulate::workload::Record;

/// A record, and what the auditor knows of it.
#[derive(Debug)]
pub(super) struct Known<A> {
    record: Record,
    /// What it asks; nothing if its bytes are no request.
    pub(super) asks: Option<A>,
    pub(super) delivered: bool,
    acknowledged: bool,
    /// It went to the on-failure destination.
    pub(super) given_up: bool,
}

/// The records of one topic.
#[derive(Debug)]
pub(in super::super) struct Records<A> {
    records: BTreeMap<Place, Known<A>>,
    letters: BTreeMap<Place, DeadLetter>,
}

impl<A> Default for Records<A> {
    fn default() -> Self {
        Self { records: BTreeMap::new(), letters: BTreeMap::new() }
    }
}

impl<A: PartialEq> Records<A> {
    pub(in super::super) fn produced(&mut self, place: Place, record: Record, asks: Option<A>) {
        let known = Known { record, asks, delivered: false, acknowledged: false, given_up: false };
        self.records.insert(place, known);
    }

    pub(super) fn delivered(&mut self, places: &[Place]) {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                known.delivered = true;
            }
        }
    }

    pub(super) fn gave_up(&mut self, places: &[Place]) {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                known.given_up = true;
            }
        }
    }

    /// A record that was delivered.
    pub(super) fn delivered_at(&self, place: Place) -> Option<&Known<A>> {
        self.records.get(&place).filter(|known| known.delivered)
    }

    /// What the record at this place asks.
    pub(super) fn asks(&self, place: Place) -> Option<&A> {
        self.records.get(&place)?.asks.as_ref()
    }

    /// Whether the record at this place is set aside.
    pub(super) fn is_aside(&self, place: Place) -> bool {
        self.letters.contains_key(&place)
    }

    /// Dead letters seen.
    pub(super) fn letters(&self) -> usize {
        self.letters.len()
    }

    /// An invocation answered, and reported these of the places that it was given. `finished` are those with an end.
    pub(super) fn answered(&mut self, given: &[Place], reported: &[Place], finished: &[Place]) -> Result<(), Wrong> {
        if let Some(place) = reported.iter().find(|place| !given.contains(place)) {
            return Err(format!("{place:?} was reported, and was not delivered"));
        }
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
        let mut before = self.records.range((place.0, i64::MIN)..place);
        let earlier = before
            .find(|(at, known)| !known.given_up && known.asks.as_ref().is_some_and(|asked| undecided(**at, asked)));
        earlier.map(|(at, _)| *at)
    }

    /// Whether a record before this one on its partition asks such a thing.
    pub(super) fn asked_before(&self, place: Place, such: impl Fn(&A) -> bool) -> bool {
        self.undecided_before(place, |_, asked| such(asked)).is_some()
    }

    /// Whether this dead letter is new. One that was seen never changes.
    pub(super) fn is_new(&self, letter: &DeadLetter) -> Result<bool, Wrong> {
        let place = (letter.source.partition, letter.source.offset);
        match self.letters.get(&place) {
            Some(seen) if seen == letter => Ok(false),
            Some(_) => Err(format!("the dead letter {place:?} changed")),
            None => Ok(true),
        }
    }

    /// Looks at a new dead letter, which must hold its record's bytes.
    pub(super) fn new_letter(&mut self, letter: DeadLetter) -> Result<(), Wrong> {
        let place = (letter.source.partition, letter.source.offset);
        let Some(known) = self.delivered_at(place) else {
            return Err(format!("there is a dead letter {place:?}, and no such record was delivered"));
        };
        let headers: Vec<(&str, Option<&[u8]>)> =
            letter.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref())).collect();
        let expected: Vec<(&str, Option<&[u8]>)> =
            known.record.header.iter().map(|value| ("trace", Some(value.as_slice()))).collect();
        if letter.key != known.record.key || letter.value != known.record.value || headers != expected {
            return Err(format!("the dead letter {place:?} doesn't hold its record's bytes"));
        }
        self.letters.insert(place, letter);
        Ok(())
    }

    /// When all is at rest: every record has its end.
    pub(super) fn finish(&self, finished: impl Fn(Place) -> bool) -> Result<(), Wrong> {
        let ended = |place: Place, known: &Known<A>| known.given_up || (known.acknowledged && finished(place));
        match self.records.iter().find(|(place, known)| !ended(**place, known)) {
            Some((place, _)) => Err(format!("{place:?} has no end: nothing was reported of it, and nothing holds it")),
            None => Ok(()),
        }
    }
}
