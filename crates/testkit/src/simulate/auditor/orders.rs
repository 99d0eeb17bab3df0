//! What: Checks account commands.
//!
//! Data: Takes what administrators ordered, what was delivered, the store after every step. Gives nothing, or what is
//! wrong.
//!
//! | when | what must hold |
//! |---|---|
//! | every step | a command's answer once seen never changes and never goes |
//! | every step | a new answer answers a record that was given to the invocation that wrote it, and says what that record ordered |
//! | every step | a new answer comes after those of all earlier records of its account on its partition |
//! | every step | by the plain rules, a new answer is right when it is recorded |
//! | every step | an account is what its applied commands made of it, in main item and lanes, and nothing else |
//!
//! So each command happens when its record is written, after its delivery. The search for a serial order
//! ([`super::serial`]) uses that.

use super::books::{may_be_too_busy, ordered};
use super::events::{Event, What};
use super::{Auditor, Place, Wrong, read};
use crate::memory_store::MemoryStore;
use crate::simulate::network::{InvocationId, at_once};
use crate::simulate::orders::{AccountChange, Order};
use crate::simulate::topic::Topic;
use giro::domain::account_command::{Action, RecordedCommand};
use giro::domain::{AccountId, CommandId, DeadLetter, OverdraftLimit, Principal};
use giro::store::{CommandQueries, LedgerQueries};

impl Auditor {
    pub(super) fn observe_commands(
        &mut self,
        store: &MemoryStore,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<(), Wrong> {
        let commands = read(at_once(store.commands()))?;
        let mut new = Vec::new();
        let mut kept: usize = 0;
        for recorded in commands {
            match self.commands.get(recorded.command.id.as_str()) {
                Some(seen) if *seen == recorded => kept = kept.saturating_add(1),
                Some(_) => return Err(format!("the answer to {} changed", recorded.command.id)),
                None => new.push(recorded),
            }
        }
        if kept != self.commands.len() {
            return Err("the answer to a command went".into());
        }
        for recorded in new {
            self.commands.insert(recorded.command.id.to_string(), recorded.clone());
            self.new_answer(store, &recorded, by, now)?;
        }
        Ok(())
    }

    fn new_answer(
        &mut self,
        store: &MemoryStore,
        recorded: &RecordedCommand,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<(), Wrong> {
        let (id, source) = (recorded.command.id.as_str(), &recorded.source);
        let given = self.given(by, Topic::Commands, source);
        let Some((place, order)) = given.and_then(|(place, _)| Some((place, self.orders.asks(place)?.clone()))) else {
            return Err(format!("{id} has an answer, and no record {source} that was delivered ordered it"));
        };
        if !says(recorded, &order) {
            return Err(format!("the answer to {id} says something else than its record {place:?}"));
        }
        let undecided = |at: Place, before: &Order| {
            before.account == order.account
                && !self.commands.contains_key(&before.id)
                && !self.orders.asked_before(at, |other| other.id == before.id && other != before)
        };
        if let Some(before) = self.orders.undecided_before(place, undecided) {
            return Err(format!("{id} at {place:?} was answered before {before:?} of the same account"));
        }

        let books = self.books.get(order.account);
        // A limit looks only at the main item, which the books don't separate from the lanes.
        let main = match books.filter(|books| books.lanes > 0 && !self.unreadable.contains(order.account)) {
            None => books.map_or(0, |books| books.balance),
            Some(_) => {
                let key = AccountId::try_new(order.account).map_err(|error| error.to_string())?;
                let holding = read(at_once(store.account(&key)))?;
                holding.map_or(0, |holding| holding.account.balance.minor_units().into())
            }
        };
        let refused = recorded.decision.err().map(giro::domain::Refusal::name);
        let changes = match (ordered(books, order.change, main, self.lanes_min), refused) {
            (Ok(changed), None) => {
                let changes = changed.is_some();
                if let Some(after) = changed {
                    if let AccountChange::Limits(limits) = order.change {
                        self.windows.ordered(&order.id, order.account, limits, now);
                    }
                    self.books.insert(order.account.to_owned(), after);
                }
                changes
            }
            (Err(reason), Some(refused)) if reason == refused => false,
            (_, Some("not_frozen")) if may_be_too_busy(books, order.change) => false,
            (right, _) => {
                let (is, was) = (refused.unwrap_or("applied"), right.err().unwrap_or("applied"));
                return Err(format!("{id} on {} is {is}, and was {was} at that moment: {books:?}", order.account));
            }
        };
        let Order { id, account, change } = order;
        let what = What::Ordered { id, account, change, refused, changes };
        self.events.push(Event { began: now, happened: now, seen: now, what });
        Ok(())
    }

    /// From now on everybody sees the answer to this command, and its effects.
    pub(in crate::simulate) fn all_see_command(&mut self, seen: &CommandId, now: u64) {
        self.windows.all_see(seen.as_str(), now);
        for event in &mut self.events {
            if matches!(&event.what, What::Ordered { id, .. } if id == seen.as_str()) {
                event.seen = now;
            }
        }
    }

    /// Whether a record has its answer, its replay, or its dead letter, which was `parked` at some time since.
    pub(super) fn order_finished(&self, place: Place, since: u64) -> bool {
        self.orders.is_aside(place, since) || self.orders.asks(place).is_some_and(|order| self.has_answer(order))
    }

    /// Whether a record of commands may have become this dead letter.
    pub(super) fn order_may_be(&self, place: Place, letter: &DeadLetter) -> Result<(), Wrong> {
        let reused = letter.reason == giro::domain::dead_letter::COMMAND_ID_REUSED;
        match self.orders.asks(place) {
            None if reused => Err(format!("the dead letter {place:?} speaks of a command id, and its record has none")),
            None => Ok(()),
            Some(order) if reused && self.commands.contains_key(&order.id) && !self.has_answer(order) => Ok(()),
            Some(order) => Err(format!("{} at {place:?} became a dead letter ({})", order.id, letter.reason)),
        }
    }

    /// Whether this very command has its answer.
    fn has_answer(&self, order: &Order) -> bool {
        self.commands.get(&order.id).is_some_and(|recorded| says(recorded, order))
    }
}

/// Whether this is an answer to this order.
fn says(recorded: &RecordedCommand, order: &Order) -> bool {
    let command = &recorded.command;
    let limit = |limit| match limit {
        OverdraftLimit::Limited(limit) => Some(limit),
        OverdraftLimit::Unlimited => None,
    };
    let named = |owner: &Option<Principal>| owner.as_ref().map(|owner| owner.to_string());
    let same = match (&command.action, order.change) {
        (Action::Open(terms), AccountChange::Open { currency, limit: to, lanes, owner }) => {
            let told = (terms.currency.as_str(), limit(terms.overdraft_limit), terms.credit_lanes.count());
            told == (currency, to.map(u64::from), lanes) && named(&terms.owner).as_deref() == owner
        }
        (Action::SetOverdraftLimit(told), AccountChange::Limit(to)) => limit(*told) == to.map(u64::from),
        (Action::SetOwner(told), AccountChange::Owner(to)) => named(told).as_deref() == to,
        (Action::AddLanes(told), AccountChange::Lanes(to)) => told.count() == to,
        (Action::SetLimits(told), AccountChange::Limits(to)) => {
            let window = |place: usize| told.windows[place].map(|limit| (limit.amount, limit.count));
            let same = |to: Option<(Option<u32>, Option<u32>)>| {
                to.map(|(amount, count)| (amount.map(u64::from), count.map(u64::from)))
            };
            told.max_payment.map(giro::domain::Amount::minor_units) == to.max_payment.map(u64::from)
                && told.max_balance == to.max_balance.map(u64::from)
                && [window(0), window(1), window(2)] == [same(to.hour), same(to.day), None]
        }
        (Action::Freeze, AccountChange::Freeze)
        | (Action::Unfreeze, AccountChange::Unfreeze)
        | (Action::Close, AccountChange::Close) => true,
        _ => false,
    };
    same && command.id.as_str() == order.id && command.account.as_str() == order.account
}
