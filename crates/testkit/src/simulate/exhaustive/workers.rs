//! What: What the workers do: the real code, run again for each new history of answers.
//!
//! Data: Takes a worker's history, which is the answers that it got, in their order. Gives the calls that it waits for,
//! or what it answers.
//!
//! A worker can't be copied in the middle of its work, but it can be run again. Its clock is paused, its waits have a
//! fixed seed, and the time in what it writes never changes. So its next call depends only on its history. Each history
//! is run once, from its start, and remembered.
//!
//! Limits: A wait ends as soon as the worker waits for nothing else, because nobody else sees when it ends. A worker's
//! deadline is an hour of its own time, so it never comes. A worker that gets [`ANSWERS_MAX`] answers has no end.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::CreditLanes;
use giro::domain::account_command::Policy;
use giro::settle::{Backoff, Disposition, settle_requests};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::digest::{Digest, digest};
use super::small_world::{Batch, LANES_MIN, Records, SmallWorld};
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::network::{Answer, Call, Network, RemoteLedger};

/// More answers than any worker needs.
const ANSWERS_MAX: usize = 60;
/// Longer than any wait of a worker.
const WAIT: Duration = Duration::from_secs(11);
/// Longer than all waits of a worker.
const DEADLINE: Duration = Duration::from_hours(1);
/// More waits than a worker makes, one after the other.
const WAITS_MAX: usize = 4;

/// Names a call of a worker. Its calls are numbered in their order.
pub(super) type Ticket = u64;

/// Names a history.
pub(super) type HistoryId = usize;

/// What a worker answers about one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The worker stored this answer.
    Decided(&'static str),
    /// The answer was there.
    Replayed,
    /// Neither.
    Other,
}

/// A worker that has got some answers.
#[derive(Debug)]
pub(super) struct History {
    batch: usize,
    /// The history without its last answer, and that answer. None at the start.
    last: Option<(HistoryId, Ticket, Answer)>,
    length: usize,
    /// The calls that it waits for.
    pub(super) waiting: Vec<(Ticket, Rc<Call>)>,
    /// What it answers about each record, if it is done.
    pub(super) answer: Option<Vec<Told>>,
}

impl History {
    /// The calls whose answers it may get next. A worker that waits for reads alone goes on once it has all of them. So
    /// it gets their answers in the order of its calls.
    pub(super) fn next_answers(&self) -> &[(Ticket, Rc<Call>)] {
        let reads = self.waiting.iter().all(|(_, call)| is_read(call));
        if reads { self.waiting.get(..1).unwrap_or_default() } else { &self.waiting }
    }
}

/// Whether a call changes nothing.
pub(super) fn is_read(call: &Call) -> bool {
    !matches!(call, Call::Commit(_) | Call::Command(_) | Call::DeadLetter(_))
}

/// All histories that were run. The first ones are the starts of the batches.
pub(super) struct Histories<'w> {
    world: &'w SmallWorld,
    runtime: Runtime,
    all: Vec<History>,
    by_answer: HashMap<(HistoryId, Ticket, Digest), HistoryId>,
}

impl<'w> Histories<'w> {
    /// The starts of all batches of a world.
    pub(super) fn new(world: &'w SmallWorld) -> Result<Self, Wrong> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let mut histories = Self { world, runtime, all: Vec::new(), by_answer: HashMap::new() };
        for batch in 0..world.batches.len() {
            let start = histories.run(batch, None, 0)?;
            histories.all.push(start);
        }
        Ok(histories)
    }

    /// How many were run.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// What they answer about records that they decided.
    pub(super) fn answers(&self) -> BTreeSet<&'static str> {
        let decided = |told: &Told| if let Told::Decided(answer) = told { Some(*answer) } else { None };
        self.all.iter().flat_map(|history| &history.answer).flatten().filter_map(decided).collect()
    }

    /// A history.
    pub(super) fn get(&self, id: HistoryId) -> &History {
        &self.all[id]
    }

    /// A history with one more answer.
    pub(super) fn with(&mut self, id: HistoryId, ticket: Ticket, answer: Answer) -> Result<HistoryId, Wrong> {
        let key = (id, ticket, digest(&answer));
        if let Some(known) = self.by_answer.get(&key) {
            return Ok(*known);
        }
        let History { batch, length, .. } = self.all[id];
        let length = length.saturating_add(1);
        if length > ANSWERS_MAX {
            return Err(format!("a worker has got {ANSWERS_MAX} answers, and is not done"));
        }
        let next = self.run(batch, Some((id, ticket, answer)), length)?;
        self.all.push(next);
        let new = self.all.len().saturating_sub(1);
        self.by_answer.insert(key, new);
        Ok(new)
    }

    /// Runs a worker from its start through all of these answers.
    fn run(&self, batch: usize, last: Option<(HistoryId, Ticket, Answer)>, length: usize) -> Result<History, Wrong> {
        let mut answers = Vec::with_capacity(length);
        let mut at = last.as_ref();
        while let Some((before, ticket, answer)) = at {
            answers.push((*ticket, answer.clone()));
            at = self.all[*before].last.as_ref();
        }
        let network = Network::default();
        let ledger = RemoteLedger { network: network.clone(), invocation: 0 };
        let told = self.runtime.block_on(async {
            let mut worker = RunningWorker { network: &network, going: self.start(batch, ledger) };
            let mut told = worker.go_on().await?;
            for (ticket, answer) in answers.into_iter().rev() {
                let parcel = network.take(ticket).ok_or("a worker does not always do the same")?;
                network.deliver(parcel, answer);
                told = worker.go_on().await?;
            }
            Ok::<_, Wrong>(told)
        })?;
        // Read before the worker is dropped, which would give its calls up: see `RunningWorker::go_on`.
        let (waiting, answer) = told;
        Ok(History { batch, last, length, waiting, answer })
    }

    /// The real code at the start of a batch.
    fn start(&self, batch: usize, ledger: RemoteLedger) -> Pin<Box<dyn Future<Output = Vec<Told>>>> {
        let deadline = Instant::now().checked_add(DEADLINE).unwrap_or_else(Instant::now);
        let Batch { records, clock } = self.world.batches[batch].clone();
        let (now, backoff) = (move || clock, || Backoff::with_seed(1));
        let policy = Policy { accepts_limits: true, lanes_min: CreditLanes::try_new(LANES_MIN).unwrap_or_default() };
        match records {
            Records::Requests(requests) => {
                let partitions = self.world.partitions();
                Box::pin(async move {
                    let settled = settle_requests(&ledger, requests, partitions, deadline, now, backoff()).await;
                    settled.dispositions.iter().map(|end| told(end, |decision| answer_of(*decision))).collect()
                })
            }
            Records::Commands(requests) => Box::pin(async move {
                let applied = apply(&ledger, &requests, policy, deadline, now, backoff).await;
                let name = |decision: &giro::domain::account_command::CommandDecision| answer_of_command(*decision);
                applied.dispositions.iter().map(|end| told(end, name)).collect()
            }),
        }
    }
}

/// `applied`, or the refusal's name.
pub(super) fn answer_of_command(decision: giro::domain::account_command::CommandDecision) -> &'static str {
    decision.err().map_or("applied", giro::domain::Refusal::name)
}

fn told<V>(end: &Disposition<V>, name: impl Fn(&V) -> &'static str) -> Told {
    match end {
        Disposition::Decided(decision) => Told::Decided(name(decision)),
        Disposition::Replayed => Told::Replayed,
        Disposition::IdReused | Disposition::Unfinished => Told::Other,
    }
}

type Waiting = (Vec<(Ticket, Rc<Call>)>, Option<Vec<Told>>);

/// A worker that runs.
struct RunningWorker<'n> {
    network: &'n Network,
    going: Pin<Box<dyn Future<Output = Vec<Told>>>>,
}

impl RunningWorker<'_> {
    /// Lets it go on until it waits for calls, or is done.
    async fn go_on(&mut self) -> Result<Waiting, Wrong> {
        for _ in 0..WAITS_MAX {
            let mut context = Context::from_waker(Waker::noop());
            // Without tokio's budget: its timers would pretend to wait once it is used up.
            let polled = Pin::new(&mut tokio::task::unconstrained(&mut self.going)).poll(&mut context);
            if let Poll::Ready(answer) = polled {
                return Ok((Vec::new(), Some(answer)));
            }
            let under_way = self.network.under_way().into_iter().filter(|(_, _, abandoned)| !abandoned);
            let call =
                |(ticket, ..): (Ticket, _, _)| self.network.look(ticket).map(|(_, call)| (ticket, Rc::new(call)));
            let waiting: Vec<_> = under_way.filter_map(call).collect();
            if !waiting.is_empty() {
                return Ok((waiting, None));
            }
            tokio::time::advance(WAIT).await;
        }
        Err("a worker waits for nothing".into())
    }
}
