//! What: `giro restore` computes a restored ledger anew. `docs/restore.md` is the whole way.

mod rebuild;
mod tables;

use clap::Subcommand;

use super::Failure;
use super::engines::EngineArgs;
use crate::local::stack::{TABLE_EXPECTED, is_table};
use giro::store::Tables;

#[derive(Debug, Subcommand)]
pub(super) enum RestoreCommand {
    Tables(tables::TablesArgs),
    Rebuild(rebuild::RebuildArgs),
}

pub(super) async fn run(command: RestoreCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        RestoreCommand::Tables(args) => tables::run(args, engines).await,
        RestoreCommand::Rebuild(args) => rebuild::run(args, engines).await,
    }
}

/// The names of restored tables: those of the ledger, each behind a prefix.
fn prefixed(tables: &Tables, prefix: &str) -> Result<Tables, Failure> {
    let name = |name: &String| {
        let name = format!("{prefix}{name}");
        if is_table(&name) {
            Ok(name)
        } else {
            Err(Failure::input(format!("--prefix: {TABLE_EXPECTED}, got '{name}'")))
        }
    };
    // Every field by its name: one that is added is missed here by the compiler.
    let Tables { accounts, payments, refunds, dead_letters, account_commands } = tables;
    Ok(Tables {
        accounts: name(accounts)?,
        payments: name(payments)?,
        refunds: name(refunds)?,
        dead_letters: name(dead_letters)?,
        account_commands: name(account_commands)?,
    })
}
