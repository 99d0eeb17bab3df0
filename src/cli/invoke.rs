//! `giro invoke`: one sample batch straight through a handler.
//!
//! The handler is the one that takes such events (`event`): another one would set every record aside.

mod event;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_lambda::primitives::Blob;
use clap::Args;

use super::Failure;
use super::engines::{EngineArgs, Lambda, given, unreachable};
use super::terminal::{Line, json_line};
use crate::local::lambda::LocalLambda;
use crate::local::stack::{Engines, Names, PAYMENT_PROCESSOR, StackOptions, folder_of_this_program, function};
use crate::local::template::{Function, function_name};
use event::{Whose, whose};

/// The longest that Lambda lets a function run.
const INVOCATION_MAX: Duration = Duration::from_secs(900);

/// Run one sample batch through a handler
///
/// Prints its response. Through Lambda where one is named or `giro up` runs, else through the handler's binary beside
/// this program. The function is the one that takes such events, by their topic or their kind. Exit code 1 if it failed or
/// reported records.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro invoke --event events/msk.json\n  giro invoke --event events/account-commands/open.json"
)]
pub(super) struct InvokeArgs {
    /// The event, as Lambda would deliver it
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The function, by its binary or its name; else the one that takes such events
    #[arg(long, value_parser = given, value_name = "NAME")]
    function: Option<String>,
    /// Give the event to that function even though it is another function's
    #[arg(long, requires = "function")]
    anyway: bool,
    /// How long the invocation may take, in seconds, instead of what the template says. What can't be finished is reported after
    /// three quarters of it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(2..=840))]
    timeout: Option<u64>,
}

pub(super) async fn run(args: InvokeArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let event = std::fs::read(&args.event).with_context(|| format!("reading {}", args.event.display()));
    let event = event.map_err(Failure::Input)?;
    let names = engines.names()?;
    let wanted = chosen(&args, &event, &names)?;
    let lambda = engines.lambda()?;
    if args.timeout.is_some() && !matches!(lambda, Lambda::Here) {
        return Err(Failure::input("--timeout: expected none: a function that Lambda runs has a time-out of its own"));
    }
    match lambda {
        Lambda::At(endpoint) => return invoke(Some(&endpoint), &named(&wanted, &names), event).await,
        Lambda::Aws => return invoke(None, &named(&wanted, &names), event).await,
        Lambda::Here => {}
    }
    let dynamodb = engines.dynamodb_url()?.ok_or_else(|| Failure::input("which DynamoDB? Set --dynamodb-endpoint"))?;
    let blueprint = engines.of_stack(StackOptions::default())?.blueprint().map_err(Failure::input)?;
    let is_wanted = |function: &&Function| [&function.binary, &function.name].contains(&&wanted);
    let known = blueprint.functions.iter().find(is_wanted).ok_or_else(|| {
        let all: Vec<&str> = blueprint.functions.iter().map(|function| function.binary.as_str()).collect();
        Failure::input(format!("--function: expected one of {}", all.join(", ")))
    })?;
    let at = Engines { dynamodb, kafka_bootstrap_servers: engines.kafka_address().ok() };
    let mut wanted = function(known, &folder_of_this_program()?, &at, None);
    wanted.timeout = args.timeout.map_or(wanted.timeout, Duration::from_secs);
    let log = Arc::new(|_: &str, line: &str| eprintln!("{}", Line(line)));
    let lambda = LocalLambda::start(vec![wanted], log).await?;
    let answer = invoke(Some(lambda.endpoint()), &known.name, event).await;
    lambda.stop().await;
    answer
}

/// The function that the event is for: by its binary, or as it was named.
fn chosen(args: &InvokeArgs, event: &[u8], names: &Names) -> Result<String, Failure> {
    let usual = Names::usual().map_err(Failure::input)?;
    let whose = match serde_json::from_slice(event) {
        Ok(event) => whose(&event, &[&names.topics, &usual.topics]),
        Err(error) => Whose::Unknown(format!("it is no JSON: {error}")),
    };
    match (&args.function, whose) {
        (Some(function), Whose::Of(binary, because)) if !args.anyway && !is(function, binary, names) => {
            Err(Failure::input(format!(
                "--function: the event is {binary}'s, because {because}: leave --function out, or add --anyway to give it \
                 to {function}"
            )))
        }
        (Some(function), _) => Ok(function.clone()),
        (None, Whose::Of(binary, _)) => Ok(binary.to_owned()),
        (None, Whose::Anybodys) => Ok(PAYMENT_PROCESSOR.to_owned()),
        (None, Whose::Unknown(what)) => Err(Failure::input(format!(
            "which function? The event doesn't say: {what}. Name the function by --function"
        ))),
    }
}

/// Whether a function, as a person names it, is that of a binary. One whose name tells nothing may be.
fn is(function: &str, binary: &str, names: &Names) -> bool {
    let name = function_name(function);
    // A name that nobody here knows goes by its end: a stack's prefix stands before it.
    let known = names.functions.iter().find(|(binary, own)| name == **own || name.ends_with(binary.as_str()));
    known.is_none_or(|(known, _)| known == binary)
}

/// What the function is called where it runs.
fn named(wanted: &str, names: &Names) -> String {
    names.functions.get(wanted).map_or(wanted, String::as_str).to_owned()
}

async fn invoke(endpoint: Option<&str>, function: &str, event: Vec<u8>) -> Result<(), Failure> {
    let client = crate::local::aws::lambda(endpoint, INVOCATION_MAX).await.map_err(Failure::input)?;
    let call = client.invoke().function_name(function).payload(Blob::new(event));
    let output = call.send().await.map_err(|error| {
        // `cargo lambda watch` answers a function's failure with HTTP 500; what the function said is in its own window.
        let text = aws_sdk_lambda::error::DisplayErrorContext(&error).to_string();
        match error.raw_response() {
            Some(_) => Failure::no(format!("the invocation failed: {text}")),
            None => unreachable(Failure::unreachable(format!("Lambda at {}: {text}", endpoint.unwrap_or("AWS")))),
        }
    })?;
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    say!("{}", json_line(&String::from_utf8_lossy(&payload)));
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
