//! What: Reads accounts that may be a little old, and the lists of their postings from the indexes `by-debtor` and
//! `by-creditor`.

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, Select};

use super::{DynamoDb, add, count, milliunits, store_error};
use crate::domain::audit::PostingList;
use crate::domain::statement::Side;
use crate::domain::{AccountId, LegId, SettledLeg};
use crate::store::items::payments_table::{BY_CREDITOR, BY_DEBTOR, DECIDED_AT};
use crate::store::items::{self, Item, s};
use crate::store::{PostingLists, Read, ScanPage, ScannedItem, Segment, Span, StoreError, Table};

impl PostingLists for DynamoDb {
    type AccountMark = Item;
    type ListMark = Item;

    async fn account_pages(&self, segment: Segment, mark: Option<Item>) -> Result<ScanPage<Item>, StoreError> {
        self.segment_page(Table::Accounts, false, segment, mark).await
    }

    async fn listed(
        &self,
        account: &AccountId,
        list: PostingList,
        span: Span,
        mark: Option<Item>,
    ) -> Result<ScanPage<Item>, StoreError> {
        // DynamoDB refuses bounds in the wrong order.
        if span.after >= span.until {
            return Ok(ScanPage { items: Vec::new(), next: None, read_milliunits: 0 });
        }
        let table = &self.tables.payments;
        let index = match list.side {
            Side::Debit => BY_DEBTOR,
            Side::Credit => BY_CREDITOR,
        };
        count(&self.usage.read_calls);
        let call = self
            .client
            .query()
            .table_name(table)
            .index_name(index.name)
            .select(Select::AllAttributes)
            .key_condition_expression("#key = :key AND #decided_at BETWEEN :from AND :until")
            .expression_attribute_names("#key", index.key)
            .expression_attribute_names("#decided_at", DECIDED_AT)
            .expression_attribute_values(":key", s(list.key(account)))
            .expression_attribute_values(":from", s(span.after.earlier_by(-1)))
            .expression_attribute_values(":until", s(span.until))
            .set_exclusive_start_key(mark);
        let page = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let page = page.map_err(|error| store_error("Query", table, &error))?;
        add(&self.usage.read_milliunits, page.consumed_capacity.as_slice());
        let surveyed = |item: &Item| -> ScannedItem { items::scan::surveyed(Table::Payments, item) };
        Ok(ScanPage {
            read_milliunits: page.consumed_capacity.as_ref().map(milliunits).unwrap_or_default(),
            items: page.items().iter().map(surveyed).collect(),
            next: page.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }

    async fn read_legs(&self, ids: &[&LegId]) -> Result<Vec<Read<SettledLeg>>, StoreError> {
        let keys = ids.iter().map(|id| items::legs::key(id)).collect();
        self.read_items(&self.tables.payments, items::payments_table::KEY, keys, items::legs::decode_leg).await
    }
}
