//! Kafka as the local stack uses it: a broker in this process, and a producer for any broker.
//!
//! In: topics, then records. Out: a bootstrap address, then where each record was put.
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
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::sync::oneshot;

use crate::domain::Header;

/// The topic of payment requests.
pub const REQUESTS_TOPIC: &str = "payment-requests";
/// The topic of account commands.
pub const COMMANDS_TOPIC: &str = "account-commands";

/// How long a record may take to be acknowledged before its producer gives up.
const DELIVERY_TIMEOUT_MS: &str = "30000";

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

/// What every client of a broker starts from.
///
/// # Errors
/// If `KAFKA_AUTH` asks for what isn't built yet: better than to connect without protection.
pub fn client_config(bootstrap_servers: &str) -> anyhow::Result<ClientConfig> {
    match std::env::var("KAFKA_AUTH").as_deref() {
        Err(_) | Ok("" | "none") => {}
        Ok(_) => bail!("KAFKA_AUTH: expected none; iam and scram are not supported yet"),
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    // The client's own complaints go to its log callback, which nobody reads; errors come back from the calls.
    config.set("log_level", "0");
    Ok(config)
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

/// Publishes records: acknowledged by all replicas, in order, once.
pub struct Producer {
    producer: FutureProducer,
}

/// Where a record was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// A record on its way.
pub struct Sending(DeliveryFuture);

impl Sending {
    /// Waits until the broker has acknowledged the record.
    ///
    /// # Errors
    /// If it didn't.
    pub async fn placed(self) -> anyhow::Result<Placed> {
        match self.0.await.context("the producer was closed before the broker answered")? {
            Ok(delivery) => Ok(Placed { partition: delivery.partition, offset: delivery.offset }),
            Err((error, _)) => Err(error).context("the broker did not acknowledge a record"),
        }
    }
}

impl Producer {
    /// A producer for the broker at this address.
    ///
    /// # Errors
    /// If the address or the authentication can't be used.
    pub fn new(bootstrap_servers: &str) -> anyhow::Result<Self> {
        let producer = client_config(bootstrap_servers)?
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            // As Java clients place keys: an account's requests meet on one partition whoever publishes them.
            .set("partitioner", "murmur2_random")
            .create()?;
        Ok(Self { producer })
    }

    /// Hands a record to the producer; waits only while its queue is full.
    ///
    /// # Errors
    /// If the producer won't take it, because it is too large for example.
    pub async fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> anyhow::Result<Sending> {
        let mut record = FutureRecord::<[u8], [u8]>::to(topic);
        record.key = key;
        record.payload = value;
        if !headers.is_empty() {
            let add = |all: OwnedHeaders, header: &Header| {
                all.insert(KafkaHeader { key: &header.name, value: header.value.as_deref() })
            };
            record.headers = Some(headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), add));
        }
        loop {
            match self.producer.send_result(record) {
                Ok(sending) => return Ok(Sending(sending)),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err((error, _)) => return Err(error).with_context(|| format!("publishing to {topic}")),
            }
        }
    }
}
