//! Sets dead letters aside, side by side, until all are parked or time is up.
//!
//! In: positions and a way to make the letter at each, so that the bytes of only a few are copied at a time. Out: the
//! positions that are not known to be parked.

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::Backoff;
use crate::domain::DeadLetter;
use crate::store::{Ledger, StoreError};

/// Letters in flight.
const LETTERS_IN_FLIGHT_MAX: usize = 16;

/// Parks a letter for each position. Returns the positions not known to be parked, in order, and the last fault.
pub async fn park<L: Ledger>(
    ledger: &L,
    positions: Vec<usize>,
    letter: impl Fn(usize) -> DeadLetter,
    until: Instant,
    mut backoff: Backoff,
) -> (Vec<usize>, Option<StoreError>) {
    let mut left = positions;
    let mut fault = None;
    while !left.is_empty() && Instant::now() < until {
        let letter = &letter;
        let calls = left.iter().map(|&position| async move {
            let letter = letter(position);
            let answer = timeout_at(until, ledger.park(&letter)).await;
            (position, answer.unwrap_or_else(|_| Err(StoreError::Unavailable("parking: time is up".into()))))
        });
        let mut answers = stream::iter(calls).buffer_unordered(LETTERS_IN_FLIGHT_MAX);
        let mut failed = Vec::new();
        while let Some((position, answer)) = answers.next().await {
            if let Err(error) = answer {
                failed.push(position);
                fault = Some(error);
            }
        }
        drop(answers);
        failed.sort_unstable();
        left = failed;
        if !left.is_empty() {
            backoff.wait(until).await;
        }
    }
    (left, fault)
}
