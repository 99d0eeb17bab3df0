//! What: The engines, started here or elsewhere.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::local::apache_kafka::ApacheKafka;
use crate::local::kafka::{EmbeddedKafka, NewTopic, answers, create_topics};
use crate::local::{LocalError, OrLocalError};
use giro_template::Topic;
use giro_testkit::dynamodb::EmbeddedDynamoDb;

use super::options::{DynamoDbEngine, KafkaEngine};

/// A Kafka that answers.
#[derive(Debug)]
pub(super) enum RunningKafka {
    Embedded(EmbeddedKafka),
    Apache(ApacheKafka),
    External(String),
}

impl RunningKafka {
    pub(super) async fn start(engine: &KafkaEngine, topics: &[Topic]) -> Result<Self, LocalError> {
        let topics: Vec<NewTopic> = topics.iter().map(on_one_broker).collect();
        match engine {
            KafkaEngine::Embedded => Ok(Self::Embedded(EmbeddedKafka::start(&topics).await.or_engine()?)),
            KafkaEngine::Apache => {
                let kafka = ApacheKafka::start(1).await.or_engine()?;
                create_topics(kafka.bootstrap_servers(), &topics).await?;
                Ok(Self::Apache(kafka))
            }
            KafkaEngine::External(bootstrap_servers) => {
                answers(bootstrap_servers).await?;
                create_topics(bootstrap_servers, &topics).await?;
                Ok(Self::External(bootstrap_servers.clone()))
            }
        }
    }

    /// Its address for librdkafka's clients.
    pub(super) fn bootstrap_servers(&self) -> &str {
        match self {
            Self::Embedded(kafka) => kafka.bootstrap_servers(),
            Self::Apache(kafka) => kafka.bootstrap_servers(),
            Self::External(bootstrap_servers) => bootstrap_servers,
        }
    }

    /// Its address for clients of every language.
    pub(super) fn for_every_client(&self) -> &str {
        match self {
            Self::Embedded(kafka) => kafka.for_every_client(),
            Self::Apache(_) | Self::External(_) => self.bootstrap_servers(),
        }
    }

    /// Makes it unreachable for a while, if it is local.
    pub(super) async fn interrupt(&mut self, outage: Duration) -> anyhow::Result<()> {
        match self {
            Self::Embedded(kafka) => {
                kafka.set_reachable(false).await?;
                tokio::time::sleep(outage).await;
                kafka.set_reachable(true).await
            }
            Self::Apache(kafka) => {
                kafka.kill(0).await?;
                tokio::time::sleep(outage).await;
                kafka.restart(0).await
            }
            Self::External(at) => bail!("Kafka at {at} was not started here, and isn't stopped here"),
        }
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Apache(kafka) => kafka.stop().await,
            Self::Embedded(_) | Self::External(_) => {}
        }
    }
}

/// A topic for a broker of unknown size: its owners choose the replicas, and how many must be in sync.
fn on_one_broker(topic: &Topic) -> NewTopic {
    let mut config = topic.config.clone();
    config.remove("min.insync.replicas");
    NewTopic { name: topic.name.clone(), partitions: topic.partitions, replication: None, config }
}

/// Starts the embedded DynamoDB if it is asked for. Gives DynamoDB's address.
pub(super) fn start_dynamodb(engine: &DynamoDbEngine) -> Result<(Option<EmbeddedDynamoDb>, String), LocalError> {
    match engine {
        DynamoDbEngine::Embedded { data } => {
            let engine = match data {
                Some(folder) => EmbeddedDynamoDb::start(Some(folder)).context("--data").or_asked()?,
                None => EmbeddedDynamoDb::start(None).or_engine()?,
            };
            let url = engine.endpoint().to_owned();
            Ok((Some(engine), url))
        }
        DynamoDbEngine::External(url) => Ok((None, url.clone())),
    }
}

/// The folder of the tables, if they are stored here.
pub(super) fn data_folder(engine: &DynamoDbEngine) -> Option<&Path> {
    match engine {
        DynamoDbEngine::Embedded { data } => data.as_deref(),
        DynamoDbEngine::External(_) => None,
    }
}
