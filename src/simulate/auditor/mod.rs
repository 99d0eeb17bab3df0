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
//! | every step | a dead letter holds its record's bytes, and is of a record that can't become a payment |
//! | every answer | what isn't reported has its outcome, its replay or its dead letter; only what was delivered is reported |
//! | every publication | the store holds just that outcome |
//! | at the end | every record has its end; every outcome was published; one serial order explains every decision |
//!
//! Source: the invariants of [`crate`].

pub(super) mod books;
mod serial;

use std::collections::{BTreeMap, BTreeSet};

use self::books::{Books, Standing};
use self::serial::{Event, Search, What};
use super::network::at_once;
use super::workload::{Asked, Record, TOPIC};
use crate::domain::{AccountId, Balance, DeadLetter, Holding, OverdraftLimit, PaymentId, Recorded, Verdict};
use crate::store::Inspect;
use crate::store::memory::MemoryStore;

/// Where a record stands: partition and offset.
pub(super) type Place = (i32, i64);

/// What is wrong, for a person.
pub(super) type Wrong = String;

/// A record, and what the auditor knows of it.
#[derive(Debug)]
struct Known {
    record: Record,
    delivered: bool,
    acknowledged: bool,
    /// It went to the on-failure destination.
    given_up: bool,
}

/// The auditor of one world.
#[derive(Debug)]
pub(super) struct Auditor {
    opening: BTreeMap<String, Books>,
    books: BTreeMap<String, Books>,
    /// Accounts whose item can't be read just now.
    unreadable: BTreeSet<String>,
    records: BTreeMap<Place, Known>,
    outcomes: BTreeMap<String, Recorded>,
    letters: BTreeMap<Place, DeadLetter>,
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
            records: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            letters: BTreeMap::new(),
            published: BTreeSet::new(),
            events: Vec::new(),
        }
    }

    /// The accounts as they must be now.
    pub(super) fn books(&self) -> &BTreeMap<String, Books> {
        &self.books
    }

    /// The outcomes seen, by payment id.
    pub(super) fn outcomes(&self) -> &BTreeMap<String, Recorded> {
        &self.outcomes
    }

    /// Dead letters seen.
    pub(super) fn letters(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn produced(&mut self, place: Place, record: Record) {
        let known = Known { record, delivered: false, acknowledged: false, given_up: false };
        self.records.insert(place, known);
    }

    pub(super) fn delivered(&mut self, places: &[Place]) {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                known.delivered = true;
            }
        }
    }

    /// The world changed an account: it is this now.
    pub(super) fn account_changed(&mut self, id: &str, books: Books, now: u64) {
        self.books.insert(id.to_owned(), books.clone());
        self.events.push(Event {
            began: now,
            happened: now,
            seen: now,
            what: What::Changed { account: id.to_owned(), books },
        });
    }

    /// The world made an account's item unreadable, or mended it.
    pub(super) fn account_unreadable(&mut self, id: &str, unreadable: bool) {
        if unreadable {
            self.unreadable.insert(id.to_owned())
        } else {
            self.unreadable.remove(id)
        };
    }

    pub(super) fn gave_up(&mut self, places: &[Place]) {
        for place in places {
            if let Some(known) = self.records.get_mut(place) {
                known.given_up = true;
            }
        }
    }

    /// An invocation answered, and reported these of the places that it was given.
    pub(super) fn answered(&mut self, given: &[Place], reported: &[Place]) -> Result<(), Wrong> {
        if let Some(place) = reported.iter().find(|place| !given.contains(place)) {
            return Err(format!("{place:?} was reported, and was not delivered"));
        }
        for place in given.iter().filter(|place| !reported.contains(place)) {
            if !self.finished(*place) {
                return Err(format!("{place:?} was acknowledged, and has neither outcome nor replay nor dead letter"));
            }
            if let Some(known) = self.records.get_mut(place) {
                known.acknowledged = true;
            }
        }
        Ok(())
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
        let known = self.records.get(&place).filter(|known| known.delivered && &*source.topic == TOPIC);
        let given_up = known.is_some_and(|known| known.given_up);
        let Some(asked) = known.and_then(|known| known.record.asks.clone()) else {
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
        let earlier = self.records.range((place.0, i64::MIN)..place).find(|(at, known)| {
            // An id that names another payment, or will, is never decided again: its dead letter has time.
            let undecided = |before: &Asked| {
                before.debtor == asked.debtor
                    && !self.outcomes.contains_key(&before.id)
                    && !self.asked_otherwise_before(**at, before)
            };
            known.record.asks.as_ref().is_some_and(undecided) && !known.given_up
        });
        if let Some((before, _)) = earlier {
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

    /// From now on everybody sees the outcomes of these payments, and what came of them.
    pub(super) fn all_see(&mut self, ids: &[PaymentId], now: u64) {
        for event in &mut self.events {
            match &event.what {
                What::Decided { id, .. } if ids.iter().any(|seen| seen.as_str() == id) => event.seen = now,
                What::Decided { .. } | What::Changed { .. } => {}
            }
        }
    }

    /// Whether an earlier record of the partition asks for another payment under this id, and so takes it.
    fn asked_otherwise_before(&self, place: Place, asked: &Asked) -> bool {
        let other = |before: &Asked| before.id == asked.id && before != asked;
        let before = self.records.range((place.0, i64::MIN)..place);
        before.into_iter().any(|(_, known)| !known.given_up && known.record.asks.as_ref().is_some_and(other))
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
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => Err(format!("the balances in {currency} sum to {sum}")),
            None => Ok(()),
        }
    }

    fn observe_letters(&mut self, store: &MemoryStore) -> Result<(), Wrong> {
        let letters = read(at_once(store.dead_letters()))?;
        if letters.len() < self.letters.len() {
            return Err("a dead letter went".into());
        }
        for letter in letters {
            let place = (letter.source.partition, letter.source.offset);
            match self.letters.get(&place) {
                Some(seen) if *seen == letter => continue,
                Some(_) => return Err(format!("the dead letter {place:?} changed")),
                None => self.new_letter(place, &letter)?,
            }
            self.letters.insert(place, letter);
        }
        Ok(())
    }

    fn new_letter(&self, place: Place, letter: &DeadLetter) -> Result<(), Wrong> {
        let Some(known) = self.records.get(&place).filter(|known| known.delivered) else {
            return Err(format!("there is a dead letter {place:?}, and no such record was delivered"));
        };
        let headers: Vec<(&str, Option<&[u8]>)> =
            letter.headers.iter().map(|header| (header.name.as_str(), header.value.as_deref())).collect();
        let expected: Vec<(&str, Option<&[u8]>)> =
            known.record.header.iter().map(|value| ("trace", Some(value.as_slice()))).collect();
        if letter.key != known.record.key || letter.value != known.record.value || headers != expected {
            return Err(format!("the dead letter {place:?} doesn't hold its record's bytes"));
        }
        let reused = letter.reason == crate::domain::dead_letter::PAYMENT_ID_REUSED;
        match &known.record.asks {
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
        let answered = self.outcomes.get(&asked.id).and_then(|recorded| self.records.get(&source(recorded)));
        answered.is_some_and(|known| known.record.asks.as_ref() == Some(asked))
    }

    /// Whether a record has its outcome, its replay or its dead letter.
    fn finished(&self, place: Place) -> bool {
        let parked = self.letters.contains_key(&place);
        match self.records.get(&place).map(|known| &known.record.asks) {
            Some(Some(asked)) => self.has_outcome(asked) || parked,
            Some(None) => parked,
            None => false,
        }
    }

    /// What must hold when all is at rest. Returns whether the search for a serial order came to an end.
    pub(super) fn finish(&self, fresh: &str) -> Result<bool, Wrong> {
        for (place, known) in &self.records {
            let ended = known.given_up || (known.acknowledged && self.finished(*place));
            if !ended {
                return Err(format!("{place:?} has no end: nothing was reported of it, and nothing holds it"));
            }
        }
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
    let limit = match account.overdraft_limit {
        OverdraftLimit::Limited(limit) => Some(i128::from(limit).saturating_neg()),
        OverdraftLimit::Unlimited => None,
    };
    let balance = holding.balance();
    if balance != books.balance {
        return Err(format!("{id} is at {balance}, and its settled payments make {}", books.balance));
    }
    let same = (account.currency.as_str(), account.status.name(), limit)
        == (books.currency, Standing::name(books.standing), books.lowest);
    if same { Ok(()) } else { Err(format!("{id} is not what it was made: {account:?}")) }
}

fn read<T>(answer: Option<Result<T, crate::store::StoreError>>) -> Result<T, Wrong> {
    match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(format!("the store can't be looked at: {error}")),
        None => Err("the memory store made its reader wait".into()),
    }
}
