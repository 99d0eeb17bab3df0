//! What: Runs a contender on the model as fast as it can. Each partition delivers its batches one after the other, as
//! Kafka does to one invocation at a time.
//!
//! Data: Takes a run. Gives its time and its calls.

use std::time::Duration;

use futures_util::future;
use tokio::time::Instant;

use super::modelled::{Answered, Measured, Run, Stage, in_virtual_time};
use super::workload::deliveries::Keys;

impl Run {
    /// Runs it.
    ///
    /// # Errors
    /// If a record stays unfinished, or a balance is wrong.
    pub fn measure(self) -> anyhow::Result<Measured> {
        in_virtual_time(move || async move {
            let stage = Stage::set(self)?;
            let since = stage.counted();
            let answered = deliver(&stage).await?;
            let paces = paces(self.keys, &answered)?;
            stage.close(answered.iter().flatten(), paces, since).await
        })
    }

    /// Runs it, delivers every batch again, and gives the time and the calls of the second delivery.
    ///
    /// # Errors
    /// If a record stays unfinished, or a balance is wrong.
    pub fn measure_again(self) -> anyhow::Result<Measured> {
        in_virtual_time(move || async move {
            let stage = Stage::set(self)?;
            deliver(&stage).await?;
            let since = stage.counted();
            let answered = deliver(&stage).await?;
            let paces = paces(self.keys, &answered)?;
            stage.close(answered.iter().flatten(), paces, since).await
        })
    }
}

/// Delivers all batches. Gives those of each partition.
async fn deliver(stage: &Stage) -> anyhow::Result<Vec<Vec<Answered>>> {
    let batch = stage.run.batch;
    let partition = |(partition, records): (usize, usize)| async move {
        let mut answered = Vec::new();
        for (from, nth) in (0..records).step_by(batch.max(1)).zip(0..) {
            let offsets = from..from.saturating_add(batch).min(records);
            answered.push(stage.settle(partition, offsets, nth).await?);
        }
        anyhow::Ok(answered)
    };
    let records = stage.deliveries.by_partition().iter().map(Vec::len);
    future::try_join_all(records.enumerate().map(partition)).await
}

/// Equal partitions deliver by themselves: one that finishes early would have its next batch. Unequal ones are done
/// when the last one is, because the busiest bounds them all.
fn paces(keys: Keys, answered: &[Vec<Answered>]) -> anyhow::Result<Vec<(u64, Duration)>> {
    let records = |batches: &[Answered]| batches.iter().map(|batch| batch.offsets.len()).sum::<usize>();
    match keys {
        Keys::Even => {
            let pace = |batches: &Vec<Answered>| {
                Ok((u64::try_from(records(batches))?, batches.iter().map(Answered::took).sum()))
            };
            answered.iter().map(pace).collect()
        }
        Keys::Drawn => {
            let begun = answered.iter().flatten().map(|batch| batch.begun).min();
            let ended = answered.iter().flatten().map(|batch| batch.at).max();
            let took =
                begun.zip(ended).map(|(begun, ended): (Instant, Instant)| ended.saturating_duration_since(begun));
            let all: usize = answered.iter().map(|batches| records(batches)).sum();
            Ok(vec![(u64::try_from(all)?, took.unwrap_or_default())])
        }
    }
}
