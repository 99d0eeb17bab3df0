//! `giro topics`: the template's topics, on a Kafka that the template doesn't make.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Failure;
use super::engines::{EngineArgs, unreachable};
use crate::local::kafka::{self, Created, NewTopic};
use crate::local::template::{Templates, Topic};

#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    Create(CreateArgs),
    List(ListArgs),
}

/// Create the topics of the template: partitions, replicas and configuration from the same numbers as on MSK
///
/// A topic that is there is left as it is.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro topics create --kafka-bootstrap-servers 127.0.0.1:9092 --replication 1")]
pub(super) struct CreateArgs {
    /// The template; else the one that this program was built with
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// A parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = super::up::parameter)]
    parameters: Vec<(String, String)>,
    /// Replicas, instead of what the template says: as many as there are brokers, for example
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    replication: Option<i32>,
}

/// Print every topic with its partitions and replicas
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: TopicsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    let address = engines.kafka_address()?;
    match command {
        TopicsCommand::Create(args) => {
            let templates = args.template.map_or(Templates::Embedded, Templates::File);
            let blueprint = templates.blueprint(&args.parameters.into_iter().collect()).map_err(Failure::input)?;
            let topics: Vec<NewTopic> =
                blueprint.topics.iter().map(|topic| new_topic(topic, args.replication)).collect();
            let created = kafka::create_topics(&address, &topics).await.map_err(|error| unreachable(error.into()))?;
            for (topic, created) in topics.iter().zip(created) {
                let created = match created {
                    Created::New => "created",
                    Created::Existing => "was there already, and is as it was",
                };
                say!("{} {created}", topic.name);
            }
        }
        TopicsCommand::List(args) => {
            for (name, partitions, replicas) in
                kafka::topics(&address).await.map_err(|error| unreachable(error.into()))?
            {
                if args.json {
                    say!("{}", serde_json::json!({ "topic": name, "partitions": partitions, "replicas": replicas }));
                } else {
                    say!("{name:<32} {partitions:>4} partitions {replicas:>3} replicas");
                }
            }
        }
    }
    Ok(())
}

/// With fewer replicas, no more of them can be asked to be in sync.
fn new_topic(topic: &Topic, replication: Option<i32>) -> NewTopic {
    let replication = replication.unwrap_or(topic.replication);
    let mut config = topic.config.clone();
    if let Some(in_sync) = config.get_mut("min.insync.replicas") {
        let fewest = in_sync.parse::<i32>().unwrap_or(1).min(replication);
        *in_sync = fewest.to_string();
    }
    NewTopic { name: topic.name.clone(), partitions: topic.partitions, replication: Some(replication), config }
}
