//! What: A step of a small world: a call arrives, an answer is given, and perhaps a fault right after it.
//!
//! | step | what it is |
//! |---|---|
//! | `Arrive` | the store carries out a call; if the worker waits for nothing else, it gets the answer at once |
//! | `Deliver` | a worker that waits for several calls gets one of the answers |
//! | `Land` | a call that nobody waits for any more is carried out |
//! | `AllSee` | a slow transaction is seen by everybody, and holds its items no longer |
//!
//! | fault | what it is |
//! |---|---|
//! | `Slowly` | reads see some items of a transaction later than others |
//! | `InTwo` | a read sees some of its items earlier than others |
//! | `Crash` | a worker dies: its calls may still arrive, or never, and another worker gets its batch |
//! | `Lose` | a worker hears that its call failed: it may have arrived, may still arrive, or never |
//! | `Refuse` | a transaction is refused, because somebody else holds one of its items |

use super::small_world::SmallWorld;
use super::state::{State, Worker};
use super::workers::{Histories, Ticket};
use crate::simulate::network::Call;
use crate::simulate::world::flight::{Item, items};

/// Lanes and main items of a transaction beyond these are never seen late.
const LATE_ITEMS_MAX: u32 = 4;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// None only before the first call.
    pub(super) action: Option<Action>,
    /// A fault of a worker right after it.
    pub(super) fault: Option<(u64, Fault)>,
}

/// What happens. Workers are named by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Arrive { worker: u64, ticket: Ticket, how: How },
    Deliver { worker: u64, ticket: Ticket },
    Land { worker: u64, call: usize },
    AllSee { worker: u64, ticket: Ticket },
}

/// How a call is carried out. A set of items has a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Whole,
    /// These items are seen late.
    Slowly(u32),
    /// These items are read first, the others later.
    InTwo(u32),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Crash,
    Lose(Ticket),
    Refuse(Ticket),
}

/// Whether a call is a transaction that writes.
fn is_transaction(call: &Call) -> bool {
    matches!(call, Call::Commit(_) | Call::Command(_))
}

/// How many main items or lanes a read reads. 0 for any other call.
fn items_read(call: &Call) -> usize {
    if let Call::Read(ids) = call {
        ids.len()
    } else if let Call::ReadLanes(ids) = call {
        ids.len()
    } else {
        0
    }
}

/// The main items and lanes that a transaction writes.
pub(super) fn seen_late(call: &Call) -> Vec<Item> {
    let items = items(call).into_iter().filter(|item| matches!(item, Item::Account(_) | Item::Lane(_)));
    if is_transaction(call) { items.collect() } else { Vec::new() }
}

/// All sets of so many items, but the empty one.
fn sets(items: usize) -> impl Iterator<Item = u32> {
    let items = u32::try_from(items).unwrap_or(u32::MAX).min(LATE_ITEMS_MAX);
    1..1_u32.checked_shl(items).unwrap_or(1)
}

/// All that can happen next, without the faults that come after it.
pub(super) fn actions(state: &State, histories: &Histories<'_>) -> Vec<Action> {
    let mut all = Vec::new();
    if let Some(slow) = &state.slow {
        all.push(Action::AllSee { worker: slow.worker, ticket: slow.ticket });
        if slow.steps_left == 0 {
            return all;
        }
    }
    for worker in &state.workers {
        let number = worker.number;
        if worker.is_alive {
            of_worker(state, worker, histories, &mut all);
        }
        let landing = (0..worker.loose.len()).filter(|&call| !state.flights.hold_any_for(&worker.loose[call]));
        all.extend(landing.map(|call| Action::Land { worker: number, call }));
    }
    all
}

fn of_worker(state: &State, worker: &Worker, histories: &Histories<'_>, all: &mut Vec<Action>) {
    let waiting = &histories.get(worker.at).waiting;
    let number = worker.number;
    let next_answers = histories.get(worker.at).next_answers().iter().map(|(ticket, _)| *ticket);
    let answered = next_answers.filter(|&ticket| worker.is_answered(ticket) && !state.is_slow(number, ticket));
    all.extend(answered.map(|ticket| Action::Deliver { worker: number, ticket }));
    for (ticket, call) in waiting {
        let ticket = *ticket;
        if worker.is_answered(ticket) {
            continue;
        }
        if state.flights.hold_any_for(call) {
            continue;
        }
        let arrive = |how| Action::Arrive { worker: number, ticket, how };
        all.push(arrive(How::Whole));
        if state.faults_left > 0 {
            let late = sets(seen_late(call).len()).filter(|_| state.slow.is_none());
            all.extend(late.map(|late| arrive(How::Slowly(late))));
            let items = items_read(call);
            let is_torn = worker.torn.is_some();
            // All of them first would be the whole read.
            let first = sets(items).filter(|first| !is_torn && first.count_ones() < u32::try_from(items).unwrap_or(0));
            all.extend(first.map(|first| arrive(How::InTwo(first))));
        }
    }
}

/// The faults that may come right after a worker has gone on.
pub(super) fn faults(state: &State, number: u64, histories: &Histories<'_>) -> Vec<Fault> {
    let Some(worker) = state.workers.iter().find(|worker| worker.number == number) else { return Vec::new() };
    if state.faults_left == 0 || !worker.is_alive {
        return Vec::new();
    }
    let mut all = vec![Fault::Crash];
    for (ticket, call) in histories.get(worker.at).next_answers() {
        if state.is_slow(number, *ticket) {
            continue;
        }
        all.push(Fault::Lose(*ticket));
        // Reads don't wait for anybody.
        if !items(call).is_empty() && !worker.is_answered(*ticket) {
            all.push(Fault::Refuse(*ticket));
        }
    }
    all
}

/// The worker that goes on in a step.
pub(super) fn goes_on(action: Action) -> Option<u64> {
    match action {
        Action::Arrive { worker, .. } | Action::Deliver { worker, .. } | Action::AllSee { worker, .. } => Some(worker),
        Action::Land { .. } => None,
    }
}

/// The workers that a world begins with.
pub(super) fn first_workers(world: &SmallWorld) -> std::ops::Range<u64> {
    0..u64::try_from(world.workers.len()).unwrap_or(0)
}
