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
mod letters;
mod limits;
mod moments;
mod orders;
mod records;
mod refunds;
mod serial;

use std::collections::{BTreeMap, BTreeSet};

use self::books::Books;
use self::events::{Event, What};
use self::limits::Windows;
use self::records::{Records, says_what_was_asked};
use self::refunds::{Moves, Original, Span, Sums};
use self::serial::Search;
use super::network::{InvocationId, at_once};
use super::orders::Order;
use super::topic::{Place, Topic};
use super::workload::{Asked, Record};
use crate::memory_store::MemoryStore;
use giro::domain::account_command::RecordedCommand;
use giro::domain::{DeadLetter, Decision, PaymentId, Recorded, Source};
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
        self.observe_commands(store, by, now)?;
        self.observe_accounts(store)?;
        self.observe_letters(store, by, now)?;
        Ok(new)
    }

    fn observe_payments(
        &mut self,
        store: &MemoryStore,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<Vec<String>, Wrong> {
        let payments = read(at_once(store.payments()))?;
        let mut new = Vec::new();
        let mut kept: usize = 0;
        for recorded in payments {
            let id = recorded.outcome.instruction.id().as_str();
            match self.outcomes.get(id) {
                Some(seen) if *seen == recorded => kept = kept.saturating_add(1),
                Some(_) => return Err(format!("the outcome of {id} changed")),
                None => new.push(recorded),
            }
        }
        if kept != self.outcomes.len() {
            return Err("an outcome went".into());
        }
        // A transaction decides in the order of its records.
        new.sort_by(|one, other| one.outcome.source.cmp(&other.outcome.source));
        for recorded in &new {
            self.outcomes.insert(recorded.outcome.instruction.id().to_string(), recorded.clone());
        }
        for recorded in &new {
            self.new_outcome(recorded, by, now)?;
        }
        Ok(new.iter().map(|recorded| recorded.outcome.instruction.id().to_string()).collect())
    }

    fn new_outcome(&mut self, recorded: &Recorded, by: Option<InvocationId>, now: u64) -> Result<(), Wrong> {
        let (outcome, source) = (&recorded.outcome, &recorded.outcome.source);
        let id = outcome.instruction.id().as_str();
        let given = self.given(by, Topic::Requests, source);
        let known = given.and_then(|(place, since)| Some((place, since, self.requests.at(place)?)));
        let asks = known.and_then(|(place, since, known)| Some((place, since, known.given_up, known.asks.clone()?)));
        let Some((place, since, given_up, asked)) = asks else {
            return Err(format!("{id} has an outcome, and no record {source} that was delivered asked for it"));
        };
        if !says_what_was_asked(outcome, &asked) {
            return Err(format!("the outcome of {id} says something else than its record {place:?}"));
        }
        // If an id names another payment, or will name one, it is never decided again. So its dead letter may come
        // later.
        let undecided = |at: Place, before: &Asked| {
            before.debtor == asked.debtor
                && !self.outcomes.contains_key(&before.id)
                && !self.requests.asked_before(at, |other| other.id == before.id && other != before)
        };
        let in_order = !self.commutes(&asked.debtor, outcome.decision.is_err(), since);
        if let Some(before) = self.requests.undecided_before(place, undecided).filter(|_| in_order) {
            return Err(format!("{id} at {place:?} was decided before {before:?} of the same debtor"));
        }
        let moves = match &asked.refunds {
            None => {
                Some(Moves { creditor: asked.creditor.clone(), amount: asked.amount.into(), currency: asked.currency })
            }
            Some(original) => {
                let span = Span { began: since, place };
                self.refunded.judge(&asked, outcome, self.answered.get(original), span)?
            }
        };
        let answered =
            Original { asked: asked.clone(), settled: outcome.decision.is_ok(), place, given_up, happened: now };
        self.answered.insert(asked.id.clone(), answered);
        let Some(moves) = moves else { return Ok(()) };
        if asked.refunds.is_none() {
            self.windows.judge(outcome, &asked.debtor, asked.amount, (since, now))?;
        }
        if outcome.decision.is_ok() {
            self.move_money(&asked, &moves, now)?;
        }
        let declined = outcome.decision.err().map(giro::domain::Decline::name);
        let (Asked { id, debtor, refunds, .. }, Moves { creditor, amount, currency }) = (asked, moves);
        let refund = refunds.is_some();
        let what = What::Decided { id, refund, debtor, creditor, amount, currency, declined, place, by, given_up };
        self.events.push(Event { began: since, happened: now, seen: now, what });
        Ok(())
    }

    /// A request is settled.
    fn move_money(&mut self, asked: &Asked, moves: &Moves, now: u64) -> Result<(), Wrong> {
        for (account, net) in [(&asked.debtor, moves.amount.saturating_neg()), (&moves.creditor, moves.amount)] {
            let Some(books) = self.books.get_mut(account) else {
                return Err(format!("{} is settled, and there is no account {account}", asked.id));
            };
            books.balance = books.balance.saturating_add(net);
        }
        if let Some(original) = &asked.refunds {
            self.refunded.add(original, moves.amount, now);
        }
        Ok(())
    }

    /// Whether the outcomes of this debtor may come in any order: nothing depends on its balance, and its payments are
    /// taken from lanes. A decline may have been decided when that was so, before the account was changed.
    fn commutes(&self, debtor: &str, declined: bool, since: u64) -> bool {
        let changed = |event: &Event| match &event.what {
            What::Ordered { account, changes, .. } => *changes && *account == debtor && event.happened >= since,
            What::Decided { .. } => false,
        };
        self.books.get(debtor).is_some_and(Books::commutes) || declined && self.events.iter().any(changed)
    }

    /// From now on everybody sees the outcome of this payment, and its effects.
    pub(super) fn all_see(&mut self, seen: &PaymentId, now: u64) {
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
