//! What: Models transactions in flight: the items that they hold, and what readers see of them meanwhile.
//!
//! Data: Takes what is sent, decided and answered. Says which items are busy, and which ones a reader still sees as
//! they were.
//!
//! | a transaction is | other transactions with its items | plain reads |
//! |---|---|---|
//! | claimed: it holds all of its items | are cancelled, and told which are busy | see all of them as they were |
//! | decided | the same | see some of them as they were, and others as they are |
//! | answered, or its answer is lost | find them free | see all of them as they are |
//!
//! Source: Idziorek and others, "Distributed Transactions at Scale in Amazon DynamoDB" (USENIX ATC'23): a transaction
//! has two phases, and a plain read doesn't wait.

use crate::sent::{Sent, SentStep};
use crate::simulate::network::{Answer, Call};
use giro::domain::{AccountId, CommandId, LaneId, PaymentId};
use giro::store::{AccountRead, LaneRead};

/// What a transaction writes or checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulate) enum Item {
    Account(AccountId),
    Lane(LaneId),
    Payment(PaymentId),
    Command(CommandId),
}

/// An item as it was before a transaction.
#[derive(Debug, Clone)]
pub(in crate::simulate) enum Before {
    Account(AccountId, AccountRead),
    Lane(LaneId, LaneRead),
}

#[derive(Debug, Clone)]
struct Flight {
    ticket: u64,
    items: Vec<Item>,
    /// It has happened.
    applied: bool,
    /// What readers don't see yet.
    unseen: Vec<Before>,
}

/// All transactions in flight.
#[derive(Debug, Clone, Default)]
pub(in crate::simulate) struct Flights(Vec<Flight>);

impl Flights {
    /// Claims all items of a transaction, or gives the indices of the busy updates. The list is empty if the busy item
    /// is a payment or a command.
    pub(in crate::simulate) fn claim(&mut self, ticket: u64, call: &Call) -> Result<(), Vec<usize>> {
        let items = items(call);
        if items.iter().any(|item| self.hold(item)) {
            let updates = items.iter().take_while(|item| matches!(item, Item::Account(_) | Item::Lane(_)));
            return Err(updates.enumerate().filter(|(_, item)| self.hold(item)).map(|(ix, _)| ix).collect());
        }
        self.0.push(Flight { ticket, items, applied: false, unseen: Vec::new() });
        Ok(())
    }

    /// Whether a transaction holds this item.
    pub(in crate::simulate) fn hold(&self, item: &Item) -> bool {
        self.0.iter().any(|flight| flight.items.contains(item))
    }

    /// Whether a transaction holds an item that this call wants.
    pub(in crate::simulate) fn hold_any_for(&self, call: &Call) -> bool {
        items(call).iter().any(|item| self.hold(item))
    }

    /// Whether a transaction holds this account's main item, or one of its lanes.
    pub(in crate::simulate) fn hold_any_of(&self, account: &AccountId) -> bool {
        self.0.iter().flat_map(|flight| &flight.items).any(|item| match item {
            Item::Account(id) => id == account,
            Item::Lane(lane) => lane.account == *account,
            Item::Payment(_) | Item::Command(_) => false,
        })
    }

    /// Whether this call has claimed its items.
    pub(in crate::simulate) fn claimed(&self, ticket: u64) -> bool {
        self.0.iter().any(|flight| flight.ticket == ticket)
    }

    /// Notes what readers don't see yet of a transaction that has happened.
    pub(in crate::simulate) fn applied(&mut self, ticket: u64, unseen: Vec<Before>) {
        if let Some(flight) = self.0.iter_mut().find(|flight| flight.ticket == ticket) {
            flight.applied = true;
            flight.unseen = unseen;
        }
    }

    /// The transaction of this call, if it is one, holds nothing any more. Returns its items, if it has happened.
    pub(in crate::simulate) fn release(&mut self, ticket: u64) -> Vec<Item> {
        let Some(at) = self.0.iter().position(|flight| flight.ticket == ticket) else { return Vec::new() };
        let Flight { items, applied, .. } = self.0.swap_remove(at);
        if applied { items } else { Vec::new() }
    }

    /// What a reader sees: of what was asked, the items as they were before transactions that it doesn't see yet.
    pub(in crate::simulate) fn seen(&self, call: &Call, answer: &mut Answer) {
        for before in self.0.iter().flat_map(|flight| &flight.unseen) {
            match (call, &mut *answer, before) {
                (Call::Read(ids), Answer::Read(Ok(reads)), Before::Account(id, was)) => {
                    let of = ids.iter().zip(reads).filter(|(asked, _)| *asked == id);
                    of.for_each(|(_, read)| *read = was.clone());
                }
                (Call::ReadLanes(ids), Answer::ReadLanes(Ok(reads)), Before::Lane(id, was)) => {
                    let of = ids.iter().zip(reads).filter(|(asked, _)| *asked == id);
                    of.for_each(|(_, read)| *read = was.clone());
                }
                _ => {}
            }
        }
    }
}

/// The items of a transaction, first those of its updates, in their order. A plain read claims none.
pub(in crate::simulate) fn items(call: &Call) -> Vec<Item> {
    match call {
        Call::Commit(sent) => of_payments(sent),
        Call::Command(step) => of_command(step),
        Call::Read(_) | Call::ReadLanes(_) | Call::ReadPayments(_) | Call::ReadTotals(_) | Call::DeadLetter(_) => {
            Vec::new()
        }
    }
}

fn of_command(step: &SentStep) -> Vec<Item> {
    let command = &step.request.command;
    let main = (step.main.is_some() || step.precondition.is_some()).then(|| Item::Account(command.account.clone()));
    let lanes = step.lanes.iter().map(|change| &change.id);
    let checked = step.precondition.iter().flat_map(|precondition| &precondition.lanes).map(|(id, _)| id);
    let mut items: Vec<Item> = main.into_iter().chain(lanes.chain(checked).cloned().map(Item::Lane)).collect();
    items.push(Item::Command(command.id.clone()));
    items
}

fn of_payments(sent: &Sent) -> Vec<Item> {
    let updates = sent.updates.iter().map(|update| match update.lane_id() {
        None => Item::Account(update.account.clone()),
        Some(lane) => Item::Lane(lane),
    });
    updates.chain(sent.entries.iter().map(|entry| Item::Payment(entry.request.instruction.id().clone()))).collect()
}
