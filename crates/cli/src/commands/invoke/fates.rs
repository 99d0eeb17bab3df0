//! What: Tells what became of each record of an invocation.
//!
//! | fate | when |
//! |---|---|
//! | `settled`, `declined: …`, `applied`, `refused: …` | this record got the answer of its id, in this invocation |
//! | `replayed` | its id had that answer before, or from another record of the batch |
//! | `dead letter: …` | its bytes are a dead letter |
//! | `failed` | the response reports it, so that it is delivered again |
//! | `unknown` | the ledger holds nothing of it: another ledger, or a function that did nothing |
//!
//! Data: Takes the event before the invocation, and the response after it. Asks the ledger at both times.
//!
//! Limits: Records of other functions have no fate here, and neither have those of a ledger that can't be read.

use std::collections::{BTreeMap, HashSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::commands::Failure;
use crate::commands::engines::EngineArgs;
use crate::commands::results::{Column, ResultArgs};
use crate::local::stack::{ACCOUNT_PROCESSOR, PAYMENT_PROCESSOR};
use giro::domain::account_command::status_of;
use giro::domain::{AccountCommand, Instruction, Timestamp};
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries};
use giro::wire::incoming::Incoming;
use giro::wire::kafka_event::{KafkaEvent, Record};
use giro::wire::{account_command, instruction};

/// How many records the ledger is asked about at the same time.
const ASKED_AT_ONCE: usize = 16;

/// What a record asks for.
enum Asked {
    Instruction(Instruction),
    Command(AccountCommand),
    Nothing,
}

impl Asked {
    fn read(record: &Record, binary: &str) -> Self {
        match binary {
            PAYMENT_PROCESSOR => instruction::decode(&record.value).map_or(Self::Nothing, Self::Instruction),
            _ => account_command::decode(&record.value).map_or(Self::Nothing, Self::Command),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Instruction(asked) => asked.id().as_str(),
            Self::Command(asked) => asked.id.as_str(),
            Self::Nothing => "-",
        }
    }

    /// The answer that the ledger holds of its id, if it answers this request, and whether this record got it.
    async fn answer(&self, record: &Record, ledger: &DynamoDb) -> Result<Option<(String, bool)>, Failure> {
        Ok(match self {
            Self::Instruction(asked) => {
                let recorded = ledger.payment(asked.id()).await?;
                let recorded = recorded.filter(|recorded| recorded.fingerprint == asked.fingerprint());
                recorded.map(|recorded| {
                    let told = match recorded.outcome.decision {
                        Ok(()) => "settled".to_owned(),
                        Err(decline) => format!("declined: {decline}"),
                    };
                    (told, recorded.outcome.source == record.source)
                })
            }
            Self::Command(asked) => {
                let recorded = ledger.command(&asked.id).await?;
                let recorded = recorded.filter(|recorded| recorded.fingerprint == asked.fingerprint());
                recorded.map(|recorded| {
                    let status = status_of(recorded.decision);
                    let told = match recorded.decision {
                        Ok(()) => status.to_owned(),
                        Err(refusal) => format!("{status}: {refusal}"),
                    };
                    (told, recorded.source == record.source)
                })
            }
            Self::Nothing => None,
        })
    }
}

/// The records of an event, before they are given to a function.
pub(super) struct Fates {
    ledger: DynamoDb,
    records: Vec<(Record, Asked)>,
    /// The ids that had their answers before.
    answered: HashSet<String>,
}

impl Fates {
    /// Reads the event, and asks which of its ids have answers already. `None` if the event isn't one of records, its
    /// function isn't one that answers them, or no ledger is named.
    pub(super) async fn before(event: &[u8], binary: &str, engines: &EngineArgs) -> Result<Option<Self>, Failure> {
        if ![PAYMENT_PROCESSOR, ACCOUNT_PROCESSOR].contains(&binary) {
            return Ok(None);
        }
        let Ok(Incoming(Ok(event))) = serde_json::from_slice::<Incoming<KafkaEvent>>(event) else { return Ok(None) };
        let Ok(ledger) = engines.ledger().await else { return Ok(None) };
        let records = event.partitions.into_iter().flat_map(|partition| partition.records);
        let records: Vec<(Record, Asked)> = records
            .map(|record| {
                let asked = Asked::read(&record, binary);
                (record, asked)
            })
            .collect();
        let asked = stream::iter(&records).map(async |(record, asked)| {
            let answer = asked.answer(record, &ledger).await?;
            Ok::<_, Failure>(answer.map(|_| asked.id().to_owned()))
        });
        let answered: Vec<Option<String>> = asked.buffered(ASKED_AT_ONCE).try_collect().await?;
        let answered = answered.into_iter().flatten().collect();
        Ok(Some(Self { ledger, records, answered }))
    }

    /// Prints what became of each, by the response and the ledger.
    pub(super) async fn show(self, response: &Value) -> Result<(), Failure> {
        let table = ResultArgs { json: false }.table([
            Column::text("partition", 28),
            Column::number("offset", 8),
            Column::text("id", 24),
            Column::text("fate", 8),
        ])?;
        let failed = reported(response);
        let fates = stream::iter(&self.records).map(|(record, asked)| self.fate(record, asked, &failed));
        let fates: Vec<String> = fates.buffered(ASKED_AT_ONCE).try_collect().await?;
        for ((record, asked), fate) in self.records.iter().zip(fates) {
            let source = &record.source;
            let partition = format!("{}-{}", source.topic, source.partition);
            table.row(String::new, || [partition, source.offset.to_string(), asked.id().to_owned(), fate])?;
        }
        Ok(())
    }

    async fn fate(&self, record: &Record, asked: &Asked, failed: &BTreeMap<String, i64>) -> Result<String, Failure> {
        let source = &record.source;
        let partition = format!("{}-{}", source.topic, source.partition);
        if failed.get(&partition).is_some_and(|first| source.offset >= *first) {
            return Ok("failed".into());
        }
        if let Some((told, is_own)) = asked.answer(record, &self.ledger).await? {
            let is_new = is_own && !self.answered.contains(asked.id());
            return Ok(if is_new { told } else { "replayed".into() });
        }
        let name = record.dead_letter("", String::new(), Timestamp::EPOCH).id();
        Ok(match self.ledger.dead_letter(&name).await? {
            Some(letter) => format!("dead letter: {}", letter.reason),
            None => "unknown".into(),
        })
    }
}

/// The first offset that a response reports, by partition.
fn reported(response: &Value) -> BTreeMap<String, i64> {
    let failures = response.get("batchItemFailures").and_then(Value::as_array);
    let mut first = BTreeMap::new();
    for item in failures.into_iter().flatten().filter_map(|failure| failure.get("itemIdentifier")) {
        let partition = item.get("partition").and_then(Value::as_str);
        let Some((partition, offset)) = partition.zip(item.get("offset").and_then(Value::as_i64)) else { continue };
        first.entry(partition.to_owned()).and_modify(|known: &mut i64| *known = offset.min(*known)).or_insert(offset);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_response_reports_each_partition_from_an_offset_on() {
        let item =
            |partition: &str, offset: i64| json!({ "itemIdentifier": { "partition": partition, "offset": offset } });
        let response = json!({ "batchItemFailures": [item("a-0", 8), item("a-0", 7), item("a-1", 3)] });
        assert_eq!(reported(&response), BTreeMap::from([("a-0".to_owned(), 7), ("a-1".to_owned(), 3)]));
        assert_eq!(reported(&json!({ "batchItemFailures": [] })), BTreeMap::new());
        assert_eq!(reported(&json!("text")), BTreeMap::new());
    }
}
