//! What: Knows what must hold, and says what doesn't. It is independent of the code under test: it has its own books
//! and its own rules.
//!
//! Data: Takes what clients produced, what was delivered and answered, what the store holds after every step, what was
//! published. Gives nothing, or the first thing that is wrong.
//!
//! | when | what must hold |
//! |---|---|
//! | every step | an outcome once seen never changes and never goes |
//! | every step | a new outcome answers a record that was given to the invocation that wrote it, and says what the record asked |
//! | every step | a new outcome comes after those of all earlier records of its debtor on its partition, unless the debtor pays from lanes |
//! | every step | every balance is the opening balance and all settled payments since; per currency they sum to zero |
//! | every step | no balance is below its limit |
//! | every step | payments with legs are settled whole: see `legs` |
//! | every step | refunds are right, and never exceed their originals: see `refunds` |
//! | every step | payments are within the limits of their debtors, and what is used is what they say: see `limits` |
//! | every step | a dead letter holds its record's bytes, and its record isn't a valid payment or command; see `letters` |
//! | every step | a command's answer is right when it is recorded: see `orders` |
//! | every answer | a record that isn't reported has its outcome, its replay or its dead letter; only delivered records are reported |
//! | every publication | the store holds just that outcome |
//! | giving up | what is given up was tried |
//! | at the end | every record has its disposition; what was given up was brought back; every outcome was published |
//! | at the end | each decline for a balance was right at a moment; one serial order explains every other decision |
//!
//! Each record has a name of its own ([`Place`]), because partition and offset come again when a topic is created
//! again. What an invocation was given says which record a handler means.
//!
//! Source: The invariants of [`crate`].

mod accounts;
pub(super) mod books;
mod events;
pub(super) mod legs;
mod letters;
pub(super) mod limits;
mod moments;
mod orders;
mod outcomes;
mod records;
pub(super) mod refunds;
mod seen;
mod serial;

use std::collections::{BTreeMap, BTreeSet};

use self::books::Books;
use self::events::{Event, What};
use self::limits::Windows;
use self::records::Records;
use self::refunds::{Original, Sums};
use self::serial::Search;
use super::network::{InvocationId, at_once};
use super::orders::Order;
use super::record::Record;
use super::topic::{Place, Topic};
use super::workload::Asked;
use crate::memory_store::MemoryStore;
use giro::domain::account_command::RecordedCommand;
use giro::domain::{DeadLetter, Decision, PaymentId, Recorded, Source, Trace};
use giro::store::LedgerQueries;

/// What is wrong, for a person.
pub(super) type Wrong = String;

/// What an invocation was given, and when.
#[derive(Debug)]
struct Given {
    topic: Topic,
    places: Vec<Place>,
    at: u64,
}

/// The auditor of one world.
#[derive(Debug)]
pub(super) struct Auditor {
    opening: BTreeMap<String, Books>,
    /// The fewest lanes that an account is opened with.
    lanes_min: u16,
    books: BTreeMap<String, Books>,
    /// Accounts whose item can't be read just now.
    unreadable: BTreeSet<String>,
    pub(super) requests: Records<Asked>,
    pub(super) orders: Records<Order>,
    /// It also has invocations that are over, because their calls may still be in flight.
    given: BTreeMap<InvocationId, Given>,
    outcomes: BTreeMap<String, Recorded>,
    /// By id: what the record asked, and how it ended.
    answered: BTreeMap<String, Original>,
    /// How much of each payment was refunded.
    refunded: Sums,
    /// What payments used of limits.
    windows: Windows,
    commands: BTreeMap<String, RecordedCommand>,
    published: BTreeSet<String>,
    events: Vec<Event>,
}

impl Auditor {
    /// An auditor of a world that begins with these accounts, and opens others with so many lanes.
    pub(super) fn new(opening: BTreeMap<String, Books>, lanes_min: u16) -> Self {
        Self {
            books: opening.clone(),
            lanes_min,
            unreadable: BTreeSet::new(),
            requests: Records::default(),
            orders: Records::default(),
            given: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            answered: BTreeMap::new(),
            refunded: Sums::default(),
            windows: Windows::of(&opening),
            commands: BTreeMap::new(),
            published: BTreeSet::new(),
            events: Vec::new(),
            opening,
        }
    }

    /// The accounts with which the world began.
    pub(super) fn opening(&self) -> impl Iterator<Item = &String> {
        self.opening.keys()
    }

    /// The outcomes seen, by payment id.
    pub(super) fn outcomes(&self) -> &BTreeMap<String, Recorded> {
        &self.outcomes
    }

    /// The answers to commands seen, by command id.
    pub(super) fn commands(&self) -> &BTreeMap<String, RecordedCommand> {
        &self.commands
    }

    /// An invocation is given these records.
    pub(super) fn delivered(&mut self, invocation: InvocationId, topic: Topic, places: &[Place], now: u64) {
        match topic {
            Topic::Requests => self.requests.delivered(places),
            Topic::Commands => self.orders.delivered(places),
        }
        self.given.insert(invocation, Given { topic, places: places.to_vec(), at: now });
    }

    /// The record at a place that an invocation names, and when the invocation got it.
    fn given(&self, by: Option<InvocationId>, topic: Topic, source: &Source) -> Option<(Place, u64)> {
        let given = self.given.get(&by?).filter(|given| given.topic == topic && *source.topic == *topic.name())?;
        let place = given.places.iter().find(|place| place.stands() == (source.partition, source.offset))?;
        Some((*place, given.at))
    }

    /// The world made an account's item unreadable, or mended it.
    pub(super) fn account_unreadable(&mut self, id: &str, unreadable: bool) {
        if unreadable {
            self.unreadable.insert(id.to_owned())
        } else {
            self.unreadable.remove(id)
        };
    }

    pub(super) fn gave_up(&mut self, topic: Topic, places: &[Place]) -> Result<(), Wrong> {
        match topic {
            Topic::Requests => self.requests.gave_up(places),
            Topic::Commands => self.orders.gave_up(places),
        }
    }

    /// The record at `from` was produced again at `to`. `handed_on` says that the new one takes the place of the old
    /// one.
    pub(super) fn produced_again(
        &mut self,
        topic: Topic,
        (from, to): (Place, Place),
        record: Record,
        handed_on: bool,
    ) -> Result<(), Wrong> {
        match topic {
            Topic::Requests => self.requests.produced_again(from, to, record)?,
            Topic::Commands => self.orders.produced_again(from, to, record)?,
        }
        match topic {
            Topic::Requests if handed_on => self.requests.handed_on(from),
            Topic::Commands if handed_on => self.orders.handed_on(from),
            Topic::Requests | Topic::Commands => {}
        }
        Ok(())
    }

    /// An invocation answered, and reported these of the places that it was given.
    pub(super) fn answered(&mut self, invocation: InvocationId, reported: &[Place]) -> Result<(), Wrong> {
        let Some(Given { topic, places, at }) = self.given.get(&invocation) else { return Ok(()) };
        let given = places.clone();
        match topic {
            Topic::Requests => {
                let finished: Vec<Place> = given.iter().copied().filter(|place| self.finished(*place, *at)).collect();
                self.requests.answered(&given, reported, &finished)
            }
            Topic::Commands => {
                let finished: Vec<Place> =
                    given.iter().copied().filter(|place| self.order_finished(*place, *at)).collect();
                self.orders.answered(&given, reported, &finished)
            }
        }
    }

    /// Something was published: payment id, and status or reason.
    pub(super) fn published(&mut self, id: &str, answer: &str) -> Result<(), Wrong> {
        match self.outcomes.get(id) {
            None => Err(format!("{id} was published as {answer}, and the store holds no outcome of it")),
            Some(stored) if answer_of(stored.outcome.decision) != answer => {
                Err(format!("{id} was published as {answer}, and is {}", answer_of(stored.outcome.decision)))
            }
            Some(_) => {
                self.published.insert(id.to_owned());
                Ok(())
            }
        }
    }

    /// The record of an outcome has this trace in its header.
    pub(super) fn traced(&self, id: &str, trace: Option<Trace>) -> Result<(), Wrong> {
        match self.outcomes.get(id).and_then(|stored| stored.outcome.trace) {
            stored if stored == trace => Ok(()),
            stored => Err(format!("{id} was published with the trace {trace:?}, and has {stored:?}")),
        }
    }

    /// Looks at everything in the store, after a call of this invocation or an action of an operator. Returns the new
    /// payments.
    pub(super) fn observe(
        &mut self,
        store: &MemoryStore,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<Vec<String>, Wrong> {
        let new = self.observe_payments(store, by, now)?;
        self.refunded.compare(&read(at_once(store.refunds()))?)?;
        self.observe_legs(store)?;
        self.observe_commands(store, by, now)?;
        self.observe_accounts(store)?;
        self.observe_letters(store, by, now)?;
        Ok(new)
    }

    /// From now on everybody sees the outcome of this payment, and its effects.
    pub(super) fn all_see(&mut self, seen: &PaymentId, now: u64) {
        self.windows.all_see(seen.as_str(), now);
        for event in &mut self.events {
            match &event.what {
                What::Decided { id, .. } if seen.as_str() == id => event.seen = now,
                What::Decided { .. } | What::Ordered { .. } => {}
            }
        }
    }

    /// Whether a record of payments may have become this dead letter.
    fn request_may_be(&self, place: Place, letter: &DeadLetter) -> Result<(), Wrong> {
        let reused = letter.reason == giro::domain::dead_letter::PAYMENT_ID_REUSED;
        match self.requests.asks(place) {
            None if reused => Err(format!("the dead letter {place:?} speaks of a payment id, and its record has none")),
            None => Ok(()),
            Some(asked) if reused && self.other_body(asked) => Ok(()),
            Some(asked) => Err(format!("{} at {place:?} became a dead letter ({})", asked.id, letter.reason)),
        }
    }

    /// Whether the id of this payment names another one.
    fn other_body(&self, asked: &Asked) -> bool {
        self.outcomes.contains_key(&asked.id) && !self.has_outcome(asked)
    }

    /// Whether this very payment has its outcome.
    fn has_outcome(&self, asked: &Asked) -> bool {
        self.answered.get(&asked.id).is_some_and(|answered| answered.asked == *asked)
    }

    /// Whether a record has its outcome, its replay, or its dead letter, which was `parked` at some time since.
    fn finished(&self, place: Place, since: u64) -> bool {
        self.requests.is_aside(place, since) || self.requests.asks(place).is_some_and(|asked| self.has_outcome(asked))
    }

    /// Checks what must hold when all is at rest. Returns whether the search for a serial order finished.
    pub(super) fn finish(&self, fresh: &str) -> Result<bool, Wrong> {
        self.requests.finish(|place| self.finished(place, 0))?;
        self.orders.finish(|place| self.order_finished(place, 0)).map_err(|wrong| format!("of commands: {wrong}"))?;
        if let Some(id) = self.outcomes.keys().find(|id| !self.published.contains(*id)) {
            return Err(format!("the outcome of {id} was never published"));
        }
        if self.outcomes.get(fresh).is_none_or(|recorded| recorded.outcome.decision.is_err()) {
            return Err("after the faults stopped, a fresh payment was not settled".into());
        }
        if let Some(id) = moments::wrong_decline(&self.opening, &self.events) {
            return Err(format!("{id} was declined, and at no moment was its balance too low or too high for it"));
        }
        match serial::search(&self.opening, self.events.clone(), self.lanes_min) {
            Search::Explained => Ok(true),
            Search::GaveUp => Ok(false),
            Search::Unexplained(ids) => Err(format!("no serial order explains the decisions on {}", ids.join(" "))),
        }
    }
}

/// What is published of a decision: `settled`, or the reason's name.
pub(super) fn answer_of(decision: Decision) -> &'static str {
    match decision {
        Ok(()) => "settled",
        Err(decline) => decline.name(),
    }
}

fn read<T>(answer: Option<Result<T, giro::store::StoreError>>) -> Result<T, Wrong> {
    match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(format!("the store can't be looked at: {error}")),
        None => Err("the memory store made its reader wait".into()),
    }
}
