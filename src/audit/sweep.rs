//! What: Scans one whole table, with its segments side by side. Each page is tried again until the deadline.

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::pace::Pace;
use crate::settle::Backoff;
use crate::store::{Page, Segment, StoreError, Survey, Surveyed, Table};

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
pub async fn sweep<S: Survey>(
    ledger: &S,
    table: Table,
    pace: &mut Pace,
    until: Instant,
    mut take: impl FnMut(Surveyed),
) -> Result<(), Stopped> {
    let mut waiting: Vec<(Segment, Option<S::Mark>)> =
        (0..SEGMENTS).map(|number| (Segment { number, of: SEGMENTS }, None)).collect();
    let mut in_flight = FuturesUnordered::new();
    let (mut items, mut segments) = (0_usize, SEGMENTS);
    let stopped = |items: usize, fault: Option<StoreError>| {
        let fault = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
        Stopped::Deadline(format!("while reading {}, after {items} items{fault}", table.name()))
    };
    loop {
        let ready = pace.ready();
        if ready > until || Instant::now() >= until {
            // Pages in flight also end by the deadline, and their errors may say why no more came.
            let faults =
                in_flight.filter_map(|(_, page): (Segment, Result<Page<S::Mark>, StoreError>)| async { page.err() });
            return Err(stopped(items, std::pin::pin!(faults).next().await));
        }
        tokio::select! {
            // A page that was read comes first, because it tells what it cost.
            biased;
            Some((segment, page)) = in_flight.next() => {
                let page: Page<S::Mark> = match page {
                    Ok(page) => page,
                    Err(fault) if fault.passes() => return Err(stopped(items, Some(fault))),
                    Err(fault) => return Err(Stopped::Refused(fault)),
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
                    in_flight.push(read(ledger, table, segment, mark, until));
                }
            }
        }
    }
}

/// Reads a page. After an error that may pass, it tries again until the deadline.
async fn read<S: Survey>(
    ledger: &S,
    table: Table,
    segment: Segment,
    mark: Option<S::Mark>,
    until: Instant,
) -> (Segment, Result<Page<S::Mark>, StoreError>) {
    let mut backoff = Backoff::new();
    // The last error of the store tells more than "the deadline has come".
    let mut last = StoreError::Unavailable("no answer before the deadline".into());
    loop {
        match tokio::time::timeout_at(until, ledger.page(table, segment, mark.clone())).await {
            Ok(Err(fault)) if fault.passes() => last = fault,
            Ok(page) => return (segment, page),
            Err(_) => return (segment, Err(last)),
        }
        if Instant::now() >= until {
            return (segment, Err(last));
        }
        backoff.wait(until).await;
    }
}
