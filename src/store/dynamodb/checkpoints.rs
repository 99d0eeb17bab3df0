//! What: Reads and writes what audits have proved, in the tables `audit-heads` and `checkpoints`.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::decode::read;
use super::{DynamoDb, add, count, error, store_error};
use crate::domain::audit::{AuditRun, Checkpoint, Draft, Head, RefundBase};
use crate::domain::{AccountId, LegId, Timestamp};
use crate::store::items::{self, Item, audit_draft, audit_head, audit_run, checkpoint, refund_base, s};
use crate::store::{
    CHECKPOINTS_READ_MAX, Checkpoints, NewHead, Newest, Proved, ProvedBalances, Read, ScanPage, ScannedHead, Segment,
    StoreError,
};

impl Checkpoints for DynamoDb {
    type HeadMark = Item;

    async fn heads(&self, segment: Segment, mark: Option<Item>) -> Result<ScanPage<Item, ScannedHead>, StoreError> {
        self.page_of(&self.tables.audit_heads, false, segment, mark, scanned).await
    }

    async fn head(&self, account: &AccountId) -> Result<Read<Head>, StoreError> {
        let item = self.one(&self.tables.audit_heads, audit_head::key(account)).await?;
        Ok(read(audit_head::decode, item.as_ref()))
    }

    async fn checkpoint(&self, account: &AccountId, at: Timestamp) -> Result<Read<Checkpoint>, StoreError> {
        Ok(self.up_to(account, at, 1).await?.pop().unwrap_or(Read::Missing))
    }

    async fn newest(&self, account: &AccountId) -> Result<Newest, StoreError> {
        let items = self.of_account(account, |call| call.scan_index_forward(false).limit(2)).await?;
        // The key of a draft comes after all times.
        let (drafts, checkpoints): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| audit_draft::is_draft(item));
        let draft = match drafts.first().map(|item| audit_draft::decode(item)) {
            None | Some(Ok(None)) => Read::Missing,
            Some(Ok(Some(draft))) => Read::Found(draft),
            Some(Err(expected)) => Read::Corrupt(expected),
        };
        Ok(Newest { checkpoint: read(checkpoint::decode, checkpoints.first().copied()), draft })
    }

    async fn write_draft(&self, draft: &Draft) -> Result<(), StoreError> {
        self.put_if(&self.tables.checkpoints, audit_draft::encode(draft), self.client.put_item()).await
    }

    async fn drop_draft(&self, account: &AccountId) -> Result<(), StoreError> {
        self.put_if(&self.tables.checkpoints, audit_draft::key(account), self.client.put_item()).await
    }

    async fn prove(&self, heads: &[NewHead<'_>]) -> Result<Vec<Proved>, StoreError> {
        let (head_table, table) = (&self.tables.audit_heads, &self.tables.checkpoints);
        let mut actions = Vec::with_capacity(heads.len().saturating_mul(error::ITEMS_A_HEAD));
        for NewHead { before, head } in heads {
            let puts =
                [audit_head::put(head, before.map(Head::seal), head_table), checkpoint::put(&head.checkpoint, table)];
            for put in puts {
                actions.push(put.map_err(|error| StoreError::Rejected(error.to_string()))?);
            }
        }
        match self.transact(actions, &[head_table, table]).await? {
            None => Ok(vec![Proved::Written; heads.len()]),
            Some(reasons) => error::proved(heads, &reasons),
        }
    }

    async fn refund_bases(&self, totals: &[&LegId]) -> Result<Vec<Read<RefundBase>>, StoreError> {
        let keys = totals.iter().map(|total| refund_base::key(total)).collect();
        self.read_items(&self.tables.checkpoints, checkpoint::KEY, keys, refund_base::decode).await
    }

    async fn prove_refunds(&self, total: &LegId, base: RefundBase) -> Result<(), StoreError> {
        let put = self.client.put_item().condition_expression(refund_base::IS_FURTHER);
        let put = put.expression_attribute_values(":proved_to", s(base.as_of));
        self.put_if(&self.tables.checkpoints, refund_base::encode(total, base), put).await
    }

    async fn run(&self) -> Result<Read<AuditRun>, StoreError> {
        let item = self.one(&self.tables.checkpoints, audit_run::key()).await?;
        Ok(read(audit_run::decode, item.as_ref()))
    }

    async fn write_run(&self, run: &AuditRun) -> Result<(), StoreError> {
        let put = self.client.put_item().condition_expression(audit_run::IS_NOT_OLDER);
        let put = put.expression_attribute_values(":began_at", s(run.began_at));
        self.put_if(&self.tables.checkpoints, audit_run::encode(run), put).await
    }

    async fn replace_run(&self, run: &AuditRun) -> Result<(), StoreError> {
        self.put_if(&self.tables.checkpoints, audit_run::encode(run), self.client.put_item()).await
    }
}

impl ProvedBalances for DynamoDb {
    async fn proved_head(&self, account: &AccountId) -> Result<Read<Head>, StoreError> {
        Checkpoints::head(self, account).await
    }

    async fn proved_up_to(&self, account: &AccountId, at: Timestamp) -> Result<Vec<Read<Checkpoint>>, StoreError> {
        self.up_to(account, at, i32::try_from(CHECKPOINTS_READ_MAX).unwrap_or(i32::MAX)).await
    }

    async fn proved_after(&self, account: &AccountId, at: Timestamp) -> Result<Read<Checkpoint>, StoreError> {
        // A draft stands behind all times.
        let after = |call: QueryFluentBuilder| {
            let call = call.key_condition_expression("account_id = :account AND as_of BETWEEN :after AND :last");
            let call = call.expression_attribute_values(":after", s(at.earlier_by(-1)));
            call.expression_attribute_values(":last", s(Timestamp::MAX)).limit(1)
        };
        let items = self.of_account(account, after).await?;
        Ok(read(checkpoint::decode, items.first()))
    }
}

impl DynamoDb {
    /// Reads the newest checkpoints of an account at or before a time, newest first.
    async fn up_to(&self, account: &AccountId, at: Timestamp, most: i32) -> Result<Vec<Read<Checkpoint>>, StoreError> {
        let up_to = |call: QueryFluentBuilder| {
            let call = call.key_condition_expression("account_id = :account AND as_of <= :at");
            call.expression_attribute_values(":at", s(at)).scan_index_forward(false).limit(most)
        };
        let items = self.of_account(account, up_to).await?;
        Ok(items.iter().map(|item| read(checkpoint::decode, Some(item))).collect())
    }

    /// Reads items of an account in the table of checkpoints, in the order of their times: as many as fit one page, or
    /// those that `ask` leaves.
    async fn of_account(
        &self,
        account: &AccountId,
        ask: impl FnOnce(QueryFluentBuilder) -> QueryFluentBuilder,
    ) -> Result<Vec<Item>, StoreError> {
        let table = &self.tables.checkpoints;
        count(&self.usage.read_calls);
        let call = self.client.query().table_name(table).key_condition_expression("account_id = :account");
        let call = ask(call.expression_attribute_values(":account", s(account)));
        let page = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let page = page.map_err(|error| store_error("Query", table, &error))?;
        add(&self.usage.read_milliunits, page.consumed_capacity.as_slice());
        Ok(page.items.unwrap_or_default())
    }

    /// Reads one item, strongly consistent.
    async fn one(&self, table: &str, key: Item) -> Result<Option<Item>, StoreError> {
        count(&self.usage.read_calls);
        let call = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        let answer = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| store_error("GetItem", table, &error))?;
        add(&self.usage.read_milliunits, answer.consumed_capacity.as_slice());
        Ok(answer.item)
    }
}

fn scanned(item: &Item) -> ScannedHead {
    match audit_head::decode(item) {
        Ok(head) => ScannedHead::Head(Box::new(head)),
        Err(expected) => ScannedHead::Unreadable { key: items::audit_head::account(item), expected },
    }
}
