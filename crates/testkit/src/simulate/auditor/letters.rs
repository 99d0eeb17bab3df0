//! What: Holds what the auditor knows of the dead letters of one topic. It finds the dead letter of a record by its
//! bytes. It only compares the name of a dead letter with other names.
//!
//! Data: Takes the dead letters in the store after every step. Gives nothing, or what is wrong.
//!
//! | when | what must hold |
//! |---|---|
//! | every step | a dead letter once seen never goes, and keeps its record |
//! | every step | only an operator turns a parked dead letter into a redriven one |
//! | every answer | a record that became a dead letter has its dead letter, which was `parked` at some time since the record was delivered |

use std::collections::BTreeMap;

use super::{Auditor, Place, Wrong, read};
use crate::memory_store::MemoryStore;
use crate::simulate::network::{InvocationId, at_once};
use crate::simulate::record::Record;
use crate::simulate::topic::Topic;
use giro::domain::DeadLetter;
use giro::domain::dead_letter::{DeadLetterId, DeadLetterStatus};
use giro::store::LedgerQueries;

/// A dead letter, as it was last seen.
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
    seen: BTreeMap<DeadLetterId, Seen>,
    /// How often a redriven dead letter was parked again.
    pub(super) parked_again: u64,
    /// How many dead letters have a place that another dead letter had before.
    pub(super) places_used_before: u64,
}

impl Letters {
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The record that a dead letter was made of first.
    pub(super) fn record_of(&self, name: &DeadLetterId) -> Option<Place> {
        self.seen.get(name).map(|seen| seen.of)
    }

    /// Looks at a dead letter, and says whether it is new. `operator` says that no invocation was running.
    pub(super) fn look(&mut self, letter: &DeadLetter, operator: bool, now: u64) -> Result<bool, Wrong> {
        let Some(seen) = self.seen.get_mut(&letter.id()) else { return Ok(true) };
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

    /// Adds a new dead letter, which must hold the bytes of its record.
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
        self.seen.insert(letter.id(), Seen { letter, of, parked_at: now });
        Ok(())
    }

    /// Whether a dead letter holds the record at this place, and was seen to be parked since.
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

impl Auditor {
    /// Dead letters seen.
    pub(in crate::simulate) fn letters(&self) -> usize {
        self.requests.letters.len().saturating_add(self.orders.letters.len())
    }

    /// What happened to dead letters, by name: how often.
    pub(in crate::simulate) fn letters_counted(&self) -> [(&'static str, u64); 3] {
        let [requests, orders] = [&self.requests.letters, &self.orders.letters];
        [
            ("dead letters", u64::try_from(self.letters()).unwrap_or(u64::MAX)),
            ("dead letters parked again", requests.parked_again.saturating_add(orders.parked_again)),
            (
                "dead letters at places used before",
                requests.places_used_before.saturating_add(orders.places_used_before),
            ),
        ]
    }

    /// The record that a dead letter was made of first.
    pub(in crate::simulate) fn record_of(&self, letter: &DeadLetterId) -> Option<(Topic, Place)> {
        let request = self.requests.letters.record_of(letter).map(|place| (Topic::Requests, place));
        request.or_else(|| self.orders.letters.record_of(letter).map(|place| (Topic::Commands, place)))
    }

    pub(super) fn observe_letters(
        &mut self,
        store: &MemoryStore,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<(), Wrong> {
        let letters = read(at_once(store.dead_letters()))?;
        if letters.len() < self.letters() {
            return Err("a dead letter went".into());
        }
        let operator = by.is_none();
        for letter in letters {
            let topic = if *letter.source.topic == *Topic::Commands.name() { Topic::Commands } else { Topic::Requests };
            let is_new = match topic {
                Topic::Requests => self.requests.letters.look(&letter, operator, now)?,
                Topic::Commands => self.orders.letters.look(&letter, operator, now)?,
            };
            if !is_new {
                continue;
            }
            let Some((place, _)) = self.given(by, topic, &letter.source) else {
                let source = letter.source;
                return Err(format!("there is a dead letter {source}, and its invocation was given no such record"));
            };
            match topic {
                Topic::Requests => {
                    self.request_may_be(place, &letter)?;
                    self.requests.new_letter(letter, place, now)?;
                }
                Topic::Commands => {
                    self.order_may_be(place, &letter)?;
                    self.orders.new_letter(letter, place, now)?;
                }
            }
        }
        Ok(())
    }
}
