//! What: The Lambda function `payment-canary` makes payments, and measures how long their outcomes take. This file only
//! wires and runs it.

use std::process::ExitCode;
use std::time::Duration;

use giro::config::{FromEnv, PaymentCanaryConfig};
use giro::handlers::incoming::taken;
use giro::handlers::payment_canary::{DELIVERY_TIMEOUT, PaymentCanary, Route};
use giro::publish::kafka::KafkaProducer;
use giro::publish::kafka::follow::KafkaFollower;
use giro::telemetry;
use lambda_runtime::{Error, run, service_fn};

// One thread: an invocation waits for the broker; the Kafka clients have threads of their own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let PaymentCanaryConfig { broker, group, requests, outcomes, accounts } = PaymentCanaryConfig::from_env()?;
    let producer = KafkaProducer::connect(&broker, Duration::ZERO, DELIVERY_TIMEOUT).await?;
    let canary =
        &PaymentCanary::new(producer, KafkaFollower::new(broker, &group), Route { requests, outcomes, accounts });
    run(service_fn(|event| taken(event, |event| canary.handle(event)))).await
}
