//! What: Reads whole tables by parallel scans.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::{DynamoDb, add, count, milliunits, store_error};
use crate::store::items::{self, Item};
use crate::store::{ScanPage, Segment, StoreError, Table, TableScan};

/// The most items of a page. DynamoDB itself ends a page at 1 MB, which is about as many payments. A local engine may
/// read all that is left of the table for each page that has no bound.
pub(super) const PAGE_ITEMS: i32 = 1_000;

impl TableScan for DynamoDb {
    type Mark = Item;

    async fn page(&self, table: Table, segment: Segment, mark: Option<Item>) -> Result<ScanPage<Item>, StoreError> {
        self.segment_page(table, true, segment, mark).await
    }
}

impl DynamoDb {
    /// Reads a page of a segment, strongly consistent or not.
    pub(super) async fn segment_page(
        &self,
        table: Table,
        consistent: bool,
        segment: Segment,
        mark: Option<Item>,
    ) -> Result<ScanPage<Item>, StoreError> {
        let name = match table {
            Table::Accounts => &self.tables.accounts,
            Table::Payments => &self.tables.payments,
            Table::Refunds => &self.tables.refunds,
            Table::DeadLetters => &self.tables.dead_letters,
        };
        self.page_of(name, consistent, segment, mark, |item| items::scan::surveyed(table, item)).await
    }

    /// Reads a page of a segment of the table of this name, and each of its items by `read`.
    pub(super) async fn page_of<I>(
        &self,
        table: &str,
        consistent: bool,
        segment: Segment,
        mark: Option<Item>,
        read: impl Fn(&Item) -> I,
    ) -> Result<ScanPage<Item, I>, StoreError> {
        count(&self.usage.read_calls);
        let call = self.client.scan().table_name(table).consistent_read(consistent).set_exclusive_start_key(mark);
        let call = call.limit(PAGE_ITEMS);
        // The only segment is the whole table. A local engine reads that in the order of its key, without sorting it.
        let call = match segment.of {
            0 | 1 => call,
            of => call.segment(segment.number.into()).total_segments(of.into()),
        };
        let page = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let page = page.map_err(|error| store_error("Scan", table, &error))?;
        add(&self.usage.read_milliunits, page.consumed_capacity.as_slice());
        Ok(ScanPage {
            read_milliunits: page.consumed_capacity.as_ref().map(milliunits).unwrap_or_default(),
            items: page.items().iter().map(read).collect(),
            next: page.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }
}
