//! Knows what must hold, and says what doesn't. Independent of the code under test: its own books, its own rules.
//!
//! In: what clients produced, what was delivered and answered, what the store holds after every step, what was
//! published. Out: nothing, or the first thing that is wrong.
//!
//! | when | what must hold |
//! |---|---|
//! | every step | an outcome once seen never changes and never goes |
//! | every step | a new outcome answers a record that was delivered, and says what that record asked |
//! | every step | a new outcome comes after those of all earlier records of its debtor on its partition |
//! | every step | every balance is the opening balance and all settled payments since; per currency they sum to zero |
//! | every step | no balance is below its limit |
//! | every step | a dead letter holds its record's bytes, and is of a record that can't become a payment or a command |
//! | every step | a command's answer is the right one in its moment: see `orders` |
//! | every answer | what isn't reported has its outcome, its replay or its dead letter; only what was delivered is reported |
//! | every publication | the store holds just that outcome |
//! | at the end | every record has its end; every outcome was published; one serial order explains every decision |
//!
//! Source: the invariants of [`crate`].

pub(super) mod books;
mod orders;
mod records;
mod serial;

use std::collections::{BTreeMap, BTreeSet};

use self::books::{Books, Standing};
use self::records::Records;
use self::serial::{Event, Search, What};
use super::mapping::Topic;
use super::network::at_once;
use super::orders::Order;
use super::workload::Asked;
use crate::domain::account_command::RecordedCommand;
use crate::domain::{AccountId, Balance, DeadLetter, Holding, Lane, OverdraftLimit, PaymentId, Recorded, Verdict};
use crate::store::Inspect;
use crate::store::memory::MemoryStore;

/// Where a record stands: partition and offset.
pub(super) type Place = (i32, i64);

/// What is wrong, for a person.
pub(super) type Wrong = String;

/// The auditor of one world.
#[derive(Debug)]
pub(super) struct Auditor {
    opening: BTreeMap<String, Books>,
    books: BTreeMap<String, Books>,
    /// Accounts whose item can't be read just now.
    unreadable: BTreeSet<String>,
    pub(super) requests: Records<Asked>,
    pub(super) orders: Records<Order>,
    outcomes: BTreeMap<String, Recorded>,
    /// Answers to commands.
    commands: BTreeMap<String, RecordedCommand>,
    published: BTreeSet<String>,
    events: Vec<Event>,
}

impl Auditor {
    /// An auditor of a world that begins with these accounts.
    pub(super) fn new(opening: BTreeMap<String, Books>) -> Self {
        Self {
            books: opening.clone(),
            opening,
            unreadable: BTreeSet::new(),
            requests: Records::default(),
            orders: Records::default(),
            outcomes: BTreeMap::new(),
            commands: BTreeMap::new(),
            published: BTreeSet::new(),
            events: Vec::new(),
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

    /// Dead letters seen.
    pub(super) fn letters(&self) -> usize {
        self.requests.letters().saturating_add(self.orders.letters())
    }

    pub(super) fn delivered(&mut self, topic: Topic, places: &[Place]) {
        match topic {
            Topic::Requests => self.requests.delivered(places),
            Topic::Commands => self.orders.delivered(places),
        }
    }

    /// The world made an account's item unreadable, or mended it.
    pub(super) fn account_unreadable(&mut self, id: &str, unreadable: bool) {
        if unreadable {
            self.unreadable.insert(id.to_owned())
        } else {
            self.unreadable.remove(id)
        };
    }

    pub(super) fn gave_up(&mut self, topic: Topic, places: &[Place]) {
        match topic {
            Topic::Requests => self.requests.gave_up(places),
            Topic::Commands => self.orders.gave_up(places),
        }
    }

    /// An invocation answered, and reported these of the places that it was given.
    pub(super) fn answered(&mut self, topic: Topic, given: &[Place], reported: &[Place]) -> Result<(), Wrong> {
        let given_places = given.iter().copied();
        match topic {
            Topic::Requests => {
                let finished: Vec<Place> = given_places.filter(|place| self.finished(*place)).collect();
                self.requests.answered(given, reported, &finished)
            }
            Topic::Commands => {
                let finished: Vec<Place> = given_places.filter(|place| self.order_finished(*place)).collect();
                self.orders.answered(given, reported, &finished)
            }
        }
    }

    /// Something was published: payment id, and status or reason.
    pub(super) fn published(&mut self, id: &str, answer: &str) -> Result<(), Wrong> {
        match self.outcomes.get(id) {
            None => Err(format!("{id} was published as {answer}, and the store holds no outcome of it")),
            Some(stored) if answer_of(stored.outcome.verdict) != answer => {
                Err(format!("{id} was published as {answer}, and is {}", answer_of(stored.outcome.verdict)))
            }
            Some(_) => {
                self.published.insert(id.to_owned());
                Ok(())
            }
        }
    }

    /// Looks at everything in the store, after a call of an invocation that was started at `since`. Returns the payments
    /// that are new.
    pub(super) fn observe(&mut self, store: &MemoryStore, since: u64, now: u64) -> Result<Vec<String>, Wrong> {
        let new = self.observe_payments(store, since, now)?;
        self.observe_commands(store, now)?;
        self.observe_accounts(store)?;
        self.observe_letters(store)?;
        Ok(new)
    }

    fn observe_payments(&mut self, store: &MemoryStore, since: u64, now: u64) -> Result<Vec<String>, Wrong> {
        let payments = read(at_once(store.payments()))?;
        let mut new = Vec::new();
        let mut kept: usize = 0;
        for recorded in payments {
            let id = recorded.outcome.payment.id.as_str();
            match self.outcomes.get(id) {
                Some(seen) if *seen == recorded => kept = kept.saturating_add(1),
                Some(_) => return Err(format!("the outcome of {id} changed")),
                None => new.push(recorded),
            }
        }
        if kept != self.outcomes.len() {
            return Err("an outcome went".into());
        }
        for recorded in &new {
            self.outcomes.insert(recorded.outcome.payment.id.to_string(), recorded.clone());
        }
        for recorded in &new {
            self.new_outcome(recorded, since, now)?;
        }
        Ok(new.iter().map(|recorded| recorded.outcome.payment.id.to_string()).collect())
    }

    fn new_outcome(&mut self, recorded: &Recorded, since: u64, now: u64) -> Result<(), Wrong> {
        let payment = &recorded.outcome.payment;
        let (id, source) = (payment.id.as_str(), &recorded.outcome.source);
        let place = (source.partition, source.offset);
        let known = self.requests.delivered_at(place).filter(|_| &*source.topic == Topic::Requests.name());
        let given_up = known.is_some_and(|known| known.given_up);
        let Some(asked) = known.and_then(|known| known.asks.clone()) else {
            return Err(format!("{id} has an outcome, and no record {place:?} that was delivered asked for it"));
        };
        let same = asked.id == id
            && asked.debtor == payment.debtor.as_str()
            && asked.creditor == payment.creditor.as_str()
            && asked.amount == payment.amount.minor_units()
            && asked.currency == payment.currency.as_str()
            && asked.reference.as_deref() == payment.reference.as_deref();
        if !same {
            return Err(format!("the outcome of {id} says something else than its record {place:?}"));
        }
        // An id that names another payment, or will, is never decided again: its dead letter has time.
        let undecided = |at: Place, before: &Asked| {
            before.debtor == asked.debtor
                && !self.outcomes.contains_key(&before.id)
                && !self.requests.asked_before(at, |other| other.id == before.id && other != before)
        };
        if let Some(before) = self.requests.undecided_before(place, undecided) {
            return Err(format!("{id} at {place:?} was decided before {before:?} of the same debtor"));
        }
        let amount = i128::from(asked.amount);
        if recorded.outcome.verdict.is_ok() {
            for (account, net) in [(&asked.debtor, amount.saturating_neg()), (&asked.creditor, amount)] {
                let Some(books) = self.books.get_mut(account) else {
                    return Err(format!("{id} is settled, and there is no account {account}"));
                };
                books.balance = books.balance.saturating_add(net);
            }
        }
        let declined = recorded.outcome.verdict.err().map(crate::domain::Decline::name);
        let Asked { id, debtor, creditor, currency, .. } = asked;
        let (partition, offset) = place;
        let what = What::Decided { id, debtor, creditor, amount, currency, declined, partition, offset, given_up };
        self.events.push(Event { began: since, happened: now, seen: now, what });
        Ok(())
    }

    /// From now on everybody sees the outcome of this payment, and what came of it.
    pub(super) fn all_see(&mut self, seen: &PaymentId, now: u64) {
        for event in &mut self.events {
            match &event.what {
                What::Decided { id, .. } if seen.as_str() == id => event.seen = now,
                What::Decided { .. } | What::Ordered { .. } => {}
            }
        }
    }

    fn observe_accounts(&self, store: &MemoryStore) -> Result<(), Wrong> {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for (id, books) in &self.books {
            let sum = sums.entry(books.currency).or_default();
            *sum = sum.saturating_add(books.balance);
            if let Some(lowest) = books.lowest.filter(|lowest| books.balance < *lowest) {
                return Err(format!("{id} is at {}, and may not be below {lowest}", books.balance));
            }
            if self.unreadable.contains(id) {
                continue;
            }
            let key = AccountId::try_new(id).map_err(|error| error.to_string())?;
            match read(at_once(store.account(&key)))? {
                None => return Err(format!("the account {id} went")),
                Some(holding) => compare(id, books, &holding)?,
            }
        }
        if self.unreadable.is_empty() {
            let stored = read(at_once(store.accounts()))?.len();
            let stray = read(at_once(store.stray_lanes()))?.len();
            if (stored, stray) != (self.books.len(), 0) {
                let known = self.books.len();
                return Err(format!(
                    "{stored} accounts and {stray} lanes of none are there, of {known} that were opened"
                ));
            }
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => Err(format!("the balances in {currency} sum to {sum}")),
            None => Ok(()),
        }
    }

    fn observe_letters(&mut self, store: &MemoryStore) -> Result<(), Wrong> {
        let letters = read(at_once(store.dead_letters()))?;
        if letters.len() < self.letters() {
            return Err("a dead letter went".into());
        }
        for letter in letters {
            if &*letter.source.topic == Topic::Commands.name() {
                if self.orders.is_new(&letter)? {
                    self.order_may_be(&letter)?;
                    self.orders.new_letter(letter)?;
                }
            } else if self.requests.is_new(&letter)? {
                self.request_may_be(&letter)?;
                self.requests.new_letter(letter)?;
            }
        }
        Ok(())
    }

    /// Whether a record of payments may have become this dead letter.
    fn request_may_be(&self, letter: &DeadLetter) -> Result<(), Wrong> {
        let place = (letter.source.partition, letter.source.offset);
        let reused = letter.reason == crate::domain::dead_letter::PAYMENT_ID_REUSED;
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
        let source = |recorded: &Recorded| (recorded.outcome.source.partition, recorded.outcome.source.offset);
        let answered = self.outcomes.get(&asked.id).and_then(|recorded| self.requests.asks(source(recorded)));
        answered == Some(asked)
    }

    /// Whether a record has its outcome, its replay or its dead letter.
    fn finished(&self, place: Place) -> bool {
        self.requests.is_aside(place) || self.requests.asks(place).is_some_and(|asked| self.has_outcome(asked))
    }

    /// What must hold when all is at rest. Returns whether the search for a serial order came to an end.
    pub(super) fn finish(&self, fresh: &str) -> Result<bool, Wrong> {
        self.requests.finish(|place| self.finished(place))?;
        self.orders.finish(|place| self.order_finished(place)).map_err(|wrong| format!("of commands: {wrong}"))?;
        if let Some(id) = self.outcomes.keys().find(|id| !self.published.contains(*id)) {
            return Err(format!("the outcome of {id} was never published"));
        }
        if self.outcomes.get(fresh).is_none_or(|recorded| recorded.outcome.verdict.is_err()) {
            return Err("after the faults stopped, a fresh payment was not settled".into());
        }
        match serial::search(&self.opening, self.events.clone()) {
            Search::Explained => Ok(true),
            Search::GaveUp => Ok(false),
            Search::Unexplained(ids) => Err(format!("no serial order explains the decisions on {}", ids.join(" "))),
        }
    }
}

/// What is published of a verdict: `settled`, or the reason's name.
pub(super) fn answer_of(verdict: Verdict) -> &'static str {
    match verdict {
        Ok(()) => "settled",
        Err(decline) => decline.name(),
    }
}

fn compare(id: &str, books: &Books, holding: &Holding) -> Result<(), Wrong> {
    let account = &holding.account;
    if let Some(lane) = holding.lanes.iter().find(|lane| lane.balance < Balance::ZERO) {
        return Err(format!("the lane {} is at {}", lane.id, lane.balance));
    }
    let unlike = |lane: &&Lane| (lane.status, lane.currency) != (account.status, account.currency);
    if let Some(lane) = holding.lanes.iter().find(unlike) {
        return Err(format!("the lane {} is {}, and its account {}", lane.id, lane.status, account.status));
    }
    let limit = match account.overdraft_limit {
        OverdraftLimit::Limited(limit) => Some(i128::from(limit).saturating_neg()),
        OverdraftLimit::Unlimited => None,
    };
    let balance = holding.balance();
    if balance != books.balance {
        return Err(format!("{id} is at {balance}, and its settled payments make {}", books.balance));
    }
    let lanes = (account.credit_lanes.count(), holding.lanes.len());
    let same = (account.currency.as_str(), account.status.name(), limit)
        == (books.currency, Standing::name(books.standing), books.lowest)
        && lanes == (books.lanes, usize::from(books.lanes));
    if same { Ok(()) } else { Err(format!("{id} is not what it was made: {account:?}")) }
}

fn read<T>(answer: Option<Result<T, crate::store::StoreError>>) -> Result<T, Wrong> {
    match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(format!("the store can't be looked at: {error}")),
        None => Err("the memory store made its reader wait".into()),
    }
}
