//! What: The state of a small world: the ledger, and how far each worker is.

use std::rc::Rc;

use super::digest::{Digest, Digester, digest};
use super::ledger::AuditedLedger;
use super::small_world::SmallWorld;
use super::span::{Span, Without};
use super::workers::{Histories, HistoryId, Ticket};
use crate::simulate::auditor::Wrong;
use crate::simulate::network::{Answer, Call};
use crate::simulate::world::flight::Flights;

/// A small world in the middle of its work.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) ledger: Rc<AuditedLedger>,
    pub(super) workers: Vec<Worker>,
    /// The transaction that not everybody sees yet, and what readers don't see of it.
    pub(super) slow: Option<Slow>,
    pub(super) flights: Flights,
    pub(super) faults_left: u32,
    /// How many workers there were.
    pub(super) workers_made: u64,
}

/// A transaction that has happened, and that not everybody sees yet. Until then it may as well come later.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    /// Whose call it is.
    pub(super) worker: u64,
    pub(super) ticket: Ticket,
    pub(super) without: Without,
    /// How many steps may still come before everybody sees it.
    pub(super) steps_left: u32,
}

/// A worker, or what is left of a dead one.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Its number, from 0 on.
    pub(super) number: u64,
    pub(super) batch: usize,
    pub(super) at: HistoryId,
    pub(super) is_alive: bool,
    /// Answers of the store that it hasn't got yet.
    pub(super) answered: Vec<(Ticket, Answer)>,
    /// A read of which some items were read: what they were, and which.
    pub(super) torn: Option<(Ticket, Answer, u32)>,
    /// Calls that nobody waits for, and that may still arrive.
    pub(super) loose: Vec<Rc<Call>>,
    /// From its first call on.
    pub(super) span: Option<Span>,
}

impl State {
    /// Before the first call.
    pub(super) fn start(world: &SmallWorld, faults: u32) -> Result<Self, Wrong> {
        let ledger = Rc::new(AuditedLedger::opened(world)?);
        let (workers, flights) = (Vec::new(), Flights::default());
        let mut state = Self { ledger, workers, slow: None, flights, faults_left: faults, workers_made: 0 };
        world.workers.iter().for_each(|batch| state.add_worker(*batch));
        Ok(state)
    }

    /// Another worker gets a batch.
    pub(super) fn add_worker(&mut self, batch: usize) {
        let number = self.workers_made;
        self.workers_made = number.saturating_add(1);
        self.workers.push(Worker {
            number,
            batch,
            at: batch,
            is_alive: true,
            answered: Vec::new(),
            torn: None,
            loose: Vec::new(),
            span: None,
        });
    }

    /// Equal for states from which the same can happen. The workers' order doesn't count.
    pub(super) fn digest(&self) -> Digest {
        let mut workers: Vec<Digest> = self.workers.iter().map(Worker::digest).collect();
        workers.sort_unstable();
        let mut digester = Digester::new();
        digester.add(&(self.ledger.digest, self.faults_left, workers));
        if let Some(slow) = &self.slow {
            digester.show(&(&self.flights, slow));
        }
        digester.finish()
    }

    /// Whether this call is the transaction that not everybody sees yet.
    pub(super) fn is_slow(&self, worker: u64, ticket: Ticket) -> bool {
        self.slow.as_ref().is_some_and(|slow| (slow.worker, slow.ticket) == (worker, ticket))
    }

    /// Whether every worker has answered. Calls that nobody waits for may still arrive.
    pub(super) fn is_end(&self, histories: &Histories<'_>) -> bool {
        let is_done = |worker: &Worker| !worker.is_alive || histories.get(worker.at).answer.is_some();
        self.slow.is_none() && self.workers.iter().all(is_done)
    }
}

impl Worker {
    fn digest(&self) -> Digest {
        let mut loose: Vec<Digest> = self.loose.iter().map(digest).collect();
        loose.sort_unstable();
        let mut digester = Digester::new();
        digester.add(&(self.batch, self.at, self.is_alive, &self.span, loose));
        if !self.answered.is_empty() || self.torn.is_some() {
            digester.show(&(&self.answered, &self.torn));
        }
        digester.finish()
    }

    /// Whether the store has answered this call.
    pub(super) fn is_answered(&self, ticket: Ticket) -> bool {
        self.answered.iter().any(|(answered, _)| *answered == ticket)
    }
}
