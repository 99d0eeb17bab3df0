//! What: `giro failed` shows records that event sources gave up, and puts them back on their topics.
//!
//! Each mapping's on-failure topic holds those records, and why. A record is named by its old place. If several records
//! had that place, it is named by its place on the on-failure topic.

mod redrive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Failure;
use super::bytes::shown;
use super::engines::{EngineArgs, given};
use crate::local::failed_topic::{Begin, FailedTopic, Given};
use crate::local::terminal::{self, tell};
use giro::domain::{Source, Timestamp};
use giro::wire::failed_record::{self, FailedRecord, GivenUp, InvalidFailedRecord};

#[derive(Debug, Subcommand)]
pub(super) enum FailedCommand {
    List(ListArgs),
    Show(ShowArgs),
    Redrive(redrive::RedriveArgs),
}

/// Show every record that was given up, one a line
///
/// Shows its old place, whether it was redriven, why and when it was given up, the function, and its place on the
/// on-failure topic.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro failed list")]
pub(super) struct ListArgs {
    /// Only what was not redriven
    #[arg(long)]
    waiting: bool,
    /// As JSON, one object a line, bytes in base64
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    topics: TopicArgs,
}

/// Show one record that was given up
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro failed show payment-requests/3/42\n  giro failed show payment-requests-failed/0/7 --value"
)]
pub(super) struct ShowArgs {
    /// Where it stood, or its place on the on-failure topic: topic/partition/offset
    place: Source,
    /// As JSON, bytes in base64
    #[arg(long, conflicts_with = "value")]
    json: bool,
    /// Only its value, byte for byte; if the record can't be read, all of its on-failure record
    #[arg(long)]
    value: bool,
    #[command(flatten)]
    topics: TopicArgs,
}

/// Which topics hold what was given up.
#[derive(Debug, Args)]
struct TopicArgs {
    /// An on-failure topic; else those of both event sources on Kafka
    #[arg(long = "topic", value_parser = given, value_name = "NAME")]
    topics: Vec<String>,
}

impl TopicArgs {
    /// Those that are named, else each mapping's, where the command looks for them.
    fn names(&self, engines: &EngineArgs) -> Result<Vec<String>, Failure> {
        if !self.topics.is_empty() {
            return Ok(self.topics.clone());
        }
        let topics = engines.names()?.topics;
        Ok(topics.requests_failed.into_iter().chain(topics.commands_failed).collect())
    }
}

/// A record of an on-failure topic, and what it holds.
struct Entry {
    given: Given,
    /// Its place on the on-failure topic.
    place: Source,
    content: Result<GivenUp, InvalidFailedRecord>,
}

impl Entry {
    fn read(given: Given) -> Self {
        let record = &given.record;
        let place = Source { topic: record.topic.as_str().into(), partition: record.partition, offset: record.offset };
        let content = failed_record::decode(record.value.as_deref().unwrap_or_default());
        Self { given, place, content }
    }

    /// Whether this place names it.
    fn is_at(&self, place: &Source) -> bool {
        let stood = |given_up: &GivenUp| given_up.records.iter().any(|record| record.source == *place);
        self.place == *place || self.content.as_ref().is_ok_and(stood)
    }

    fn status(&self) -> &'static str {
        match (&self.content, self.given.redriven) {
            (Err(_), _) => "unreadable",
            (Ok(_), true) => "redriven",
            (Ok(_), false) => "waiting",
        }
    }

    /// One for each record, or one if none can be read.
    fn lines(&self) -> Vec<String> {
        let (status, place) = (self.status(), &self.place);
        let told = |text: &Option<String>| text.as_deref().unwrap_or("?").to_owned();
        match &self.content {
            Err(expected) => {
                let bytes = self.given.record.value.as_ref().map_or(0, Vec::len);
                vec![format!("?  {status:<10}  {expected}; its {bytes} bytes are at {place}")]
            }
            Ok(given_up) => {
                let (condition, function) = (told(&given_up.condition), told(&function(given_up)));
                let at = given_up.at.map_or_else(|| "?".into(), |at| at.to_string());
                let line = |record: &FailedRecord| {
                    format!("{}  {status:<10}  {condition:<18}  {function}  {at}  {place}", record.source)
                };
                given_up.records.iter().map(line).collect()
            }
        }
    }

    fn as_json(&self) -> Vec<Value> {
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        let (place, status) = (self.place.to_string(), self.status());
        let given_up = match &self.content {
            Err(expected) => {
                let held = bytes(&self.given.record.value);
                return vec![
                    json!({ "place": place, "status": status, "detail": expected.to_string(), "bytes": held }),
                ];
            }
            Ok(given_up) => given_up,
        };
        let record = |record: &FailedRecord| {
            let headers: Vec<Value> = record
                .headers
                .iter()
                .map(|header| json!({ "name": header.name, "value": bytes(&header.value) }))
                .collect();
            json!({
                "source": record.source.to_string(),
                "place": place,
                "status": status,
                "condition": given_up.condition,
                "function": function(given_up),
                "invocations": given_up.invocations,
                "given_up_at": given_up.at.map(|at| at.to_string()),
                "timestamp": record.timestamp,
                "key": bytes(&record.key),
                "headers": headers,
                "value": bytes(&record.value),
            })
        };
        given_up.records.iter().map(record).collect()
    }
}

/// The function's name, where its ARN has one: `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
fn function(given_up: &GivenUp) -> Option<String> {
    let arn = given_up.function_arn.as_deref()?;
    Some(arn.split(':').nth(6).unwrap_or(arn).to_owned())
}

pub(super) async fn run(command: FailedCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        FailedCommand::List(args) => list(args, engines).await,
        FailedCommand::Show(args) => show(args, engines).await,
        FailedCommand::Redrive(args) => redrive::run(args, engines).await,
    }
}

/// Opens a topic that is there.
async fn open(engines: &EngineArgs, topic: &str, begin: Begin) -> Result<FailedTopic, Failure> {
    let address = engines.kafka_with(topic).await?;
    Ok(FailedTopic::open(&address, topic, begin).await?)
}

async fn list(args: ListArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let mut is_empty = true;
    for topic in args.topics.names(engines)? {
        let mut failed = open(engines, &topic, Begin::Oldest).await?;
        while let Some(given) = failed.next().await? {
            let entry = Entry::read(given);
            if args.waiting && entry.given.redriven {
                continue;
            }
            let lines = match args.json {
                true => entry.as_json().iter().map(ToString::to_string).collect(),
                false => entry.lines(),
            };
            for line in lines {
                is_empty = false;
                say!("{line}");
            }
        }
    }
    if is_empty {
        tell!("no record was given up{}", if args.waiting { " and waits" } else { "" });
    }
    Ok(())
}

async fn show(args: ShowArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let mut found = Vec::new();
    for topic in args.topics.names(engines)? {
        let mut failed = open(engines, &topic, Begin::Oldest).await?;
        while let Some(given) = failed.next().await? {
            found.extend(Some(Entry::read(given)).filter(|entry| entry.is_at(&args.place)));
        }
    }
    if found.is_empty() {
        return Err(Failure::no(format!("nothing that was given up stood at {}", args.place)));
    }
    if args.value {
        let [entry] = found.as_slice() else {
            return Err(name_one(&args.place, &found.into_iter().map(|entry| entry.place).collect::<Vec<_>>()));
        };
        let bytes = match &entry.content {
            Ok(given_up) => {
                given_up.records.iter().flat_map(|record| record.value.clone().unwrap_or_default()).collect()
            }
            Err(_) => entry.given.record.value.clone().unwrap_or_default(),
        };
        return terminal::bytes(&bytes).map_err(|error| Failure::unwritten(&error));
    }
    for entry in &found {
        match args.json {
            true => {
                for line in entry.as_json() {
                    say!("{line}");
                }
            }
            false => print(entry)?,
        }
    }
    Ok(())
}

/// Several records had one place, so a person must choose.
fn name_one(place: &Source, own: &[Source]) -> Failure {
    let places: Vec<String> = own.iter().map(Source::to_string).collect();
    Failure::no(format!("{} records stood at {place}; name one by its own place: {}", own.len(), places.join(", ")))
}

fn print(entry: &Entry) -> Result<(), Failure> {
    let given_up = match &entry.content {
        Ok(given_up) => given_up,
        Err(expected) => {
            say!("place        {}", entry.place);
            say!("status       unreadable: {expected}");
            say!("bytes        {}", shown(entry.given.record.value.as_deref()));
            return Ok(());
        }
    };
    for record in &given_up.records {
        let told = |text: Option<String>| text.unwrap_or_else(|| "(not told)".into());
        say!("source       {}", record.source);
        say!("place        {}", entry.place);
        say!("status       {}", entry.status());
        say!("condition    {}", told(given_up.condition.clone()));
        say!("function     {}", told(function(given_up)));
        say!("invocations  {}", told(given_up.invocations.map(|count| count.to_string())));
        say!("given up at  {}", told(given_up.at.map(|at| at.to_string())));
        let produced = record.timestamp.and_then(|millis| Timestamp::try_from_millis(millis).ok());
        say!("produced at  {}", told(produced.map(|at| at.to_string())));
        say!("key          {}", shown(record.key.as_deref()));
        for header in &record.headers {
            say!("header       {} = {}", header.name, shown(header.value.as_deref()));
        }
        say!("value        {}", shown(record.value.as_deref()));
    }
    Ok(())
}
