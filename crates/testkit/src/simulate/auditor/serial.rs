//! What: Looks for one serial order that explains every decision: strict serialisability, by search.
//!
//! Data: Takes events of the world, each with when it may have begun and when everybody saw it. Says whether an order
//! of them exists that respects time and that gives every payment, by the plain rules, the answer that it got. The
//! order respects time if no event comes before one that had ended when it began.
//!
//! | what happened | began | was seen by all |
//! |---|---|---|
//! | a payment was decided | when its record was delivered to the invocation that decided it | when its transaction held nothing any more |
//! | a command was answered | when its record was written, and the answer was right | when its transaction held nothing any more |
//!
//! Declines that rest on a balance are not in the order: [`moments`](super::moments) checks them.
//!
//! `docs/reliability.md` says what is not asked, and why it is no violation. An account may be opened, frozen,
//! unfrozen, closed, re-limited or given lanes while a decline with it is being decided. Then the decline names a
//! reason that holds, perhaps not the first. It need not keep the order of its debtor's payments.
//!
//! All other payments of one debtor on one partition keep their offset order, except for records that had been given
//! up. A topic that is created again has other partitions. The state after a set of events doesn't depend on their
//! order: a balance is a sum, and account changes are ordered. So a set that led nowhere is never tried again. When
//! nothing was in progress, the history is cut into parts that are searched one by one.
//!
//! Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with Lowe's cache of dead ends.

use std::collections::{BTreeMap, HashSet};

use super::books::{Books, holds, may_be_too_busy, ordered};
use super::events::{Event, What, changed_meanwhile, in_offset_order};
use super::legs::{self, NOT_ALLOWED};
use crate::simulate::topic::Place;

/// The most sets of events tried before the search gives up on a part.
const SETS_TRIED_MAX: u32 = 200_000;
/// The most events in a part: the bits of a set.
const PART_MAX: usize = 128;

/// The result of the search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Search {
    Explained,
    /// No order explains it. These payments contradict each other.
    Unexplained(Vec<String>),
    /// Too much happened at once to tell.
    GaveUp,
}

/// Searches. `lanes_min` are the fewest lanes of an account that is opened.
pub(super) fn search(opening: &BTreeMap<String, Books>, mut events: Vec<Event>, lanes_min: u16) -> Search {
    events.retain(|event| !event.rests_on_balance());
    events.sort_by_key(|event| (event.began, event.seen));
    let mut state = opening.clone();
    let mut parts: Vec<Vec<Event>> = Vec::new();
    let mut until = 0;
    for event in events {
        let seen = event.seen;
        match parts.last_mut() {
            Some(part) if event.began <= until => part.push(event),
            Some(_) | None => parts.push(vec![event]),
        }
        until = until.max(seen);
    }
    let mut whole = Search::Explained;
    for mut part in parts {
        if part.len() > PART_MAX {
            // The parts after this one can't be searched, because its final state isn't known.
            return Search::GaveUp;
        }
        part.sort_by_key(|event| (event.happened, place(event)));
        let mut order = Order::new(&part, lanes_min);
        match order.extend(&mut state, 0) {
            Some(true) => {}
            Some(false) => return Search::Unexplained(part.iter().map(name).collect()),
            None => {
                whole = Search::GaveUp;
                break;
            }
        }
    }
    whole
}

fn place(event: &Event) -> Option<Place> {
    match &event.what {
        What::Decided { place, .. } => Some(*place),
        What::Ordered { .. } => None,
    }
}

fn name(event: &Event) -> String {
    let (What::Decided { id, .. } | What::Ordered { id, .. }) = &event.what;
    id.clone()
}

/// The search through one part.
struct Order<'e> {
    events: &'e [Event],
    /// By event: whether it may name any reason that holds.
    loose: Vec<bool>,
    /// By event: the set of those that must come before it.
    before: Vec<u128>,
    all: u128,
    lanes_min: u16,
    dead_ends: HashSet<u128>,
    left: u32,
}

fn bit(ix: usize) -> u128 {
    u32::try_from(ix).ok().and_then(|ix| 1_u128.checked_shl(ix)).unwrap_or(0)
}

impl<'e> Order<'e> {
    fn new(events: &'e [Event], lanes_min: u16) -> Self {
        let loose: Vec<bool> = events.iter().map(|event| changed_meanwhile(event, events)).collect();
        let before = |at: usize| {
            let (event, in_order) = (&events[at], |ix: usize| !loose[at] && !loose[ix]);
            let first =
                |ix: usize| events[ix].seen < event.began || (in_order(ix) && in_offset_order(&events[ix], event));
            (0..events.len()).filter(|&ix| first(ix)).fold(0, |set, ix| set | bit(ix))
        };
        let all = (0..events.len()).fold(0, |set, ix| set | bit(ix));
        let before = (0..events.len()).map(before).collect();
        Self { events, loose, before, all, lanes_min, dead_ends: HashSet::new(), left: SETS_TRIED_MAX }
    }

    /// Whether the events not in `done` can follow. On success the state is the one after all of them.
    fn extend(&mut self, state: &mut BTreeMap<String, Books>, done: u128) -> Option<bool> {
        if done == self.all {
            return Some(true);
        }
        if self.dead_ends.contains(&done) {
            return Some(false);
        }
        self.left = self.left.checked_sub(1)?;
        for ix in 0..self.events.len() {
            if done & bit(ix) != 0 || self.before[ix] & !done != 0 {
                continue;
            }
            let Some(undo) = apply(&self.events[ix].what, self.loose[ix], self.lanes_min, state) else { continue };
            if self.extend(state, done | bit(ix))? {
                return Some(true);
            }
            for (account, books) in undo {
                match books {
                    Some(books) => state.insert(account, books),
                    None => state.remove(&account),
                };
            }
        }
        self.dead_ends.insert(done);
        Some(false)
    }
}

/// Lets an event happen, if the rules allow it now. Returns what it changed, as it was before.
fn apply(
    what: &What,
    loose: bool,
    lanes_min: u16,
    state: &mut BTreeMap<String, Books>,
) -> Option<Vec<(String, Option<Books>)>> {
    match what {
        What::Ordered { account, change, refused, .. } => {
            let before = state.get(*account).cloned();
            // The books don't know how much of the balance is in the main item, which may owe more than the account.
            let main = before.as_ref().map_or(0, |books| books.balance);
            let in_part = refused == &Some("limit_below_balance")
                && before.as_ref().is_some_and(|books| books.lanes > 0 && books.lowest.is_some());
            let too_busy = refused == &Some("not_frozen") && may_be_too_busy(before.as_ref(), *change);
            match (ordered(before.as_ref(), *change, main, lanes_min), refused) {
                _ if too_busy => Some(Vec::new()),
                (Ok(Some(after)), None) => {
                    state.insert((*account).to_owned(), after);
                    Some(vec![((*account).to_owned(), before)])
                }
                (Ok(None), None) => Some(Vec::new()),
                (Err(reason), Some(refused)) if reason == *refused => Some(Vec::new()),
                (Ok(Some(_)), Some(_)) if in_part => Some(Vec::new()),
                (Ok(_) | Err(_), _) => None,
            }
        }
        What::Decided { .. } => decided(what, loose, state),
    }
}

/// Lets a payment or a refund happen, if the rules allow it now.
fn decided(what: &What, loose: bool, state: &mut BTreeMap<String, Books>) -> Option<Vec<(String, Option<Books>)>> {
    let What::Decided { refund, debtor, legs, declined, declined_leg, .. } = what else { return None };
    // The reasons of the legs behind the declined one don't count.
    let asked = if declined.is_some() { &legs[..legs.len().min(declined_leg.saturating_add(1))] } else { legs };
    match (legs::decide(asked, debtor, *refund, |account| state.get(account).cloned()), declined) {
        // The sums of refunds are looked at when it is recorded. No reason that comes before holds.
        // So is what is used of limits.
        (Ok(_), Some("exceeds_refundable" | "payment_limit" | "velocity_limit")) => Some(Vec::new()),
        (
            Err((place, "balance_limit" | "balance_overflow" | "insufficient_funds")),
            Some("exceeds_refundable" | "payment_limit" | "velocity_limit"),
        ) if place == *declined_leg => Some(Vec::new()),
        (Ok(balances), None) => {
            let mut undo = Vec::with_capacity(balances.len());
            for (account, balance) in balances {
                if let Some(books) = state.get_mut(&account) {
                    undo.push((account, Some(books.clone())));
                    books.balance = balance;
                }
            }
            Some(undo)
        }
        (Err((place, reason)), Some(declined)) if (place, reason) == (*declined_leg, *declined) => Some(Vec::new()),
        (Err(_), Some(declined)) if loose => {
            let leg = legs.get(*declined_leg)?;
            let asked = (leg.debtor.as_str(), leg.creditor.as_str(), i128::from(leg.amount), leg.currency);
            let is_limited = |books: &Books| books.lowest.is_some();
            let not_allowed = *declined == NOT_ALLOWED && state.get(&leg.debtor).is_some_and(is_limited);
            let holds = || holds(declined, asked, state.get(&leg.debtor), state.get(&leg.creditor));
            (not_allowed || holds()).then(Vec::new)
        }
        (Ok(_) | Err(_), _) => None,
    }
}
