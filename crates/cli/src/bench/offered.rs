//! What: Runs a contender on the model under offered load: records arrive at a fixed rate, whether or not they are
//! settled. This is an open loop.
//!
//! Data: Takes a run, a rate and a batch window. Gives its time and its calls, how long each record waited for its
//! answer, and whether a backlog grew.
//!
//! The mapping batches as Lambda's does. A partition has one invocation at a time. A batch opens with the first record
//! that waits, once the one before is answered. It leaves when it is full, or when its window is over.
//!
//! A backlog is measured by how many records a partition has open on average. It grew if the last quarter of the time
//! had more than the second, by more than half a batch. So a partition that is given B batches shows that it falls
//! behind if it leaves more than one record in B.
//!
//! Invariants: A record's latency counts from the time at which it was due. So a batch that is late makes what waits
//! for it slower too.

use std::time::Duration;

use futures_util::future;
use tokio::time::{Instant, sleep_until};

use super::modelled::{Answered, Measured, Run, Stage, in_virtual_time};
use super::workload::deliveries::Record;

/// The load that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Records a second, over all partitions.
    pub records_s: u64,
    /// How long a batch waits to become full.
    pub window: Duration,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The time and the calls of the run.
    pub measured: Measured,
    /// From the time at which each record was due until its batch was answered, ascending.
    pub latencies: Vec<Duration>,
    /// Records without an answer when the last one was due.
    pub backlog: u64,
    /// Partitions whose backlog grew.
    pub growing: u64,
}

/// A record that arrived and was answered, counted from the start.
#[derive(Debug, Clone, Copy)]
struct Stay {
    due: Duration,
    answered: Duration,
}

impl Offer {
    /// When a record is due, counted from the start.
    fn due(self, record: &Record) -> Duration {
        let nanos = u128::try_from(record.nth).unwrap_or(u128::MAX).saturating_mul(1_000_000_000);
        let nanos = nanos.checked_div(self.records_s.into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Run {
    /// Runs it under an offer.
    ///
    /// # Errors
    /// If a record stays unfinished, or a balance is wrong.
    pub fn measure_offered(self, offer: Offer) -> anyhow::Result<Offered> {
        in_virtual_time(move || async move {
            let stage = Stage::set(self)?;
            let since = stage.counted();
            let start = Instant::now();
            let mapped = (0..self.partitions).map(|partition| map(&stage, partition, offer, start));
            let answered = future::try_join_all(mapped).await?;
            let stays: Vec<Vec<Stay>> = stage
                .deliveries
                .by_partition()
                .iter()
                .zip(&answered)
                .map(|(records, batches)| stays(records, batches, offer, start))
                .collect();
            let took = answered.iter().flatten().map(|batch| batch.at).max().unwrap_or(start);
            let took = took.saturating_duration_since(start);
            let all: usize = stays.iter().map(Vec::len).sum();
            let measured = stage.close(answered.iter().flatten(), vec![(all.try_into()?, took)], since).await?;
            judge(measured, &stays, self.batch)
        })
    }
}

/// One partition's part of the mapping: collects batches as records arrive, and delivers one at a time.
async fn map(stage: &Stage, partition: usize, offer: Offer, start: Instant) -> anyhow::Result<Vec<Answered>> {
    let records = stage.deliveries.by_partition().get(partition).map_or(&[][..], Vec::as_slice);
    let due = |record: &Record| start.checked_add(offer.due(record)).unwrap_or(start);
    let mut answered: Vec<Answered> = Vec::new();
    let mut from: usize = 0;
    let mut nth: u64 = 0;
    while let Some(first) = records.get(from) {
        sleep_until(due(first)).await;
        let opened = Instant::now();
        let over = opened.checked_add(offer.window).unwrap_or(opened);
        let full = from.saturating_add(stage.run.batch);
        let last = records.get(full.saturating_sub(1)).map(due);
        sleep_until(last.map_or(over, |last| last.min(over))).await;
        let now = Instant::now();
        let arrived = records.iter().skip(from).take(stage.run.batch).take_while(|record| due(record) <= now).count();
        let until = from.saturating_add(arrived.max(1));
        answered.push(stage.settle(partition, from..until, nth).await?);
        (from, nth) = (until, nth.saturating_add(1));
    }
    Ok(answered)
}

/// How long each record of a partition stayed.
fn stays(records: &[Record], batches: &[Answered], offer: Offer, start: Instant) -> Vec<Stay> {
    let of = |batch: &Answered| {
        let answered = batch.at.saturating_duration_since(start);
        let records = records.get(batch.offsets.clone()).unwrap_or_default();
        records.iter().map(move |record| Stay { due: offer.due(record), answered }).collect::<Vec<Stay>>()
    };
    batches.iter().flat_map(of).collect()
}

fn judge(measured: Measured, stays: &[Vec<Stay>], batch: usize) -> anyhow::Result<Offered> {
    let end = stays.iter().flatten().map(|stay| stay.due).max().unwrap_or_default();
    let mut latencies: Vec<Duration> =
        stays.iter().flatten().map(|stay| stay.answered.saturating_sub(stay.due)).collect();
    latencies.sort_unstable();
    let backlog = stays.iter().flatten().filter(|stay| stay.answered > end).count();
    let growing = stays.iter().filter(|stays| has_grown(stays, end, batch)).count();
    Ok(Offered { measured, latencies, backlog: backlog.try_into()?, growing: growing.try_into()? })
}

/// Whether more records of a partition are open in the last quarter of the time than in the second, by more than half a
/// batch.
fn has_grown(stays: &[Stay], end: Duration, batch: usize) -> bool {
    let quarter = end.checked_div(4).unwrap_or_default();
    let open = |from: Duration, until: Duration| -> Duration {
        stays.iter().map(|stay| stay.answered.min(until).saturating_sub(stay.due.max(from))).sum()
    };
    let early = open(quarter, quarter.saturating_mul(2));
    let late = open(quarter.saturating_mul(3), end);
    // The mean number of records that are open is the time that all of them stay, by the time that passes.
    let a_batch = quarter.saturating_mul(u32::try_from(batch).unwrap_or(u32::MAX));
    late.saturating_sub(early).saturating_mul(2) > a_batch
}

/// The highest rate at which no backlog grows, and what became of it. It is found by bisection, to one in fifty.
///
/// `told` hears of each rate that is tried, and whether its backlog grew.
///
/// # Errors
/// If a run doesn't add up, or if a backlog grows at any rate.
pub fn carries(run: Run, window: Duration, mut told: impl FnMut(u64, bool)) -> anyhow::Result<(u64, Offered)> {
    let mut offered = |records_s: u64| {
        let offered = run.measure_offered(Offer { records_s, window })?;
        told(records_s, offered.growing > 0);
        anyhow::Ok(offered)
    };
    // What a closed loop takes is near it.
    let closed = run.measure()?;
    let mut rate = closed.whole_payments_a_second().max(1);
    let (mut carried, mut too_much) = (None, None);
    while carried.is_none() || too_much.is_none() {
        let found = offered(rate)?;
        if found.growing > 0 {
            anyhow::ensure!(rate > 1, "a backlog grows at every rate");
            too_much = Some(rate);
            rate = rate.saturating_mul(3).div_euclid(4).max(1);
        } else {
            carried = Some((rate, found));
            rate = rate.saturating_mul(5).div_euclid(4).saturating_add(1);
        }
    }
    let (Some((mut low, mut best)), Some(mut high)) = (carried, too_much) else {
        anyhow::bail!("no rate was found");
    };
    while high.saturating_sub(low) > low.div_euclid(50).max(1) {
        let between = low.midpoint(high);
        let found = offered(between)?;
        if found.growing > 0 {
            high = between;
        } else {
            (low, best) = (between, found);
        }
    }
    Ok((low, best))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A partition that takes one record a millisecond and answers each after this delay.
    fn stays(delay: impl Fn(u64) -> u64) -> Vec<Stay> {
        let stay =
            |ms| Stay { due: Duration::from_millis(ms), answered: Duration::from_millis(delay(ms).saturating_add(ms)) };
        (0..=20_000).map(stay).collect()
    }

    #[test]
    fn a_backlog_that_stays_has_not_grown() {
        let end = Duration::from_secs(20);
        for delay in [0, 500, 5_000] {
            assert!(!has_grown(&stays(|_| delay), end, 1_000), "{delay}");
        }
        // It falls behind by a tenth: in the 10 s between the quarters by 1,000 records.
        assert!(has_grown(&stays(|ms| ms / 10), end, 1_000));
        assert!(!has_grown(&stays(|ms| ms / 10), end, 4_000));
        // It catches up.
        assert!(!has_grown(&stays(|ms| (20_000 - ms) / 10), end, 1_000));
    }
}
