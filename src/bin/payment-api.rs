//! What: The Lambda function `payment-api` takes payments, and shows outcomes. This file only wires and runs it.

use std::process::ExitCode;
use std::time::Duration;

use giro::config::{FromEnv, PaymentApiConfig};
use giro::handlers::incoming::taken;
use giro::handlers::payment_api::{DELIVERY_TIMEOUT, PaymentApi};
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::telemetry::observer::Observer;
use giro::{aws, telemetry};
use lambda_runtime::{Error, run, service_fn};

// One thread: an invocation waits for the broker and DynamoDB; the Kafka client has threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = PaymentApiConfig::from_env()?;
    // A record need not wait for others: an instance has one request at a time.
    let producer = KafkaProducer::connect(&config.broker, Duration::ZERO, DELIVERY_TIMEOUT).await?;
    let api = PaymentApi::new(DynamoDb::new(aws::dynamodb()?, config.tables), producer, &config.topic);
    let api = api.with_authorization(config.authorization).with_checkpoints(config.has_checkpoints);
    let api = &api.observed(Observer::connect(false, &config.collector)?);
    run(service_fn(|event| taken(event, |event| api.handle(event)))).await
}
