//! What: Lists the contenders, and runs them.
//!
//! Data: Takes a ledger and a batch. Gives the disposition of each of its requests, and the rounds that it took.
//!
//! | contender | how it commits |
//! |---|---|
//! | giro | [`settle`]: a batch in groups of up to 100 items |
//! | control | the same client, rules and retries, a record at a time, in order: read its two accounts, decide, one transaction of three items |
//! | control16 | the same, 16 records at a time; order is given up |
//!
//! The controls call [`settle`] with batches of one record, so only the grouping differs from Giro. Their accounts have
//! no lanes.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use giro::domain::{Batch, Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle};
use giro::store::Ledger;

/// How long a batch may take: Lambda's longest invocation with this trigger. All measured batches are far shorter.
const BATCH_TIME_MAX: Duration = Duration::from_secs(14 * 60);

/// A contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contender {
    /// This program.
    Giro,
    /// One record a transaction, in order.
    Control,
    /// One record a transaction, 16 at a time.
    Control16,
}

impl Contender {
    /// Every contender in this process.
    pub const ALL: [Self; 3] = [Self::Giro, Self::Control, Self::Control16];

    /// The name as shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Giro => "giro",
            Self::Control => "control",
            Self::Control16 => "control16",
        }
    }

    /// The contender of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

    /// Settles one batch of a topic with this number of partitions. The same seed gives the same waits.
    pub async fn settle<L: Ledger>(
        self,
        ledger: &L,
        requests: Vec<Request>,
        partitions: usize,
        seed: u64,
        now: impl Fn() -> Timestamp + Copy,
    ) -> Ended {
        let side_by_side = match self {
            Self::Giro => return group(ledger, requests, partitions, seed, now).await,
            Self::Control => 1,
            Self::Control16 => 16,
        };
        let one = |(ix, request): (u64, Request)| async move {
            group(ledger, vec![request], partitions, seed.wrapping_add(ix), now).await
        };
        let ends: Vec<Ended> = stream::iter((0..).zip(requests)).map(one).buffered(side_by_side).collect().await;
        let rounds = ends.iter().map(|ended| ended.rounds).sum();
        Ended { dispositions: ends.into_iter().flat_map(|ended| ended.dispositions).collect(), rounds }
    }
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The disposition of each request, in their order.
    pub dispositions: Vec<Disposition>,
    /// How often the rest was decided and planned again, the first time included. A control's are those of its records.
    pub rounds: u64,
}

async fn group<L: Ledger>(
    ledger: &L,
    requests: Vec<Request>,
    partitions: usize,
    seed: u64,
    now: impl Fn() -> Timestamp,
) -> Ended {
    let started = Instant::now();
    let until = started.checked_add(BATCH_TIME_MAX).unwrap_or(started);
    let batch = Batch::new(requests).with_partitions(u32::try_from(partitions).unwrap_or(u32::MAX));
    let settled = settle(ledger, &batch, until, now, Backoff::with_seed(seed)).await;
    Ended { dispositions: settled.dispositions, rounds: settled.rounds.into() }
}
