//! What: The Lambda function `account-processor` applies batches of account commands. This file only wires and runs it.

use std::process::ExitCode;

use giro::aws;
use giro::config::{AccountProcessorConfig, FromEnv};
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::incoming::taken;
use giro::store::dynamodb::DynamoDb;
use giro::telemetry;
use giro::telemetry::observer::Observer;
use lambda_runtime::{Error, run, service_fn};

// One thread: an invocation waits for DynamoDB most of its time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = AccountProcessorConfig::from_env()?;
    let ledger = DynamoDb::new(aws::dynamodb()?, config.tables);
    let processor = AccountProcessor::new(ledger, config.partial_batch_response);
    let processor = processor.with_partitions(config.requests_partitions).accepting_limits(config.accept_limits);
    let processor = &processor.observed(Observer::connect(config.embedded_metrics, &config.collector)?);
    run(service_fn(|event| taken(event, |event| processor.handle(event)))).await
}
