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
//! | nothing passes a frozen or closed account | the plain rules know an account's standing from the recorded commands |
//! | an answer to a command is right when it is recorded | the plain rules |
//!
//! Invariants: The books share no rule with the code under test: they are those of the random worlds.

use std::collections::BTreeMap;

use giro::domain::account_command::RecordedCommand;
use giro::domain::{Lane, PaymentId, Recorded};
use giro::store::{CommandQueries, LedgerQueries, StoreError};

use super::digest::{Digest, Digester};
use super::plain::{asked, books_of, change};
use super::small_world::{LANES_MIN, SmallWorld};
use super::workers::answer_of_command;
use crate::memory_store::MemoryStore;
use crate::simulate::auditor::books::{Books, may_be_too_busy, ordered, rule};
use crate::simulate::auditor::{Wrong, answer_of};
use crate::simulate::network::at_once;

/// The books of all accounts.
pub(super) type AllBooks = BTreeMap<String, Books>;

/// A store at rest, and the books that it must agree with.
#[derive(Debug)]
pub(super) struct AuditedLedger {
    pub(super) store: MemoryStore,
    pub(super) books: AllBooks,
    pub(super) payments: BTreeMap<PaymentId, Recorded>,
    pub(super) commands: Vec<RecordedCommand>,
    pub(super) digest: Digest,
}

impl AuditedLedger {
    /// The ledger that a world begins with.
    pub(super) fn opened(world: &SmallWorld) -> Result<Self, Wrong> {
        let store = MemoryStore::new();
        world.accounts.iter().for_each(|account| store.insert_account(account.clone()));
        world.lanes.iter().for_each(|lane| store.insert_lane(lane.clone()));
        let mut books = AllBooks::new();
        for holding in read(at_once(store.accounts()))? {
            let balance = holding.balance();
            books.insert(holding.account.id.to_string(), Books { balance, ..books_of(&holding.account) });
        }
        let mut ledger = Self { store, books, payments: BTreeMap::new(), commands: Vec::new(), digest: (0, 0) };
        ledger.digest = ledger.digest()?;
        Ok(ledger)
    }

    /// The ledger after a call that a worker with this batch had sent. Checks all that must hold.
    pub(super) fn after(&self, world: &SmallWorld, store: MemoryStore, batch: usize) -> Result<Self, Wrong> {
        let payments = read(at_once(store.payments()))?;
        let payments =
            payments.into_iter().map(|recorded| (recorded.outcome.instruction.id().clone(), recorded)).collect();
        let commands = read(at_once(store.commands()))?;
        let mut ledger = Self { store, books: self.books.clone(), payments, commands, digest: (0, 0) };
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

    /// The payments of a batch that are decided here, and weren't in a ledger before this one: each by its index.
    pub(super) fn newly(&self, before: &Self, world: &SmallWorld, batch: usize) -> Vec<usize> {
        let new = |id: &PaymentId| self.payments.contains_key(id) && !before.payments.contains_key(id);
        let payments = world.batches[batch].payments().iter().enumerate();
        payments.filter(|(_, request)| new(request.instruction.id())).map(|(ix, _)| ix).collect()
    }

    /// Books the new outcomes, in the order of their batch.
    fn decide(&mut self, world: &SmallWorld, before: &Self, batch: usize) -> Result<(), Wrong> {
        let new = self.newly(before, world, batch);
        if self.payments.len() != before.payments.len().saturating_add(new.len()) {
            return Err("a payment has an outcome that its worker was not asked for".into());
        }
        for ix in new {
            let request = &world.batches[batch].payments()[ix];
            let (instruction, source) = (&request.instruction, &request.source);
            let Some(Recorded { outcome, .. }) = self.payments.get(instruction.id()) else { continue };
            if (&outcome.instruction, &outcome.source) != (instruction, source) {
                return Err(format!("the outcome of {} says something else than its record", instruction.id()));
            }
            // A decline may have been decided before a command changed its debtor.
            let commutes = self.books.get(instruction.debtor().as_str()).is_some_and(Books::commutes)
                || outcome.decision.is_err() && !self.commands.is_empty();
            let mut undecided =
                world.before(instruction, source).filter(|earlier| !self.payments.contains_key(earlier.id()));
            if let Some(earlier) = undecided.next().filter(|_| !commutes) {
                return Err(format!("{} was decided before {} of the same debtor", instruction.id(), earlier.id()));
            }
            if outcome.decision.is_err() {
                continue;
            }
            let asked = asked(instruction);
            let (debtor, creditor) = (asked.0, asked.1);
            match rule(asked, self.books.get(debtor), self.books.get(creditor)) {
                Err(reason) => return Err(format!("{} is settled, and must not be: {reason}", instruction.id())),
                Ok(balances) => {
                    for (account, balance) in [(debtor, balances.0), (creditor, balances.1)] {
                        self.books.entry(account.to_owned()).and_modify(|books| books.balance = balance);
                    }
                }
            }
        }
        Ok(())
    }

    /// Books the new answers to commands.
    fn answer(&mut self, before: &Self) -> Result<(), Wrong> {
        for recorded in self.commands.iter().filter(|recorded| !before.commands.contains(recorded)) {
            let (id, account) = (&recorded.command.id, recorded.command.account.as_str());
            // A limit looks only at the main item, which the books don't separate from the lanes.
            let main = read(at_once(before.store.account(&recorded.command.account)))?;
            let main = main.map_or(0, |holding| holding.account.balance.minor_units().into());
            let refused = recorded.decision.err().map(giro::domain::Refusal::name);
            let asked = change(recorded.command.action);
            match (ordered(self.books.get(account), asked, main, LANES_MIN), refused) {
                (Ok(changed), None) => {
                    self.books.extend(changed.map(|after| (account.to_owned(), after)));
                }
                (Err(reason), Some(refused)) if reason == refused => {}
                (_, Some("not_frozen")) if may_be_too_busy(self.books.get(account), asked) => {}
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
        if stored.len() != self.books.len() {
            return Err(format!("{} accounts are there, and {} were opened", stored.len(), self.books.len()));
        }
        for holding in stored {
            let (id, balance) = (&holding.account.id, holding.balance());
            let Some(books) = self.books.get(id.as_str()) else { return Err(format!("{id} was not opened")) };
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
            if books.lowest.is_some_and(|lowest| i128::from(holding.account.balance.minor_units()) < lowest) {
                return Err(format!("the main item of {id} is at {}", holding.account.balance));
            }
        }
        Ok(())
    }

    fn digest(&self) -> Result<Digest, Wrong> {
        let mut digester = Digester::new();
        digester.show(&read(at_once(self.store.accounts()))?);
        digester.show(&read(at_once(self.store.stray_lanes()))?);
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

fn read<T>(answer: Option<Result<T, StoreError>>) -> Result<T, Wrong> {
    match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(format!("the store can't be looked at: {error}")),
        None => Err("the memory store made its reader wait".into()),
    }
}
