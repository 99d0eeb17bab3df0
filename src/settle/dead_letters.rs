//! What: Stores dead letters, side by side, until all are stored or the deadline has come.
//!
//! Data: Takes positions, and a function that makes the dead letter at each. So the bytes of only a few are copied at a
//! time. Gives the positions that are not known to be stored ([`DeadLettersWritten`]).

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::deadline::within;
use super::seen_errors::SeenErrors;
use crate::domain::DeadLetter;
use crate::store::{Ledger, StoreError};

/// Dead letters in flight.
const LETTERS_IN_FLIGHT_MAX: usize = 16;

/// What became of the dead letters.
#[derive(Debug, Default)]
pub struct DeadLettersWritten {
    /// The positions that are not known to be stored, in order.
    pub left: Vec<usize>,
    /// The error of the store that stopped a dead letter, else the last one, if any.
    pub error: Option<StoreError>,
}

/// Stores a dead letter for each of `positions`, which are in order.
pub async fn write_dead_letters<L: Ledger>(
    ledger: &L,
    positions: &[usize],
    letter: impl Fn(usize) -> DeadLetter,
    deadline: Instant,
    mut backoff: Backoff,
) -> DeadLettersWritten {
    let mut written = DeadLettersWritten { left: positions.to_vec(), error: None };
    let mut errors = SeenErrors::default();
    let letter = &letter;
    while !written.left.is_empty() && Instant::now() < deadline {
        let calls = written.left.iter().map(|&position| async move {
            let letter = letter(position);
            (position, within(deadline, "writing a dead letter", ledger.write_dead_letter(&letter)).await)
        });
        let mut answers = stream::iter(calls).buffer_unordered(LETTERS_IN_FLIGHT_MAX);
        let mut left = Vec::new();
        while let Some((position, answer)) = answers.next().await {
            if let Err(error) = answer {
                left.push(position);
                errors.note(error);
            }
        }
        drop(answers);
        left.sort_unstable();
        written.left = left;
        if !written.left.is_empty() {
            backoff.wait(deadline).await;
        }
    }
    written.error = errors.told();
    written
}
