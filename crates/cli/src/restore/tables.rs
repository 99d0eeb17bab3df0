//! What: Reads whole restored tables, and writes what must change.
//!
//! Data: Takes a client and the names of tables. Gives items as the domain has them, and what can't be read.
//!
//! Invariants: Each write has a condition: the item is still as it was read. So nothing is written over what somebody
//! else wrote meanwhile, and a write that is repeated changes nothing. Attributes that this version doesn't know stay.

use std::collections::HashMap;

use anyhow::anyhow;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use crate::local::LocalError;
use giro::aws::in_words;
use giro::domain::LaneId;
use giro::domain::account_command::RecordedCommand;
use giro::domain::plan::Entry;
use giro::store::Tables;
use giro::store::items::payments_table::{BY_CREDITOR, BY_DEBTOR};
use giro::store::items::{
    Item, account, account_command, accounts_table, lane, legs, n, payment, payments_table, refund_total, s,
};

use super::changes::{Changed, Changes, Restored};
use super::journal::Journal;

/// How many segments of a table are read side by side, and how many writes are in flight.
const SEGMENTS: i32 = 4;
const IN_FLIGHT: usize = 32;
/// How often the SDK tries a call. A restored table is cold, and throttles at first.
const ATTEMPTS: u32 = 12;

/// The answer of a table whose condition failed.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
const NO_TABLE: &str = "ResourceNotFoundException";

/// What can't be read, each by its table and key.
pub type Unreadable = Vec<String>;

/// Restored tables.
#[derive(Debug, Clone)]
pub struct RestoredTables {
    client: Client,
    names: Tables,
}

/// One write.
enum Write {
    /// A new item. The condition is that the key attribute of this name isn't there.
    New { table: String, item: Item, key: &'static str },
    /// Attributes of an item.
    Update { table: String, key: Item, from: Item, to: Item, condition: Condition },
    /// The end of an item.
    Remove { table: String, key: Item, condition: Condition },
}

/// An attribute, and the value that it must still have.
struct Condition(&'static str, AttributeValue);

impl RestoredTables {
    /// Tables of these names. Throttled calls are tried again.
    #[must_use]
    pub fn new(client: &Client, names: Tables) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = client.config().to_builder().retry_config(retries).build();
        Self { client: Client::from_conf(config), names }
    }

    /// Reads accounts, lanes, sums of refunds and commands.
    ///
    /// # Errors
    /// If a table can't be reached.
    pub async fn read(&self) -> Result<(Restored, Vec<RecordedCommand>, Unreadable), LocalError> {
        let (mut restored, mut commands, mut unreadable) = (Restored::default(), Vec::new(), Unreadable::new());
        let accounts = |item: &Item| {
            match lane::is_lane(item) {
                true => lane::decode(item).map(|lane| restored.lanes.extend([(lane.id.clone(), lane)])),
                false => account::decode(item).map(|account| restored.accounts.extend([(account.id.clone(), account)])),
            }
            .err()
        };
        self.scan(&self.names.accounts, accounts_table::KEY, &mut unreadable, accounts).await?;
        let sums = |item: &Item| {
            let read = refund_total::decode_with_key(item);
            read.map(|sum| restored.sums.extend([sum])).err()
        };
        self.scan(&self.names.refunds, refund_total::KEY, &mut unreadable, sums).await?;
        let records = |item: &Item| account_command::decode(item).map(|recorded| commands.push(recorded)).err();
        self.scan(&self.names.account_commands, account_command::KEY, &mut unreadable, records).await?;
        Ok((restored, commands, unreadable))
    }

    /// Reads the payments into the journal.
    ///
    /// # Errors
    /// If the table can't be reached.
    pub async fn read_payments(&self, journal: &mut Journal) -> Result<Unreadable, LocalError> {
        let mut unreadable = Unreadable::new();
        let payments = |item: &Item| {
            let lane = |key: &str| item.get(key)?.as_s().ok()?.parse::<LaneId>().ok();
            journal.listed(lane(BY_DEBTOR.key), lane(BY_CREDITOR.key));
            match legs::is_leg(item) {
                true => legs::decode_leg(item).map(|leg| journal.leg(leg)).err(),
                false => payment::decode(item).map(|recorded| journal.payment(&recorded)).err(),
            }
        };
        self.scan(&self.names.payments, payments_table::KEY, &mut unreadable, payments).await?;
        Ok(unreadable)
    }

    /// Gives each item of a table to `take`, which answers what was expected of it.
    async fn scan(
        &self,
        table: &str,
        key: &str,
        unreadable: &mut Unreadable,
        mut take: impl FnMut(&Item) -> Option<String>,
    ) -> Result<(), LocalError> {
        let mut pages = stream::select_all((0..SEGMENTS).map(|segment| Box::pin(self.pages(table, segment))));
        while let Some(items) = pages.try_next().await? {
            for item in &items {
                if let Some(expected) = take(item) {
                    let key = item.get(key).and_then(|key| key.as_s().ok()).map_or("", String::as_str);
                    unreadable.push(format!("{table}, item {key}: {expected}"));
                }
            }
        }
        Ok(())
    }

    /// The pages of a segment of a table.
    fn pages<'a>(&'a self, table: &'a str, segment: i32) -> impl Stream<Item = Result<Vec<Item>, LocalError>> + 'a {
        // Where the next page begins, if there is one.
        stream::try_unfold(Some(None), move |from: Option<Option<Item>>| async move {
            let Some(from) = from else { return Ok(None) };
            let page = self.client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(from);
            let page = page.segment(segment).total_segments(SEGMENTS).send().await;
            let page = page.map_err(|error| unread(table, &error))?;
            let next = page.last_evaluated_key.filter(|key| !key.is_empty()).map(Some);
            Ok(Some((page.items.unwrap_or_default(), next)))
        })
    }

    /// Writes changes. Gives the items that somebody else has changed since they were read.
    ///
    /// # Errors
    /// If a table can't be reached, or refuses. What is written by then is right, and a second run writes the rest.
    pub async fn write(&self, changes: &Changes) -> Result<Vec<String>, LocalError> {
        let mut raced = Vec::new();
        // Payments come first: they are the journal, from which all else is computed anew.
        for writes in [self.of_payments(changes), self.of_the_rest(changes)] {
            let mut sent = stream::iter(writes).map(|write| self.send(write)).buffer_unordered(IN_FLIGHT);
            while let Some(changed) = sent.try_next().await? {
                raced.extend(changed);
            }
            if !raced.is_empty() {
                break;
            }
        }
        Ok(raced)
    }

    fn of_payments(&self, changes: &Changes) -> Vec<Write> {
        let table = || self.names.payments.clone();
        let new = |item| Write::New { table: table(), item, key: payments_table::KEY };
        let payments = changes.payments.iter().map(|outcome| payment::encode(&Entry::of(&outcome.request(), outcome)));
        let legs = changes.legs.iter().map(|leg| legs::encode_leg(leg, None, None));
        let remove = |id| Write::Remove {
            table: table(),
            key: Item::from([(payments_table::KEY.to_owned(), s(id))]),
            condition: Condition(payments_table::KIND, s(legs::OF_LEG)),
        };
        payments.chain(legs).map(new).chain(changes.stray_legs.iter().map(remove)).collect()
    }

    fn of_the_rest(&self, changes: &Changes) -> Vec<Write> {
        let table = || self.names.accounts.clone();
        let changed = |was: Option<Item>, to: Item, version: u64| match was {
            None => Write::New { table: table(), item: to, key: accounts_table::KEY },
            Some(from) => Write::Update {
                table: table(),
                key: Item::from([(accounts_table::KEY.to_owned(), key_of(&to))]),
                from,
                to,
                condition: Condition(VERSION, n(version)),
            },
        };
        let accounts = changes.accounts.iter().map(|Changed { was, to }| {
            let version = was.as_ref().map_or(0, |was| was.version);
            changed(was.as_ref().map(account::encode), account::encode(to), version)
        });
        let lanes = changes.lanes.iter().map(|Changed { was, to }| {
            let version = was.as_ref().map_or(0, |was| was.version);
            changed(was.as_ref().map(lane::encode), lane::encode(to), version)
        });
        let strays = changes.stray_lanes.iter().map(|lane| Write::Remove {
            table: table(),
            key: lane::key(&lane.id),
            condition: Condition(VERSION, n(lane.version)),
        });
        let sums = changes.sums.iter().map(|(id, Changed { was, to })| {
            let (table, to) = (self.names.refunds.clone(), refund_total::encode(id, *to));
            match was {
                None => Write::New { table, item: to, key: refund_total::KEY },
                Some(was) => {
                    let (key, from) = (refund_total::key(id), refund_total::encode(id, *was));
                    Write::Update { table, key, from, to, condition: Condition("refunded", n(was)) }
                }
            }
        });
        accounts.chain(lanes).chain(strays).chain(sums).collect()
    }

    /// Sends a write. Gives the item, if its condition failed.
    async fn send(&self, write: Write) -> Result<Option<String>, LocalError> {
        match write {
            Write::New { table, item, key } => {
                let name = format!("{table}, item {}", item.get(key).and_then(|id| id.as_s().ok()).map_or("", |id| id));
                let put = self.client.put_item().table_name(&table).set_item(Some(item));
                let sent = put.condition_expression(format!("attribute_not_exists({key})")).send().await;
                raced(&table, name, sent.map(drop))
            }
            Write::Update { table, key, from, to, condition: Condition(attribute, value) } => {
                let name = named(&table, &key);
                let (expression, names, values) = expression(&from, &to);
                let update = self.client.update_item().table_name(&table).set_key(Some(key));
                let update = update
                    .update_expression(expression)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values));
                let update = update.condition_expression("#was = :was").expression_attribute_names("#was", attribute);
                raced(&table, name, update.expression_attribute_values(":was", value).send().await.map(drop))
            }
            Write::Remove { table, key, condition: Condition(attribute, value) } => {
                let name = named(&table, &key);
                let remove = self.client.delete_item().table_name(&table).set_key(Some(key));
                let remove = remove.condition_expression("#was = :was").expression_attribute_names("#was", attribute);
                raced(&table, name, remove.expression_attribute_values(":was", value).send().await.map(drop))
            }
        }
    }
}

const VERSION: &str = "version";

fn key_of(item: &Item) -> AttributeValue {
    item.get(accounts_table::KEY).cloned().unwrap_or_else(|| AttributeValue::S(String::new()))
}

fn named(table: &str, key: &Item) -> String {
    let key = key.values().next().and_then(|key| key.as_s().ok()).map_or("", String::as_str);
    format!("{table}, item {key}")
}

/// An update that makes `to` of `from`, and keeps all other attributes: its expression, names and values.
fn expression(from: &Item, to: &Item) -> (String, HashMap<String, String>, Item) {
    let (mut names, mut values) = (HashMap::new(), Item::new());
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for (ix, (name, value)) in to.iter().filter(|(name, value)| from.get(*name) != Some(value)).enumerate() {
        names.insert(format!("#s{ix}"), name.clone());
        values.insert(format!(":s{ix}"), value.clone());
        set.push(format!("#s{ix} = :s{ix}"));
    }
    for (ix, name) in from.keys().filter(|name| !to.contains_key(*name)).enumerate() {
        names.insert(format!("#r{ix}"), name.clone());
        remove.push(format!("#r{ix}"));
    }
    let part = |verb: &str, parts: Vec<String>| match parts.is_empty() {
        true => String::new(),
        false => format!("{verb} {}", parts.join(", ")),
    };
    (format!("{} {}", part("SET", set), part("REMOVE", remove)).trim().to_owned(), names, values)
}

/// Whether a write was refused because somebody else had changed its item.
fn raced<E: ProvideErrorMetadata>(
    table: &str,
    name: String,
    sent: Result<(), SdkError<E>>,
) -> Result<Option<String>, LocalError> {
    match sent {
        Ok(()) => Ok(None),
        Err(error) if error.code() == Some(CONDITION_FAILED) => Ok(Some(name)),
        Err(error) => Err(unread(table, &error)),
    }
}

fn unread<E: ProvideErrorMetadata>(table: &str, error: &SdkError<E>) -> LocalError {
    if error.code() == Some(NO_TABLE) {
        return LocalError::Asked(anyhow!(
            "DynamoDB has no table {table}: check the prefix, the account and the region"
        ));
    }
    LocalError::Engine(anyhow!("DynamoDB, table {table}: {}", in_words(error)))
}
