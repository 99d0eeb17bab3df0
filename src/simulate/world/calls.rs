//! Calls on their way to the store and answers on their way back.

use super::World;
use crate::domain::Verdict;
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::mutant::Mutant;
use crate::simulate::network::{Answer, Call, InvocationId, Parcel, execute};
use crate::store::{AccountRead, Cancelled, Commit, StoreError};

/// What a call meets on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    Throttled,
    Conflict,
}

impl World {
    /// A call goes on: to the store if it hasn't been there, else back to its caller.
    pub(super) fn call(&mut self, ticket: u64) -> Result<(), Wrong> {
        let Some((invocation, call)) = self.network.look(ticket) else { return Ok(()) };
        let asked = self.network.under_way().into_iter().any(|(other, asked, _)| other == ticket && asked);
        if asked {
            return self.return_answer(ticket);
        }
        self.steps = self.steps.saturating_add(1);
        let name = match &call {
            Call::Read(_) | Call::ReadLanes(_) => "reads",
            Call::Commit(_) => "commits",
            Call::Park(_) => "parkings",
        };
        self.counts.add(name, 1);
        if self.mutant == Some(Mutant::PublishBeforeCommit)
            && let Call::Commit(sent) = &call
        {
            for (request, verdict, _) in &sent.entries {
                self.auditor.published(request.payment.id.as_str(), answer_of(*verdict))?;
            }
        }
        let fate = self.fate(&call);
        self.note(|| format!("invocation {invocation}: {}, {fate:?}", show(&call)));
        let refused = match fate {
            Fate::Arrives => return self.arrive(invocation, ticket, call),
            Fate::Lost => return self.lose(ticket, "calls lost"),
            Fate::Throttled => Answer::failed(&call, StoreError::Throttled("simulated".into())),
            Fate::Conflict => Answer::Commit(Ok(Commit::Cancelled(Cancelled {
                transient: Some(StoreError::Conflict),
                ..Cancelled::default()
            }))),
        };
        self.counts.add(if fate == Fate::Conflict { "conflicts" } else { "throttles" }, 1);
        self.network.executed(ticket, refused);
        Ok(())
    }

    fn fate(&mut self, call: &Call) -> Fate {
        if self.tape.chance(self.weather.lost_before) {
            return Fate::Lost;
        }
        if self.tape.chance(self.weather.throttle) {
            return Fate::Throttled;
        }
        if matches!(call, Call::Commit(_)) && self.tape.chance(self.weather.conflict) {
            return Fate::Conflict;
        }
        Fate::Arrives
    }

    /// The store does what it is asked.
    fn arrive(&mut self, invocation: InvocationId, ticket: u64, call: Call) -> Result<(), Wrong> {
        if self.network.under_way().into_iter().any(|(other, _, abandoned)| other == ticket && abandoned) {
            self.counts.add("calls landed after they were given up", 1);
        }
        let mut answer = match self.mutant {
            Some(mutant) => mutant.execute(&self.store, call),
            None => execute(&self.store, &call),
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
        self.network.executed(ticket, answer);
        self.observe(self.delivered_at.get(&invocation).copied())?;
        // Often nothing else happens before the answer is there.
        if self.tape.below(2) == 0 { self.return_answer(ticket) } else { Ok(()) }
    }

    fn return_answer(&mut self, ticket: u64) -> Result<(), Wrong> {
        if self.tape.chance(self.weather.lost_after) {
            self.note(|| "  the answer is lost".into());
            return self.lose(ticket, "answers lost");
        }
        let Some(mut parcel) = self.network.take(ticket) else { return Ok(()) };
        match parcel.answer.take() {
            Some(answer) => self.tell(parcel, answer),
            None => Ok(()),
        }
    }

    /// A call or its answer is lost: its caller hears that, or nothing at all.
    fn lose(&mut self, ticket: u64, count: &'static str) -> Result<(), Wrong> {
        self.counts.add(count, 1);
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

fn show(call: &Call) -> String {
    match call {
        Call::Read(ids) => {
            let ids: Vec<&str> = ids.iter().map(crate::domain::AccountId::as_str).collect();
            format!("read {}", ids.join(" "))
        }
        Call::ReadLanes(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("read {}", ids.join(" "))
        }
        Call::Commit(sent) => {
            let entry = |(request, verdict, _): &(crate::domain::Request, Verdict, Option<u16>)| {
                format!("{} {}", request.payment.id, answer_of(*verdict))
            };
            let entries: Vec<String> = sent.entries.iter().map(entry).collect();
            let update = |update: &crate::domain::plan::AccountUpdate| match update.lane {
                None => format!("{} {:+}", update.account, update.net),
                Some(lane) => format!("{}/{lane} {:+}", update.account, update.net),
            };
            let updates: Vec<String> = sent.updates.iter().map(update).collect();
            format!("commit [{}] [{}]", entries.join(", "), updates.join(", "))
        }
        Call::Park(letter) => format!("park {} ({})", letter.source, letter.reason),
    }
}

fn show_cancelled(cancelled: &Cancelled) -> String {
    let duplicates: Vec<usize> = cancelled.duplicates.iter().map(|(ix, _)| *ix).collect();
    let accounts: Vec<usize> = cancelled.accounts.iter().map(|(ix, _)| *ix).collect();
    let lanes: Vec<usize> = cancelled.lanes.iter().map(|(ix, _)| *ix).collect();
    format!(
        "  cancelled: payments {duplicates:?} exist, accounts {accounts:?} and lanes {lanes:?} are not as decided on"
    )
}
