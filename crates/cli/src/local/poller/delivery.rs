//! What: Decides what a poller delivers next, and what an answer means. It is pure: no Kafka, no HTTP, no clock.
//!
//! Data: Takes batches polled, answers to deliveries, and the time. Gives what to do next, and which records are
//! finished.
//!
//! | answer | then |
//! |---|---|
//! | nothing is reported | the delivery is finished |
//! | records are reported | each reported partition is delivered again, from its first reported record on; the rest is finished |
//! | a failure, if batches are bisected | the batch is cut in two, the first half first, until it is one record; that is tried again after a pause |
//! | a failure, if they aren't | the same delivery again, after a pause |
//! | a record is too old, or was tried too often | it is given up: the caller puts it on the on-failure topic, or drops it |
//!
//! Cutting a delivery in two costs none of its tries. If a part of a delivery was finished, its count begins again.
//!
//! Invariants: There is one delivery at a time, and a failed one comes before newer records, so each partition stays in
//! order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The first pause after a failure that can't be cut smaller. It doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A record, as far as deliveries know it.
pub(super) trait Delivered: Clone {
    /// Within which records keep their order.
    fn partition(&self) -> i32;
    /// When it was made, in milliseconds since 1970.
    fn timestamp_ms(&self) -> Option<i64>;
}

/// What a mapping does about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    /// Whether a batch that failed is cut in two.
    pub(super) bisect: bool,
    /// How often a delivery is tried again. `None`: for ever.
    pub(super) retries_max: Option<u32>,
    /// The age at which a record is given up.
    pub(super) record_age_max: Option<Duration>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<R> {
    /// Poll a batch and [`add`](Deliveries::add) it.
    Poll,
    /// Wait this long, then say [`waited`](Deliveries::waited).
    Wait(Duration),
    /// Deliver these, and say what was [`answered`](Deliveries::answered).
    Deliver(Vec<R>),
    /// Put these records, which were tried this often, on the on-failure topic. Then say that they were
    /// [`given_up`](Deliveries::given_up).
    GiveUp(Vec<R>, Why, u32),
}

/// Why records are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// They were tried as often as the mapping allows.
    RetriesExhausted,
    /// They are older than the mapping allows.
    RecordAgeExceeded,
}

/// A function's answer to a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It succeeded, and reported these, by their place in the delivery.
    Reported(Vec<usize>),
    /// It failed, or its answer can't be used. Says why.
    Failed(String),
}

/// The effect of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled<R> {
    /// What is finished, in its order.
    pub(super) finished: Vec<R>,
    /// Why the delivery failed as a whole, if it did.
    pub(super) failure: Option<String>,
}

struct Waiting<R> {
    records: Vec<R>,
    /// How often it has failed.
    failures: u32,
}

/// Deliveries waiting, the first one first.
pub(super) struct Deliveries<R> {
    policy: Policy,
    waiting: VecDeque<Waiting<R>>,
    giving_up: Option<(Vec<R>, Why, u32)>,
    /// How often in a row nothing was finished, and whether the pause for it is still to come.
    fruitless: u32,
    pause_due: bool,
}

impl<R: Delivered> Deliveries<R> {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, waiting: VecDeque::new(), giving_up: None, fruitless: 0, pause_due: false }
    }

    pub(super) fn next(&mut self, now_ms: i64) -> Next<R> {
        if self.giving_up.is_none() {
            self.giving_up = self.hopeless(now_ms);
        }
        if let Some((records, why, tries)) = &self.giving_up {
            return Next::GiveUp(records.clone(), *why, *tries);
        }
        match self.waiting.front() {
            None => Next::Poll,
            Some(_) if self.pause_due => Next::Wait(pause(self.fruitless)),
            Some(waiting) => Next::Deliver(waiting.records.clone()),
        }
    }

    /// Removes the records to give up from the next delivery.
    fn hopeless(&mut self, now_ms: i64) -> Option<(Vec<R>, Why, u32)> {
        let front = self.waiting.front_mut()?;
        if self.policy.retries_max.is_some_and(|retries_max| front.failures > retries_max) {
            let waiting = self.waiting.pop_front()?;
            self.fruitless = 0;
            self.pause_due = false;
            return Some((waiting.records, Why::RetriesExhausted, waiting.failures));
        }
        let age_max_ms = i64::try_from(self.policy.record_age_max?.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_max_ms);
        // Only the first records of a partition: after a record that is kept, none may be skipped.
        let mut kept = BTreeSet::new();
        let (mut old, mut rest) = (Vec::new(), Vec::new());
        for record in front.records.drain(..) {
            let is_old = record.timestamp_ms().is_some_and(|timestamp| timestamp < oldest_ms);
            if is_old && !kept.contains(&record.partition()) {
                old.push(record);
            } else {
                kept.insert(record.partition());
                rest.push(record);
            }
        }
        let tries = front.failures;
        if rest.is_empty() {
            self.waiting.pop_front();
        } else {
            front.records = rest;
        }
        (!old.is_empty()).then_some((old, Why::RecordAgeExceeded, tries))
    }

    pub(super) fn given_up(&mut self) {
        self.giving_up = None;
    }

    pub(super) fn waited(&mut self) {
        self.pause_due = false;
    }

    pub(super) fn add(&mut self, batch: Vec<R>) {
        if !batch.is_empty() {
            self.waiting.push_back(Waiting { records: batch, failures: 0 });
        }
    }

    /// Takes the answer to the delivery that was next.
    pub(super) fn answered(&mut self, answer: Answer) -> Settled<R> {
        let Some(waiting) = self.waiting.pop_front() else { return Settled { finished: Vec::new(), failure: None } };
        let reported = match answer {
            Answer::Failed(failure) => return self.failed(waiting, failure),
            Answer::Reported(reported) => reported,
        };
        // By partition, the first place reported.
        let mut again: BTreeMap<i32, usize> = BTreeMap::new();
        for place in reported {
            if let Some(record) = waiting.records.get(place) {
                let first = again.entry(record.partition()).or_insert(place);
                *first = place.min(*first);
            }
        }
        let (mut finished, mut rest) = (Vec::new(), Vec::new());
        for (place, record) in waiting.records.into_iter().enumerate() {
            match again.get(&record.partition()) {
                Some(&first) if place >= first => rest.push(record),
                Some(_) | None => finished.push(record),
            }
        }
        self.fruitless = if finished.is_empty() { self.fruitless.saturating_add(1) } else { 0 };
        if !rest.is_empty() {
            // They are reported because the store had errors, so give it some time.
            self.pause_due = true;
            let failures = if finished.is_empty() { waiting.failures.saturating_add(1) } else { 1 };
            self.waiting.push_front(Waiting { records: rest, failures });
        }
        Settled { finished, failure: None }
    }

    fn failed(&mut self, mut waiting: Waiting<R>, failure: String) -> Settled<R> {
        if self.policy.bisect && waiting.records.len() > 1 {
            let second = waiting.records.split_off(waiting.records.len() / 2);
            self.waiting.push_front(Waiting { records: second, failures: waiting.failures });
        } else {
            waiting.failures = waiting.failures.saturating_add(1);
            self.fruitless = self.fruitless.saturating_add(1);
            self.pause_due = true;
        }
        self.waiting.push_front(waiting);
        Settled { finished: Vec::new(), failure: Some(failure) }
    }
}

/// The pause after this many tries in a row that finished nothing.
pub(super) fn pause(fruitless: u32) -> Duration {
    let doublings = fruitless.saturating_sub(1).min(16);
    PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
