//! What: `giro outcomes` shows the outcomes on their topic, and publishes outcomes again.

mod republish;
mod undelivered;

use std::pin::pin;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Failure;
use super::engines::{EngineArgs, given};
use super::story::Story;
use crate::local::escaped::json_line;
use crate::local::terminal;
use crate::local::topic_reader::{Polled, Read};
use giro::wire::outcome;

/// How often to look whether somebody reads on.
const LOOK: Duration = Duration::from_millis(200);

/// Print the outcomes on the topic, oldest first of each partition
///
/// An outcome may come more than once: the topic has each at least once.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  giro outcomes --follow\n  giro outcomes republish --payment pay-0001"
)]
pub(super) struct OutcomesArgs {
    #[command(subcommand)]
    command: Option<OutcomesCommand>,
    /// Go on when all is printed, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Print each as it is on the topic, one JSON object a line, control characters escaped
    #[arg(long)]
    json: bool,
    /// With its headers, which make it a CloudEvent: lines below it, or with --json an object beside the value
    #[arg(long)]
    headers: bool,
    /// The topic; else that of outcomes
    #[arg(long, env = "OUTCOMES_TOPIC", value_parser = given, value_name = "NAME")]
    topic: Option<String>,
}

#[derive(Debug, Subcommand)]
enum OutcomesCommand {
    Republish(republish::RepublishArgs),
}

pub(super) async fn run(args: OutcomesArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if let Some(OutcomesCommand::Republish(args)) = args.command {
        return republish::run(args, engines).await;
    }
    let topic = engines.topic(args.topic.clone(), |topics| topics.outcomes)?;
    let mut reader = engines.reader_of(&topic).await?;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        let mut next = pin!(reader.next());
        let read = loop {
            tokio::select! {
                read = &mut next => break read?,
                // No outcome may come for long.
                _ = looks.tick() => if !terminal::has_reader() {
                    return Err(Failure::Unread);
                },
            }
        };
        match read {
            Read::Record(record) => print(&record, &args)?,
            Read::End if args.follow => {}
            Read::End => return Ok(()),
        }
    }
}

fn print(record: &Polled, args: &OutcomesArgs) -> Result<(), Failure> {
    let text = |value: &Option<Vec<u8>>| value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
    if args.headers && args.json {
        let headers: Vec<Value> =
            record.headers.iter().map(|header| json!({ "name": header.name, "value": text(&header.value) })).collect();
        let value = text(&record.value).unwrap_or_default();
        let value = serde_json::from_str::<Value>(&value).unwrap_or(Value::String(value));
        say!("{}", json!({ "headers": headers, "value": value }));
        return Ok(());
    }
    say!("{}", line(record, args.json));
    for header in record.headers.iter().filter(|_| args.headers) {
        say!("    {}: {}", header.name, text(&header.value).unwrap_or_else(|| "(none)".into()));
    }
    Ok(())
}

fn line(record: &Polled, json: bool) -> String {
    let value = record.value.as_deref().unwrap_or_default();
    if json {
        return json_line(&String::from_utf8_lossy(value));
    }
    match outcome::decode(value) {
        Ok(outcome) => format!("{}  {}", outcome.decided_at, Story(&outcome)),
        Err(error) => format!("{}/{}/{}: {error}", record.topic, record.partition, record.offset),
    }
}
