//! What: Runs asynchronous invocations. They are answered before they run, and tried again if they fail.
//!
//! The first pause between tries is one minute, the second two, as on AWS. What is given up is logged, because its
//! destinations don't exist here.
//!
//! Source: AWS Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation".

use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use super::Answer;
use giro_template::Asynchronous;

const PAUSE_FIRST: Duration = Duration::from_secs(60);
const PAUSE_NEXT: Duration = Duration::from_secs(120);

/// Invokes until that succeeds.
///
/// # Errors
/// The text of the last try, if it failed too often, or the event became too old.
pub(super) async fn run<F>(policy: Asynchronous, mut invoke: impl FnMut() -> F) -> Result<(), Bytes>
where
    F: Future<Output = Answer>,
{
    let begun = Instant::now();
    let mut retries = 0;
    loop {
        let failure = match invoke().await {
            Answer::Response(_) => return Ok(()),
            Answer::Error(failure) => failure,
        };
        let pause = if retries == 0 { PAUSE_FIRST } else { PAUSE_NEXT };
        if retries >= policy.retries_max || begun.elapsed().saturating_add(pause) > policy.age_max {
            return Err(failure);
        }
        retries = retries.saturating_add(1);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each try begins, in seconds, if the first `failing` ones fail, and how it ends.
    async fn tries(retries_max: u32, age_max: Duration, failing: usize) -> (Vec<u64>, bool) {
        let begun = Instant::now();
        let mut tries = Vec::new();
        let done = run(Asynchronous { retries_max, age_max }, || {
            tries.push(begun.elapsed().as_secs());
            let answer = if tries.len() > failing { Answer::Response } else { Answer::Error };
            std::future::ready(answer(Bytes::from_static(b"x")))
        });
        let done = done.await.is_ok();
        (tries, done)
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_again_after_one_minute_and_after_two() {
        let Asynchronous { retries_max, age_max } = Asynchronous::default();
        assert_eq!(tries(retries_max, age_max, 0).await, (vec![0], true));
        assert_eq!(tries(retries_max, age_max, 1).await, (vec![0, 60], true));
        assert_eq!(tries(retries_max, age_max, 9).await, (vec![0, 60, 180], false));
        assert_eq!(tries(0, age_max, 9).await, (vec![0], false));
        assert_eq!(tries(2, Duration::from_secs(100), 9).await, (vec![0, 60], false), "too old to be tried again");
    }
}
