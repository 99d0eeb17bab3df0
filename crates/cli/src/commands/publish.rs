//! What: `giro publish` publishes payment requests.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Failure;
use super::engines::{EngineArgs, given};
use giro::domain::AccountId;
use giro::publish::{Placed, Publish};
use giro::wire::payment_request;

/// Publish payment requests, one JSON object a line
///
/// Each is keyed by its debtor account. Every line is checked first: if one isn't a payment, nothing is published.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"payment_id\":\"p1\",\"debtor_account\":\"alice\",\"creditor_account\":\"bob\",\"amount\":5,\"currency\":\"EUR\"}' | giro publish -"
)]
pub(super) struct PublishArgs {
    /// The file; - for standard input
    file: PathBuf,
    /// The topic; else that of payment requests
    #[arg(long, env = "REQUESTS_TOPIC", value_parser = given, value_name = "NAME")]
    topic: Option<String>,
    /// Also publish lines that aren't payments, without a key
    #[arg(long)]
    unchecked: bool,
    /// Print where each record was put, one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: PublishArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let input = read(&args.file)?;
    let records = records(&input, args.unchecked).map_err(Failure::input)?;
    let topic = engines.topic(args.topic, |topics| topics.requests)?;
    let producer = engines.producer_to(&topic).await?;
    let mut sending = Vec::with_capacity(records.len());
    for (key, line) in &records {
        let key = key.as_ref().map(|key| key.as_str().as_bytes());
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

/// A record's key, if its line is a payment, and its value.
type Line<'a> = (Option<AccountId>, &'a [u8]);

/// The lines that aren't empty.
fn records(bytes: &[u8], unchecked: bool) -> Result<Vec<Line<'_>>, String> {
    let mut records = Vec::new();
    let bytes = without_mark(bytes);
    for (ix, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match payment_request::decode_json(line) {
            Ok(payment) => records.push((Some(payment.debtor), line)),
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
