//! Settles a batch: prefetch, decide, plan, commit, and again for what is left, until all is done or time is up.
//!
//! In: a [`Batch`] in deciding order, a [`Ledger`], and the time at which to stop. Out: an [`End`] for every request.
//!
//! | phase | where | what |
//! |---|---|---|
//! | prefetch | `prefetch` | reads each account that the batch names, once |
//! | decide, plan | [`crate::domain`] | pure: verdicts, then transactions |
//! | commit | `commit` | sends the transactions, those with no account in common side by side |
//! | learn | here | a cancelled transaction says what stood in its way; the rest is decided and planned again |
//! | park | [`park`] | sets dead letters aside |
//!
//! Account commands go another way, each by itself: [`commands`].
//!
//! Invariants: a request has an end only if the ledger said so, or it repeats one that has; what is unknown stays
//! unfinished, and trying again finds out. Payments of one debtor are never committed out of order: whatever waits for
//! a transaction that failed isn't sent. A stored item that can't be read stops its partition there.
//!
//! Limits: stops sending when time is up; what is in flight then is given up, and may still happen. The payment's own
//! item says so next time.

mod backoff;
pub mod commands;
mod commit;
pub mod park;
mod prefetch;

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use crate::domain::plan::{TRANSACTION_ITEMS_MAX, plan};
use crate::domain::{Account, Batch, Fingerprint, RequestIx, Timestamp, Verdict};
use crate::store::{AccountRead, Ledger, StoreError};

pub use backoff::Backoff;

/// What became of a request: of a payment, unless another kind of answer is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<V = Verdict> {
    /// It has its answer, given here and now.
    Decided(V),
    /// Its id already had an answer, from this very request delivered before or from an equal one. Nothing to do.
    Replayed,
    /// Its id already names another request: a dead letter.
    IdReused,
    /// Not known to have an outcome: report it, so that it is delivered again.
    Unfinished,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The end of each request, in their order.
    pub ends: Vec<End>,
    /// How often the rest was decided and planned again, the first time included.
    pub rounds: u32,
    /// The last fault of the store, if any: why something is unfinished, or was slow.
    pub fault: Option<StoreError>,
}

/// Settles a batch, until all of it is done or it is `until`.
///
/// `now` tells the time that outcomes are stamped with; `backoff` paces tries after a fault.
pub async fn settle<L: Ledger>(
    ledger: &L,
    batch: &Batch,
    until: Instant,
    now: impl Fn() -> Timestamp,
    mut backoff: Backoff,
) -> Settled {
    let mut work = Work::new(batch);
    work.fault = prefetch::prefetch(ledger, batch.accounts(), &mut work.accounts, until, &mut backoff).await;
    let mut rounds: u32 = 0;
    loop {
        let pending = work.pending();
        if pending.is_empty() || Instant::now() >= until {
            break;
        }
        rounds = rounds.saturating_add(1);
        let snapshot = work.snapshot();
        let verdicts = crate::domain::decide::decide_all(batch, &pending, &snapshot);
        let steps = plan(batch, &pending, &verdicts, &snapshot, now(), TRANSACTION_ITEMS_MAX);
        let progress = commit::commit(ledger, &steps, until, &mut work).await;
        match progress {
            commit::Progress::Clear => backoff.reset(),
            commit::Progress::Hindered => backoff.wait(until).await,
        }
    }
    Settled { ends: work.ends(), rounds, fault: work.fault }
}

/// What is known so far of a batch under way.
struct Work<'b> {
    batch: &'b Batch,
    /// By account: as last read, written or learned.
    accounts: Vec<AccountRead>,
    /// By request: its end, once it has one.
    found: Vec<Option<End>>,
    /// The fingerprints of outcomes that were there before, by the request that met them.
    recorded: HashMap<RequestIx, Fingerprint>,
    /// Requests whose stored payment can't be read.
    unreadable: HashSet<RequestIx>,
    fault: Option<StoreError>,
}

impl<'b> Work<'b> {
    fn new(batch: &'b Batch) -> Self {
        Self {
            batch,
            accounts: vec![AccountRead::Unread; batch.accounts().len()],
            found: vec![None; batch.requests().len()],
            recorded: HashMap::new(),
            unreadable: HashSet::new(),
            fault: None,
        }
    }

    /// The requests still to be committed, in order.
    ///
    /// Of a payment id that the batch holds several times only the first is sent; the others follow its end. A request
    /// that rests on something unread or unreadable stops its partition: it and all after it wait.
    fn pending(&self) -> Vec<RequestIx> {
        let mut stopped: HashSet<(&str, i32)> = HashSet::new();
        let mut pending = Vec::new();
        for (ix, request) in self.batch.requests().iter().enumerate() {
            if self.found[ix].is_some() || self.batch.leader(ix) != ix {
                continue;
            }
            let partition = (&*request.source.topic, request.source.partition);
            if self.unreadable.contains(&ix) || !self.readable(ix) {
                stopped.insert(partition);
            }
            if stopped.is_empty() || !stopped.contains(&partition) {
                pending.push(ix);
            }
        }
        pending
    }

    fn readable(&self, request: RequestIx) -> bool {
        let (debtor, creditor) = self.batch.parties(request);
        [debtor, creditor]
            .into_iter()
            .all(|account| matches!(self.accounts[account], AccountRead::Found(_) | AccountRead::Missing))
    }

    fn snapshot(&self) -> Vec<Option<Account>> {
        let account = |read: &AccountRead| match read {
            AccountRead::Found(account) => Some(account.clone()),
            AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
        };
        self.accounts.iter().map(account).collect()
    }

    /// The end of every request.
    fn ends(&self) -> Vec<End> {
        (0..self.found.len()).map(|ix| self.end(ix)).collect()
    }

    fn end(&self, request: RequestIx) -> End {
        let leader = self.batch.leader(request);
        match &self.found[leader] {
            None => End::Unfinished,
            Some(end) if leader == request => end.clone(),
            Some(_) => {
                let fingerprint = |ix: RequestIx| self.batch.requests()[ix].payment.fingerprint();
                let recorded = self.recorded.get(&leader).copied().unwrap_or_else(|| fingerprint(leader));
                if fingerprint(request) == recorded { End::Replayed } else { End::IdReused }
            }
        }
    }
}
