//! What: The network between the handler and the store. Every call is a parcel that the world executes and answers when
//! it chooses, or loses.
//!
//! Data: Takes the calls of [`Ledger`] and [`AccountLedger`], from any number of invocations. Gives parcels, each with
//! the call, and later the store's answer.
//!
//! The handler waits at each parcel, so invocations interleave at every store call. A parcel may live longer than its
//! caller, so a call can arrive after it was given up, or after its invocation died.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::memory_store::MemoryStore;
use crate::sent::{Sent, SentStep};
use giro::domain::account_command::CommandStep;
use giro::domain::plan::Transaction;
use giro::domain::{AccountId, DeadLetter, LaneId, LegId, PaymentId};
use giro::store::{
    AccountLedger, AccountRead, CommandCommit, Commit, LaneRead, Ledger, PaymentRead, StoreError, TotalRead, Usage,
};

/// Names an invocation.
pub(super) type InvocationId = u64;

/// A call of a port.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one at a time is looked at, in a world of a hundred")]
pub(super) enum Call {
    Read(Vec<AccountId>),
    ReadLanes(Vec<LaneId>),
    ReadPayments(Vec<PaymentId>),
    ReadTotals(Vec<LegId>),
    Commit(Sent),
    Command(SentStep),
    DeadLetter(DeadLetter),
}

/// What the store said, or what the caller is told.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "each answer is looked at once")]
pub(super) enum Answer {
    Read(Result<Vec<AccountRead>, StoreError>),
    ReadLanes(Result<Vec<LaneRead>, StoreError>),
    ReadPayments(Result<Vec<PaymentRead>, StoreError>),
    ReadTotals(Result<Vec<TotalRead>, StoreError>),
    Commit(Result<Commit, StoreError>),
    Command(Result<CommandCommit, StoreError>),
    DeadLetter(Result<(), StoreError>),
}

impl Answer {
    /// The answer to this call that says it failed.
    pub(super) fn failed(call: &Call, error: StoreError) -> Self {
        match call {
            Call::Read(_) => Self::Read(Err(error)),
            Call::ReadLanes(_) => Self::ReadLanes(Err(error)),
            Call::ReadPayments(_) => Self::ReadPayments(Err(error)),
            Call::ReadTotals(_) => Self::ReadTotals(Err(error)),
            Call::Commit(_) => Self::Commit(Err(error)),
            Call::Command(_) => Self::Command(Err(error)),
            Call::DeadLetter(_) => Self::DeadLetter(Err(error)),
        }
    }
}

/// A call in flight.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) ticket: u64,
    pub(super) invocation: InvocationId,
    pub(super) call: Call,
    /// What the store answered, once it was called.
    pub(super) answer: Option<Answer>,
    /// Nobody waits for it any more.
    pub(super) abandoned: bool,
    sent_at: Instant,
    waker: Option<Waker>,
}

/// All calls in flight. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Network(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    tickets: u64,
    parcels: Vec<Parcel>,
    delivered: BTreeMap<u64, Answer>,
}

impl Network {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // One thread: a panic ends the world.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls in flight, oldest first: ticket, whether the store was called, whether nobody waits.
    pub(super) fn under_way(&self) -> Vec<(u64, bool, bool)> {
        let parcel = |parcel: &Parcel| (parcel.ticket, parcel.answer.is_some(), parcel.abandoned);
        self.inner().parcels.iter().map(parcel).collect()
    }

    /// The oldest call that was sent up to then and that the store hasn't answered yet.
    pub(super) fn unanswered(&self, sent_until: Instant) -> Option<u64> {
        let inner = self.inner();
        let waits = |parcel: &&Parcel| parcel.answer.is_none() && parcel.sent_at <= sent_until;
        inner.parcels.iter().find(waits).map(|parcel| parcel.ticket)
    }

    /// What a call asks, and of whom.
    pub(super) fn look(&self, ticket: u64) -> Option<(InvocationId, Call)> {
        let inner = self.inner();
        let parcel = inner.parcels.iter().find(|parcel| parcel.ticket == ticket)?;
        Some((parcel.invocation, parcel.call.clone()))
    }

    /// Notes what the store said. It has not reached the caller yet.
    pub(super) fn executed(&self, ticket: u64, answer: Answer) {
        let mut inner = self.inner();
        if let Some(parcel) = inner.parcels.iter_mut().find(|parcel| parcel.ticket == ticket) {
            parcel.answer = Some(answer);
        }
    }

    /// Takes a call off the network.
    pub(super) fn take(&self, ticket: u64) -> Option<Parcel> {
        let mut inner = self.inner();
        let position = inner.parcels.iter().position(|parcel| parcel.ticket == ticket)?;
        Some(inner.parcels.remove(position))
    }

    /// Gives the caller its answer.
    pub(super) fn deliver(&self, parcel: Parcel, answer: Answer) {
        if !parcel.abandoned {
            self.inner().delivered.insert(parcel.ticket, answer);
            if let Some(waker) = parcel.waker {
                waker.wake();
            }
        }
    }

    fn abandon(&self, ticket: u64) {
        let mut inner = self.inner();
        inner.delivered.remove(&ticket);
        if let Some(parcel) = inner.parcels.iter_mut().find(|parcel| parcel.ticket == ticket) {
            parcel.abandoned = true;
            parcel.waker = None;
        }
    }
}

/// The store as one invocation reaches it.
#[derive(Debug, Clone)]
pub(super) struct RemoteLedger {
    pub(super) network: Network,
    pub(super) invocation: InvocationId,
}

/// Notices that a caller no longer waits.
struct Waiting<'n> {
    network: &'n Network,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.network.abandon(self.ticket);
    }
}

impl RemoteLedger {
    async fn ask(&self, call: Call) -> Answer {
        let ticket = {
            let mut inner = self.network.inner();
            inner.tickets = inner.tickets.saturating_add(1);
            let ticket = inner.tickets;
            let invocation = self.invocation;
            let (abandoned, sent_at) = (false, Instant::now());
            inner.parcels.push(Parcel { ticket, invocation, call, answer: None, abandoned, sent_at, waker: None });
            ticket
        };
        let waiting = Waiting { network: &self.network, ticket };
        poll_fn(|context| {
            let mut inner = waiting.network.inner();
            if let Some(answer) = inner.delivered.remove(&ticket) {
                return Poll::Ready(answer);
            }
            if let Some(parcel) = inner.parcels.iter_mut().find(|parcel| parcel.ticket == ticket) {
                parcel.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

/// An answer of another kind than its call. The world never gives one.
fn mismatched() -> StoreError {
    StoreError::Rejected("the simulated network mixed up its answers".into())
}

impl Ledger for RemoteLedger {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        let Answer::Read(answer) = self.ask(Call::Read(ids.iter().copied().cloned().collect())).await else {
            return Err(mismatched());
        };
        answer
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        let Answer::ReadLanes(answer) = self.ask(Call::ReadLanes(ids.iter().copied().cloned().collect())).await else {
            return Err(mismatched());
        };
        answer
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        let call = Call::ReadPayments(ids.iter().copied().cloned().collect());
        let Answer::ReadPayments(answer) = self.ask(call).await else {
            return Err(mismatched());
        };
        answer
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        let call = Call::ReadTotals(ids.iter().copied().cloned().collect());
        let Answer::ReadTotals(answer) = self.ask(call).await else {
            return Err(mismatched());
        };
        answer
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let Answer::Commit(answer) = self.ask(Call::Commit(Sent::of(transaction))).await else {
            return Err(mismatched());
        };
        answer
    }

    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let Answer::DeadLetter(answer) = self.ask(Call::DeadLetter(letter.clone())).await else {
            return Err(mismatched());
        };
        answer
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

impl AccountLedger for RemoteLedger {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        let Answer::Command(answer) = self.ask(Call::Command(SentStep::of(step))).await else {
            return Err(mismatched());
        };
        answer
    }
}

/// Asks the memory store, which lets others run once before it answers, and never waits otherwise.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    for _ in 0..8 {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Some(answer);
        }
    }
    None
}

/// Sends a call to the store.
pub(super) fn execute(store: &MemoryStore, call: &Call) -> Answer {
    let late = || StoreError::Unavailable("the memory store made its caller wait".into());
    match call {
        Call::Read(ids) => {
            let ids: Vec<&AccountId> = ids.iter().collect();
            Answer::Read(at_once(store.read_accounts(&ids)).unwrap_or_else(|| Err(late())))
        }
        Call::ReadLanes(ids) => {
            let ids: Vec<&LaneId> = ids.iter().collect();
            Answer::ReadLanes(at_once(store.read_lanes(&ids)).unwrap_or_else(|| Err(late())))
        }
        Call::ReadPayments(ids) => {
            let ids: Vec<&PaymentId> = ids.iter().collect();
            Answer::ReadPayments(at_once(store.read_payments(&ids)).unwrap_or_else(|| Err(late())))
        }
        Call::ReadTotals(ids) => {
            let ids: Vec<&LegId> = ids.iter().collect();
            Answer::ReadTotals(at_once(store.read_totals(&ids)).unwrap_or_else(|| Err(late())))
        }
        // A transaction that a mutant has emptied has nothing to do.
        Call::Commit(sent) if sent.entries.is_empty() && sent.updates.is_empty() => Answer::Commit(Ok(Commit::Applied)),
        Call::Commit(sent) => Answer::Commit(at_once(store.commit(&sent.transaction())).unwrap_or_else(|| Err(late()))),
        Call::Command(sent) => {
            let answer = sent.with(|step| at_once(store.commit_command(step)));
            Answer::Command(answer.unwrap_or_else(|| Err(late())))
        }
        Call::DeadLetter(letter) => {
            Answer::DeadLetter(at_once(store.write_dead_letter(letter)).unwrap_or_else(|| Err(late())))
        }
    }
}
