//! What: Paces tries after an error, by exponential backoff with full jitter.
//!
//! Source: AWS Architecture Blog, "Exponential Backoff And Jitter". Full jitter does the least work under contention,
//! because it spreads competitors over the whole window.

use std::time::Duration;

use tokio::time::Instant;

/// The window of the first wait. It is about the time of one transaction: a conflict is over when the other transaction
/// is done.
const WINDOW_FIRST_MS: u64 = 20;
/// The widest window. A throttled table recovers within seconds, and a deadline is seldom more than a minute away.
const WINDOW_MAX_MS: u64 = 1_000;
/// The widest window while a person has to mend something. It is soon enough for a person, and makes at most about
/// twenty looks a batch.
const PATIENT_WINDOW_MAX_MS: u64 = 10_000;

/// Waits of random length in a window that doubles from try to try.
#[derive(Debug, Clone)]
pub struct Backoff {
    random: fastrand::Rng,
    tries: u32,
    window_max_ms: u64,
}

impl Backoff {
    /// Backoff with randomness from the system.
    #[must_use]
    pub fn new() -> Self {
        Self::of(fastrand::Rng::new())
    }

    /// Backoff whose waits are always the same for a seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self::of(fastrand::Rng::with_seed(seed))
    }

    fn of(random: fastrand::Rng) -> Self {
        Self { random, tries: 0, window_max_ms: WINDOW_MAX_MS }
    }

    /// The same backoff from its start, with wider windows: for work that a person has to mend.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { random: self.random.clone(), tries: 0, window_max_ms: PATIENT_WINDOW_MAX_MS }
    }

    /// The next wait starts with the smallest window again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// Waits, but not past the deadline.
    pub async fn wait(&mut self, deadline: Instant) {
        let wait = self.next();
        let at = Instant::now().checked_add(wait).unwrap_or(deadline);
        tokio::time::sleep_until(at.min(deadline)).await;
    }

    fn next(&mut self) -> Duration {
        let window = WINDOW_FIRST_MS.saturating_mul(2_u64.saturating_pow(self.tries)).min(self.window_max_ms);
        self.tries = self.tries.saturating_add(1);
        Duration::from_millis(self.random.u64(0..=window))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_up_to_the_widest_and_start_again() {
        let longest = |tries| {
            (0..200).map(move |seed| {
                let mut backoff = Backoff::with_seed(seed);
                backoff.tries = tries;
                u64::try_from(backoff.next().as_millis()).unwrap()
            })
        };
        for (tries, window) in [(0, 20), (1, 40), (3, 160), (6, 1_000), (u32::MAX, 1_000)] {
            let max = longest(tries).max().unwrap();
            assert!(max <= window && max > window / 2, "{tries}: {max} of {window}");
            assert!(longest(tries).min().unwrap() < window / 4, "full jitter reaches down to nothing");
        }
        let mut patient = Backoff::with_seed(0).patient();
        patient.tries = 40;
        let waits: Vec<Duration> = (0..200).map(|_| patient.next()).collect();
        assert!(waits.iter().max().unwrap().as_millis() > 9_000 && waits.iter().all(|wait| wait.as_secs() <= 10));
        let mut backoff = Backoff::with_seed(1);
        backoff.next();
        backoff.reset();
        assert_eq!(backoff.tries, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_never_passes_the_deadline() {
        let deadline = Instant::now() + Duration::from_millis(5);
        let mut backoff = Backoff::with_seed(7);
        backoff.tries = 10;
        backoff.wait(deadline).await;
        assert!(Instant::now() <= deadline);
    }
}
