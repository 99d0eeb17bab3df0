//! What: Sets a run on the model, settles its batches, and audits it: exact figures, in virtual time.
//!
//! Data: Takes a contender, a workload and its sizes. Gives how long it took on the model's clock, and the calls to it.
//! When batches are delivered is said elsewhere: one after the other in [`closed`](super::closed), as records arrive in
//! [`offered`](super::offered).
//!
//! The partitions run side by side. The clock stands still while a contender computes; the other benchmarks measure
//! that.
//!
//! Invariants: Every run is audited. If a record has no disposition, or its payments don't explain a balance, the run
//! is an error and gives no figure.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use super::contender::Contender;
use super::model::{Hindrances, Manners, Model};
use super::workload::Workload;
use super::workload::deliveries::{Deliveries, Keys};
use giro::domain::{AccountId, Holding, Recorded, Request};
use giro::settle::Disposition;
use giro::store::{Ledger, LedgerQueries, Usage};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::virtual_time::time_of_day;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// By whom.
    pub contender: Contender,
    /// Of what.
    pub workload: Workload,
    /// Over so many partitions.
    pub partitions: usize,
    /// Records a batch, at most.
    pub batch: usize,
    /// Batches a partition, if all are full and partitions are equal.
    pub batches: usize,
    /// How keys reach partitions.
    pub keys: Keys,
    /// Makes everything the same again.
    pub seed: u64,
}

/// The time and the calls of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Records delivered.
    pub records: u64,
    /// Accounts touched, summed over the batches: in the floor of the write units, each is written once a batch.
    pub accounts_touched: u64,
    /// Different payments. Each got its outcome.
    pub payments: u64,
    /// What became of the records.
    pub ends: Ends,
    /// Rounds, summed over the batches.
    pub rounds: u64,
    /// Records, and the time that they took. One for each partition if partitions deliver by themselves, else one for
    /// all.
    pub paces: Vec<(u64, Duration)>,
    /// Of each batch, ascending.
    pub batch_times: Vec<Duration>,
    /// The calls to the store, and what they cost.
    pub usage: Usage,
    /// What was cancelled or throttled.
    pub hindrances: Hindrances,
    /// Items of lanes that exist at the end.
    pub lane_items: u64,
}

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// Payments that settled.
    pub settled: u64,
    /// Payments that were declined.
    pub declined: u64,
    /// Records whose payment had its outcome.
    pub replayed: u64,
}

impl Ends {
    /// Of a batch.
    ///
    /// # Errors
    /// If a record has no end.
    fn of(dispositions: &[Disposition]) -> anyhow::Result<Self> {
        let mut ends = Self::default();
        let mut open: usize = 0;
        for disposition in dispositions {
            match disposition {
                Disposition::Decided(Ok(())) => ends.settled = ends.settled.saturating_add(1),
                Disposition::Decided(Err(_)) => ends.declined = ends.declined.saturating_add(1),
                Disposition::Replayed => ends.replayed = ends.replayed.saturating_add(1),
                Disposition::IdReused | Disposition::Unfinished => open = open.saturating_add(1),
            }
        }
        ensure!(open == 0, "{open} records have no end");
        Ok(ends)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            settled: self.settled.saturating_add(other.settled),
            declined: self.declined.saturating_add(other.declined),
            replayed: self.replayed.saturating_add(other.replayed),
        }
    }
}

/// A batch that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    /// When it was delivered.
    pub begun: Instant,
    /// When it was answered.
    pub at: Instant,
    /// Its records, by their offsets.
    pub offsets: Range<usize>,
    touched: usize,
    ends: Ends,
    rounds: u64,
}

impl Answered {
    /// How long it took.
    pub(super) fn took(&self) -> Duration {
        self.at.saturating_duration_since(self.begun)
    }
}

/// What a store and the model have counted up to a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted(Usage, Hindrances);

/// Accounts that are open, records that wait, and the model that settles them.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) run: Run,
    pub(super) deliveries: Deliveries,
    store: MemoryStore,
    model: Model,
    opened: HashMap<AccountId, i128>,
    since: Instant,
}

impl Stage {
    /// Opens the accounts, and draws the records.
    pub(super) fn set(run: Run) -> anyhow::Result<Self> {
        let store = MemoryStore::new();
        let mut opened = HashMap::new();
        for account in run.workload.accounts(run.partitions)? {
            opened.insert(account.id.clone(), account.balance.minor_units().into());
            store.insert_account(account);
        }
        let model = Model::new(store.clone(), Manners::with_seed(run.seed));
        let records = run.batch.saturating_mul(run.batches);
        let deliveries = Deliveries::new(run.workload, run.keys, run.partitions, records, run.seed)?;
        Ok(Self { run, deliveries, store, model, opened, since: Instant::now() })
    }

    /// The calls so far, and what was cancelled.
    pub(super) fn counted(&self) -> Counted {
        Counted(self.model.usage(), self.model.hindrances())
    }

    /// Settles the records of a partition at these offsets, as its n-th batch.
    pub(super) async fn settle(&self, partition: usize, offsets: Range<usize>, nth: u64) -> anyhow::Result<Answered> {
        let requests = self.deliveries.requests(partition, offsets.clone())?;
        let touched = touched(&requests);
        let begun = Instant::now();
        let partition = u64::try_from(partition)?;
        let of_partition = self.run.seed.wrapping_add(1_000_000_u64.wrapping_mul(partition));
        let seed = of_partition.wrapping_add(10_000_u64.wrapping_mul(nth));
        let clock = time_of_day(self.since, Duration::ZERO);
        let ended = self.run.contender.settle(&self.model, requests, self.run.partitions, seed, clock).await;
        let at = Instant::now();
        let ends = Ends::of(&ended.dispositions)?;
        Ok(Answered { begun, at, offsets, touched, ends, rounds: ended.rounds })
    }

    /// Audits the run, and gives its time and its calls since a moment.
    pub(super) async fn close<'a>(
        self,
        answered: impl Iterator<Item = &'a Answered>,
        paces: Vec<(u64, Duration)>,
        since: Counted,
    ) -> anyhow::Result<Measured> {
        let payments = u64::try_from(self.deliveries.payments())?;
        let now = self.counted();
        let lane_items = self.audit(payments).await?;
        let mut measured = Measured {
            records: 0,
            accounts_touched: 0,
            payments,
            ends: Ends::default(),
            rounds: 0,
            paces,
            batch_times: Vec::new(),
            usage: usage_since(now.0, since.0),
            hindrances: now.1.since(since.1),
            lane_items,
        };
        for batch in answered {
            measured.records = measured.records.saturating_add(batch.offsets.len().try_into()?);
            measured.accounts_touched = measured.accounts_touched.saturating_add(batch.touched.try_into()?);
            measured.ends = measured.ends.plus(batch.ends);
            measured.rounds = measured.rounds.saturating_add(batch.rounds);
            measured.batch_times.push(batch.took());
        }
        measured.batch_times.sort_unstable();
        Ok(measured)
    }

    /// Checks the books. Gives the number of lane items.
    async fn audit(self, payments: u64) -> anyhow::Result<u64> {
        let Self { store, model, opened, deliveries, .. } = self;
        drop((model, deliveries));
        let holdings = store.accounts().await?;
        audit(&holdings, &store.payments().await?, opened, payments)?;
        let lanes: usize = holdings.iter().map(|holding| holding.lanes.len()).sum();
        Ok(u64::try_from(lanes.saturating_add(store.stray_lanes().await?.len()))?)
    }
}

/// The usage since a moment, at which it was `before`.
const fn usage_since(now: Usage, before: Usage) -> Usage {
    Usage {
        read_calls: now.read_calls.saturating_sub(before.read_calls),
        transactions: now.transactions.saturating_sub(before.transactions),
        cancelled: now.cancelled.saturating_sub(before.cancelled),
        puts: now.puts.saturating_sub(before.puts),
        read_milliunits: now.read_milliunits.saturating_sub(before.read_milliunits),
        write_milliunits: now.write_milliunits.saturating_sub(before.write_milliunits),
    }
}

/// Does work on a clock of its own: it stands still while anything computes, and leaps to what is next.
pub(super) fn in_virtual_time<T, F>(work: impl FnOnce() -> F + Send) -> anyhow::Result<T>
where
    T: Send,
    F: Future<Output = anyhow::Result<T>>,
{
    // A thread of its own, so that it can be called from within a runtime.
    std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
            runtime.block_on(work())
        });
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The accounts that a batch touches.
fn touched(batch: &[Request]) -> usize {
    let transfers = batch.iter().filter_map(|request| request.instruction.transfer());
    let parties = transfers.flat_map(|transfer| [transfer.debtor, transfer.creditor]);
    parties.collect::<HashSet<_>>().len()
}

/// Checks that every payment is there, and that every balance is the sum of its settled payments.
pub(super) fn audit(
    holdings: &[Holding],
    recorded: &[Recorded],
    mut expected: HashMap<AccountId, i128>,
    payments: u64,
) -> anyhow::Result<()> {
    ensure!(u64::try_from(recorded.len())? == payments, "{} payments recorded, not {payments}", recorded.len());
    for recorded in recorded.iter().filter(|recorded| recorded.outcome.decision.is_ok()) {
        let transfer = recorded.outcome.transfer().context("a settled request moved nothing")?;
        let amount = i128::from(transfer.amount.minor_units());
        for (account, net) in [(transfer.debtor, amount.saturating_neg()), (transfer.creditor, amount)] {
            let balance = expected.get_mut(account).context("a payment of an unknown account settled")?;
            *balance = balance.saturating_add(net);
        }
    }
    for holding in holdings {
        let balance = expected.get(&holding.account.id).copied();
        ensure!(balance == Some(holding.balance()), "a balance is not what its payments make of it");
    }
    Ok(())
}
