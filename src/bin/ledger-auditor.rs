//! What: The Lambda function `ledger-auditor` proves on a schedule that the ledger adds up. This file only wires and
//! runs it.

use std::process::ExitCode;

use giro::aws;
use giro::config::{FromEnv, LedgerAuditorConfig};
use giro::handlers::incoming::taken;
use giro::handlers::ledger_auditor::LedgerAuditor;
use giro::store::dynamodb::DynamoDb;
use giro::telemetry;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = LedgerAuditorConfig::from_env()?;
    let auditor = LedgerAuditor::new(DynamoDb::new(aws::dynamodb()?, config.tables));
    let auditor = &auditor.keeping_checkpoints(config.keeps_checkpoints);
    run(service_fn(|event| taken(event, |event| auditor.handle(event)))).await
}
