//! What: `giro dead-letters redrive` publishes the records of dead letters again, unchanged or mended by hand.
//!
//! A record goes to its own topic, with its key, its headers and its value byte for byte. One more header names the
//! dead letter. The dead letter is marked only once the broker has acknowledged the record. If the command
//! stops in between, the dead letter still waits. To publish its record again is safe, because a payment is settled
//! once.
//!
//! Invariants: The published record always differs from the record of its dead letter, because the latter can't hold
//! its dead letter's name. So if it fails again, it becomes another dead letter, even before the first one is marked.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use super::super::Failure;
use super::super::engines::EngineArgs;
use super::named;
use crate::redriven::publish_again;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{DeadLetter, DeadLetterId};
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, Redrive};

/// Publish the records of dead letters to their topics again
///
/// Records are published byte for byte, or mended in your editor. A record that still isn't a payment becomes another
/// dead letter. Redriving a payment twice settles it once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro dead-letters redrive payment-requests/3/42/0123456789abcdef --edit\n  giro dead-letters redrive --all --reason invalid_field"
)]
pub(in crate::commands) struct RedriveArgs {
    /// The dead letters as `list` names them; topic/partition/offset means all of that place that wait
    #[arg(value_name = "TOPIC/PARTITION/OFFSET[/DIGEST]")]
    letters: Vec<DeadLetterId>,
    /// Every dead letter that waits
    #[arg(long, conflicts_with = "letters")]
    all: bool,
    /// Only those with this reason, such as not_json
    #[arg(long)]
    reason: Option<String>,
    /// Mend each value first, in $VISUAL or $EDITOR
    #[arg(long)]
    edit: bool,
    /// Also dead letters that were redriven before
    #[arg(long)]
    again: bool,
}

pub(super) async fn run(args: RedriveArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if args.letters.is_empty() && !args.all && args.reason.is_none() {
        return Err(Failure::input(
            "which dead letters? Name them by their topic/partition/offset/digest, as `giro dead-letters list` does. Or \
             say --all for every one that waits, or --reason for those with one reason",
        ));
    }
    let ledger = &engines.ledger().await?;
    let letters = chosen(&args, ledger).await?;
    let (producer, topics) = engines.producer_and_topics().await?;
    let mut nowhere = None;
    for letter in &letters {
        let (id, topic) = (letter.id(), &letter.source.topic);
        if !topics.contains(&**topic) {
            say!("{id} stays as it is: Kafka has no topic {topic}");
            nowhere = Some(topic);
            continue;
        }
        let value = if args.edit { Some(edited(letter)?) } else { letter.value.clone() };
        let placed = publish_again(&producer, letter, value.as_deref()).await?;
        let marked = ledger.mark_redriven(&id).await?;
        let twice = match marked || letter.status == DeadLetterStatus::Redriven {
            true => "",
            false => ", as somebody else did meanwhile; a payment is settled once",
        };
        say!("redriven {id} to {topic}/{}/{}{twice}", placed.partition, placed.offset);
    }
    if letters.is_empty() {
        say!("no dead letter waits");
    }
    match nowhere {
        None => Ok(()),
        Some(topic) => Err(engines.no_topic(topic, &topics)?),
    }
}

/// The dead letters that the arguments name.
async fn chosen(args: &RedriveArgs, ledger: &DynamoDb) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = Vec::new();
    if args.letters.is_empty() {
        letters = ledger.dead_letters().await?;
        if let Some(reason) = &args.reason {
            let reasons = reasons(&letters);
            if !reasons.contains(reason.as_str()) {
                let reasons = Vec::from_iter(reasons).join(", ");
                return Err(Failure::no(format!("--reason: no dead letter has {reason}; there are: {reasons}")));
            }
            letters.retain(|letter| *reason == letter.reason);
        }
        letters.retain(|letter| args.again || letter.status == DeadLetterStatus::Parked);
    }
    for name in &args.letters {
        let mut found = named(name, ledger).await?;
        if let Some(reason) = &args.reason {
            let reasons = Vec::from_iter(reasons(&found)).join(", ");
            found.retain(|letter| *reason == letter.reason);
            if found.is_empty() {
                return Err(Failure::no(format!("{name}: its reason is {reasons}, and --reason asks for {reason}")));
            }
        }
        found.retain(|letter| args.again || letter.status == DeadLetterStatus::Parked);
        if found.is_empty() {
            return Err(Failure::no(format!("{name} was redriven before; --again redrives it once more")));
        }
        letters.extend(found);
    }
    Ok(letters)
}

fn reasons(letters: &[DeadLetter]) -> BTreeSet<&str> {
    letters.iter().map(|letter| letter.reason.as_str()).collect()
}

/// The value as a person has mended it.
fn edited(letter: &DeadLetter) -> Result<Vec<u8>, Failure> {
    let before = letter.value.clone().unwrap_or_default();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(giro::aws::variable);
    let editor = editor.ok_or_else(|| Failure::input("--edit: set VISUAL or EDITOR to your editor"))?;
    let folder = tempfile::tempdir().context("making a folder to edit in").map_err(Failure::Input)?;
    let file = folder.path().join("value.json");
    std::fs::write(&file, &before).context("writing the value to edit").map_err(Failure::Input)?;
    // As a shell would, so that EDITOR may hold options.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&file).status();
    if !status.context("starting the editor with sh").map_err(Failure::Input)?.success() {
        return Err(Failure::input(format!("{}: the editor gave up, and nothing was published", letter.id())));
    }
    let mut after = std::fs::read(&file).context("reading the edited value").map_err(Failure::Input)?;
    // Editors add a line end to the last line of a file.
    if !before.ends_with(b"\n") && after.ends_with(b"\n") {
        after.pop();
    }
    let why = match () {
        () if after.is_empty() => "the value was emptied",
        () if after == before => "the value is as it was",
        () => return Ok(after),
    };
    Err(Failure::input(format!("{}: {why}, and nothing was published", letter.id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redriven::headers;
    use giro::domain::dead_letter::{Content, RecordDigest};
    use giro::domain::{Header, Timestamp};

    /// The dead letter of a record without a timestamp, at the first place of its topic. On a topic that is created
    /// again, only the headers tell such records apart.
    fn letter(headers: Vec<Header>) -> DeadLetter {
        DeadLetter {
            source: "t/0/0".parse().unwrap(),
            digest: Some(RecordDigest::of(None, Content::Absent, Content::Bytes(b"v"), &headers)),
            key: None,
            value: Some(b"v".to_vec()),
            headers,
            reason: "not_json".into(),
            detail: String::new(),
            received_at: Timestamp::EPOCH,
            status: DeadLetterStatus::Parked,
        }
    }

    #[test]
    fn what_is_published_again_is_never_the_record_of_its_letter() {
        let own = vec![Header { name: "trace".into(), value: Some(vec![1]) }];
        let mut letters = vec![letter(own.clone())];
        for _ in 0..3 {
            let before = letters.last().unwrap();
            let headers = headers(&before.headers, &before.id());
            let value = Some(before.id().to_string().into_bytes());
            let from = Header { name: "giro-redriven-from".into(), value };
            assert_eq!(headers, [own.clone(), vec![from]].concat());
            letters.push(letter(headers));
        }
        let names: BTreeSet<DeadLetterId> = letters.iter().map(DeadLetter::id).collect();
        assert_eq!(names.len(), letters.len());
    }
}
