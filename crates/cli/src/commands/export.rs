//! What: `giro export` writes tables to a folder, as DynamoDB's export to S3 writes them.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use super::results::ResultArgs;
use crate::export::Export;
use giro_testkit::tables::by_variable;

/// The names of the folders, which are the usual names of the tables.
const FOLDERS: [&str; 5] = ["accounts", "payments", "refunds", "dead-letters", "account-commands"];

/// Write tables to a folder, as DynamoDB's export to S3 writes them
///
/// A full export in DynamoDB's JSON, with a folder for each table. The SQL in analytics/ checks it and answers
/// questions. Nothing may be written to the tables meanwhile: they are scanned, item by item. On AWS, ask DynamoDB for
/// its own export instead. That is of one second, and takes no read units. With --aws this needs --at-rest. Nobody but
/// you may read what it writes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro export --to ledger\n  python3 analytics/run.py ledger analytics/audit.sql")]
pub(super) struct ExportArgs {
    /// The folder, which must be new or empty
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Only this table; may be repeated
    #[arg(long = "table", value_name = "TABLE", value_parser = PossibleValuesParser::new(FOLDERS))]
    tables: Vec<String>,
    /// Nothing writes to the tables meanwhile: no function, and no other stack
    #[arg(long)]
    at_rest: bool,
    /// Read at most this many units a second
    #[arg(long, value_name = "UNITS", default_value_t = 10_000, value_parser = number::<u32>(1..=1_000_000))]
    read_units: u32,
    #[command(flatten)]
    results: ResultArgs,
}

pub(super) async fn run(args: ExportArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if engines.aws && !args.at_rest {
        return Err(Failure::input(
            "--aws: expected tables at rest, as a scan of others is torn. Ask DynamoDB for its export, as \
             docs/analytics.md says. If nothing writes to them, say --at-rest",
        ));
    }
    check(&args.to).map_err(Failure::input)?;
    let (client, tables) = engines.tables_and_client().await?;
    let export = Export::begin(&args.to, args.read_units);
    for (folder, (_, table)) in FOLDERS.iter().zip(by_variable(&tables)) {
        if !args.tables.is_empty() && !args.tables.iter().any(|named| named == folder) {
            continue;
        }
        let exported = export.table(&client, table, folder).await?;
        let (items, files) = (exported.items, exported.files);
        let place = exported.folder.display();
        args.results.print(
            || json!({ "table": table, "folder": place.to_string(), "items": items, "files": files }),
            || format!("{place}: {items} items of {table} in {files} files"),
        )?;
    }
    Ok(())
}

/// Two exports in one folder would be read as one.
fn check(folder: &Path) -> Result<(), String> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => Err(format!("--to {}: expected a new or an empty folder", folder.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("--to {}: expected a folder: {error}", folder.display())),
    }
}
