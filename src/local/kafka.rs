//! Kafka as the local stack uses it: a broker in this process, and clients of any broker.
//!
//! In: topics, an address. Out: a bootstrap address, clients with the login that the environment names.
//!
//! Limits: the embedded broker is librdkafka's mock cluster. It speaks to librdkafka clients, keeps 5 MiB and 100,000
//! records a partition, and forgets all when it stops. Good for a demo; what depends on a broker's faithfulness is
//! tested on Apache Kafka.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::mocking::MockCluster;
use tokio::sync::oneshot;

use crate::config::{AuthConfig, FromEnv};
use crate::publish::broker::{Auth, ScramUser};
use crate::publish::kafka::iam::Signer;
use crate::publish::kafka::{self, KafkaProducer, Login};

/// The topic of payment requests.
pub const REQUESTS_TOPIC: &str = "payment-requests";

/// How long a record may take to be acknowledged before its producer gives up.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// A broker in this process. Stops when dropped.
#[derive(Debug)]
pub struct EmbeddedKafka {
    bootstrap_servers: String,
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedKafka {
    /// Starts a broker with these topics and their numbers of partitions.
    ///
    /// # Errors
    /// If the broker can't be made.
    pub async fn start(topics: &[(&str, i32)]) -> anyhow::Result<Self> {
        let topics: Vec<(String, i32)> =
            topics.iter().map(|&(name, partitions)| (name.to_owned(), partitions)).collect();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (started, address) = oneshot::channel();
        // The cluster can't leave the thread that made it.
        let serve = move || {
            let cluster = MockCluster::new(1).and_then(|cluster| {
                topics.iter().try_for_each(|(name, partitions)| cluster.create_topic(name, *partitions, 1))?;
                Ok(cluster)
            });
            let _ = started.send(cluster.as_ref().map(|cluster| cluster.bootstrap_servers()).map_err(Clone::clone));
            // Until the sender is dropped.
            let _ = stopped.recv();
        };
        let thread = std::thread::Builder::new().name("kafka".into()).spawn(serve)?;
        let bootstrap_servers = address.await?.context("starting the embedded Kafka")?;
        Ok(Self { bootstrap_servers, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, such as `127.0.0.1:40001`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }
}

impl Drop for EmbeddedKafka {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What every client of a broker starts from, with the login that the environment names.
///
/// # Errors
/// If `KAFKA_AUTH` and what belongs to it can't be used: better than to connect without protection.
pub fn client_config(bootstrap_servers: &str) -> anyhow::Result<ClientConfig> {
    match login()? {
        // Their contexts hand out no tokens.
        Login::Iam(_) => bail!("KAFKA_AUTH: expected none or scram where topics are created or read"),
        login @ (Login::None | Login::Scram { .. }) => Ok(kafka::client_config(bootstrap_servers, &login)),
    }
}

/// The login that the environment names.
fn login() -> anyhow::Result<Login> {
    match AuthConfig::from_env()?.0 {
        Auth::None => Ok(Login::None),
        Auth::Iam => Ok(Login::Iam(Signer::from_env()?)),
        Auth::Scram(ScramUser::Given { username, password }) => Ok(Login::Scram { username, password }),
        Auth::Scram(ScramUser::Secret { .. }) => {
            bail!("KAFKA_AUTH: scram takes its user from KAFKA_USERNAME and KAFKA_PASSWORD here")
        }
    }
}

/// A producer for the broker at this address, with the login that the environment names.
///
/// # Errors
/// If the address or the login can't be used.
pub fn producer(bootstrap_servers: &str) -> anyhow::Result<KafkaProducer> {
    Ok(KafkaProducer::new(bootstrap_servers, login()?, DELIVERY_TIMEOUT)?)
}

/// Creates topics on a broker, if they aren't there. Returns when the broker knows them.
///
/// # Errors
/// If the broker can't be reached, or refuses a topic.
pub async fn create_topics(bootstrap_servers: &str, topics: &[(&str, i32)]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client_config(bootstrap_servers)?.create()?;
    // The broker's own default: 1 on a single broker, what its owners chose elsewhere.
    let topics: Vec<NewTopic<'_>> =
        topics.iter().map(|&(name, partitions)| NewTopic::new(name, partitions, TopicReplication::Fixed(-1))).collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let results = admin.create_topics(&topics, &options).await;
    for result in results.with_context(|| format!("creating topics on Kafka at {bootstrap_servers}"))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("creating the topic {topic}: {code}"),
        }
    }
    Ok(())
}
