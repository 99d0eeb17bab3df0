//! What: What each partition of the topic delivers, in order.
//!
//! Data: Takes a workload, how keys reach partitions, numbers of partitions and records, and a seed. Gives the payments
//! by the numbers of their accounts. A request is made when it is asked for.

use std::sync::Arc;

use super::draw::{Draw, Drawn, Weights};
use super::kafka_partition::partition_of;
use super::load::{Kind, TOPIC, Workload};
use giro::domain::Request;
use giro::domain::id::InvalidId;

/// How keys reach partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// Each partition delivers equally many records. Account i pays on partition i mod P.
    Even,
    /// Each record is on the partition of its debtor's hash, so that partitions are unequal.
    Drawn,
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What it asks for.
    pub payment: Drawn,
    /// Its number in the order in which the records of all partitions arrive.
    pub nth: usize,
    /// Whether it repeats an earlier record.
    pub repeats: bool,
}

/// What each partition delivers.
#[derive(Debug, Clone)]
pub struct Deliveries {
    workload: Workload,
    topic: Arc<str>,
    by_partition: Vec<Vec<Record>>,
}

impl Deliveries {
    /// Draws so many records for each of so many partitions.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn new(
        workload: Workload,
        keys: Keys,
        partitions: usize,
        records_a_partition: usize,
        seed: u64,
    ) -> Result<Self, InvalidId> {
        let by_partition = match keys {
            Keys::Even => even(workload, partitions, records_a_partition, seed),
            Keys::Drawn => drawn(workload, partitions, records_a_partition, seed)?,
        };
        Ok(Self { workload, topic: TOPIC.into(), by_partition })
    }

    /// The records of each partition.
    #[must_use]
    pub fn by_partition(&self) -> &[Vec<Record>] {
        &self.by_partition
    }

    /// The different payments.
    #[must_use]
    pub fn payments(&self) -> usize {
        self.by_partition.iter().flatten().filter(|record| !record.repeats).count()
    }

    /// The requests of a partition at these offsets, as many of them as there are.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn requests(&self, partition: usize, offsets: std::ops::Range<usize>) -> Result<Vec<Request>, InvalidId> {
        let records = self.by_partition.get(partition).map_or(&[][..], Vec::as_slice);
        let records = records.iter().enumerate().skip(offsets.start).take(offsets.len());
        let request =
            |(offset, record): (usize, &Record)| self.workload.request(&self.topic, partition, offset, record.payment);
        records.map(request).collect()
    }
}

/// Each partition draws by itself, among debtors of its own.
fn even(workload: Workload, partitions: usize, records: usize, seed: u64) -> Vec<Vec<Record>> {
    let creditors = Weights::new(workload, 0..workload.accounts);
    let of = |partition: usize| {
        let payments = of_partition(workload, &creditors, partition, partitions, records, seed);
        let record = |(ix, payment): (usize, Drawn)| Record {
            payment,
            nth: ix.saturating_mul(partitions).saturating_add(partition),
            repeats: payment.number != ix,
        };
        payments.into_iter().enumerate().map(record).collect()
    };
    (0..partitions).map(of).collect()
}

/// The payments of one partition that draws by itself.
pub(super) fn of_partition(
    workload: Workload,
    creditors: &Weights,
    partition: usize,
    partitions: usize,
    records: usize,
    seed: u64,
) -> Vec<Drawn> {
    let debtors = match workload.kind {
        Kind::Payer => Weights::even(std::iter::once(partition)),
        Kind::Settlement => Weights::even(std::iter::once(workload.accounts.saturating_add(partition))),
        Kind::Uniform | Kind::Zipf | Kind::Merchant => {
            Weights::new(workload, (partition..workload.accounts).step_by(partitions.max(1)))
        }
    };
    let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::try_from(partition).unwrap_or(0));
    let mut draw = Draw::new(workload, debtors, creditors, seed);
    let mut payments = Vec::with_capacity(records);
    for _ in 0..records {
        payments.push(draw.next(&payments));
    }
    payments
}

/// All are drawn together, and each record goes where its key belongs.
fn drawn(
    workload: Workload,
    partitions: usize,
    records_a_partition: usize,
    seed: u64,
) -> Result<Vec<Vec<Record>>, InvalidId> {
    let creditors = Weights::new(workload, 0..workload.accounts);
    let debtors = match workload.kind {
        Kind::Payer => Weights::even(std::iter::once(0)),
        Kind::Settlement => Weights::even(std::iter::once(workload.accounts)),
        Kind::Uniform | Kind::Zipf | Kind::Merchant => Weights::new(workload, 0..workload.accounts),
    };
    let mut draw = Draw::new(workload, debtors, &creditors, seed);
    let records = partitions.saturating_mul(records_a_partition);
    let mut payments: Vec<Drawn> = Vec::with_capacity(records);
    let mut by_partition = vec![Vec::new(); partitions];
    for nth in 0..records {
        let payment = draw.next(&payments);
        payments.push(payment);
        let key = workload.account(payment.debtor)?;
        let record = Record { payment, nth, repeats: payment.number != nth };
        by_partition[partition_of(key.as_str().as_bytes(), partitions)].push(record);
    }
    Ok(by_partition)
}
