//! What the auditor knows of the dead letters of one topic. It finds the letter of a record by its bytes.
//!
//! In: the letters in the store after every step. Out: nothing, or what is wrong.
//!
//! | when | what must hold |
//! |---|---|
//! | every step | a letter once seen never goes, and keeps its record |
//! | every step | only an operator turns a parked letter into a redriven one |
//! | every answer | a record set aside has its letter, which was parked at some moment since the record was delivered |

use std::collections::BTreeMap;

use super::{Place, Wrong};
use crate::domain::DeadLetter;
use crate::domain::dead_letter::DeadLetterStatus;
use crate::simulate::workload::Record;

/// What names a letter in the store. The auditor only compares it.
pub(in super::super) type Name = crate::domain::Source;

/// The name of a letter.
pub(in super::super) fn name(letter: &DeadLetter) -> Name {
    letter.source.clone()
}

/// A letter as it was seen last.
#[derive(Debug)]
struct Seen {
    letter: DeadLetter,
    /// A record that it holds.
    of: Place,
    /// When it was last seen to be parked.
    parked_at: u64,
}

/// The dead letters of one topic.
#[derive(Debug, Default)]
pub(super) struct Letters {
    seen: BTreeMap<Name, Seen>,
    /// How often a redriven letter was parked again.
    pub(super) parked_again: u64,
    /// How many letters stand at a place at which another one stood before.
    pub(super) places_used_before: u64,
}

impl Letters {
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The record that a letter was made of first.
    pub(super) fn record_of(&self, name: &Name) -> Option<Place> {
        self.seen.get(name).map(|seen| seen.of)
    }

    /// Looks at a letter; whether it is new. `operator` says that no invocation was at work.
    pub(super) fn look(&mut self, letter: &DeadLetter, operator: bool, now: u64) -> Result<bool, Wrong> {
        let Some(seen) = self.seen.get_mut(&name(letter)) else { return Ok(true) };
        let again = match (seen.letter.status, letter.status) {
            (DeadLetterStatus::Redriven, DeadLetterStatus::Parked) => !operator,
            (DeadLetterStatus::Parked, DeadLetterStatus::Redriven) if !operator => {
                return Err(format!("the dead letter {} is redriven, and no operator did that", letter.source));
            }
            _ => false,
        };
        if !same_record(&seen.letter, letter) || !(again || same_reason(&seen.letter, letter)) {
            return Err(format!("the dead letter {} changed", letter.source));
        }
        if again {
            self.parked_again = self.parked_again.saturating_add(1);
            seen.letter = letter.clone();
        }
        seen.letter.status = letter.status;
        if letter.status == DeadLetterStatus::Parked {
            seen.parked_at = now;
        }
        Ok(false)
    }

    /// Takes up a new letter, which must hold the bytes of its record.
    pub(super) fn add(&mut self, letter: DeadLetter, of: Place, record: &Record, now: u64) -> Result<(), Wrong> {
        if !holds(&letter, record) {
            return Err(format!("the dead letter {of:?} doesn't hold its record's bytes"));
        }
        if letter.status != DeadLetterStatus::Parked {
            return Err(format!("the dead letter {of:?} is new, and not parked"));
        }
        if self.seen.values().any(|seen| seen.letter.source == letter.source) {
            self.places_used_before = self.places_used_before.saturating_add(1);
        }
        self.seen.insert(name(&letter), Seen { letter, of, parked_at: now });
        Ok(())
    }

    /// Whether a letter holds the record at this place, and was seen to be parked since.
    pub(super) fn have(&self, place: Place, record: &Record, since: u64) -> bool {
        let at = |letter: &DeadLetter| (letter.source.partition, letter.source.offset) == place.stands();
        let mut there = self.seen.values().filter(|seen| at(&seen.letter) && seen.parked_at >= since);
        there.any(|seen| holds(&seen.letter, record))
    }
}

fn same_record(a: &DeadLetter, b: &DeadLetter) -> bool {
    (&a.source, &a.key, &a.value, &a.headers) == (&b.source, &b.key, &b.value, &b.headers)
}

fn same_reason(a: &DeadLetter, b: &DeadLetter) -> bool {
    (&a.reason, &a.detail, a.received_at) == (&b.reason, &b.detail, b.received_at)
}

fn holds(letter: &DeadLetter, record: &Record) -> bool {
    let headers = letter.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref()));
    let expected = record.headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    letter.key == record.key && letter.value == record.value && headers.eq(expected)
}
