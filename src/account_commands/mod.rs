//! Applies account commands: those of one account one after another, different accounts side by side.
//!
//! In: requests in the order of the event, an [`AccountLedger`], and until when ([`Until`]). Out: an [`End`] for every
//! request.
//!
//! A command is one transaction: its record, and with it the change of its account and lanes; of very many lanes it
//! takes several. Commands are few, so nothing is grouped: what counts is that each is easy to account for.
//!
//! Invariants: a request has an end only if the ledger said so; what is unknown stays unfinished, and trying again
//! finds out, because the command's own record tells. An item that can't be read stops its account, and no other; it is
//! looked at again once all others are done. No command is sent before the one before it on its account has its end. An
//! account is read after the commands that are decided on it came in, and again whenever it may have changed unseen.
//! What was read decides nothing by itself: a change carries its conditions, and what changes nothing is written only
//! if what it rests on holds in that moment.

use std::collections::VecDeque;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::domain::account_command::{
    Change, CommandStep, CommandVerdict, DecidedCommand, Ground, decide, looks_at_lanes,
};
use crate::domain::{Account, AccountId, CommandRequest, Lane, LaneId, Timestamp};
use crate::settle::met::Met;
use crate::settle::reads::{lanes, mains};
use crate::settle::until::within;
use crate::settle::{Backoff, End, Until};
use crate::store::{AccountLedger, AccountRead, CommandCommit, READ_ACCOUNTS_MAX, StoreError};

/// Accounts worked on at once: as many transactions as payments have in flight.
const ACCOUNTS_IN_FLIGHT_MAX: usize = 16;

/// What became of the commands of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The end of each request, in their order.
    pub ends: Vec<End<CommandVerdict>>,
    /// The fault of the store that stopped something, else the last one, if any: why something is unfinished, or was
    /// slow.
    pub fault: Option<StoreError>,
}

/// Applies commands, until all have their end or time is up.
///
/// `now` tells the time that commands are stamped with; `backoff` paces tries after a fault.
pub async fn apply<L: AccountLedger>(
    ledger: &L,
    requests: &[CommandRequest],
    until: impl Into<Until>,
    now: impl Fn() -> Timestamp,
    backoff: impl Fn() -> Backoff,
) -> Applied {
    let Until { done: until, mended } = until.into();
    let (ids, members) = by_account(requests);
    let mut reads = vec![AccountRead::Unread; ids.len()];
    let mut met = Met::default();
    mains(ledger, &ids, &mut reads, &mut met, until, &mut backoff()).await;

    let work = |((id, known), members): ((_, _), Vec<usize>)| Work {
        ledger,
        id,
        known,
        until,
        backoff: backoff(),
        left: members.into(),
        met: Met::default(),
    };
    let mut ends = vec![End::Unfinished; requests.len()];
    let mut accounts: Vec<Work<'_, L>> = ids.into_iter().zip(reads).zip(members).map(work).collect();
    let mut looks: Option<Backoff> = None;
    loop {
        let going = accounts.drain(..).map(|account| account.go(requests, &now));
        let mut going = stream::iter(going).buffer_unordered(ACCOUNTS_IN_FLIGHT_MAX);
        let mut damaged = Vec::new();
        while let Some((account, known)) = going.next().await {
            for (ix, end) in known {
                ends[ix] = end;
            }
            match account.met.is_damage() && !account.left.is_empty() {
                true => damaged.push(account),
                false => account.met.told().into_iter().for_each(|fault| met.meet(fault)),
            }
        }
        drop(going);
        accounts = damaged;
        if accounts.is_empty() || Instant::now() >= mended {
            break;
        }
        looks.get_or_insert_with(|| backoff().patient()).wait(mended).await;
        accounts.iter_mut().for_each(Work::look_again);
    }
    accounts.into_iter().filter_map(|account| account.met.told()).for_each(|fault| met.meet(fault));
    Applied { ends, fault: met.told() }
}

/// The accounts, in the order in which they are first named, and beside each the requests that name it.
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

/// One account whose commands are under way.
struct Work<'l, L> {
    ledger: &'l L,
    id: AccountId,
    /// As last read or learned.
    known: AccountRead,
    until: Instant,
    backoff: Backoff,
    /// Its requests that have no end yet.
    left: VecDeque<usize>,
    met: Met,
}

impl<L: AccountLedger> Work<'_, L> {
    /// Carries out what is left, up to the first command that finds no end. Returns the ends found.
    async fn go(
        mut self,
        requests: &[CommandRequest],
        now: &impl Fn() -> Timestamp,
    ) -> (Self, Vec<(usize, End<CommandVerdict>)>) {
        let mut ends = Vec::with_capacity(self.left.len());
        while let Some(&ix) = self.left.front() {
            let end = self.carry_out(&requests[ix], now).await;
            if end == End::Unfinished {
                break;
            }
            ends.push((ix, end));
            self.left.pop_front();
        }
        (self, ends)
    }

    /// Somebody may have mended what could not be read.
    fn look_again(&mut self) {
        self.met.look_again();
        self.known = AccountRead::Unread;
    }

    /// Decides and commits one command, again and again while something stands in its way that passes.
    async fn carry_out(&mut self, request: &CommandRequest, now: &impl Fn() -> Timestamp) -> End<CommandVerdict> {
        self.backoff.reset();
        loop {
            let Some((account, lanes)) = self.look(request).await else { return End::Unfinished };
            if Instant::now() >= self.until {
                return End::Unfinished;
            }
            let at = now();
            let ruling = decide(&request.command, account.as_ref(), &lanes, at);
            let ground = Ground::of(&ruling, account.as_ref(), &lanes);
            let decided = DecidedCommand { request, ruling, decided_at: at };
            match within(self.until, "committing", self.commit(decided.steps_on(ground))).await {
                Ok(CommandCommit::Applied) => {
                    // A change's conditions let payments pass, so what it left is not what was read, changed. The next
                    // command reads it: two commands of one account in one batch are rare.
                    if decided.ruling.as_ref().is_ok_and(|change| *change != Change::Nothing) {
                        self.known = AccountRead::Unread;
                    }
                    return End::Decided(decided.verdict());
                }
                Ok(CommandCommit::Cancelled(cancelled)) => {
                    // Whoever got there first may have changed more than is told here.
                    self.known = AccountRead::Unread;
                    match cancelled.duplicate {
                        Some(Ok(recorded)) if recorded.fingerprint == request.command.fingerprint() => {
                            return End::Replayed;
                        }
                        Some(Ok(_)) => return End::IdReused,
                        Some(Err(expected)) => return self.stop(StoreError::Corrupt(expected)),
                        None => {}
                    }
                    if let Some(read) = cancelled.account {
                        self.known = read;
                    }
                    // A lane that doesn't fit its account is someone else's half-done work, or damage.
                    let fault = cancelled.transient.or(cancelled.lanes.then_some(StoreError::Conflict));
                    if let Some(fault) = fault {
                        self.met.meet(fault);
                        self.backoff.wait(self.until).await;
                    }
                }
                Err(error) if error.passes() => {
                    // It may have happened all the same.
                    self.known = AccountRead::Unread;
                    self.met.meet(error);
                    self.backoff.wait(self.until).await;
                }
                // Trying again won't help soon.
                Err(error) => return self.stop(error),
            }
        }
    }

    /// Commits a command's steps, one after the other, up to the first that doesn't happen.
    async fn commit(&self, steps: Vec<CommandStep<'_>>) -> Result<CommandCommit, StoreError> {
        for step in steps {
            let answer = self.ledger.commit_command(&step).await?;
            if answer != CommandCommit::Applied {
                return Ok(answer);
            }
        }
        Ok(CommandCommit::Applied)
    }

    fn stop(&mut self, fault: StoreError) -> End<CommandVerdict> {
        self.met.meet(fault);
        End::Unfinished
    }

    /// The account as it is, if there is one, with its lanes where the command looks at them; `None` if that can't be
    /// known.
    ///
    /// Lanes are read one after the other, while money may move between them and the main item, and a transaction may
    /// be seen on one of them and not yet on another. A sum that never was is found out when the command is committed,
    /// since whatever is decided rests on it under conditions.
    async fn look(&mut self, request: &CommandRequest) -> Option<(Option<Account>, Vec<Lane>)> {
        if self.known == AccountRead::Unread {
            self.read().await;
        }
        let account = match &self.known {
            AccountRead::Found(account) => account.clone(),
            AccountRead::Missing => return Some((None, Vec::new())),
            AccountRead::Unread => return None,
            AccountRead::Corrupt(expected) => {
                self.met.meet(StoreError::Corrupt(expected.clone()));
                return None;
            }
        };
        if !looks_at_lanes(request.command.action, &account) {
            return Some((Some(account), Vec::new()));
        }
        let lanes = self.read_lanes(&account).await?;
        Some((Some(account), lanes))
    }

    async fn read(&mut self) {
        let id = std::slice::from_ref(&self.id);
        let known = std::slice::from_mut(&mut self.known);
        // Paced apart: a read that succeeds says nothing about the write that didn't.
        mains(self.ledger, id, known, &mut self.met, self.until, &mut self.backoff.clone()).await;
    }

    /// All lanes of an account; `None` if one can't be read.
    async fn read_lanes(&mut self, account: &Account) -> Option<Vec<Lane>> {
        let mut left: Vec<LaneId> = account.lane_ids().collect();
        let mut known = Vec::with_capacity(left.len());
        let mut backoff = self.backoff.clone();
        while !left.is_empty() && Instant::now() < self.until {
            let asked: Vec<LaneId> = left.drain(..left.len().min(READ_ACCOUNTS_MAX)).collect();
            let keyed: Vec<(&LaneId, &LaneId)> = asked.iter().map(|id| (id, id)).collect();
            let (found, fault) = lanes(self.ledger, &keyed, "reading lanes", self.until).await;
            let before = left.len();
            if let Some(fault) = fault {
                // It was one call, so none of them was read.
                self.met.meet(fault);
                left.extend(asked.iter().cloned());
            }
            for (id, read) in found {
                match read.counted() {
                    Ok(Some(lane)) => known.push(lane),
                    Ok(None) => left.push(id.clone()),
                    Err(expected) => {
                        self.met.meet(StoreError::Corrupt(expected));
                        return None;
                    }
                }
            }
            if left.len() > before {
                backoff.wait(self.until).await;
            }
        }
        known.sort_unstable_by_key(|lane| lane.id.lane);
        left.is_empty().then_some(known)
    }
}
