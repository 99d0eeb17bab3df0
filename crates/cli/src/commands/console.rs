//! What: `giro console` serves the page of a stack that runs elsewhere, for reading.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use crate::console::{self, Console, EACH, Shown};
use giro::store::dynamodb::DynamoDb;
use giro::store::{Segment, Table, TableScan};

/// Show a deployed stack, or engines by address, on a page of this machine
///
/// It reads the tables, and topics if Kafka's address is known, and changes nothing. What functions do now is seen only
/// on the page of `giro up`. It runs until Ctrl-C.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro console --aws --kafka-bootstrap-servers broker:9098\n  giro console --dynamodb-endpoint http://127.0.0.1:8000"
)]
pub(super) struct ConsoleArgs {
    /// The port that it listens on; else a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, value_parser = number::<u16>(0..=u16::MAX))]
    port: u16,
}

pub(super) async fn run(args: ConsoleArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::unreachable)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::unreachable)?;
    let template = engines.meant().map(|told| told.template).unwrap_or_default();
    let blueprint = template.templates().blueprint(&template.parameters).map_err(Failure::input)?;
    let (client, tables) = engines.tables_and_client().await?;
    let ledger = DynamoDb::new(client, tables);
    // An engine that isn't there is told now, and not on the page.
    ledger.page(Table::Accounts, Segment { number: 0, of: 1 }, None).await?;
    let shown = Shown {
        ledger,
        has_checkpoints: engines.has_checkpoints(),
        dynamodb: engines.dynamodb_url()?,
        kafka: engines.kafka_address().ok(),
        topics: engines.names()?.topics,
        groups: Shown::groups(&blueprint),
        functions: Shown::functions(&blueprint),
        http: None,
        began: None,
        may_change: false,
    };
    let console = Console::start(console::listen(args.port).await?, shown)?;
    say!("{}", console.address());
    let mut seconds = interval(EACH);
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = seconds.tick() => console.show(None),
        }
    }
    console.stop();
    Ok(())
}
