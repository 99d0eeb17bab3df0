//! What: `giro topics` creates the template's topics on a Kafka that the template doesn't make.

use clap::{Args, Subcommand};

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use super::results::ResultArgs;
use super::template::TemplateArgs;
use crate::local::kafka::{self, NewTopic};
use giro_template::Topic;

#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    Create(CreateArgs),
    List(ListArgs),
}

/// Create the topics of the template, with the same partitions, replicas and configuration as on MSK
///
/// An existing topic stays as it is. If neither template nor parameters are given, those of the running `giro up`
/// count.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro topics create --kafka-bootstrap-servers 127.0.0.1:9092 --replication 1")]
pub(super) struct CreateArgs {
    #[command(flatten)]
    template: TemplateArgs,
    /// Replicas, instead of what the template says: as many as there are brokers, for example
    #[arg(long, value_parser = number::<i32>(1..=i32::from(i16::MAX)))]
    replication: Option<i32>,
}

/// Print every topic with its partitions and replicas
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    results: ResultArgs,
}

pub(super) async fn run(command: TopicsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        TopicsCommand::Create(args) => create(args, engines).await?,
        TopicsCommand::List(args) => {
            for (name, partitions, replicas) in engines.kafka_and_topics().await?.1 {
                args.results.print(
                    || serde_json::json!({ "topic": name, "partitions": partitions, "replicas": replicas }),
                    || format!("{name:<32} {partitions:>4} partitions {replicas:>3} replicas"),
                )?;
            }
        }
    }
    Ok(())
}

async fn create(args: CreateArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let template = match args.template.chosen()? {
        Some(chosen) => chosen,
        None => engines.meant().map(|told| told.template).unwrap_or_default(),
    };
    let blueprint = template.templates().blueprint(&template.parameters).map_err(Failure::input)?;
    let (address, known) = engines.kafka_and_topics().await?;
    let is_known = |topic: &Topic| known.iter().any(|(name, ..)| *name == topic.name);
    let new: Vec<NewTopic> = blueprint
        .topics
        .iter()
        .filter(|topic| !is_known(topic))
        .map(|topic| new_topic(topic, args.replication))
        .collect();
    if !new.is_empty() {
        kafka::create_topics(&address, &new).await?;
    }
    for topic in &blueprint.topics {
        let created = if is_known(topic) { "was there already, and is as it was" } else { "created" };
        say!("{} {created}", topic.name);
    }
    Ok(())
}

/// With fewer replicas, fewer of them can be in sync.
fn new_topic(topic: &Topic, replication: Option<i32>) -> NewTopic {
    let replication = replication.unwrap_or(topic.replication);
    let mut config = topic.config.clone();
    if let Some(in_sync) = config.get_mut("min.insync.replicas") {
        let fewest = in_sync.parse::<i32>().unwrap_or(1).min(replication);
        *in_sync = fewest.to_string();
    }
    NewTopic { name: topic.name.clone(), partitions: topic.partitions, replication: Some(replication), config }
}
