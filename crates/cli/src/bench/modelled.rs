//! What: Runs a contender on the model: exact figures, in virtual time.
//!
//! Data: Takes a contender, a workload and its sizes. Gives how long it took on the model's clock, and what it asked of
//! it.
//!
//! Each partition delivers its batches one after the other, as Kafka does to one invocation at a time. The partitions
//! run side by side. The clock stands still while a contender computes; the other benchmarks measure that.
//!
//! Invariants: Every run is audited. If a record has no disposition, or its payments don't explain a balance, the run
//! is an error and gives no figure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future;
use tokio::time::Instant;

use super::contender::Contender;
use super::model::{Hindrances, Manners, Model};
use super::workload::Workload;
use giro::domain::{AccountId, PaymentRequest};
use giro::settle::Disposition;
use giro::store::{Ledger, LedgerQueries, Usage};
use giro_testkit::memory_store::MemoryStore;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// By whom.
    pub contender: Contender,
    /// Of what.
    pub workload: Workload,
    /// Over so many partitions.
    pub partitions: usize,
    /// Records a batch.
    pub batch: usize,
    /// Batches a partition.
    pub batches: usize,
    /// Makes everything the same again.
    pub seed: u64,
}

/// What a run took and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Records delivered.
    pub records: u64,
    /// Accounts touched, summed over the batches: in the floor of the write units, each is written once a batch.
    pub accounts_touched: u64,
    /// Payments that got their outcome.
    pub payments: u64,
    /// Of each partition: records that it delivered, and the time from its first batch to its last answer.
    pub by_partition: Vec<(u64, Duration)>,
    /// Of each batch, ascending.
    pub batch_times: Vec<Duration>,
    /// What was asked of the store.
    pub usage: Usage,
    /// What was cancelled or throttled.
    pub hindrances: Hindrances,
}

impl Run {
    /// Runs it, on a clock of its own.
    ///
    /// # Errors
    /// If a record stays unfinished, or a balance is wrong.
    pub fn measure(self) -> anyhow::Result<Measured> {
        // A thread of its own, so that it can be called from within a runtime.
        std::thread::scope(|scope| {
            let run = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
                runtime.block_on(self.on_the_model())
            });
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    async fn on_the_model(self) -> anyhow::Result<Measured> {
        let store = MemoryStore::new();
        let accounts = self.workload.accounts()?;
        for account in &accounts {
            store.insert_account(account.clone());
        }
        let model = Model::new(store.clone(), Manners::with_seed(self.seed));
        let mut deliveries = Vec::with_capacity(self.partitions);
        for partition in 0..self.partitions {
            let records = self.batch.saturating_mul(self.batches);
            deliveries.push(self.workload.requests(partition, self.partitions, records, self.seed)?);
        }
        let (accounts_touched, payments) = floor(&deliveries, self.batch);

        let partitions = deliveries.into_iter().zip(0..).map(|(requests, partition)| {
            let model = &model;
            async move {
                let mut times = Vec::with_capacity(self.batches);
                let mut unfinished: usize = 0;
                for (batch, ix) in requests.chunks(self.batch).zip(0..) {
                    let delivered = Instant::now();
                    let seed = self
                        .seed
                        .wrapping_add(1_000_000_u64.wrapping_mul(partition))
                        .wrapping_add(10_000_u64.wrapping_mul(ix));
                    let ends = self.contender.settle(model, batch.to_vec(), self.partitions, seed).await;
                    times.push(delivered.elapsed());
                    let open = ends
                        .iter()
                        .filter(|end| matches!(end, Disposition::Unfinished | Disposition::IdReused))
                        .count();
                    unfinished = unfinished.saturating_add(open);
                }
                (times, unfinished)
            }
        });
        let done = future::join_all(partitions).await;

        let unfinished: usize = done.iter().map(|(_, unfinished)| unfinished).sum();
        ensure!(unfinished == 0, "{unfinished} records have no end");
        let opened = accounts.iter().map(|account| (account.id.clone(), account.balance.minor_units().into()));
        audit(&store, opened.collect(), payments).await?;
        let delivered = u64::try_from(self.batch.saturating_mul(self.batches))?;
        let by_partition = done.iter().map(|(times, _)| (delivered, times.iter().sum())).collect();
        let mut batch_times: Vec<Duration> = done.into_iter().flat_map(|(times, _)| times).collect();
        batch_times.sort_unstable();
        let records = self.partitions.saturating_mul(self.batch).saturating_mul(self.batches);
        Ok(Measured {
            records: records.try_into()?,
            accounts_touched,
            payments,
            by_partition,
            batch_times,
            usage: model.usage(),
            hindrances: model.hindrances(),
        })
    }
}

/// The accounts that each batch touches, summed, and the different payments.
pub(super) fn floor(deliveries: &[Vec<PaymentRequest>], batch: usize) -> (u64, u64) {
    let mut touched: usize = 0;
    let mut payments = HashSet::new();
    for batch in deliveries.iter().flat_map(|requests| requests.chunks(batch)) {
        let parties = batch.iter().flat_map(|request| [&request.payment.debtor, &request.payment.creditor]);
        touched = touched.saturating_add(parties.collect::<HashSet<_>>().len());
        payments.extend(batch.iter().map(|request| &request.payment.id));
    }
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    (count(touched), count(payments.len()))
}

/// Checks that every payment is there, and that every balance is the sum of its settled payments.
pub(super) async fn audit(
    store: &impl LedgerQueries,
    mut expected: HashMap<AccountId, i128>,
    payments: u64,
) -> anyhow::Result<()> {
    let recorded = store.payments().await?;
    ensure!(u64::try_from(recorded.len())? == payments, "{} payments recorded, not {payments}", recorded.len());
    for recorded in recorded.iter().filter(|recorded| recorded.outcome.decision.is_ok()) {
        let payment = &recorded.outcome.payment;
        let amount = i128::from(payment.amount.minor_units());
        for (account, net) in [(&payment.debtor, amount.saturating_neg()), (&payment.creditor, amount)] {
            let balance = expected.get_mut(account).context("a payment of an unknown account settled")?;
            *balance = balance.saturating_add(net);
        }
    }
    for holding in store.accounts().await? {
        let balance = expected.get(&holding.account.id).copied();
        ensure!(balance == Some(holding.balance()), "a balance is not what its payments make of it");
    }
    Ok(())
}
