//! What: Moves calls to the store and answers back.

use super::World;
use super::flight::{Before, Item, items};
use crate::memory_store::MemoryStore;
use crate::sent::SentEntry;
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::mutant::Mutant;
use crate::simulate::network::{Answer, Call, InvocationId, Parcel, execute};
use giro::domain::LaneId;
use giro::domain::account_command::AccountChange;
use giro::domain::account_command::status_of;
use giro::domain::plan::AccountUpdate;
use giro::store::{AccountRead, Cancelled, CancelledCommand, CommandCommit, Commit, LaneRead, StoreError};

/// What a call meets on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    Throttled,
    Conflict,
}

impl World {
    /// A call goes on: to the store if it hasn't been there, else back to its caller. A transaction first claims its
    /// items, and a read may see some of its items earlier than others.
    pub(super) fn call(&mut self, ticket: u64) -> Result<(), Wrong> {
        let Some((invocation, call)) = self.network.look(ticket) else { return Ok(()) };
        let asked = self.network.under_way().into_iter().any(|(other, asked, _)| other == ticket && asked);
        if asked {
            return self.return_answer(ticket);
        }
        if self.flights.claimed(ticket) || self.torn.contains_key(&ticket) {
            return self.arrive(invocation, ticket, call);
        }
        self.steps = self.steps.saturating_add(1);
        let name = match &call {
            Call::Read(_) | Call::ReadLanes(_) | Call::ReadPayments(_) | Call::ReadTotals(_) => "reads",
            Call::Commit(_) => "commits",
            Call::Command(sent) if matches!(sent.main, Some(AccountChange::Pause(_))) => "pauses",
            Call::Command(_) => "commits of commands",
            Call::DeadLetter(_) => "writes of dead letters",
        };
        self.counts.add(name, 1);
        if self.mutant == Some(Mutant::PublishBeforeCommit)
            && let Call::Commit(sent) = &call
        {
            for SentEntry { request, decision, .. } in &sent.entries {
                self.auditor.published(request.instruction.id().as_str(), answer_of(*decision))?;
            }
        }
        let fate = self.fate(&call);
        self.note(|| format!("invocation {invocation}: {}, {fate:?}", show(&call)));
        let refused = match fate {
            Fate::Arrives => return self.set_out(invocation, ticket, call),
            Fate::Lost => return self.lose(ticket, "calls lost"),
            Fate::Throttled => Answer::failed(&call, StoreError::Throttled("simulated".into())),
            Fate::Conflict => conflict(&call, Vec::new()),
        };
        self.counts.add(if fate == Fate::Conflict { "conflicts" } else { "throttles" }, 1);
        self.network.executed(ticket, refused);
        Ok(())
    }

    fn set_out(&mut self, invocation: InvocationId, ticket: u64, call: Call) -> Result<(), Wrong> {
        match &call {
            Call::Commit(_) | Call::Command(_) => {
                if let Err(busy) = self.flights.claim(ticket, &call) {
                    self.note(|| format!("  cancelled: others hold accounts {busy:?}, a payment or a command"));
                    self.counts.add("transactions that met another", 1);
                    self.network.executed(ticket, conflict(&call, busy));
                    return Ok(());
                }
                if self.tape.below(3) == 2 {
                    self.note(|| "  it holds its items".into());
                    return Ok(());
                }
            }
            Call::Read(_) | Call::ReadLanes(_) if self.tape.chance(self.weather.torn) => {
                let early = self.read(&call);
                self.torn.insert(ticket, early);
                self.note(|| "  some of it is read".into());
                self.counts.add("reads in two", 1);
                return Ok(());
            }
            Call::Read(_) | Call::ReadLanes(_) | Call::ReadPayments(_) | Call::ReadTotals(_) | Call::DeadLetter(_) => {}
        }
        self.arrive(invocation, ticket, call)
    }

    /// What a reader sees now.
    fn read(&self, call: &Call) -> Answer {
        let mut answer = execute(&self.store, call);
        self.flights.seen(call, &mut answer);
        answer
    }

    /// What of the accounts and lanes of a transaction readers will not see as soon as others.
    fn unseen(&mut self, call: &Call) -> Vec<Before> {
        let mut unseen = Vec::new();
        for item in items(call) {
            match item {
                Item::Account(id) if self.tape.chance(self.weather.unseen) => {
                    let asked = Call::Read(vec![id.clone()]);
                    let Answer::Read(Ok(reads)) = execute(&self.store, &asked) else { continue };
                    unseen.extend(reads.into_iter().map(|read| Before::Account(id.clone(), read)));
                }
                Item::Lane(id) if self.tape.chance(self.weather.unseen) => {
                    let asked = Call::ReadLanes(vec![id.clone()]);
                    let Answer::ReadLanes(Ok(reads)) = execute(&self.store, &asked) else { continue };
                    unseen.extend(reads.into_iter().map(|read| Before::Lane(id.clone(), read)));
                }
                Item::Account(_) | Item::Lane(_) | Item::Payment(_) | Item::Command(_) => {}
            }
        }
        unseen
    }

    fn fate(&mut self, call: &Call) -> Fate {
        if self.tape.chance(self.weather.lost_before) {
            return Fate::Lost;
        }
        if self.tape.chance(self.weather.throttle) {
            return Fate::Throttled;
        }
        let transactional = matches!(call, Call::Commit(_) | Call::Command(_));
        if transactional && self.tape.chance(self.weather.conflict) {
            return Fate::Conflict;
        }
        Fate::Arrives
    }

    /// The store does what it is asked.
    fn arrive(&mut self, invocation: InvocationId, ticket: u64, call: Call) -> Result<(), Wrong> {
        if self.network.under_way().into_iter().any(|(other, _, abandoned)| other == ticket && abandoned) {
            self.counts.add("calls landed after they were given up", 1);
        }
        let mut answer = match (&call, self.mutant) {
            (Call::Read(_) | Call::ReadLanes(_), _) => {
                let mut answer = self.read(&call);
                if let Some(early) = self.torn.remove(&ticket) {
                    self.mix(&mut answer, early);
                }
                answer
            }
            (Call::Commit(_) | Call::Command(_), mutant) => {
                let unseen = self.unseen(&call);
                let made = lanes_made(&self.store, &call);
                let answer = match mutant {
                    Some(mutant) => mutant.execute(&self.store, call),
                    None => execute(&self.store, &call),
                };
                if happened(&answer) {
                    self.flights.applied(ticket, unseen);
                    made.into_iter().for_each(|(how, lanes)| self.counts.add(how, lanes));
                } else {
                    self.flights.release(ticket);
                }
                answer
            }
            (Call::DeadLetter(_), Some(mutant)) => mutant.execute(&self.store, call),
            (Call::DeadLetter(_), None) | (Call::ReadPayments(_) | Call::ReadTotals(_), _) => {
                execute(&self.store, &call)
            }
        };
        if let Answer::Read(Ok(reads)) = &mut answer {
            for read in reads {
                if self.tape.chance(self.weather.unread) {
                    *read = AccountRead::Unread;
                    self.counts.add("accounts left unread", 1);
                }
            }
        }
        if let Answer::Commit(Ok(Commit::Cancelled(cancelled))) = &answer {
            self.counts.add("cancelled transactions", 1);
            self.note(|| show_cancelled(cancelled));
        }
        if let Answer::Command(Ok(CommandCommit::Cancelled(cancelled))) = &answer {
            self.counts.add("cancelled commands", 1);
            self.note(|| show_cancelled_command(cancelled));
        }
        self.network.executed(ticket, answer);
        self.observe(Some(invocation))?;
        // Often nothing else happens before the answer is there.
        if self.tape.below(2) == 0 { self.return_answer(ticket) } else { Ok(()) }
    }

    /// Of a read in two, some items as they were first.
    fn mix(&mut self, answer: &mut Answer, early: Answer) {
        match (answer, early) {
            (Answer::Read(Ok(reads)), Answer::Read(Ok(early))) => {
                reads.iter_mut().zip(early).filter(|_| self.tape.below(2) == 1).for_each(|(read, was)| *read = was);
            }
            (Answer::ReadLanes(Ok(reads)), Answer::ReadLanes(Ok(early))) => {
                reads.iter_mut().zip(early).filter(|_| self.tape.below(2) == 1).for_each(|(read, was)| *read = was);
            }
            _ => {}
        }
    }

    fn release(&mut self, ticket: u64) {
        for item in self.flights.release(ticket) {
            match item {
                Item::Payment(id) => self.auditor.all_see(&id, self.now),
                Item::Command(id) => self.auditor.all_see_command(&id, self.now),
                Item::Account(_) | Item::Lane(_) => {}
            }
        }
    }

    fn return_answer(&mut self, ticket: u64) -> Result<(), Wrong> {
        if self.tape.chance(self.weather.lost_after) {
            self.note(|| "  the answer is lost".into());
            return self.lose(ticket, "answers lost");
        }
        self.release(ticket);
        let Some(mut parcel) = self.network.take(ticket) else { return Ok(()) };
        match parcel.answer.take() {
            Some(answer) => self.tell(parcel, answer),
            None => Ok(()),
        }
    }

    /// A call or its answer is lost: its caller hears that, or nothing at all.
    fn lose(&mut self, ticket: u64, count: &'static str) -> Result<(), Wrong> {
        self.counts.add(count, 1);
        self.release(ticket);
        let Some(parcel) = self.network.take(ticket) else { return Ok(()) };
        if self.tape.chance(self.weather.silent) {
            self.counts.add("callers left waiting", 1);
            return Ok(());
        }
        let answer = Answer::failed(&parcel.call, StoreError::Unavailable("simulated".into()));
        self.tell(parcel, answer)
    }

    fn tell(&mut self, parcel: Parcel, answer: Answer) -> Result<(), Wrong> {
        let answer = match self.mutant {
            Some(mutant) => mutant.answer(answer),
            None => answer,
        };
        let invocation = parcel.invocation;
        self.network.deliver(parcel, answer);
        self.poll(invocation)
    }
}

pub(in crate::simulate) fn happened(answer: &Answer) -> bool {
    matches!(answer, Answer::Commit(Ok(Commit::Applied)) | Answer::Command(Ok(CommandCommit::Applied)))
}

/// How many lanes a transaction makes that aren't there yet, and how.
fn lanes_made(store: &MemoryStore, call: &Call) -> Option<(&'static str, u64)> {
    let (how, lanes): (_, Vec<LaneId>) = match call {
        Call::Commit(sent) => {
            ("lanes made by payments", sent.updates.iter().filter_map(AccountUpdate::lane_id).collect())
        }
        Call::Command(step) => ("lanes made by commands", step.lanes.iter().map(|change| change.id.clone()).collect()),
        Call::Read(_) | Call::ReadLanes(_) | Call::ReadPayments(_) | Call::ReadTotals(_) | Call::DeadLetter(_) => {
            return None;
        }
    };
    let Answer::ReadLanes(Ok(reads)) = execute(store, &Call::ReadLanes(lanes)) else { return None };
    let missing = reads.iter().filter(|read| **read == LaneRead::Missing).count();
    Some((how, u64::try_from(missing).unwrap_or(u64::MAX)))
}

/// The answer to a transaction of which these updates are busy.
pub(in crate::simulate) fn conflict(call: &Call, busy: Vec<usize>) -> Answer {
    if let Call::Command(_) = call {
        let cancelled = CancelledCommand { transient: Some(StoreError::Conflict), ..CancelledCommand::default() };
        return Answer::Command(Ok(CommandCommit::Cancelled(cancelled)));
    }
    Answer::Commit(Ok(Commit::Cancelled(Cancelled {
        transient: Some(StoreError::Conflict),
        busy,
        ..Cancelled::default()
    })))
}

pub(in crate::simulate) fn show(call: &Call) -> String {
    match call {
        Call::Read(ids) => {
            let ids: Vec<&str> = ids.iter().map(giro::domain::AccountId::as_str).collect();
            format!("read {}", ids.join(" "))
        }
        Call::ReadLanes(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("read {}", ids.join(" "))
        }
        Call::ReadPayments(ids) => {
            let ids: Vec<&str> = ids.iter().map(giro::domain::PaymentId::as_str).collect();
            format!("read payments {}", ids.join(" "))
        }
        Call::ReadTotals(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("read refunds {}", ids.join(" "))
        }
        Call::Commit(sent) => {
            let entry = |SentEntry { request, decision, .. }: &SentEntry| {
                format!("{} {}", request.instruction.id(), answer_of(*decision))
            };
            let entries: Vec<String> = sent.entries.iter().map(entry).collect();
            let update = |update: &AccountUpdate| match update.lane {
                None => format!("{} {:+}", update.account, update.net),
                Some(lane) => format!("{}/{lane} {:+}", update.account, update.net),
            };
            let updates: Vec<String> = sent.updates.iter().map(update).collect();
            format!("commit [{}] [{}]", entries.join(", "), updates.join(", "))
        }
        Call::Command(step) => {
            let command = &step.request.command;
            let answer = step.decision.as_ref().map_or_else(|refusal| refusal.name(), |_| status_of(Ok(())));
            format!("command {} {} {}: {answer}", command.id, command.action.name(), command.account)
        }
        Call::DeadLetter(letter) => format!("write dead letter {} ({})", letter.source, letter.reason),
    }
}

pub(in crate::simulate) fn show_cancelled(cancelled: &Cancelled) -> String {
    let duplicates: Vec<usize> = cancelled.duplicates.iter().map(|(ix, _)| *ix).collect();
    let accounts: Vec<usize> = cancelled.accounts.iter().map(|(ix, _)| *ix).collect();
    let lanes: Vec<usize> = cancelled.lanes.iter().map(|(ix, _)| *ix).collect();
    format!(
        "  cancelled: payments {duplicates:?} exist, accounts {accounts:?} and lanes {lanes:?} are not as decided on"
    )
}

/// Without what was stored: it holds the time of the day, and a seed's history is always the same.
pub(in crate::simulate) fn show_cancelled_command(cancelled: &CancelledCommand) -> String {
    let CancelledCommand { duplicate, account, lanes, transient } = cancelled;
    let (exists, main) = (duplicate.is_some(), account.is_some());
    format!("  cancelled: command exists {exists}, main item is not as decided on {main}, lanes {lanes}, {transient:?}")
}
