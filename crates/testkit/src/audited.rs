//! What: A ledger of any size with payments of every kind, and the scheduled audit of it, by the minute.
//!
//! Data: Minutes are those since 1970. Payments, legs and refunds are drawn from a seed, between accounts of which one
//! in four has lanes.
//!
//! Limits: One batch of 1,000 payments is settled at a time.

use std::time::Duration;

use giro::audit::Pace;
use giro::audit::moved::{AuditStore, Proof, Settings, prove};
use giro::domain::{Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::{Ledger, StoreError};
use tokio::time::Instant;

use crate::given::{self, Placed as _, Setters as _, account, payment, refund};
use crate::open_accounts::OpenAccounts;

/// How many payments are settled at once.
const BATCH: usize = 1_000;

/// How long a batch, or an audit, may take. On a busy machine the engine takes half an hour for 50,000 accounts.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// This many minutes after 1970.
#[must_use]
pub fn minute(minute: i64) -> Timestamp {
    Timestamp::try_from_millis(minute.saturating_mul(60_000)).unwrap_or(Timestamp::MAX)
}

/// Opens the accounts `a0`, `a1` and so on.
///
/// # Errors
/// If the store refuses one.
pub async fn open(store: &impl OpenAccounts, accounts: usize) -> Result<(), StoreError> {
    for ix in 0..accounts {
        let account = account(&format!("a{ix}")).limit(1_000_000);
        store.open_account(&if ix % 4 == 0 { account.lanes(2) } else { account }).await?;
    }
    Ok(())
}

/// A payment, one in fifty with legs, and one in fifty a refund. The request has this number, and its id begins so.
pub fn draw(random: &mut fastrand::Rng, accounts: usize, name: &str, ix: usize) -> Request {
    let mut one = || format!("a{}", random.usize(0..accounts));
    let (debtor, creditor, third) = (one(), one(), one());
    let (id, offset) = (format!("{name}-{ix}"), i64::try_from(ix).unwrap_or(i64::MAX));
    match ix % 50 {
        0 => {
            let legs = [(&*debtor, &*creditor, "EUR", 5), (&*debtor, &*third, "EUR", 1)];
            given::legged(&id, &debtor, &legs).at(0, offset)
        }
        1 if ix > 50 => {
            let original = format!("{name}-{}", ix.saturating_sub(7));
            refund(&id, &original, &creditor, Some(1)).at(0, offset)
        }
        _ => payment(&id, &debtor, &creditor, random.u64(1..=60)).at(0, offset),
    }
}

/// Settles so many drawn requests at a minute. Says how many postings they made.
pub async fn settle(
    store: &impl Ledger,
    random: &mut fastrand::Rng,
    accounts: usize,
    (name, count, at): (&str, usize, i64),
) -> u64 {
    let mut postings = 0;
    for begins in (0..count).step_by(BATCH) {
        let ends = count.min(begins.saturating_add(BATCH));
        let requests = (begins..ends).map(|ix| draw(random, accounts, name, ix)).collect();
        postings = settle_within(store, requests, PATIENCE, || minute(at)).await.saturating_add(postings);
    }
    postings
}

/// Settles requests, as far as they are settled in this time. Says how many postings they made.
pub async fn settle_within(
    store: &impl Ledger,
    requests: Vec<Request>,
    patience: Duration,
    clock: impl Fn() -> Timestamp,
) -> u64 {
    let now = Instant::now();
    let sides = |request: &Request| {
        u64::try_from(request.instruction.legs().len().max(1).saturating_mul(2)).unwrap_or(u64::MAX)
    };
    let postings: Vec<u64> = requests.iter().map(sides).collect();
    let until = now.checked_add(patience).unwrap_or(now);
    let settled = settle_requests(store, requests, 1, until, clock, Backoff::with_seed(1)).await;
    assert_eq!(settled.dispositions.len(), postings.len(), "each request has its disposition");
    let settled = settled.dispositions.iter().zip(postings).filter(|(end, _)| **end == Disposition::Decided(Ok(())));
    settled.fold(0, |sum, (_, postings)| postings.saturating_add(sum))
}

/// A scheduled audit at a minute, as fast as it can.
///
/// # Errors
/// If the store refuses to be read.
pub async fn prove_at(store: &impl AuditStore, at: i64, settings: Settings) -> Result<Proof, StoreError> {
    let now = Instant::now();
    let until = now.checked_add(PATIENCE).unwrap_or(now);
    prove(store, || minute(at), Pace::per_second(u32::MAX), settings, until).await
}
