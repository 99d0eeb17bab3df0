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

/// The names of restored tables: those of the ledger, each behind a prefix. The environment may name them already.
fn prefixed(tables: &Tables, prefix: &str) -> Result<Tables, Failure> {
    let name = |name: &String| {
        let name = if name.starts_with(prefix) { name.clone() } else { format!("{prefix}{name}") };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restored_tables_stand_behind_their_prefix_once() {
        let once = prefixed(&Tables::default(), "restored-").unwrap();
        assert_eq!(
            (once.accounts.as_str(), once.dead_letters.as_str()),
            ("restored-accounts", "restored-dead-letters")
        );
        assert_eq!(prefixed(&once, "restored-").unwrap(), once, "the environment named them");
        let refused = prefixed(&Tables::default(), "a/").unwrap_err().to_string();
        assert!(refused.starts_with("--prefix: expected the name of a table"), "{refused}");
    }
}
