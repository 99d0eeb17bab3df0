//! What: `giro restore tables` restores all tables to one second, under new names, and waits until they can be used.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::super::Failure;
use super::super::engines::EngineArgs;
use super::super::number::number;
use super::NameArgs;
use crate::local::terminal::tell;
use crate::restore::point_in_time::{protect, restore};
use giro::domain::Timestamp;
use giro_testkit::tables::by_variable;

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
    /// Stop waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 43_200, value_parser = number::<u64>(1..=604_800))]
    timeout: u64,
}

pub(super) async fn run(args: TablesArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let now = Instant::now();
    let until = now.checked_add(Duration::from_secs(args.timeout)).unwrap_or(now);
    let (client, usual) = engines.tables_and_client().await?;
    let restored = args.names.restored(&usual)?;
    let (from, to) = (by_variable(&usual), by_variable(&restored));
    for ((_, from), (_, to)) in from.iter().zip(to) {
        match restore(&client, from, to, args.to).await? {
            true => say!("{from} is restored into {to}"),
            false => say!("{to} is there already"),
        }
    }
    let mut stream = None;
    loop {
        let mut waiting = None;
        for (_, table) in to {
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
    for (variable, table) in to {
        say!("  export {variable}={table}");
    }
    say!("For the stack: RestoredTables={} RestoredPaymentsStream={}", args.names.prefix, stream.unwrap_or_default());
    Ok(())
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
