//! What: The Lambda function `outcome-publisher` publishes the outcomes of payments. This file only wires and runs it.

use std::process::ExitCode;

use giro::config::{FromEnv, OutcomePublisherConfig};
use giro::handlers::incoming::taken;
use giro::handlers::outcome_publisher::{DELIVERY_TIMEOUT, OutcomePublisher};
use giro::publish::kafka::{KafkaProducer, LINGER};
use giro::store::items;
use giro::telemetry;
use giro::telemetry::observer::Observer;
use lambda_runtime::{Error, run, service_fn};

// One thread: an invocation waits for the broker most of its time; the Kafka client has threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = OutcomePublisherConfig::from_env()?;
    let producer = KafkaProducer::connect(&config.broker, LINGER, DELIVERY_TIMEOUT).await?;
    let publisher = OutcomePublisher::new(producer, config.topic, items::stream::payment);
    let publisher = &publisher.observed(Observer::connect(config.embedded_metrics, &config.collector)?);
    run(service_fn(|event| taken(event, |event| publisher.handle(event)))).await
}
