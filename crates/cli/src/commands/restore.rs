//! What: `giro restore` computes a restored ledger anew. `docs/restore.md` is the whole way.

mod groups;
mod lacking;
mod read;
mod rebuild;
mod tables;

use clap::{Args, Subcommand};

use super::Failure;
use super::engines::{EngineArgs, given};
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

/// What restored tables are called.
#[derive(Debug, Args)]
struct NameArgs {
    /// What stands before the names of the tables in those of the restored ones
    #[arg(long, value_parser = given, value_name = "PREFIX")]
    prefix: String,
    /// The same of an earlier restore, if the stack uses its tables now: the new prefix stands instead of it
    #[arg(long, value_parser = given, value_name = "PREFIX")]
    instead_of: Option<String>,
}

impl NameArgs {
    /// The names of restored tables: those of the ledger, each behind the prefix. The environment may name them
    /// already.
    fn restored(&self, tables: &Tables) -> Result<Tables, Failure> {
        let name = |name: &String| {
            let is_named = name.starts_with(&self.prefix);
            let name = match self.instead_of.as_deref() {
                Some(earlier) if !is_named => name.strip_prefix(earlier).ok_or_else(|| {
                    Failure::input(format!("--instead-of: expected the tables in use to begin with it, got '{name}'"))
                })?,
                _ => name,
            };
            let behind =
                if name.starts_with(&self.prefix) { name.to_owned() } else { format!("{}{name}", self.prefix) };
            match is_table(&behind) {
                true => Ok(behind),
                false => Err(Failure::input(format!("--prefix: {TABLE_EXPECTED}, got '{behind}'"))),
            }
        };
        // Every field by its name: one that is added is missed here by the compiler.
        let Tables { accounts, payments, refunds, dead_letters, account_commands, checkpoints, audit_heads } = tables;
        Ok(Tables {
            accounts: name(accounts)?,
            payments: name(payments)?,
            refunds: name(refunds)?,
            dead_letters: name(dead_letters)?,
            account_commands: name(account_commands)?,
            checkpoints: name(checkpoints)?,
            audit_heads: name(audit_heads)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tables: &Tables, prefix: &str, instead_of: Option<&str>) -> Result<Tables, Failure> {
        NameArgs { prefix: prefix.into(), instead_of: instead_of.map(Into::into) }.restored(tables)
    }

    #[test]
    fn restored_tables_stand_behind_their_prefix_once() {
        let once = named(&Tables::default(), "restored-", None).unwrap();
        assert_eq!(
            (once.accounts.as_str(), once.dead_letters.as_str()),
            ("restored-accounts", "restored-dead-letters")
        );
        assert_eq!(named(&once, "restored-", None).unwrap(), once, "the environment named them");
        let later = named(&once, "again-", Some("restored-")).unwrap();
        // With the tables of long ago, the ledger that nobody uses any more would be restored.
        assert!(named(&Tables::default(), "again-", Some("restored-")).is_err());
        assert_eq!(named(&later, "again-", Some("restored-")).unwrap(), later, "the environment named the new ones");
        assert_eq!(later, named(&Tables::default(), "again-", None).unwrap());
        let refused = named(&Tables::default(), "a/", None).unwrap_err().to_string();
        assert!(refused.starts_with("--prefix: expected the name of a table"), "{refused}");
    }
}
