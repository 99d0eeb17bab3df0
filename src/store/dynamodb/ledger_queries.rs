//! What: Reads whole items for people and the audit, and marks dead letters as redriven.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;

use super::decode::Decode;
use super::scan::PAGE_ITEMS;
use super::{DynamoDb, store_error};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::{AccountId, DeadLetter, DeadLetterId, Holding, Lane, LegId, PaymentId, Recorded, Source};
use crate::store::items::{self, Item};
use crate::store::{LedgerQueries, Redrive, StoreError};

impl DynamoDb {
    async fn get(&self, table: &str, key: Item) -> Result<Option<Item>, StoreError> {
        let call = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(call.send().await.map_err(|error| store_error("GetItem", table, &error))?.item)
    }

    pub(super) async fn scan(&self, table: &str) -> Result<Vec<Item>, StoreError> {
        Self::scanned(table, self.client.scan()).await
    }

    /// One item, read as what it must be; `None` if there is none.
    pub(super) async fn find<T>(&self, table: &str, key: Item, decode: Decode<T>) -> Result<Option<T>, StoreError> {
        let item = self.get(table, key).await?;
        item.map(|item| read(table, decode, &item)).transpose()
    }

    /// Every item of a table, read as what it must be.
    pub(super) async fn all<T>(&self, table: &str, decode: Decode<T>) -> Result<Vec<T>, StoreError> {
        self.scan(table).await?.iter().map(|item| read(table, decode, item)).collect()
    }

    async fn scanned(table: &str, scan: ScanFluentBuilder) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let call = scan.clone().table_name(table).consistent_read(true).set_exclusive_start_key(start);
            let page = call.limit(PAGE_ITEMS).send().await.map_err(|error| store_error("Scan", table, &error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// The dead letters that a scan of their table finds, each joined from its parts.
    async fn letters(&self, scan: ScanFluentBuilder) -> Result<Vec<DeadLetter>, StoreError> {
        let table = &self.tables.dead_letters;
        let corrupt = |expected| StoreError::Corrupt(format!("{table}: {expected}"));
        let mut by_id: BTreeMap<DeadLetterId, BTreeMap<usize, Item>> = BTreeMap::new();
        for item in Self::scanned(table, scan).await? {
            let (id, part) = items::dead_letter::place(&item).map_err(corrupt)?;
            by_id.entry(id).or_default().insert(part, item);
        }
        let letter = |parts: BTreeMap<usize, Item>| {
            let parts: Vec<Item> = parts.into_values().collect();
            items::dead_letter::decode(&parts).map_err(corrupt).transpose()
        };
        by_id.into_values().filter_map(letter).collect()
    }
}

pub(super) fn read<T>(table: &str, decode: Decode<T>, item: &Item) -> Result<T, StoreError> {
    decode(item).map_err(|expected| StoreError::Corrupt(format!("{table}: {expected}")))
}

impl LedgerQueries for DynamoDb {
    async fn account(&self, id: &AccountId) -> Result<Option<Holding>, StoreError> {
        self.holding(id).await
    }

    async fn accounts(&self) -> Result<Vec<Holding>, StoreError> {
        Ok(self.holdings().await?.0)
    }

    async fn stray_lanes(&self) -> Result<Vec<Lane>, StoreError> {
        Ok(self.holdings().await?.1)
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Recorded>, StoreError> {
        self.find(&self.tables.payments, items::payment::key(id), items::payment::decode).await
    }

    async fn refunded(&self, id: &LegId) -> Result<u64, StoreError> {
        let key = items::refund_total::key(id);
        Ok(self.find(&self.tables.refunds, key, items::refund_total::decode).await?.unwrap_or_default())
    }

    async fn refunds(&self) -> Result<Vec<(LegId, u64)>, StoreError> {
        let mut refunds = self.all(&self.tables.refunds, items::refund_total::decode_with_key).await?;
        refunds.sort();
        Ok(refunds)
    }

    async fn payments(&self) -> Result<Vec<Recorded>, StoreError> {
        let table = &self.tables.payments;
        let items = self.scan(table).await?;
        let payments = items.iter().filter(|item| !items::legs::is_leg(item));
        let mut payments: Vec<Recorded> =
            payments.map(|item| read(table, items::payment::decode, item)).collect::<Result<_, StoreError>>()?;
        payments.sort_by(|a, b| a.outcome.instruction.id().cmp(b.outcome.instruction.id()));
        Ok(payments)
    }

    async fn dead_letter(&self, id: &DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        let table = &self.tables.dead_letters;
        let mut parts = Vec::new();
        while let Some(part) = self.get(table, items::dead_letter::key(id, parts.len())).await? {
            parts.push(part);
        }
        items::dead_letter::decode(&parts).map_err(|expected| StoreError::Corrupt(format!("{table}: {expected}")))
    }

    async fn dead_letters_at(&self, place: &Source) -> Result<Vec<DeadLetter>, StoreError> {
        let scan = self.client.scan().filter_expression(items::dead_letter::STOOD_AT);
        let scan = scan
            .expression_attribute_names("#source", items::dead_letter::KEY)
            .expression_attribute_values(":place", items::s(place))
            .expression_attribute_values(":below", items::s(items::dead_letter::below(place)));
        let mut letters = self.letters(scan).await?;
        // If a topic's name contains slashes, other names may begin like this place.
        letters.retain(|letter| letter.source == *place);
        Ok(letters)
    }

    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.letters(self.client.scan()).await
    }
}

impl Redrive for DynamoDb {
    async fn mark_redriven(&self, id: &DeadLetterId) -> Result<bool, StoreError> {
        let table = &self.tables.dead_letters;
        let call = self.client.update_item().table_name(table).set_key(Some(items::dead_letter::key(id, 0)));
        let call = call
            .update_expression(items::dead_letter::MARK_REDRIVEN)
            .condition_expression(items::dead_letter::IS_PARKED)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":parked", items::s(DeadLetterStatus::Parked.name()))
            .expression_attribute_values(":redriven", items::s(DeadLetterStatus::Redriven.name()));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(error) if error.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(store_error("UpdateItem", table, &error)),
            },
        }
    }
}
