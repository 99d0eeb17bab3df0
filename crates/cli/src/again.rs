//! What: Makes a call to a store again after an error that may pass.

use tokio::time::Instant;

use giro::settle::Backoff;
use giro::store::StoreError;

/// Makes a call, and makes it again after an error that may pass. A table that isn't there doesn't come.
pub(crate) async fn again<T, F>(deadline: Instant, call: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::new();
    loop {
        match call().await {
            Err(StoreError::NoTable(table)) => return Err(StoreError::NoTable(table)),
            Err(error) if error.passes() && Instant::now() < deadline => backoff.wait(deadline).await,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn busy() -> StoreError {
        StoreError::Unavailable("no answer in time".into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_tried_again_until_its_deadline() {
        for (fails, in_time) in [(0, true), (3, true), (u32::MAX, false)] {
            let (tries, began) = (AtomicU32::new(0), Instant::now());
            let call = || async {
                let ix = tries.fetch_add(1, Ordering::Relaxed);
                if ix < fails { Err(busy()) } else { Ok(ix) }
            };
            assert_eq!(again(began + PATIENCE, call).await.is_ok(), in_time, "{fails}");
            assert!(began.elapsed() <= PATIENCE && tries.into_inner() > fails.min(3));
        }
        let began = Instant::now();
        let no_table = || async { Err::<(), _>(StoreError::NoTable("audit-heads".into())) };
        assert!(again(began + PATIENCE, no_table).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO, "a table doesn't come by waiting");
    }
}
