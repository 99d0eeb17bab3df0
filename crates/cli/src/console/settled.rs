//! What: Counts the settled payments of a ledger, so that the page says what `giro audit` says.
//!
//! Functions report what they settled once an invocation ends. One that dies before tells nothing. So payments are
//! counted anew when the stack has come to rest, and what is reported later is added.
//!
//! Limits: It reads the whole table of payments, at a limited rate. So it is for the stack of this machine alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};

use giro::audit::{Pace, READ_UNITS_PER_SECOND};
use giro::domain::Timestamp;
use giro::store::dynamodb::DynamoDb;
use giro::store::{ScannedItem, Segment, StoreError, Table, TableScan};

/// How long to wait after a count before the next.
const PAUSE: Duration = Duration::from_secs(10);

/// A wish for a count: of what was decided before a time, when functions had reported so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) before: Timestamp,
    pub(super) reported: u64,
}

/// How many payments were settled, when functions had reported so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) settled: u64,
    pub(super) reported: u64,
}

impl Counted {
    /// How many are settled, now that functions have reported so many.
    pub(super) fn with(self, reported: u64) -> u64 {
        self.settled.saturating_add(reported.saturating_sub(self.reported))
    }
}

/// Counts when it is wished. A wish that comes during a count is dropped: the stack comes to rest again.
pub(super) async fn count(
    ledger: Arc<DynamoDb>,
    mut wishes: mpsc::Receiver<Wish>,
    tell: watch::Sender<Option<Counted>>,
) {
    while let Some(Wish { before, reported }) = wishes.recv().await {
        // A count that failed is wished again.
        if let Ok(settled) = settled(&*ledger, before).await {
            let _ = tell.send(Some(Counted { settled, reported }));
        }
        sleep(PAUSE).await;
    }
}

async fn settled(ledger: &impl TableScan, before: Timestamp) -> Result<u64, StoreError> {
    let (mut settled, mut mark) = (0_u64, None);
    let mut pace = Pace::per_second(READ_UNITS_PER_SECOND);
    loop {
        let page = ledger.page(Table::Payments, Segment { number: 0, of: 1 }, mark).await?;
        for item in page.items {
            if let ScannedItem::Payment(recorded) = item
                && recorded.outcome.decision.is_ok()
                && recorded.outcome.decided_at < before
            {
                settled = settled.saturating_add(1);
            }
        }
        mark = page.next;
        if mark.is_none() {
            return Ok(settled);
        }
        pace.take(page.read_milliunits);
        sleep_until(pace.ready()).await;
    }
}
