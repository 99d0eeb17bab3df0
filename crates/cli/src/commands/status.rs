//! What: `giro status` shows the addresses and names of this folder's stack.

use clap::{Args, ValueEnum};

use super::Failure;
use super::up_file;

/// Show where the stack of this folder listens
///
/// Exit code 1 if no stack runs here, 3 if one was killed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  giro status\n  curl $(giro status http)/payments/pay-1")]
pub(super) struct StatusArgs {
    /// Print this address alone, for a script
    #[arg(value_enum)]
    what: Option<Part>,
    /// Everything as JSON: addresses, topics, tables, functions, queues
    #[arg(long, conflicts_with = "what")]
    json: bool,
}

/// A part of a stack that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Kafka's address, host:port
    Kafka,
    /// DynamoDB's URL
    Dynamodb,
    /// The URL of Lambda's Invoke call
    Lambda,
    /// The HTTP API's URL
    Http,
    /// Where to open the console: an address with its token
    Console,
}

pub(super) fn run(args: &StatusArgs) -> Result<(), Failure> {
    let told = up_file::running()?.ok_or_else(|| Failure::no("no `giro up` runs in this folder"))?;
    if args.json {
        for line in serde_json::to_string_pretty(&told).map_err(Failure::no)?.lines() {
            say!("{line}");
        }
        return Ok(());
    }
    let at = &told.endpoints;
    let address = |part| match part {
        Part::Kafka => Some(at.kafka_bootstrap_servers.as_str()),
        Part::Dynamodb => Some(at.dynamodb.as_str()),
        Part::Lambda => Some(at.lambda.as_str()),
        Part::Http => at.http.as_deref(),
        Part::Console => told.console.as_deref(),
    };
    match args.what {
        Some(part) => {
            let address = address(part).ok_or_else(|| {
                Failure::no(match part {
                    Part::Console => "this stack has no console: it was started with --no-console",
                    Part::Kafka | Part::Dynamodb | Part::Lambda | Part::Http => {
                        "this stack has no HTTP API: payment-api isn't in it"
                    }
                })
            })?;
            say!("{address}");
        }
        None => {
            for (name, part) in
                [("kafka", Part::Kafka), ("dynamodb", Part::Dynamodb), ("lambda", Part::Lambda), ("http", Part::Http)]
            {
                say!("{name:<10}{}", address(part).unwrap_or("none: payment-api isn't in this stack"));
            }
            say!("{:<10}{}", "console", address(Part::Console).unwrap_or("none: started with --no-console"));
        }
    }
    Ok(())
}
