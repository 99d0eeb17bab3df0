//! What: Carries out the steps of a small world.
//!
//! Data: Takes a state and a step. Gives the next state, or what is wrong with it.

use std::rc::Rc;

use giro::domain::CommandId;
use giro::store::{CommandQueries, StoreError};

use super::late::{before_of, bit, mix};
use super::shown::{name, shown};
use super::small_world::{Records, SmallWorld};
use super::span::{Span, Without, begins_span};
use super::state::{Slow, State, Worker};
use super::step::{Action, Fault, How, Step, actions, faults, first_workers, goes_on, seen_late};
use super::workers::{Histories, Ticket, Told, answer_of_command, is_read};
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::mutant::Mutant;
use crate::simulate::network::{Answer, Call, at_once, execute};
use crate::simulate::world::calls::{conflict, happened, show};

/// More tickets than a worker has.
const TICKETS_MAX: u64 = 10_000;
/// The most steps between a transaction and the moment when everybody sees it. A worker that reads what it must wait
/// for would read it again and again.
const SLOW_STEPS_MAX: u32 = 8;

/// A small world, run by the real code.
pub(super) struct Run<'w> {
    world: &'w SmallWorld,
    mutant: Option<Mutant>,
    pub(super) histories: Histories<'w>,
    /// What happens, line by line, if somebody wants to know.
    notes: Option<Vec<String>>,
}

/// What a step leads to. None if it is no step of its own.
type Next = Result<Option<State>, Wrong>;

impl<'w> Run<'w> {
    pub(super) fn new(world: &'w SmallWorld, mutant: Option<Mutant>) -> Result<Self, Wrong> {
        Ok(Self { world, mutant, histories: Histories::new(world)?, notes: None })
    }

    /// What happens in these steps, line by line.
    pub(super) fn history(&mut self, mut state: State, steps: &[Step]) -> Vec<String> {
        self.notes = Some(Vec::new());
        for step in steps {
            match self.take(&state, *step) {
                Ok(Some(next)) => state = next,
                Ok(None) | Err(_) => break,
            }
        }
        self.notes.take().unwrap_or_default()
    }

    /// All steps from a state, each with what it leads to.
    pub(super) fn steps(&mut self, state: &State, is_start: bool) -> Vec<(Step, Result<State, Wrong>)> {
        let mut all = Vec::new();
        if is_start {
            first_workers(self.world).for_each(|worker| self.faults_after(None, worker, state, &mut all));
        }
        for action in actions(state, &self.histories) {
            let step = Step { action: Some(action), fault: None };
            match self.take(state, step) {
                Ok(None) => {}
                Err(wrong) => all.push((step, Err(wrong))),
                Ok(Some(next)) => {
                    all.push((step, Ok(next.clone())));
                    if let Some(worker) = goes_on(action) {
                        self.faults_after(Some(action), worker, &next, &mut all);
                    }
                }
            }
        }
        all
    }

    fn faults_after(
        &mut self,
        action: Option<Action>,
        worker: u64,
        state: &State,
        all: &mut Vec<(Step, Result<State, Wrong>)>,
    ) {
        for fault in faults(state, worker, &self.histories) {
            let mut next = state.clone();
            let went = self.go_wrong(&mut next, worker, fault);
            all.push((Step { action, fault: Some((worker, fault)) }, went.map(|()| next)));
        }
    }

    /// Takes a step.
    pub(super) fn take(&mut self, state: &State, step: Step) -> Next {
        let mut next = state.clone();
        if let Some(slow) = &mut next.slow {
            slow.steps_left = slow.steps_left.saturating_sub(1);
        }
        let is_step = match step.action {
            None => true,
            Some(Action::Arrive { worker, ticket, how }) => self.arrive(&mut next, worker, ticket, how)?,
            Some(Action::Deliver { worker, ticket }) => {
                let answer = worker_of(&mut next, worker)?.take_answer(ticket)?;
                self.tell(&mut next, worker, ticket, answer)?;
                true
            }
            Some(Action::Land { worker, call }) => self.land(&mut next, worker, call)?,
            Some(Action::AllSee { worker, ticket }) => {
                self.note(|| format!("{}: everybody sees it", name(worker)));
                next.slow = None;
                next.flights.release(flight(worker, ticket));
                self.hand_over(&mut next, worker)?;
                true
            }
        };
        if let Some((worker, fault)) = step.fault {
            self.go_wrong(&mut next, worker, fault)?;
        }
        Ok(is_step.then_some(next))
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.push(line());
        }
    }

    /// The store carries out a call of a worker. `false` if the way that it is carried out makes no difference.
    fn arrive(&mut self, state: &mut State, number: u64, ticket: Ticket, how: How) -> Result<bool, Wrong> {
        let (ledger, slow) = (Rc::clone(&state.ledger), state.slow.clone());
        let worker = worker_of(state, number)?;
        let call = worker.call(ticket, &self.histories)?;
        let batch = &self.world.batches[worker.batch];
        if worker.span.is_none() && begins_span(batch.requests(), &call) {
            let without = slow.as_ref().map(|slow| &slow.without);
            worker.span = Some(Span::begin(batch, &ledger, without));
        }
        if let How::InTwo(first) = how {
            let early = self.read(state, &call);
            self.note(|| format!("{}: {}: items {first:#b} are read", name(number), show(&call)));
            worker_of(state, number)?.torn = Some((ticket, early, first));
            state.faults_left = state.faults_left.saturating_sub(1);
            return Ok(true);
        }
        let answer = if is_read(&call) {
            let mut answer = self.read(state, &call);
            let worker = worker_of(state, number)?;
            if let Some((_, early, first)) = worker.torn.take_if(|(torn, ..)| *torn == ticket) {
                mix(&mut answer, early, first);
            }
            answer
        } else {
            let answer = self.write(state, number, &call, how, ticket);
            if answer.is_err() {
                self.note(|| format!("{}: {}: applied, and that is wrong", name(number), show(&call)));
            }
            answer?
        };
        self.note(|| format!("{}: {}: {}", name(number), show(&call), shown(&answer, how)));
        if how != How::Whole {
            if !happened(&answer) {
                return Ok(false);
            }
            state.faults_left = state.faults_left.saturating_sub(1);
        }
        worker_of(state, number)?.answered.push((ticket, answer));
        self.hand_over(state, number)?;
        Ok(true)
    }

    /// A call that nobody waits for is carried out. `false` if it changes nothing.
    fn land(&mut self, state: &mut State, number: u64, call: usize) -> Result<bool, Wrong> {
        let worker = worker_of(state, number)?;
        let call = worker.loose.remove(call);
        let answer = self.write(state, number, &call, How::Whole, 0);
        if answer.is_err() {
            self.note(|| format!("{}, late: {}: applied, and that is wrong", name(number), show(&call)));
        }
        let answer = answer?;
        self.note(|| format!("{}, late: {}: {}", name(number), show(&call), shown(&answer, How::Whole)));
        state.workers.retain(|worker| worker.is_alive || !worker.loose.is_empty());
        Ok(happened(&answer))
    }

    /// What reads see now.
    fn read(&self, state: &State, call: &Call) -> Answer {
        let mut answer = execute(&state.ledger.store, call);
        state.flights.seen(call, &mut answer);
        answer
    }

    fn write(
        &mut self,
        state: &mut State,
        number: u64,
        call: &Call,
        how: How,
        ticket: Ticket,
    ) -> Result<Answer, Wrong> {
        let store = state.ledger.store.copy();
        let answer = match self.mutant {
            Some(mutant) => mutant.execute(&store, call.clone()),
            None => execute(&store, call),
        };
        if !happened(&answer) {
            return Ok(answer);
        }
        let batch = worker_of(state, number)?.batch;
        let before = Rc::clone(&state.ledger);
        let after = Rc::new(before.after(self.world, store, &self.world.batches[batch])?);
        let change = (&*before, &*after);
        if let Some(slow) = &mut state.slow {
            slow.without.moved(change);
        } else if how != How::Whole {
            let (without, steps_left) = (Without::of(change), SLOW_STEPS_MAX);
            state.slow = Some(Slow { worker: number, ticket, without, steps_left });
        }
        let without = state.slow.as_ref().map(|slow| &slow.without);
        for worker in &mut state.workers {
            let own = worker.number == number;
            if let Some(span) = &mut worker.span {
                span.moved(&self.world.batches[worker.batch], change, without, own)?;
            }
        }
        if let How::Slowly(late) = how {
            let items = seen_late(call).into_iter().enumerate();
            let late = items.filter(|(ix, _)| late & bit(*ix) != 0);
            let unseen = late.filter_map(|(_, item)| before_of(&before.store, item)).collect();
            // Whoever wants one of its items waits, so this never meets another.
            let claimed = state.flights.claim(flight(number, ticket), call);
            claimed.map_err(|_| "a transaction arrived whose items another holds")?;
            state.flights.applied(flight(number, ticket), unseen);
        }
        state.ledger = after;
        Ok(answer)
    }

    /// A worker that waits for one call alone, or for reads alone, gets the next answer as soon as there is one.
    fn hand_over(&mut self, state: &mut State, number: u64) -> Result<(), Wrong> {
        let Ok(worker) = worker_of(state, number) else { return Ok(()) };
        let [(ticket, _)] = self.histories.get(worker.at).next_answers() else { return Ok(()) };
        let ticket = *ticket;
        if !worker.is_alive || !worker.is_answered(ticket) || state.is_slow(number, ticket) {
            return Ok(());
        }
        let answer = worker_of(state, number)?.take_answer(ticket)?;
        self.tell(state, number, ticket, answer)
    }

    /// A worker gets an answer, and goes on.
    fn tell(&mut self, state: &mut State, number: u64, ticket: Ticket, answer: Answer) -> Result<(), Wrong> {
        let answer = match self.mutant {
            Some(mutant) => mutant.answer(answer),
            None => answer,
        };
        let worker = worker_of(state, number)?;
        worker.at = self.histories.with(worker.at, ticket, answer)?;
        let batch = worker.batch;
        let Some(told) = self.histories.get(worker.at).answer.clone() else {
            return self.hand_over(state, number);
        };
        self.note(|| format!("{}: answers {told:?}", name(number)));
        self.check_answer(state, batch, &told).map_err(|wrong| format!("{} {wrong}", name(number)))
    }

    /// A worker's answer acknowledges its records, so their answers must be stored.
    fn check_answer(&self, state: &State, batch: usize, told: &[Told]) -> Result<(), Wrong> {
        let payment = |id| state.ledger.payments.get(id).map(|known| answer_of(known.outcome.decision));
        let command = |id: &CommandId| match at_once(state.ledger.store.command(id)) {
            Some(Ok(Some(known))) => Some(answer_of_command(known.decision)),
            Some(_) | None => None,
        };
        let stored: Vec<(String, Option<&str>)> = match &self.world.batches[batch].records {
            Records::Requests(all) => {
                all.iter().map(|one| (one.instruction.id().to_string(), payment(one.instruction.id()))).collect()
            }
            Records::Commands(all) => {
                all.iter().map(|one| (one.command.id.to_string(), command(&one.command.id))).collect()
            }
        };
        let is_right = |told: &Told, stored: Option<&str>| match told {
            Told::Decided(answer) => stored == Some(*answer),
            Told::Replayed => stored.is_some(),
            Told::Other => false,
        };
        match stored.iter().zip(told).find(|((_, stored), told)| !is_right(told, *stored)) {
            Some(((id, stored), told)) => Err(format!("answers {told:?} about {id}, and {stored:?} is stored")),
            None => Ok(()),
        }
    }

    /// Something goes wrong with a worker.
    fn go_wrong(&mut self, state: &mut State, number: u64, fault: Fault) -> Result<(), Wrong> {
        state.faults_left = state.faults_left.saturating_sub(1);
        match fault {
            Fault::Crash => {
                let worker = worker_of(state, number)?;
                worker.die(&self.histories);
                let (batch, successor) = (worker.batch, state.workers_made);
                state.workers.retain(|worker| worker.is_alive || !worker.loose.is_empty());
                state.add_worker(batch);
                self.note(|| format!("{} dies; {} gets its batch", name(number), name(successor)));
                Ok(())
            }
            Fault::Lose(ticket) => {
                let worker = worker_of(state, number)?;
                let call = worker.call(ticket, &self.histories)?;
                if worker.take_answer(ticket).is_err() && !is_read(&call) {
                    worker.loose.push(Rc::clone(&call));
                }
                worker.torn.take_if(|(torn, ..)| *torn == ticket);
                self.note(|| format!("{}: the answer is lost of {}", name(number), show(&call)));
                let answer = Answer::failed(&call, StoreError::Unavailable("simulated".into()));
                self.tell(state, number, ticket, answer)
            }
            Fault::Refuse(ticket) => {
                let call = worker_of(state, number)?.call(ticket, &self.histories)?;
                self.note(|| format!("{}: refused, others hold items: {}", name(number), show(&call)));
                self.tell(state, number, ticket, conflict(&call, Vec::new()))
            }
        }
    }
}

impl Worker {
    fn call(&self, ticket: Ticket, histories: &Histories<'_>) -> Result<Rc<Call>, Wrong> {
        let waiting = &histories.get(self.at).waiting;
        let call = waiting.iter().find(|(waiting, _)| *waiting == ticket);
        call.map(|(_, call)| Rc::clone(call)).ok_or_else(|| format!("no call {ticket} waits"))
    }

    fn take_answer(&mut self, ticket: Ticket) -> Result<Answer, Wrong> {
        let position = self.answered.iter().position(|(answered, _)| *answered == ticket);
        position.map(|ix| self.answered.remove(ix).1).ok_or_else(|| format!("call {ticket} has no answer"))
    }

    /// It waits for nothing any more. What it had sent may still arrive.
    fn die(&mut self, histories: &Histories<'_>) {
        let waiting = histories.get(self.at).waiting.iter();
        let on_the_way = waiting.filter(|(ticket, call)| !self.is_answered(*ticket) && !is_read(call));
        let loose: Vec<Rc<Call>> = on_the_way.map(|(_, call)| Rc::clone(call)).collect();
        self.loose.extend(loose);
        self.is_alive = false;
        self.at = self.batch;
        self.answered.clear();
        self.torn = None;
    }
}

fn worker_of(state: &mut State, number: u64) -> Result<&mut Worker, Wrong> {
    let worker = state.workers.iter_mut().find(|worker| worker.number == number);
    worker.ok_or_else(|| format!("no worker {number}"))
}

/// Names the transaction of a call.
fn flight(worker: u64, ticket: Ticket) -> u64 {
    worker.saturating_mul(TICKETS_MAX).saturating_add(ticket)
}
