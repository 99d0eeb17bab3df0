//! `giro dead-letters redrive`: publishes records that were set aside again, as they came or mended by hand.
//!
//! A record goes to the topic that it came from, with its key, its headers and its value byte for byte, and one header
//! more that names where it stood first. It is marked only once the broker has acknowledged it: stopped in between, it
//! stays parked, and publishing it again is safe, because a payment is settled once whatever is delivered again.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use super::super::Failure;
use super::super::engines::{EngineArgs, unreachable};
use crate::domain::dead_letter::DeadLetterStatus;
use crate::domain::{DeadLetter, Header, Source};
use crate::publish::Publish;
use crate::store::dynamodb::DynamoDb;
use crate::store::{Inspect, Redrive};

/// The header that names where a redriven record stood first: `topic/partition/offset`.
pub(super) const REDRIVEN_FROM: &str = "giro-redriven-from";

/// Publish records that were set aside to their topic again
///
/// As they came, byte for byte, or mended in your editor. A record that is still no payment is set aside again, under its
/// new place. Redriving a payment twice settles it once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro dead-letters redrive payment-requests/3/42 --edit\n  giro dead-letters redrive --all --reason invalid_field"
)]
pub(in crate::cli) struct RedriveArgs {
    /// Where they stood: topic/partition/offset
    #[arg(required_unless_present_any = ["all", "reason"])]
    sources: Vec<Source>,
    /// Every one that is parked
    #[arg(long, conflicts_with = "sources")]
    all: bool,
    /// Only those set aside for this reason, such as not_json
    #[arg(long)]
    reason: Option<String>,
    /// Mend each value first, in $VISUAL or $EDITOR
    #[arg(long)]
    edit: bool,
    /// Also what was redriven before
    #[arg(long)]
    again: bool,
}

pub(super) async fn run(args: RedriveArgs, ledger: &DynamoDb, engines: &EngineArgs) -> Result<(), Failure> {
    let letters = chosen(&args, ledger).await?;
    let (producer, topics) = engines.producer_and_topics().await?;
    let mut nowhere = None;
    for letter in &letters {
        if !topics.contains(&*letter.source.topic) {
            say!("{} stays as it is: Kafka has no topic {}", letter.source, letter.source.topic);
            nowhere = Some(&letter.source.topic);
            continue;
        }
        let value = if args.edit { Some(edited(letter)?) } else { letter.value.clone() };
        let headers = headers(letter);
        let topic = &letter.source.topic;
        let sending = producer.send(topic, letter.key.as_deref(), value.as_deref(), &headers).await;
        let placed = sending.map_err(|error| unreachable(error.into()))?.placed().await;
        let placed = placed.map_err(|error| unreachable(error.into()))?;
        let marked = ledger.mark_redriven(&letter.source).await.map_err(|error| unreachable(error.into()))?;
        let twice = match marked || letter.status == DeadLetterStatus::Redriven {
            true => "",
            false => ", as somebody else did meanwhile; a payment is settled once",
        };
        say!("redriven {} to {topic}/{}/{}{twice}", letter.source, placed.partition, placed.offset);
    }
    if letters.is_empty() {
        say!("nothing is parked");
    }
    match nowhere {
        None => Ok(()),
        Some(topic) => Err(engines.no_topic(topic, &topics)?),
    }
}

/// The letters that the arguments name, whole.
async fn chosen(args: &RedriveArgs, ledger: &DynamoDb) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = Vec::new();
    if args.sources.is_empty() {
        letters = ledger.dead_letters().await.map_err(|error| unreachable(error.into()))?;
        if let Some(reason) = &args.reason {
            let reasons: BTreeSet<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
            if !reasons.contains(reason.as_str()) {
                let reasons = Vec::from_iter(reasons).join(", ");
                return Err(Failure::no(format!("--reason: no dead letter has {reason}; there are: {reasons}")));
            }
            letters.retain(|letter| *reason == letter.reason);
        }
        letters.retain(|letter| args.again || letter.status == DeadLetterStatus::Parked);
    }
    for source in &args.sources {
        let letter = ledger.dead_letter(source).await.map_err(|error| unreachable(error.into()))?;
        let letter = letter.ok_or_else(|| Failure::no(format!("no dead letter {source}")))?;
        if letter.status == DeadLetterStatus::Redriven && !args.again {
            return Err(Failure::no(format!("{source} was redriven before; --again redrives it once more")));
        }
        if let Some(reason) = args.reason.as_ref().filter(|reason| **reason != letter.reason) {
            return Err(Failure::no(format!("{source} was set aside for {}, not for {reason}", letter.reason)));
        }
        letters.push(letter);
    }
    Ok(letters)
}

/// The record's own headers, and where it stood first.
fn headers(letter: &DeadLetter) -> Vec<Header> {
    let mut headers = letter.headers.clone();
    if !headers.iter().any(|header| header.name == REDRIVEN_FROM) {
        headers.push(Header { name: REDRIVEN_FROM.into(), value: Some(letter.source.to_string().into_bytes()) });
    }
    headers
}

/// The value as a person has mended it.
fn edited(letter: &DeadLetter) -> Result<Vec<u8>, Failure> {
    let before = letter.value.clone().unwrap_or_default();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(crate::aws::variable);
    let editor = editor.ok_or_else(|| Failure::input("--edit: set VISUAL or EDITOR to your editor"))?;
    let folder = tempfile::tempdir().context("making a folder to edit in")?;
    let file = folder.path().join("value.json");
    std::fs::write(&file, &before).context("writing the value to edit")?;
    // As a shell would, so that EDITOR may hold options.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&file).status();
    if !status.context("starting the editor")?.success() {
        return Err(Failure::input(format!("{}: the editor gave up, and nothing was published", letter.source)));
    }
    let mut after = std::fs::read(&file).context("reading the edited value")?;
    // Editors end a file's last line, whether it was ended before or not.
    if !before.ends_with(b"\n") && after.ends_with(b"\n") {
        after.pop();
    }
    let why = match () {
        () if after.is_empty() => "the value was emptied",
        () if after == before => "the value is as it was",
        () => return Ok(after),
    };
    Err(Failure::input(format!("{}: {why}, and nothing was published", letter.source)))
}
