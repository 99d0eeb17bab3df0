//! What: The ledger of a small world with books beside it, and what must hold after every call that changed it.
//!
//! Data: Takes the store before and after a call. Gives the books after it with what was decided, or what is wrong.
//!
//! | what must hold | how it is seen |
//! |---|---|
//! | a payment has one outcome | an outcome never changes and never goes |
//! | money moves once | every balance, lanes included, is the opening balance and all settled payments since |
//! | all balances sum to zero | their sum never changes |
//! | no balance is below its limit | each settled payment was to be settled by the plain rules, one after the other |
//! | payments of one debtor on one partition are decided in order, unless it pays from lanes | all before a new outcome have one |
//! | refunds of an original never exceed it | the sums are counted from settled refunds, and the store must say the same |
//! | payments are within their debtor's limits | windows are counted from settled payments, and the store must say the same |
//! | payments with legs are settled whole | every leg is booked, and the items of legs are what was asked |
//! | a refund comes after its original | the original had its outcome before the call. One that stands before it on its partition is found |
//! | nothing passes a frozen or closed account | the plain rules know an account's standing from the recorded commands |
//! | an answer to a command is right when it is recorded | the plain rules |
//!
//! Invariants: The books share no rule with the code under test: they are those of the random worlds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use giro::domain::account_command::RecordedCommand;
use giro::domain::{Amount, Instruction, Lane, Outcome, PaymentId, Recorded, Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::{CommandQueries, LedgerQueries, StoreError};

use super::digest::{Digest, Digester};
use super::moment::{Moment, Reason};
use super::moves::{Moves, ORIGINAL_NOT_FOUND, Payments, Refunded, told};
use super::plain::{asked, books_of, change};
use super::small_world::{Batch, LANES_MIN, Records, SmallWorld};
use super::workers::answer_of_command;
use crate::memory_store::MemoryStore;
use crate::simulate::auditor::books::{Books, may_be_too_busy, ordered};
use crate::simulate::auditor::legs;
use crate::simulate::auditor::limits::State as Limited;
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::legs::Leg;
use crate::simulate::network::at_once;
use crate::simulate::orders::AccountChange;
use crate::simulate::workload::Asked;
use tokio::time::Instant;

/// A store at rest, and the books that it must agree with.
#[derive(Debug, Default)]
pub(super) struct AuditedLedger {
    pub(super) store: MemoryStore,
    pub(super) moment: Moment,
    pub(super) payments: Payments,
    refunded: Refunded,
    pub(super) commands: Vec<RecordedCommand>,
    /// What there was against the requests that were declined last, each in its turn.
    pub(super) declined: BTreeMap<PaymentId, Against>,
    pub(super) digest: Digest,
}

/// What there is against a request at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Against {
    pub(super) reasons: BTreeSet<Reason>,
    /// What is left of the original, if it is a refund.
    pub(super) left: Option<u64>,
}

impl AuditedLedger {
    /// The ledger that a world begins with.
    pub(super) fn opened(world: &SmallWorld) -> Result<Self, Wrong> {
        let store = MemoryStore::new();
        world.accounts.iter().for_each(|account| store.insert_account(account.clone()));
        world.lanes.iter().for_each(|lane| store.insert_lane(lane.clone()));
        let mut moment = Moment::default();
        for holding in read(at_once(store.accounts()))? {
            moment.open(&holding.account, holding.balance());
        }
        let mut ledger = Self { store, moment, ..Self::default() };
        if !world.answered.is_empty() {
            let store = ledger.store.copy();
            answer_at_once(&store, world)?;
            let batch = Batch { records: Records::Requests(world.answered.clone()), clock: Timestamp::EPOCH };
            ledger = ledger.after(world, store, &batch)?;
        }
        ledger.digest = ledger.digest()?;
        Ok(ledger)
    }

    /// The ledger after a call that a worker with this batch had sent. Checks all that must hold.
    pub(super) fn after(&self, world: &SmallWorld, store: MemoryStore, batch: &Batch) -> Result<Self, Wrong> {
        let payments = read(at_once(store.payments()))?;
        let payments =
            payments.into_iter().map(|recorded| (recorded.outcome.instruction.id().clone(), recorded)).collect();
        let commands = read(at_once(store.commands()))?;
        let (moment, refunded) = (self.moment.clone(), self.refunded.clone());
        let mut ledger = Self { store, moment, payments, refunded, commands, ..Self::default() };
        if let Some((id, _)) = self.payments.iter().find(|(id, known)| ledger.payments.get(*id) != Some(known)) {
            return Err(format!("the outcome of {id} changed or went"));
        }
        if let Some(known) = self.commands.iter().find(|known| !ledger.commands.contains(known)) {
            return Err(format!("the answer to {} changed or went", known.command.id));
        }
        ledger.decide(world, self, batch)?;
        ledger.answer(self)?;
        ledger.compare()?;
        ledger.digest = ledger.digest()?;
        Ok(ledger)
    }

    /// What there is against a request that is decided at this time, as if all accounts were as at this moment.
    pub(super) fn against(&self, instruction: &Instruction, at: i64, moment: &Moment) -> Against {
        let moves = Moves::of(instruction, &self.payments, &self.refunded);
        moves.map_or_else(Against::original, |moves| Against::moves(&moves, at, moment))
    }

    /// Books the new outcomes, in the order of their batch.
    fn decide(&mut self, world: &SmallWorld, before: &Self, batch: &Batch) -> Result<(), Wrong> {
        let new = |id: &PaymentId| self.payments.contains_key(id) && !before.payments.contains_key(id);
        let new: Vec<&Request> = batch.requests().iter().filter(|request| new(request.instruction.id())).collect();
        if self.payments.len() != before.payments.len().saturating_add(new.len()) {
            return Err("a payment has an outcome that its worker was not asked for".into());
        }
        for Request { instruction, source, .. } in new {
            let Some(Recorded { outcome, .. }) = self.payments.get(instruction.id()).cloned() else { continue };
            if (&outcome.instruction, &outcome.source) != (instruction, source) {
                return Err(format!("the outcome of {} says something else than its record", instruction.id()));
            }
            let commutes = self.commutes(&outcome);
            // Refunds of one original stay in order, whatever they are paid from.
            let stay = |earlier: &&Instruction| {
                !commutes || earlier.total().is_some_and(|sum| instruction.total() == Some(sum))
            };
            let mut undecided =
                world.before(instruction, source).filter(|earlier| !self.payments.contains_key(earlier.id()));
            if let Some(earlier) = undecided.find(stay) {
                return Err(format!("{} was decided before {} of the same debtor", instruction.id(), earlier.id()));
            }
            // An original must have its outcome before the refund is decided.
            let moves = Moves::of(instruction, &before.payments, &self.refunded);
            says(&outcome, moves.as_ref().ok())?;
            let is_lost = outcome.decision.is_err_and(|decline| decline.name() == ORIGINAL_NOT_FOUND);
            if is_lost && world.has_original_before(instruction, source) {
                return Err(format!("{} is declined ({ORIGINAL_NOT_FOUND}), and stands behind it", instruction.id()));
            }
            let (clock, at) = (batch.clock.millis(), outcome.decided_at.millis());
            if at != clock
                && (at < clock || !self.moment.limited(instruction.debtor().as_str()).begun().any(|start| start == at))
            {
                return Err(format!("{} was decided at another time than the clock says", instruction.id()));
            }
            match (moves, outcome.decision) {
                (Err(reason), Ok(())) => {
                    return Err(format!("{} is settled, and must not be: {reason}", instruction.id()));
                }
                (moves, Err(_)) => {
                    let against = |moves: Moves| Against::moves(&moves, clock, &self.moment);
                    let against = moves.map_or_else(Against::original, against);
                    self.declined.insert(instruction.id().clone(), against);
                }
                (Ok(moves), Ok(())) => {
                    self.moment.settle(&moves, &outcome)?;
                    if let (Some((sum, _)), Some(leg)) = (moves.refund, moves.legs.first()) {
                        let refunded = self.refunded.entry(sum).or_default();
                        *refunded = refunded.saturating_add(leg.amount);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether requests of the debtor need no order. A decline may have been decided before a command changed that.
    fn commutes(&self, outcome: &Outcome) -> bool {
        let debtor = outcome.instruction.debtor();
        self.moment.books.get(debtor.as_str()).is_some_and(Books::commutes)
            || outcome.decision.is_err() && self.commands.iter().any(|known| known.command.account == *debtor)
    }

    /// Books the new answers to commands.
    fn answer(&mut self, before: &Self) -> Result<(), Wrong> {
        for recorded in self.commands.iter().filter(|recorded| !before.commands.contains(recorded)) {
            let (id, account) = (&recorded.command.id, recorded.command.account.as_str());
            // A limit looks only at the main item, which the books don't separate from the lanes.
            let main = read(at_once(before.store.account(&recorded.command.account)))?;
            let main = main.map_or(0, |holding| holding.account.balance.minor_units().into());
            let refused = recorded.decision.err().map(giro::domain::Refusal::name);
            let asked = change(&recorded.command.action);
            match (ordered(self.moment.books.get(account), asked, main, LANES_MIN), refused) {
                (Ok(changed), None) => {
                    if let (Some(_), AccountChange::Limits(to)) = (&changed, asked) {
                        self.moment.limit(account, to);
                    }
                    self.moment.books.extend(changed.map(|after| (account.to_owned(), after)));
                }
                (Err(reason), Some(refused)) if reason == refused => {}
                (_, Some("not_frozen")) if may_be_too_busy(self.moment.books.get(account), asked) => {}
                (right, _) => {
                    let (is, was) = (answer_of_command(recorded.decision), right.err().unwrap_or("applied"));
                    return Err(format!("{id} on {account} is {is}, and was {was} at that moment"));
                }
            }
        }
        Ok(())
    }

    /// Compares the store with the books.
    fn compare(&self) -> Result<(), Wrong> {
        let stored = read(at_once(self.store.accounts()))?;
        if stored.len() != self.moment.books.len() {
            return Err(format!("{} accounts are there, and {} were opened", stored.len(), self.moment.books.len()));
        }
        for holding in stored {
            let (id, balance) = (&holding.account.id, holding.balance());
            let Some(books) = self.moment.books.get(id.as_str()) else { return Err(format!("{id} was not opened")) };
            if balance != books.balance {
                return Err(format!("{id} is at {balance}, and its settled payments make {}", books.balance));
            }
            let owes = |lane: &&Lane| lane.balance.minor_units() < 0 && (lane.is_limited || !books.lets_lanes_owe());
            if let Some(lane) = holding.lanes.iter().find(owes) {
                return Err(format!("the lane {} is at {}", lane.id, lane.balance));
            }
            let Books { standing, lowest, lanes, .. } = books_of(&holding.account);
            if (standing, lowest, lanes) != (books.standing, books.lowest, books.lanes) {
                return Err(format!("{id} is {standing:?} with {lowest:?} and {lanes} lanes, and was made {books:?}"));
            }
            let (limited, known) = (Limited::of(&holding.account), self.moment.limited(id.as_str()));
            if limited != known {
                return Err(format!("the limits of {id} are {limited:?}, and were to be {known:?}"));
            }
            if books.lowest.is_some_and(|lowest| i128::from(holding.account.balance.minor_units()) < lowest) {
                return Err(format!("the main item of {id} is at {}", holding.account.balance));
            }
        }
        let refunded = read(at_once(self.store.refunds()))?;
        let refunded: Refunded = refunded.into_iter().map(|(id, sum)| (id.to_string(), sum)).collect();
        if refunded != self.refunded {
            return Err(format!("the sums of refunds are {refunded:?}, and were to be {:?}", self.refunded));
        }
        let settled = self.payments.values().filter(|recorded| recorded.outcome.decision.is_ok());
        let settled: Vec<Asked> = settled.map(|recorded| asked(&recorded.outcome.instruction)).collect();
        legs::compare(settled.iter(), &self.store.settled_legs())
    }

    fn digest(&self) -> Result<Digest, Wrong> {
        let mut digester = Digester::new();
        digester.show(&read(at_once(self.store.accounts()))?);
        digester.show(&read(at_once(self.store.stray_lanes()))?);
        digester.show(&self.refunded);
        // What a payment or a command asks never changes.
        for (id, recorded) in &self.payments {
            digester.show(&(id, answer_of(recorded.outcome.decision), &recorded.outcome.source));
        }
        for recorded in &self.commands {
            digester.show(&(&recorded.command.id, answer_of_command(recorded.decision)));
        }
        Ok(digester.finish())
    }
}

impl Against {
    /// The original forbids the refund.
    fn original(reason: &'static str) -> Self {
        Self { reasons: BTreeSet::from([(0, reason)]), left: None }
    }

    fn moves(moves: &Moves, at: i64, moment: &Moment) -> Self {
        Self { reasons: moment.against(moves, at), left: moves.refund.as_ref().map(|(_, left)| *left) }
    }
}

/// Whether an outcome says what it moves, or would have moved. A refund says nothing if its original forbids it, or
/// wasn't there when it was decided. Any other that is declined says what it asked for. If it asked for all that is
/// left, it may say nothing.
fn says(outcome: &Outcome, moves: Option<&Moves>) -> Result<(), Wrong> {
    let told = told(outcome);
    let was_lost = outcome.decision.is_err_and(|decline| decline.name() == ORIGINAL_NOT_FOUND);
    let is_right = match moves.filter(|_| !was_lost) {
        None => told.is_empty(),
        Some(moves) if outcome.decision.is_err() && moves.refund.is_some() => {
            let asked = outcome.instruction.amount().map(Amount::minor_units);
            let amount = |told: &Leg| asked.unwrap_or(told.amount);
            let would = told.iter().zip(&moves.legs).map(|(told, leg)| Leg { amount: amount(told), ..leg.clone() });
            told == would.collect::<Vec<_>>() && (asked.is_none() || told.len() == moves.legs.len())
        }
        Some(moves) => told == moves.legs,
    };
    if is_right { Ok(()) } else { Err(format!("{} says that it moves {told:?}", outcome.instruction.id())) }
}

/// Longer than settling takes.
const DEADLINE: Duration = Duration::from_hours(1);

/// The requests of a world that have their outcomes at its start get them.
fn answer_at_once(store: &MemoryStore, world: &SmallWorld) -> Result<(), Wrong> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let deadline = Instant::now().checked_add(DEADLINE).unwrap_or_else(Instant::now);
    let (requests, partitions, now) = (world.answered.clone(), world.partitions(), || Timestamp::EPOCH);
    let settled = settle_requests(store, requests, partitions, deadline, now, Backoff::with_seed(1));
    let settled = runtime.block_on(settled);
    match settled.dispositions.iter().find(|disposition| **disposition != Disposition::Decided(Ok(()))) {
        Some(disposition) => Err(format!("a world begins with a request that is {disposition:?}")),
        None => Ok(()),
    }
}

fn read<T>(answer: Option<Result<T, StoreError>>) -> Result<T, Wrong> {
    match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(format!("the store can't be looked at: {error}")),
        None => Err("the memory store made its reader wait".into()),
    }
}
