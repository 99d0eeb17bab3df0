//! `giro invoke`: one sample batch straight through a handler.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_lambda::primitives::Blob;
use clap::Args;

use super::Failure;
use super::engines::{EngineArgs, unreachable};
use crate::local::lambda::LocalLambda;
use crate::local::stack::{Engines, PAYMENT_PROCESSOR, StackOptions, folder_of_this_program, function};

/// The longest that Lambda lets a function run.
const INVOCATION_MAX: Duration = Duration::from_secs(900);

/// Run one sample batch through a handler
///
/// Prints its response. Through Lambda where one is named or `giro up` runs, else through the handler's binary beside
/// this program. Exit code 1 if it failed or reported records.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro invoke --event events/msk.json")]
pub(super) struct InvokeArgs {
    /// The event, as Lambda would deliver it
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The function
    #[arg(long, default_value = PAYMENT_PROCESSOR)]
    function: String,
}

pub(super) async fn run(args: InvokeArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let event = std::fs::read(&args.event).with_context(|| format!("reading {}", args.event.display()));
    let event = event.map_err(Failure::Input)?;
    if let Some(endpoint) = engines.lambda_url() {
        return invoke(&endpoint, &args.function, event).await;
    }
    let dynamodb = engines.dynamodb_url().ok_or_else(|| {
        Failure::input(
            "which DynamoDB? Start `giro up` in this folder, or set --dynamodb-endpoint or AWS_ENDPOINT_URL_DYNAMODB",
        )
    })?;
    let options = StackOptions { tables: engines.named_tables(), ..StackOptions::default() };
    let blueprint = options.blueprint().map_err(Failure::input)?;
    let known = blueprint.function(&args.function).ok_or_else(|| {
        let all: Vec<&str> = blueprint.functions.iter().map(|function| function.binary.as_str()).collect();
        Failure::input(format!("--function: expected one of {}", all.join(", ")))
    })?;
    let at = Engines { dynamodb, kafka_bootstrap_servers: engines.kafka_address().ok() };
    let wanted = function(known, &folder_of_this_program()?, &at, None);
    let log = Arc::new(|_: &str, line: &str| eprintln!("{line}"));
    let lambda = LocalLambda::start(vec![wanted], log).await?;
    let answer = invoke(lambda.endpoint(), &known.name, event).await;
    lambda.stop().await;
    answer
}

async fn invoke(endpoint: &str, function: &str, event: Vec<u8>) -> Result<(), Failure> {
    let client = crate::local::aws::lambda(endpoint, INVOCATION_MAX).await.map_err(Failure::input)?;
    let call = client.invoke().function_name(function).payload(Blob::new(event));
    let output = call.send().await.map_err(|error| {
        // `cargo lambda watch` answers a function's failure with HTTP 500; what the function said is in its own window.
        let text = aws_sdk_lambda::error::DisplayErrorContext(&error).to_string();
        match error.raw_response() {
            Some(_) => Failure::no(format!("the invocation failed: {text}")),
            None => unreachable(anyhow::anyhow!("Lambda at {endpoint}: {text}").into()),
        }
    })?;
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    say!("{}", String::from_utf8_lossy(&payload));
    if let Some(error) = output.function_error {
        return Err(Failure::no(format!("the function failed ({error})")));
    }
    // Handlers of batches report what is not finished; what others answer is theirs to know.
    let answer: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    match answer.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(0, Vec::len) {
        0 => Ok(()),
        count => Err(Failure::no(format!("{count} records are not finished"))),
    }
}
