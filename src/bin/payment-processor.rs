//! What: The Lambda function `payment-processor` settles batches of payment requests. This file only wires and runs it.

use std::process::ExitCode;

use giro::aws;
use giro::config::{FromEnv, PaymentProcessorConfig};
use giro::handlers::incoming::taken;
use giro::handlers::payment_processor::PaymentProcessor;
use giro::store::dynamodb::DynamoDb;
use giro::telemetry;
use giro::telemetry::observer::Observer;
use lambda_runtime::{Error, run, service_fn};

// One thread: an invocation waits for DynamoDB most of its time, and computes for well under a millisecond.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = PaymentProcessorConfig::from_env()?;
    let ledger = DynamoDb::new(aws::dynamodb()?, config.tables);
    let processor = PaymentProcessor::new(ledger, config.partial_batch_response);
    let observer = Observer::connect(config.embedded_metrics, &config.collector)?;
    let processor = &processor.with_partitions(config.requests_partitions).observed(observer);
    run(service_fn(|event| taken(event, |event| processor.handle(event)))).await
}
