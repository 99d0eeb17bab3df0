//! What: `giro publish` publishes requests for payments and refunds, or says what would be decided on them.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::Instant;

use super::Failure;
use super::engines::{EngineArgs, given};
use giro::domain::{Instruction, Sight};
use giro::handlers::clock;
use giro::publish::{Placed, Publish};
use giro::settle::dry_run;
use giro::wire::{instruction, resource};

/// How long to wait for what would be decided on a request.
const DRY_RUN_MAX: Duration = Duration::from_secs(10);

/// Publish requests for payments and refunds, one JSON object a line
///
/// Each is keyed by its debtor account. Every line is checked first: if one isn't a request, nothing is published.
#[derive(Debug, Args)]
#[command(
    override_usage = "giro publish [OPTIONS] <FILE>",
    after_help = "Example:\n  echo '{\"payment_id\":\"p1\",\"debtor_account\":\"alice\",\"creditor_account\":\"bob\",\"amount\":5,\"currency\":\"EUR\"}' | giro publish -"
)]
pub(super) struct PublishArgs {
    /// The file; - for standard input
    file: Option<PathBuf>,
    /// The topic; else that of payment requests
    #[arg(long, env = "REQUESTS_TOPIC", value_parser = given, value_name = "NAME")]
    topic: Option<String>,
    /// Also publish lines that aren't requests, without a key
    #[arg(long)]
    unchecked: bool,
    /// Print where each record was put, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Publish nothing: say what would be decided on each line now, one JSON object a line
    #[arg(long, conflicts_with_all = ["unchecked", "json"])]
    dry_run: bool,
}

pub(super) async fn run(args: PublishArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let file = args.file.as_ref().ok_or_else(|| {
        // Standard input isn't read unasked: a script that forgot the file would wait, or publish something else.
        Failure::input("expected <FILE>, or - for standard input: `giro publish requests.ndjson`, `… | giro publish -`")
    })?;
    let input = read(file)?;
    let records = records(&input, args.unchecked).map_err(Failure::input)?;
    if args.dry_run {
        return say_decisions(records, engines).await;
    }
    let topic = engines.topic(args.topic, |topics| topics.requests)?;
    let producer = engines.producer_to(&topic).await?;
    let mut sending = Vec::with_capacity(records.len());
    for (asked, line) in &records {
        let key = asked.as_ref().map(|asked| asked.debtor().as_str().as_bytes());
        sending.push(producer.send(&topic, key, Some(line), &[]).await?);
    }
    // All are in flight. A missing reader of the first result must not change what becomes of the others.
    let mut placed = Vec::with_capacity(sending.len());
    for sending in sending {
        placed.push(sending.placed().await);
    }
    let count = placed.len();
    for placed in placed {
        let Placed { partition, offset } = placed?;
        if args.json {
            say!("{}", serde_json::json!({ "topic": topic, "partition": partition, "offset": offset }));
        }
    }
    if !args.json {
        say!("published {count} records to {topic}");
    }
    Ok(())
}

/// Says what would be decided on each request, if it were alone.
async fn say_decisions(records: Vec<Line<'_>>, engines: &EngineArgs) -> Result<(), Failure> {
    let ledger = engines.ledger().await?;
    for instruction in records.into_iter().filter_map(|(asked, _)| asked) {
        let deadline = Instant::now().checked_add(DRY_RUN_MAX).unwrap_or_else(Instant::now);
        let outcome = dry_run(&ledger, instruction, |_| true, deadline, clock::now).await?;
        say!("{}", resource::dry_run(&outcome, &Sight::All));
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.with_context(|| format!("reading {}", file.display())).map_err(Failure::Input)?;
    Ok(bytes)
}

/// Text without the mark that some editors and Windows put before it to say that it is UTF-8.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What a record asks for, if its line is a request, and its value.
type Line<'a> = (Option<Instruction>, &'a [u8]);

/// The lines that aren't empty.
fn records(bytes: &[u8], unchecked: bool) -> Result<Vec<Line<'_>>, String> {
    let mut records = Vec::new();
    let bytes = without_mark(bytes);
    for (ix, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match instruction::decode_json(line) {
            Ok(asked) => records.push((Some(asked), line)),
            Err(_) if unchecked => records.push((None, line)),
            Err(malformed) => {
                let malformed = malformed.to_string();
                let number = ix.saturating_add(1);
                // JSON is read a line at a time, so its own count of lines tells nothing.
                return Err(match malformed.rsplit_once(" at line 1 column ") {
                    Some((expected, column)) => format!("line {number}, column {column}: {expected}"),
                    None => format!("line {number}: {malformed}"),
                });
            }
        }
    }
    Ok(records)
}
