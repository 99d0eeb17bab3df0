//! What: Scans one whole table, with its segments side by side. Each page is tried again until the deadline.

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::pace::Pace;
use crate::settle::Backoff;
use crate::store::{ScanPage, ScannedItem, Segment, StoreError, Table, TableScan};

/// The number of segments of a table. The rate allows about four pages of 256 units a second, and a page takes about a
/// tenth of a second.
const SEGMENTS: u16 = 4;

/// Why a scan stopped early.
#[derive(Debug)]
pub enum Stopped {
    /// The deadline has come. The text says how far the scan was.
    Deadline(String),
    /// The store refuses, and another try won't help.
    Refused(StoreError),
}

/// Gives each item of a table to `take`, and reads no faster than `pace`.
///
/// # Errors
/// [`Stopped`] if the deadline comes first, or the store refuses to be read.
pub async fn scan<S: TableScan>(
    ledger: &S,
    table: Table,
    pace: &mut Pace,
    deadline: Instant,
    mut take: impl FnMut(ScannedItem),
) -> Result<(), Stopped> {
    let mut waiting: Vec<(Segment, Option<S::Mark>)> =
        (0..SEGMENTS).map(|number| (Segment { number, of: SEGMENTS }, None)).collect();
    let mut in_flight = FuturesUnordered::new();
    let (mut items, mut segments) = (0_usize, SEGMENTS);
    let stopped = |items: usize, error: Option<StoreError>| {
        let error = error.map(|error| format!(": {error}")).unwrap_or_default();
        Stopped::Deadline(format!("while reading {}, after {items} items{error}", table.name()))
    };
    loop {
        let ready = pace.ready();
        if ready > deadline || Instant::now() >= deadline {
            // Pages in flight also end by the deadline, and their errors may say why no more came.
            let errors = in_flight
                .filter_map(|(_, page): (Segment, Result<ScanPage<S::Mark>, StoreError>)| async { page.err() });
            return Err(stopped(items, std::pin::pin!(errors).next().await));
        }
        tokio::select! {
            // A page that was read comes first, because it tells what it cost.
            biased;
            Some((segment, page)) = in_flight.next() => {
                let page: ScanPage<S::Mark> = match page {
                    Ok(page) => page,
                    Err(error) if error.passes() => return Err(stopped(items, Some(error))),
                    Err(error) => return Err(Stopped::Refused(error)),
                };
                pace.take(page.read_milliunits);
                items = items.saturating_add(page.items.len());
                page.items.into_iter().for_each(&mut take);
                match page.next {
                    Some(mark) => waiting.push((segment, Some(mark))),
                    None => segments = segments.saturating_sub(1),
                }
                if segments == 0 {
                    return Ok(());
                }
            }
            () = tokio::time::sleep_until(ready), if !waiting.is_empty() => {
                if let Some((segment, mark)) = waiting.pop() {
                    in_flight.push(read(ledger, table, segment, mark, deadline));
                }
            }
        }
    }
}

/// Reads a page. After an error that may pass, it tries again until the deadline.
async fn read<S: TableScan>(
    ledger: &S,
    table: Table,
    segment: Segment,
    mark: Option<S::Mark>,
    deadline: Instant,
) -> (Segment, Result<ScanPage<S::Mark>, StoreError>) {
    let mut backoff = Backoff::new();
    // The last error of the store tells more than "the deadline has come".
    let mut last = StoreError::Unavailable("no answer before the deadline".into());
    loop {
        match tokio::time::timeout_at(deadline, ledger.page(table, segment, mark.clone())).await {
            Ok(Err(error)) if error.passes() => last = error,
            Ok(page) => return (segment, page),
            Err(_) => return (segment, Err(last)),
        }
        if Instant::now() >= deadline {
            return (segment, Err(last));
        }
        backoff.wait(deadline).await;
    }
}
