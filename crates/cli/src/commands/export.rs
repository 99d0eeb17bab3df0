//! What: `giro export` writes tables to a folder, as DynamoDB's export to S3 writes them.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Failure;
use super::engines::EngineArgs;
use crate::export::export;
use giro_testkit::tables::by_variable;

/// The names of the folders, which are the usual names of the tables.
const FOLDERS: [&str; 5] = ["accounts", "payments", "refunds", "dead-letters", "account-commands"];

/// Write tables to a folder, as DynamoDB's export to S3 writes them
///
/// A full export in DynamoDB's JSON, with a folder for each table. The SQL in analytics/ checks it and answers
/// questions. Nothing may be written to the tables meanwhile: they are scanned, item by item. On AWS, ask DynamoDB for
/// its own export instead. That is of one second, and takes no read units.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro export --to ledger\n  python3 analytics/run.py ledger analytics/audit.sql")]
pub(super) struct ExportArgs {
    /// The folder, which must be new or empty
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Only this table; may be repeated
    #[arg(long = "table", value_name = "TABLE", value_parser = PossibleValuesParser::new(FOLDERS))]
    tables: Vec<String>,
}

pub(super) async fn run(args: ExportArgs, engines: &EngineArgs) -> Result<(), Failure> {
    check(&args.to).map_err(Failure::input)?;
    let (client, tables) = engines.tables_and_client().await?;
    for (folder, (_, table)) in FOLDERS.iter().zip(by_variable(&tables)) {
        if !args.tables.is_empty() && !args.tables.iter().any(|named| named == folder) {
            continue;
        }
        let exported = export(&client, table, folder, &args.to).await?;
        let (items, files) = (exported.items, exported.files);
        say!("{}: {items} items of {table} in {files} files", exported.folder.display());
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
