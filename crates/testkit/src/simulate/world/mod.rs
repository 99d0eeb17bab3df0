//! What: Runs one world: it lists what can happen next, and lets one thing happen.
//!
//! Data: Takes a tape, and how many steps the storm lasts. Gives what happened, counted, or what was wrong first.
//!
//! | what can happen | where |
//! |---|---|
//! | a call reaches the store, or an answer its caller; or is lost | `calls` |
//! | a transaction holds its items, and is seen item by item | `flight` |
//! | a batch is delivered, an invocation answers, dies, is forgotten | `invocations` |
//! | an account can't be read for a while | `accounts` |
//! | a publisher publishes, is failed by its broker, dies | `outbox` |
//! | a topic is created again, a mapping is switched off for a week, records that were given up and dead letters are redriven | `operator` |
//! | a client or an administrator produces, time passes | here |
//! | somebody asks for balances at past times, where that is asked for | `questions` |
//!
//! Invariants: One thing happens at a time, and only the tape decides which. So the same tape gives the same world.

mod accounts;
pub(super) mod calls;
pub(super) mod flight;
mod invocations;
mod operator;
mod outbox;
mod questions;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::auditor::{Auditor, Wrong, answer_of};
use super::finals::Questions;
use super::mapping::Mappings;
use super::mutant::Mutant;
use super::network::{Answer, InvocationId, Network};
use super::orders::Administrators;
use super::policy::Policies;
use super::record::Record;
use super::tape::Tape;
use super::topic::{Place, Topic};
use super::weather::Weather;
use super::workload::{self, Clients};
use super::{Counts, Ended};
use crate::memory_store::MemoryStore;
use flight::Flights;
use giro::domain::Account;
use giro::domain::account_command::status_of;
use invocations::Invocation;
use operator::Operator;
use outbox::Outbox;

/// The most records that may wait to be read. More would only wait.
const BACKLOG_MAX: usize = 24;
/// If a world isn't at rest this many happenings after the storm, it never will be.
const REST_MAX: u32 = 50_000;

/// What can happen next.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Call(u64),
    Deliver(Topic, usize),
    Produce,
    Order,
    Publish,
    Wait,
    Crash(usize),
    Forget(usize),
    Rebalance(Topic),
    Rewind(Topic),
    Corrupt,
    MakeAnew(Topic),
    SwitchOff(Topic),
    SwitchOn(Topic),
    BringBack,
    Redrive,
}

/// A world.
pub(super) struct World {
    tape: Tape,
    weather: Weather,
    /// After the storm: no more faults, no more clients.
    calm: bool,
    mappings: Mappings,
    clients: Clients,
    administrators: Administrators,
    network: Network,
    flights: Flights,
    /// Reads of which some was read, by ticket: what it was.
    torn: BTreeMap<u64, Answer>,
    store: MemoryStore,
    auditor: Auditor,
    /// How many partitions of payments account-processor was told of when the world began.
    partitions_told: u16,
    outbox: Outbox,
    operator: Operator,
    invocations: Vec<Invocation>,
    invocations_made: u64,
    /// Accounts whose item can't be read, as they were.
    spoilt: BTreeMap<String, Account>,
    mutant: Option<Mutant>,
    /// What is asked of balances meanwhile.
    questions: Option<Questions>,
    /// Accounts get limits, and the world begins shortly before midnight, so that windows begin anew.
    has_limits: bool,
    began: Instant,
    steps: u64,
    now: u64,
    counts: Counts,
    history: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(mut tape: Tape, policies: Policies, mutant: Option<Mutant>, recording: bool) -> Self {
        let weather = Weather::draw(&mut tape);
        let policies = mutant.map_or(policies, |mutant| mutant.policies(policies));
        let mappings = Mappings::draw(&mut tape, policies);
        let operator = Operator::draw(&mut tape);
        let partitions = u16::try_from(mappings.of(Topic::Requests).partitions()).unwrap_or(1);
        let mut opening = workload::opening(&mut tape, partitions);
        // Where dan begins with little, which is a quarter of all worlds, accounts get limits.
        let has_limits = opening.get("dan").is_some_and(|books| books.balance == 100);
        if has_limits {
            workload::limit(&mut opening);
        }
        let store = MemoryStore::new();
        for (id, books) in &opening {
            if let Some(account) = accounts::account(id, books) {
                store.insert_account(account);
            }
        }
        Self {
            tape,
            weather,
            calm: false,
            mappings,
            clients: Clients::new(&opening),
            administrators: Administrators::new(has_limits),
            network: Network::default(),
            flights: Flights::default(),
            torn: BTreeMap::new(),
            store,
            // Two lanes for each partition. A single partition meets nobody on the main item.
            auditor: Auditor::new(opening, if partitions > 1 { partitions.saturating_mul(2) } else { 0 }),
            partitions_told: partitions,
            outbox: Outbox::default(),
            operator,
            invocations: Vec::new(),
            invocations_made: 0,
            spoilt: BTreeMap::new(),
            mutant,
            questions: None,
            has_limits,
            began: Instant::now(),
            steps: 0,
            now: 0,
            counts: Counts::default(),
            history: recording.then(Vec::new),
        }
    }

    /// The same world, in which somebody asks for balances. A time counts as closed so much later.
    pub(super) fn asking(self, seed: u64, closed_after_ms: i64) -> Self {
        Self { questions: Some(Questions::new(seed, closed_after_ms)), ..self }
    }

    /// Lets the storm last this many steps, then all come to rest, and a fresh payment settle.
    pub(super) async fn run(mut self, steps: u64) -> Ended {
        let wrong = self.live(steps).await.err();
        self.counts.add("steps", self.steps);
        for recorded in self.auditor.outcomes().values() {
            self.counts.add(answer_of(recorded.outcome.decision), 1);
        }
        for recorded in self.auditor.commands().values() {
            self.counts.add(recorded.decision.err().map_or(status_of(Ok(())), giro::domain::Refusal::name), 1);
        }
        self.auditor.letters_counted().into_iter().for_each(|(name, count)| self.counts.add(name, count));
        let (counts, history, choices) = (self.counts, self.history.unwrap_or_default(), self.tape.into_taken());
        Ended { wrong, counts, history, choices }
    }

    async fn live(&mut self, steps: u64) -> Result<(), Wrong> {
        while self.steps < steps && !self.tape.ended() {
            let happenings = self.in_the_storm();
            let Some(next) = self.tape.weighted(&happenings) else { break };
            self.happens(next).await?;
            self.ask_now_and_then().await?;
        }
        self.calm().await?;
        self.come_to_rest().await?;
        let (record, asks) = Clients::fresh();
        let (place, record) = self.put(Topic::Requests, 0, record);
        self.auditor.requests.produced(place, record, asks);
        self.note(|| format!("a client asks for the fresh payment at {place:?}"));
        self.come_to_rest().await?;
        let explained = self.auditor.finish("fresh")?;
        self.counts.add(if explained { "histories explained" } else { "histories too long to search" }, 1);
        Ok(())
    }

    async fn come_to_rest(&mut self) -> Result<(), Wrong> {
        for _ in 0..REST_MAX {
            let Some(next) = self.after_the_storm() else { return Ok(()) };
            self.happens(next).await?;
        }
        Err("after the faults stopped, the world doesn't come to rest".into())
    }

    /// What can happen next, by weight; the plainest first.
    fn in_the_storm(&self) -> Vec<(u32, Happening)> {
        let mut all = Vec::with_capacity(16);
        for (ticket, _, abandoned) in self.network.under_way() {
            all.push((if abandoned { 3 } else { 12 }, Happening::Call(ticket)));
        }
        for topic in Topic::ALL {
            let ready = self.mappings.of(topic).ready().into_iter();
            all.extend(ready.map(|poller| (8, Happening::Deliver(topic, poller))));
        }
        if self.mappings.of(Topic::Requests).backlog() < BACKLOG_MAX {
            all.push((8, Happening::Produce));
        }
        if self.mappings.of(Topic::Commands).backlog() < BACKLOG_MAX {
            all.push((self.weather.order, Happening::Order));
        }
        if self.outbox.waits() {
            all.push((4, Happening::Publish));
        }
        all.push((if self.invocations.is_empty() { 0 } else { 2 }, Happening::Wait));
        for ix in 0..self.invocations.len() {
            all.push((self.weather.crash, Happening::Crash(ix)));
            all.push((if self.invocations.len() < 6 { self.weather.crash } else { 0 }, Happening::Forget(ix)));
        }
        // Commands are fewer, and so are the faults of their mapping.
        all.push((self.weather.rebalance, Happening::Rebalance(Topic::Requests)));
        all.push((self.weather.rebalance / 2, Happening::Rebalance(Topic::Commands)));
        all.push((self.weather.rewind, Happening::Rewind(Topic::Requests)));
        all.push((self.weather.rewind / 2, Happening::Rewind(Topic::Commands)));
        all.push((self.weather.corrupt, Happening::Corrupt));
        self.operators(&mut all);
        all
    }

    /// What happens next when nothing goes wrong; nothing once all is at rest.
    fn after_the_storm(&self) -> Option<Happening> {
        let call = self.network.under_way().first().map(|(ticket, ..)| Happening::Call(*ticket));
        let deliver = || {
            Topic::ALL.into_iter().find_map(|topic| {
                self.mappings.of(topic).ready().first().map(|poller| Happening::Deliver(topic, *poller))
            })
        };
        let wait = || (!self.invocations.is_empty()).then_some(Happening::Wait);
        let publish = || self.outbox.waits().then_some(Happening::Publish);
        let bring_back = || self.operator.waits().then_some(Happening::BringBack);
        call.or_else(deliver).or_else(wait).or_else(bring_back).or_else(publish)
    }

    async fn calm(&mut self) -> Result<(), Wrong> {
        self.note(|| "the faults stop".into());
        self.calm = true;
        self.weather = Weather::default();
        for topic in Topic::ALL {
            if !self.mappings.of(topic).on {
                self.switch_on(topic).await?;
            }
        }
        for id in self.spoilt.keys().cloned().collect::<Vec<_>>() {
            self.mend(&id);
        }
        self.observe(None)
    }

    async fn happens(&mut self, happening: Happening) -> Result<(), Wrong> {
        self.now = self.now.saturating_add(1);
        match happening {
            Happening::Call(ticket) => self.call(ticket),
            Happening::Deliver(topic, poller) => self.deliver(topic, poller),
            Happening::Produce => {
                self.produce();
                Ok(())
            }
            Happening::Order => {
                self.order();
                Ok(())
            }
            Happening::Publish => self.publish(),
            Happening::Wait => self.wait().await,
            Happening::Crash(ix) => self.crash(ix, "an invocation dies"),
            Happening::Forget(ix) => self.forget(ix),
            Happening::Rebalance(topic) => {
                let (partition, poller) = self.mappings.of_mut(topic).rebalance(&mut self.tape);
                self.counts.add("rebalances", 1);
                self.note(|| format!("partition {partition} of {} goes to poller {poller}", topic.name()));
                Ok(())
            }
            Happening::Rewind(topic) => {
                let (partition, offset) = self.mappings.of_mut(topic).rewind(&mut self.tape);
                self.counts.add("rewinds", 1);
                self.note(|| format!("partition {partition} of {} is read again from {offset}", topic.name()));
                Ok(())
            }
            Happening::Corrupt => {
                self.spoil_or_mend();
                Ok(())
            }
            Happening::MakeAnew(topic) => self.make_anew(topic),
            Happening::SwitchOff(topic) => {
                self.switch_off(topic);
                Ok(())
            }
            Happening::SwitchOn(topic) => self.switch_on(topic).await,
            Happening::BringBack => self.bring_back(),
            Happening::Redrive => self.redrive(),
        }
    }

    /// Puts a record on a topic, which stamps it.
    fn put(&mut self, topic: Topic, partition: usize, mut record: Record) -> (Place, Record) {
        record.timestamp_ms = self.stamp_ms();
        let place = self.mappings.of_mut(topic).produce(partition, record.clone());
        (place, record)
    }

    fn produce(&mut self) {
        let partitions = self.mappings.of(Topic::Requests).partitions();
        let (partition, record, asks) = self.clients.produce(&mut self.tape, partitions);
        let (place, record) = self.put(Topic::Requests, partition, record);
        self.note(|| format!("a client produces {place:?}: {}", record.shown()));
        self.counts.add("records", 1);
        self.auditor.requests.produced(place, record, asks);
    }

    fn order(&mut self) {
        let partitions = self.mappings.of(Topic::Commands).partitions();
        let (partition, record, asks) = self.administrators.produce(&mut self.tape, partitions, self.clients.paying());
        let (place, record) = self.put(Topic::Commands, partition, record);
        self.note(|| format!("an administrator produces {place:?}: {}", record.shown()));
        self.counts.add("commands", 1);
        self.auditor.orders.produced(place, record, asks);
    }

    /// Time passes: backoffs end, deadlines come.
    async fn wait(&mut self) -> Result<(), Wrong> {
        let ms = if self.calm { 1_000 } else { self.tape.between(5, 800) };
        self.note(|| format!("{ms} ms pass"));
        self.pass(Duration::from_millis(u64::from(ms))).await
    }

    async fn pass(&mut self, time: Duration) -> Result<(), Wrong> {
        tokio::time::advance(time).await;
        self.kill_overdue()?;
        self.poll_all()
    }

    /// The auditor looks at the store, after a call of this invocation or an action of an operator.
    fn observe(&mut self, by: Option<InvocationId>) -> Result<(), Wrong> {
        let new = self.auditor.observe(&self.store, by, self.now)?;
        for id in &new {
            let answer = self.auditor.outcomes().get(id).map_or("", |recorded| answer_of(recorded.outcome.decision));
            self.note(|| format!("  {id} is {answer}"));
        }
        self.outbox.stored(new);
        Ok(())
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(history) = &mut self.history {
            history.push(format!("{now:>5} {}", line()));
        }
    }
}

/// The payment id, and `settled` or the reason's name, of a record on `payment-outcomes`.
fn published_answer(json: &str) -> Option<(String, String)> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let answer = match value.get("reason")?.get("name") {
        Some(name) => name.as_str()?,
        None => value.get("status")?.as_str()?,
    };
    Some((value.get("payment_id")?.as_str()?.to_owned(), answer.to_owned()))
}
