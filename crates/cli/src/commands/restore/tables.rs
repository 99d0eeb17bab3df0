//! What: `giro restore tables` restores the ledger's tables to one second, under new names, and waits until they can be
//! used.
//!
//! What audits have proved is not restored, because it must fit the ledger exactly, and each table has a moment of its
//! own. The stack makes empty tables for it.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::super::Failure;
use super::super::engines::{EngineArgs, given};
use super::super::number::number;
use super::NameArgs;
use crate::local::terminal::tell;
use crate::restore::point_in_time::{Found, look, protect, restore};
use giro::config::{AUDIT_HEADS_TABLE, CHECKPOINTS_TABLE};
use giro::domain::Timestamp;
use giro_testkit::tables::by_variable;

/// The tables that the stack makes anew.
const MADE_ANEW: [&str; 2] = [CHECKPOINTS_TABLE, AUDIT_HEADS_TABLE];

/// How long to wait before tables are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Restore all tables to one second, under new names
///
/// Asks DynamoDB to restore each table, and waits. Then turns on what restored tables lack: protection, point-in-time
/// recovery, and the stream of payments. It may be stopped, and run again with the same arguments.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro --aws restore tables --to 2026-11-29T09:41:00Z --prefix restored-")]
pub(in crate::commands) struct TablesArgs {
    /// The second to restore to, RFC 3339: before what must be undone
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    to: Timestamp,
    #[command(flatten)]
    names: NameArgs,
    /// Take these tables for restored, though DynamoDB doesn't say that they were
    #[arg(long = "believe", value_parser = given, value_name = "TABLE", num_args = 1..)]
    believed: Vec<String>,
    /// Stop waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 43_200, value_parser = number::<u64>(1..=604_800))]
    timeout: u64,
}

pub(super) async fn run(args: TablesArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let now = Instant::now();
    let until = now.checked_add(Duration::from_secs(args.timeout)).unwrap_or(now);
    let (client, usual) = engines.tables_and_client().await?;
    let restored = args.names.restored(&usual)?;
    let named = by_variable(&restored);
    let both = by_variable(&usual).into_iter().zip(named).filter(|((variable, _), _)| !MADE_ANEW.contains(variable));
    let both: Vec<(&str, &str)> = both.map(|((_, from), (_, to))| (from, to)).collect();
    let mut missing = Vec::new();
    for &(from, to) in &both {
        match look(&client, from, to, args.to).await? {
            Found::Nothing => missing.push((from, to)),
            Found::AsAsked(made) => {
                let made = made.map_or_else(String::new, |made| format!(", made at {made}"));
                say!(
                    "{to} is there already{made}. If a stack has used it, it isn't as restored: choose another --prefix"
                );
            }
            Found::Untold if args.believed.iter().any(|believed| believed == to) => {
                say!("{to} is there already: believed")
            }
            found @ (Found::Untold | Found::Other(_)) => return Err(taken(&found, from, to, args.to)),
        }
    }
    // Nothing begins before all names are known to be free, or as they are asked for.
    for (from, to) in missing {
        restore(&client, from, to, args.to).await?;
        say!("{from} is restored into {to}");
    }
    let mut stream = None;
    loop {
        let mut waiting = None;
        for &(_, table) in &both {
            let is_payments = table == restored.payments;
            let (arn, is_done) = protect(&client, table, is_payments).await?;
            stream = arn.filter(|_| is_payments).or(stream);
            waiting = waiting.or(Some(table).filter(|_| !is_done));
        }
        match waiting {
            None => break,
            Some(table) => wait(table, until).await?,
        }
    }
    say!("all tables are there. For the commands that follow:");
    for (variable, table) in named {
        say!("  export {variable}={table}");
    }
    say!("For the stack: RestoredTables={} RestoredPaymentsStream={}", args.names.prefix, stream.unwrap_or_default());
    Ok(())
}

/// Why a table that has the name of a restored one can't be taken for it.
fn taken(found: &Found, from: &str, to: &str, at: Timestamp) -> Failure {
    Failure::no(match found {
        Found::Other(origin) => format!(
            "{to} is there already, restored {origin}. Expected {from}, to {at}. Choose another --prefix, or delete it"
        ),
        Found::Nothing | Found::AsAsked(_) | Found::Untold => format!(
            "{to} is there already, and DynamoDB doesn't say that it was restored. Choose another --prefix. If you know \
             that it is {from}, restored to {at}, say --believe {to}"
        ),
    })
}

/// Waits a while for a table.
async fn wait(table: &str, until: Instant) -> Result<(), Failure> {
    if Instant::now() >= until {
        return Err(Failure::no(format!("{table} is not ready yet: run this again with the same arguments")));
    }
    tell!("waiting for {table}");
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}
