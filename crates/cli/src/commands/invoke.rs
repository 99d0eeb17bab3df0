//! What: `giro invoke` runs one sample batch through a handler.
//!
//! The handler is the one that takes such events (`event`). Another one would store every record as a dead letter.

mod event;
mod fates;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::Failure;
use super::engines::{EngineArgs, Lambda, given};
use super::number::number;
use super::publish::without_mark;
use crate::local::aws::dynamodb_answers;
use crate::local::escaped::{Line, json_line};
use crate::local::invoke::{InvokeError, Invoker, lambda_answers};
use crate::local::lambda::{LocalLambda, PAYLOAD_BYTES_MAX};
use crate::local::stack::{Engines, Names, PAYMENT_PROCESSOR, StackOptions, folder_of_this_program, function};
use crate::local::terminal::tell;
use event::{Whose, whose};
use fates::Fates;
use giro_template::{Function, function_name};

/// The longest that Lambda lets a function run.
const INVOCATION_MAX: Duration = Duration::from_secs(900);

/// Run one sample batch through a handler
///
/// Prints what became of each record, or with --json the function's response. Uses Lambda if one is named or `giro up`
/// runs, else the handler's binary beside this program. The function is the one that takes such events, by their topic
/// or their kind. Exit code 1 if it failed or reported records.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro invoke --event events/msk.json\n  giro invoke --event events/account-commands/open.json"
)]
pub(super) struct InvokeArgs {
    /// The event, as Lambda would deliver it
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// A file without its flag is answered with a hint.
    #[arg(hide = true, value_name = "FILE", value_parser = without_flag)]
    misplaced: Option<Infallible>,
    /// The function, by its binary or its name; else the one that takes such events
    #[arg(long, value_parser = given, value_name = "NAME")]
    function: Option<String>,
    /// Give the event to that function even though it is another function's
    #[arg(long, requires = "function")]
    anyway: bool,
    /// How long the invocation may take, in seconds, instead of what the template says. Unfinished records are reported
    /// after three quarters of it
    #[arg(long, value_name = "SECONDS", value_parser = number::<u64>(2..=840))]
    timeout: Option<u64>,
    /// The function's response as it is, which is JSON
    #[arg(long)]
    json: bool,
}

/// Nothing stands here: whoever gives a file means the event.
fn without_flag(file: &str) -> Result<Infallible, String> {
    Err(format!("expected --event before it: `giro invoke --event {file}`"))
}

pub(super) async fn run(args: InvokeArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if let Some(never) = args.misplaced {
        match never {}
    }
    let (event, json) = read(&args.event)?;
    let names = engines.names()?;
    let wanted = chosen(&args, &json, &names)?;
    let lambda = engines.lambda()?;
    // The names that a stack gives its functions are by binary.
    let binary = names.functions.iter().find(|(_, name)| **name == wanted).map_or(&wanted, |(binary, _)| binary);
    let fates = match args.json {
        true => None,
        false => Fates::before(&event, binary, engines).await?,
    };
    if args.timeout.is_some() && !matches!(lambda, Lambda::Here) {
        return Err(Failure::input("--timeout: expected none: a function that Lambda runs has a time-out of its own"));
    }
    match lambda {
        Lambda::At(endpoint) => {
            // An invocation may take many minutes, but a missing Lambda shows within seconds.
            lambda_answers(&endpoint).await?;
            return invoke(Some(&endpoint), &named(&wanted, &names), event, fates).await;
        }
        Lambda::Aws => return invoke(None, &named(&wanted, &names), event, fates).await,
        Lambda::Here => {}
    }
    let dynamodb = engines.dynamodb_url()?.ok_or_else(|| Failure::input("which DynamoDB? Set --dynamodb-endpoint"))?;
    let blueprint = engines.of_stack(StackOptions::default())?.blueprint().map_err(Failure::input)?;
    let is_wanted = |function: &&Function| [&function.binary, &function.name].contains(&&wanted);
    let known = blueprint.functions.iter().find(is_wanted).ok_or_else(|| {
        let all: Vec<&str> = blueprint.functions.iter().map(|function| function.binary.as_str()).collect();
        Failure::input(format!("--function: expected one of {}", all.join(", ")))
    })?;
    // A handler would try as long as its invocation may take.
    dynamodb_answers(&dynamodb).await?;
    let kafka_bootstrap_servers = match known.environment.contains_key("KAFKA_BOOTSTRAP_SERVERS") {
        true => Some(engines.kafka_that_answers().await?),
        false => None,
    };
    let at = Engines { dynamodb, kafka_bootstrap_servers };
    let mut wanted = function(known, &folder_of_this_program()?, &at, None);
    wanted.timeout = args.timeout.map_or(wanted.timeout, Duration::from_secs);
    let log = Arc::new(|_: &str, line: &str| tell!("{}", Line(line)));
    let lambda = LocalLambda::start(vec![wanted], log).await?;
    let answer = invoke(Some(lambda.endpoint()), &known.name, event, fates).await;
    lambda.stop().await;
    answer
}

/// The event's bytes and its JSON, if it is one that Lambda takes.
fn read(file: &Path) -> Result<(Vec<u8>, Value), Failure> {
    let place = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("reading {place}")).map_err(Failure::Input)?;
    let event = without_mark(&bytes);
    if event.len() > PAYLOAD_BYTES_MAX {
        let size = event.len();
        return Err(Failure::input(format!(
            "{place}: expected an event of at most {PAYLOAD_BYTES_MAX} bytes (6 MB), which is what Lambda takes; it has {size}"
        )));
    }
    let json = serde_json::from_slice(event)
        .map_err(|error| Failure::input(format!("{place}: expected an event as JSON: {error}")))?;
    Ok((event.to_vec(), json))
}

/// The function that the event is for: by its binary, or as it was named.
fn chosen(args: &InvokeArgs, event: &Value, names: &Names) -> Result<String, Failure> {
    let usual = Names::usual().map_err(Failure::input)?;
    match (&args.function, whose(event, &[&names.topics, &usual.topics])) {
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

/// Whether a function, as a person names it, is that of a binary. If the name says nothing, it may be.
fn is(function: &str, binary: &str, names: &Names) -> bool {
    let name = function_name(function);
    // The end of an unknown name counts, because a stack's prefix may be before it.
    let known = names.functions.iter().find(|(binary, own)| name == **own || name.ends_with(binary.as_str()));
    known.is_none_or(|(known, _)| known == binary)
}

/// What the function is called where it runs.
fn named(wanted: &str, names: &Names) -> String {
    names.functions.get(wanted).map_or(wanted, String::as_str).to_owned()
}

async fn invoke(endpoint: Option<&str>, function: &str, event: Vec<u8>, fates: Option<Fates>) -> Result<(), Failure> {
    let invoker = Invoker::new(endpoint, function, INVOCATION_MAX).await.map_err(Failure::input)?;
    let at = endpoint.unwrap_or("AWS");
    let response = match invoker.invoke(event).await {
        Ok(response) => response,
        Err(InvokeError::Function { kind, said }) => {
            say!("{}", json_line(&said));
            return Err(Failure::no(format!("the function failed ({kind})")));
        }
        Err(InvokeError::NoFunction(text)) => {
            return Err(Failure::input(format!("--function: Lambda at {at} has no function {function}: {text}")));
        }
        Err(InvokeError::Refused(text)) => {
            return Err(Failure::no(format!("the invocation of {function} on Lambda at {at} failed: {text}")));
        }
        Err(InvokeError::Unanswered(text)) => {
            return Err(Failure::unreachable(format!("Lambda at {at} doesn't answer: {text}")));
        }
    };
    // Handlers of batches report unfinished records. Answers of others are not checked.
    let answer: serde_json::Value = serde_json::from_slice(&response).unwrap_or_default();
    match fates {
        Some(fates) => fates.show(&answer).await?,
        None => say!("{}", json_line(&String::from_utf8_lossy(&response))),
    }
    match answer.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(0, Vec::len) {
        0 => Ok(()),
        count => Err(Failure::no(format!("{count} records are not finished"))),
    }
}
