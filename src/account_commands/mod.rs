//! What: Applies account commands. Commands of one account run one after another, and different accounts run side by
//! side.
//!
//! Data: Takes requests in the order of the event, an [`AccountLedger`], how many lanes an account is opened with, and
//! deadlines ([`Deadline`]). Gives a [`Disposition`] for every request.
//!
//! A command is one transaction: its record, and the change of its account and lanes. If the account has very many
//! lanes, it takes several transactions. Commands are few, so they are not grouped: each must be easy to account for.
//!
//! | where | what |
//! |---|---|
//! | here | reads each account once, starts the workers, looks again at damaged items |
//! | `worker` | decides and commits the commands of one account |
//! | `known` | what is known of that account |
//!
//! Invariants: A request has a disposition only if the ledger said so. What is unknown stays unfinished, and the next
//! try finds out, because the command's own record tells. An item that can't be read stops its account only, and is
//! looked at again once all others are done. No command is sent before the one before it on its account has its
//! disposition. An account is read after the commands that are decided on it were delivered, and again whenever it may
//! have changed unseen. What was read decides nothing by itself. A change carries its conditions. If a command changes
//! nothing, its record is written only if its preconditions hold.

mod known;
mod worker;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::domain::account_command::{CommandDecision, Policy};
use crate::domain::{AccountId, CommandRequest, Timestamp};
use crate::settle::reads::mains;
use crate::settle::seen_errors::SeenErrors;
use crate::settle::{Backoff, Deadline, Disposition};
use crate::store::{AccountLedger, AccountRead, StoreError};
use known::KnownAccount;
use worker::AccountWorker;

/// Accounts worked on at once. Each has at most one transaction in flight.
const ACCOUNTS_IN_FLIGHT_MAX: usize = 16;

/// What became of the commands of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The disposition of each request, in their order.
    pub dispositions: Vec<Disposition<CommandDecision>>,
    /// The error of the store that stopped a request, else the last one, if any. It tells why a request is unfinished,
    /// or was slow.
    pub error: Option<StoreError>,
}

/// Applies commands, until all have their disposition or the deadline has come.
///
/// `policy` is what the operator has chosen. `now` gives the time that is written into records;
/// `backoff` paces tries after an error.
pub async fn apply<L: AccountLedger>(
    ledger: &L,
    requests: &[CommandRequest],
    policy: Policy,
    deadline: impl Into<Deadline>,
    now: impl Fn() -> Timestamp,
    backoff: impl Fn() -> Backoff,
) -> Applied {
    let Deadline { done: deadline, mended } = deadline.into();
    let (ids, members) = by_account(requests);
    let mut reads = vec![AccountRead::Unread; ids.len()];
    let mut errors = SeenErrors::default();
    mains(ledger, &ids, &mut reads, &mut errors, deadline, &mut backoff()).await;

    let worker = |((id, main), left)| AccountWorker::new(KnownAccount::new(id, main), left, policy, backoff());
    let mut workers: Vec<AccountWorker> = ids.into_iter().zip(reads).zip(members).map(worker).collect();
    let mut dispositions = vec![Disposition::Unfinished; requests.len()];
    let mut looks: Option<Backoff> = None;
    loop {
        let going = workers.drain(..).map(|worker| worker.go(ledger, requests, deadline, &now));
        let mut going = stream::iter(going).buffer_unordered(ACCOUNTS_IN_FLIGHT_MAX);
        let mut damaged = Vec::new();
        while let Some((worker, found)) = going.next().await {
            for (ix, disposition) in found {
                dispositions[ix] = disposition;
            }
            match worker.waits_for_mending() {
                true => damaged.push(worker),
                false => worker.error().into_iter().for_each(|error| errors.note(error)),
            }
        }
        drop(going);
        workers = damaged;
        if workers.is_empty() || Instant::now() >= mended {
            break;
        }
        looks.get_or_insert_with(|| backoff().patient()).wait(mended).await;
        workers.iter_mut().for_each(AccountWorker::look_again);
    }
    workers.into_iter().filter_map(AccountWorker::error).for_each(|error| errors.note(error));
    Applied { dispositions, error: errors.told() }
}

/// The accounts, in the order in which they are first named, and for each the requests that name it.
fn by_account(requests: &[CommandRequest]) -> (Vec<AccountId>, Vec<Vec<usize>>) {
    let mut places = std::collections::HashMap::new();
    let mut ids = Vec::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (ix, request) in requests.iter().enumerate() {
        let id = &request.command.account;
        let place = *places.entry(id).or_insert_with(|| {
            ids.push(id.clone());
            members.push(Vec::new());
            ids.len().saturating_sub(1)
        });
        members[place].push(ix);
    }
    (ids, members)
}
