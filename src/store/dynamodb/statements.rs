//! What: Reads statements from the indexes `by-debtor` and `by-creditor`.
//!
//! Data: Takes an account and a query. Gives a page that is merged from several lists. These are the account's debits,
//! its credits, and the credits of each lane. If it may ever have paid from lanes, the debits of each lane are among
//! them. So are those of a lane from which a leg took back what an earlier leg of its payment had paid.
//!
//! The key of an index is account and time. It is not unique, because many payments are decided in one millisecond.
//! DynamoDB keeps those in an order of its own, which is the same for every query. A query can begin behind any item,
//! if it has the whole key of the item. So a position names the last item of its page. Lists before that item's list go
//! on below its time, its own list goes on behind it, and lists after it begin at its time.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::Select;
use futures_util::future::try_join_all;

use super::{DynamoDb, store_error};
use crate::domain::credit_lanes::CREDIT_LANES_MAX;
use crate::domain::statement::{Position, Posting, Side, StatementPage, StatementQuery};
use crate::domain::{Holding, LegId, Timestamp};
use crate::store::items::payments_table::{BY_CREDITOR, BY_DEBTOR, DECIDED_AT, Index};
use crate::store::items::{self, Item, s};
use crate::store::{Statements, StoreError};

/// How many queries run side by side. They are enough for a page of an account without lanes, and few enough for a busy
/// index.
const QUERIES_SIDE_BY_SIDE: usize = 16;
/// The most outcomes that one page looks at. So an account with many declined payments gets short pages, not slow ones.
const LOOKED_AT_MAX: usize = 2_000;
/// A query takes at least this many items, because declined payments are left out.
const QUERY_ITEMS_MIN: usize = 16;

/// One list of an account: its items that are read and not yet used, and where to read on.
struct List {
    number: u16,
    index: Index,
    key: String,
    side: Side,
    /// The latest time that is still to be read.
    deadline: Timestamp,
    /// Where to begin: behind this item.
    start: Option<Item>,
    ahead: VecDeque<Listed>,
    is_done: bool,
}

/// An item of a list.
struct Listed {
    key: LegId,
    decided_at: Timestamp,
    /// `None` if it was declined.
    posting: Option<Posting>,
}

impl Listed {
    fn read(item: &Item, side: Side) -> Result<Self, String> {
        if items::legs::is_leg(item) {
            let leg = items::legs::decode_leg(item)?;
            let posting = Some(Posting::of_leg(&leg, side));
            return Ok(Self { key: leg.id, decided_at: leg.decided_at, posting });
        }
        let outcome = items::payment::decode(item)?.outcome;
        let posting = Posting::of(&outcome, side);
        Ok(Self { key: LegId::of(outcome.instruction.id().clone()), decided_at: outcome.decided_at, posting })
    }
}

impl DynamoDb {
    /// Reads on in one list.
    async fn read_on(&self, list: &mut List, from: Timestamp, count: i32) -> Result<(), StoreError> {
        let table = &self.tables.payments;
        let call = self
            .client
            .query()
            .table_name(table)
            .index_name(list.index.name)
            .select(Select::AllAttributes)
            .key_condition_expression("#key = :key AND #decided_at BETWEEN :from AND :until")
            .expression_attribute_names("#key", list.index.key)
            .expression_attribute_names("#decided_at", DECIDED_AT)
            .expression_attribute_values(":key", s(&list.key))
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":until", s(list.deadline))
            .scan_index_forward(false)
            .limit(count)
            .set_exclusive_start_key(list.start.take());
        let page = call.send().await.map_err(|error| store_error("Query", table, &error))?;
        for item in page.items.unwrap_or_default() {
            let side = list.side;
            let listed = Listed::read(&item, side);
            list.ahead.push_back(listed.map_err(|expected| StoreError::Corrupt(format!("{table}: {expected}")))?);
        }
        list.start = page.last_evaluated_key.filter(|key| !key.is_empty());
        list.is_done = list.start.is_none();
        Ok(())
    }
}

impl Statements for DynamoDb {
    async fn statement(&self, holding: &Holding, ask: &StatementQuery) -> Result<StatementPage, StoreError> {
        let from = ask.from.unwrap_or(Timestamp::MIN);
        let count = ask.limit.saturating_add(1).max(QUERY_ITEMS_MIN);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let mut lists: Vec<List> = lists(holding, ask).into_iter().filter(|list| from <= list.deadline).collect();
        let mut page = StatementPage::default();
        let mut looked_at = 0_usize;
        loop {
            let mut empty: Vec<&mut List> =
                lists.iter_mut().filter(|list| list.ahead.is_empty() && !list.is_done).collect();
            for some in empty.chunks_mut(QUERIES_SIDE_BY_SIDE) {
                try_join_all(some.iter_mut().map(|list| self.read_on(list, from, count))).await?;
            }
            if lists.iter().any(|list| list.ahead.is_empty() && !list.is_done) {
                // A query may come back empty and still have more.
                continue;
            }
            let Some((list, listed)) = newest(&mut lists) else { return Ok(page) };
            looked_at = looked_at.saturating_add(1);
            let position = Position { decided_at: listed.decided_at, list: list.number, key: listed.key };
            page.postings.extend(listed.posting);
            if page.postings.len() >= ask.limit || looked_at >= LOOKED_AT_MAX {
                page.next = lists.iter().any(|list| !list.ahead.is_empty() || !list.is_done).then_some(position);
                return Ok(page);
            }
        }
    }
}

/// Takes the newest item of all lists. At equal times it takes the one of the first list.
fn newest(lists: &mut [List]) -> Option<(&List, Listed)> {
    let newest = lists
        .iter_mut()
        .filter(|list| !list.ahead.is_empty())
        .max_by_key(|list| (list.ahead.front().map(|listed| listed.decided_at), std::cmp::Reverse(list.number)))?;
    let listed = newest.ahead.pop_front()?;
    Some((newest, listed))
}

/// The number of the list of the first lane's credits. The lists before it are the debits and credits of the account.
const LANE_CREDITS_FROM: u16 = 2;
/// The number of the list of the first lane's debits. Before it is room for the credits of as many lanes as there can
/// be. So a list keeps its number when lanes are added, and when they come into being.
const LANE_DEBITS_FROM: u16 = LANE_CREDITS_FROM + CREDIT_LANES_MAX;

/// The lists of an account, each from where the page begins. A lane that isn't there has moved nothing, so its lists
/// are left out.
fn lists(holding: &Holding, ask: &StatementQuery) -> Vec<List> {
    let account = &holding.account;
    let before = |at: Timestamp| at.millis().checked_sub(1).and_then(|ms| Timestamp::try_from_millis(ms).ok());
    let last = match ask.to {
        None => Some(Timestamp::MAX),
        Some(to) => before(to),
    };
    let id = || account.id.to_string();
    let of_account = [(0, BY_DEBTOR, id(), Side::Debit), (1, BY_CREDITOR, id(), Side::Credit)];
    let lanes = || holding.lanes.iter().map(|lane| &lane.id);
    let credits =
        lanes().map(|id| (LANE_CREDITS_FROM.saturating_add(id.lane), BY_CREDITOR, id.to_string(), Side::Credit));
    let debits = holding.lanes.iter().filter(|lane| account.lane_debits || lane.is_debited).map(|lane| &lane.id);
    let debits = debits.map(|id| (LANE_DEBITS_FROM.saturating_add(id.lane), BY_DEBTOR, id.to_string(), Side::Debit));
    let list = |(number, index, key, side): (u16, Index, String, Side)| {
        let mut deadline = last?;
        let mut start = None;
        // A position at or after the latest time leaves nothing out.
        if let Some(after) = ask.after.as_ref().filter(|after| after.decided_at <= deadline) {
            deadline = if number < after.list { before(after.decided_at)? } else { after.decided_at };
            start = (number == after.list).then(|| index.start(&key, after.decided_at, &after.key));
        }
        Some(List { number, index, key, side, deadline, start, ahead: VecDeque::new(), is_done: false })
    };
    of_account.into_iter().chain(credits).chain(debits).filter_map(list).collect()
}
