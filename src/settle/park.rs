//! What: Stores dead letters, side by side, until all are stored or the deadline has come.
//!
//! Data: Takes positions, and a function that makes the dead letter at each. So the bytes of only a few are copied at a
//! time. Gives the positions that are not known to be stored ([`Parked`]).

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::met::Met;
use super::until::within;
use crate::domain::DeadLetter;
use crate::store::{Ledger, StoreError};

/// Dead letters in flight.
const LETTERS_IN_FLIGHT_MAX: usize = 16;

/// What became of the dead letters.
#[derive(Debug, Default)]
pub struct Parked {
    /// The positions that are not known to be stored, in order.
    pub left: Vec<usize>,
    /// The error of the store that stopped a dead letter, else the last one, if any.
    pub fault: Option<StoreError>,
}

/// Stores a dead letter for each of `positions`, which are in order.
pub async fn park<L: Ledger>(
    ledger: &L,
    positions: &[usize],
    letter: impl Fn(usize) -> DeadLetter,
    until: Instant,
    mut backoff: Backoff,
) -> Parked {
    let mut parked = Parked { left: positions.to_vec(), fault: None };
    let mut met = Met::default();
    let letter = &letter;
    while !parked.left.is_empty() && Instant::now() < until {
        let calls = parked.left.iter().map(|&position| async move {
            let letter = letter(position);
            (position, within(until, "parking", ledger.park(&letter)).await)
        });
        let mut answers = stream::iter(calls).buffer_unordered(LETTERS_IN_FLIGHT_MAX);
        let mut left = Vec::new();
        while let Some((position, answer)) = answers.next().await {
            if let Err(error) = answer {
                left.push(position);
                met.meet(error);
            }
        }
        drop(answers);
        left.sort_unstable();
        parked.left = left;
        if !parked.left.is_empty() {
            backoff.wait(until).await;
        }
    }
    parked.fault = met.told();
    parked
}
