//! What: Kafka for the local stack: a broker in this process, and clients of any broker.
//!
//! Data: Takes topics and an address. Gives a bootstrap address, and clients with the login of the environment.
//!
//! Limits: The embedded broker is librdkafka's mock cluster. Itself it serves librdkafka's clients, and by its front
//! those of every language. It keeps 5 MiB and 100,000 records a partition, and loses all when it stops. It is good for
//! a demo. Tests that depend on a real broker run on Apache Kafka.

mod answers;
mod configs;
mod front;
mod login;

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::mocking::MockCluster;
use tokio::sync::oneshot;

use super::{LocalError, OrLocalError};
use giro::publish::kafka::{self, Context, Identity, KafkaProducer, LINGER, Login};

pub use answers::{answers, topics};
use answers::{said, words};
pub use configs::{Config, NotTold, configs};
use front::Front;
use login::login;

/// The topic of payment requests, if no parameter of the template renames it.
pub const REQUESTS_TOPIC: &str = "payment-requests";

/// How long a record may take to be acknowledged before its producer gives up.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a reachable broker may take to list its topics, or to create some.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may take for events that already wait.
pub(crate) const HEARING: Duration = Duration::from_millis(10);

/// How the mock cluster's id begins. It can't create topics from outside: such a call is never answered.
const EMBEDDED_ID: &str = "mockCluster";

/// The embedded broker's number.
const BROKER: i32 = 1;

/// A request to the thread that owns the embedded broker.
#[derive(Debug)]
enum Wish {
    /// Whether the broker must be reachable, and where to answer.
    Reachable(bool, oneshot::Sender<KafkaResult<()>>),
}

/// A broker in this process. Stops when dropped.
#[derive(Debug)]
pub struct EmbeddedKafka {
    bootstrap_servers: String,
    front: Front,
    wishes: Option<std::sync::mpsc::Sender<Wish>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedKafka {
    /// Starts a broker with these topics. It has one replica of each, whatever they ask for.
    ///
    /// # Errors
    /// If the broker can't start.
    pub async fn start(topics: &[NewTopic]) -> anyhow::Result<Self> {
        let topics = topics.to_vec();
        let (wishes, wished) = std::sync::mpsc::channel::<Wish>();
        let (started, address) = oneshot::channel();
        // The cluster can't leave the thread that made it.
        let serve = move || {
            let cluster = MockCluster::new(1).and_then(|cluster| {
                topics.iter().try_for_each(|topic| cluster.create_topic(&topic.name, topic.partitions, 1))?;
                Ok(cluster)
            });
            let _ = started.send(cluster.as_ref().map(|cluster| cluster.bootstrap_servers()).map_err(Clone::clone));
            let Ok(cluster) = cluster else { return };
            // Until the sender is dropped.
            for Wish::Reachable(reachable, done) in wished {
                let change = if reachable { MockCluster::broker_up } else { MockCluster::broker_down };
                let _ = done.send(change(&cluster, BROKER));
            }
        };
        let thread = std::thread::Builder::new().name("kafka".into()).spawn(serve)?;
        let bootstrap_servers = address.await?.context("starting the embedded Kafka")?;
        let front = Front::start(&bootstrap_servers).await.context("starting the front of the embedded Kafka")?;
        Ok(Self { bootstrap_servers, front, wishes: Some(wishes), thread: Some(thread) })
    }

    /// Where it listens, such as `127.0.0.1:40001`. Only librdkafka's clients can use it, and they lose no time there.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Where clients of every language reach it, such as `127.0.0.1:40002`.
    #[must_use]
    pub fn for_every_client(&self) -> &str {
        self.front.address()
    }

    /// Cuts every connection and takes no new one, or takes them again. It loses nothing.
    ///
    /// # Errors
    /// If the broker is gone, or refuses.
    pub async fn set_reachable(&self, reachable: bool) -> anyhow::Result<()> {
        let (done, answer) = oneshot::channel();
        let wishes = self.wishes.as_ref().context("the embedded Kafka was stopped")?;
        wishes.send(Wish::Reachable(reachable, done)).context("the embedded Kafka is gone")?;
        Ok(answer.await.context("the embedded Kafka is gone")??)
    }
}

impl Drop for EmbeddedKafka {
    fn drop(&mut self) {
        drop(self.wishes.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The configuration and callbacks that every client of a broker starts from, with the login of the environment.
///
/// # Errors
/// [`LocalError::Asked`] if `KAFKA_AUTH` and its variables can't be used. The client must not connect without
/// protection.
pub fn client(bootstrap_servers: &str) -> Result<(ClientConfig, Context), LocalError> {
    Ok(client_of(bootstrap_servers, login().or_asked()?))
}

fn client_of(bootstrap_servers: &str, login: Login) -> (ClientConfig, Context) {
    (kafka::client_config(bootstrap_servers, &login), login.into())
}

/// Serves a consumer's events if nobody polls it for records. With `iam` a request for a token waits there from the
/// start, and again before the token expires. A client without a token connects to no broker.
pub(crate) fn hear<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    // The context gets the error, and so does the caller of the broker.
    while let Some(Err(_)) = consumer.poll(HEARING) {}
}

/// A producer for the broker at this address, with the login that the environment names.
///
/// # Errors
/// [`LocalError::Asked`] if the address or the login can't be used.
pub fn producer(bootstrap_servers: &str) -> Result<KafkaProducer, LocalError> {
    let producer = KafkaProducer::new(bootstrap_servers, login().or_asked()?, LINGER, DELIVERY_TIMEOUT);
    producer.with_context(|| at(bootstrap_servers)).or_asked()
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: i32,
    /// Its replicas. `None`: as many as the broker's owners chose.
    pub replication: Option<i32>,
    /// Its configuration.
    pub config: BTreeMap<String, String>,
}

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was created.
    New,
    /// It existed, and is unchanged.
    Existing,
}

/// Creates topics on a broker, if they don't exist. Returns when the broker knows them.
///
/// # Errors
/// [`LocalError::Asked`] if the broker refuses a topic or can't create any. [`LocalError::Engine`] if it can't be
/// reached.
pub async fn create_topics(bootstrap_servers: &str, topics: &[NewTopic]) -> Result<Vec<Created>, LocalError> {
    let login = login().or_asked()?;
    let known = known_topics(bootstrap_servers).await?;
    let Some(missing) = topics.iter().find(|topic| !known.names.contains(&topic.name)) else {
        return Ok(vec![Created::Existing; topics.len()]);
    };
    if known.embedded {
        return Err(LocalError::Asked(anyhow!(
            "Kafka at {bootstrap_servers} is the embedded one of a `giro up`: it has the topics of its template, and takes \
             no others, so {} can't be created",
            missing.name
        )));
    }
    // A client that creates topics can't serve a request for a token.
    if matches!(login.identity, Identity::Token(_)) {
        return Err(LocalError::Asked(anyhow!(
            "KAFKA_AUTH: topics can't be created under iam, so {} can't. Create it with Kafka's own kafka-topics.sh, or \
             log in as a user with KAFKA_AUTH=scram",
            missing.name
        )));
    }
    let (config, context) = client_of(bootstrap_servers, login);
    let admin: KafkaResult<AdminClient<Context>> = config.create_with_context(context);
    let admin = admin.with_context(|| at(bootstrap_servers)).or_asked()?;
    let new = |topic: &NewTopic| {
        // The broker's own default is -1.
        let replication = topic.replication.unwrap_or(-1);
        (topic.name.clone(), topic.partitions, replication, topic.config.clone())
    };
    let parts: Vec<_> = topics.iter().map(new).collect();
    let topics: Vec<rdkafka::admin::NewTopic<'_>> = parts
        .iter()
        .map(|(name, partitions, replication, config)| {
            let topic = rdkafka::admin::NewTopic::new(name, *partitions, TopicReplication::Fixed(*replication));
            config.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let results = admin.create_topics(&topics, &options).await;
    let results = results
        .map_err(|error| anyhow!("creating topics on Kafka at {bootstrap_servers}: {}", said(&error)))
        .or_engine()?;
    let mut created = Vec::with_capacity(results.len());
    for result in results {
        created.push(match result {
            Ok(_) => Created::New,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Created::Existing,
            Err((topic, code)) => {
                let why = anyhow!("creating the topic {topic} on Kafka at {bootstrap_servers}: {}", words(code));
                // The broker would give any other answer again.
                let passing = matches!(
                    code,
                    RDKafkaErrorCode::RequestTimedOut
                        | RDKafkaErrorCode::NotController
                        | RDKafkaErrorCode::OperationTimedOut
                );
                return Err(if passing { LocalError::Engine(why) } else { LocalError::Asked(why) });
            }
        });
    }
    Ok(created)
}

/// What a broker says of itself.
struct Known {
    /// It is librdkafka's mock cluster: a call that creates topics is never answered.
    embedded: bool,
    names: BTreeSet<String>,
}

async fn known_topics(bootstrap_servers: &str) -> Result<Known, LocalError> {
    let consumer = consumer(bootstrap_servers)?;
    let asked = tokio::task::spawn_blocking(move || {
        hear(&consumer);
        let known = consumer.fetch_metadata(None, PATIENCE)?;
        let embedded = consumer.client().fetch_cluster_id(PATIENCE).is_some_and(|id| id.starts_with(EMBEDDED_ID));
        Ok(Known { embedded, names: known.topics().iter().map(|topic| topic.name().to_owned()).collect() })
    });
    asked.await.or_engine()?.map_err(|error| unanswered(bootstrap_servers, &error))
}

/// The partitions of a topic, as the broker knows them.
///
/// # Errors
/// [`LocalError::Asked`] if there is no such topic, or the address or the login can't be used; [`LocalError::Engine`]
/// if the broker can't be reached.
pub(crate) async fn partitions(bootstrap_servers: &str, topic: &str) -> Result<Vec<i32>, LocalError> {
    let consumer = consumer(bootstrap_servers)?;
    let name = topic.to_owned();
    let ask = tokio::task::spawn_blocking(move || {
        hear(&consumer);
        ask_partitions(&consumer, &name)
    });
    known_partitions(bootstrap_servers, topic, ask.await.or_engine()?)
}

/// Asks for the partitions of a topic. After that the client knows who leads each: one that doesn't, when they are
/// assigned to it, waits for half a second before it looks.
pub(crate) fn ask_partitions<C: ConsumerContext>(consumer: &impl Consumer<C>, topic: &str) -> KafkaResult<Vec<i32>> {
    let known = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = known.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
    let mut partitions: Vec<i32> = partitions.collect();
    partitions.sort_unstable();
    Ok(partitions)
}

/// The partitions that a broker told, if it has the topic.
///
/// # Errors
/// [`LocalError::Asked`] if it has no such topic, [`LocalError::Engine`] if it didn't tell.
pub(crate) fn known_partitions(
    bootstrap_servers: &str,
    topic: &str,
    told: KafkaResult<Vec<i32>>,
) -> Result<Vec<i32>, LocalError> {
    let partitions = told.map_err(|error| unanswered(bootstrap_servers, &error))?;
    if partitions.is_empty() {
        return Err(LocalError::Asked(anyhow!("Kafka at {bootstrap_servers} has no topic {topic}")));
    }
    Ok(partitions)
}

/// A client that reads nothing yet.
fn consumer(bootstrap_servers: &str) -> Result<BaseConsumer<Context>, LocalError> {
    let (config, context) = client(bootstrap_servers)?;
    config.create_with_context(context).with_context(|| at(bootstrap_servers)).or_asked()
}

fn at(bootstrap_servers: &str) -> String {
    format!("Kafka at {bootstrap_servers}")
}

pub(crate) fn unanswered(bootstrap_servers: &str, error: &KafkaError) -> LocalError {
    LocalError::Engine(anyhow!("Kafka at {bootstrap_servers} doesn't answer: {}", said(error)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;

    use aws_sdk_dynamodb::config::Credentials;
    use giro::publish::kafka::iam::Signer;
    use rdkafka::consumer::StreamConsumer;

    use super::*;

    /// How the first record of a TLS connection begins.
    const HANDSHAKE: u8 = 0x16;

    fn iam() -> Login {
        let credentials = Credentials::new("AKIDEXAMPLE", "made up", None, None, "test");
        Identity::Token(std::sync::Arc::new(Signer::new("eu-central-1", credentials))).into()
    }

    /// Listens like a broker, and gives the first byte of a client.
    fn broker() -> (String, std::sync::mpsc::Receiver<u8>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut first = [0];
            let _ = listener.accept().and_then(|(mut connection, _)| connection.read_exact(&mut first));
            let _ = tell.send(first[0]);
        });
        (address, told)
    }

    /// A client with `iam` connects only once it has a token. Once the readers' contexts were never asked for one.
    #[test]
    fn a_consumer_that_nobody_polls_gets_its_token_and_connects() {
        for group in [None, Some("g")] {
            let (address, told) = broker();
            if !kafka::speaks_tls() {
                let (config, context) = client_of(&address, iam());
                assert!(config.create_with_context::<_, BaseConsumer<_>>(context).is_err(), "plain text would do");
                continue;
            }
            let (mut config, context) = client_of(&address, iam());
            group.map(|group| config.set("group.id", group));
            let consumer: BaseConsumer<_> = config.create_with_context(context).unwrap();
            hear(&consumer);
            std::thread::spawn(move || consumer.fetch_metadata(None, PATIENCE));
            assert_eq!(told.recv_timeout(PATIENCE), Ok(HANDSHAKE), "{group:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_that_reads_nothing_yet_gets_its_token_and_connects() {
        if !kafka::speaks_tls() {
            eprintln!("SKIPPED: this build has no TLS for Kafka; cargo test -p giro-cli --features kafka-tls has");
            return;
        }
        let (address, told) = broker();
        let (mut config, context) = client_of(&address, iam());
        let consumer: StreamConsumer<_> = config.set("group.id", "g").create_with_context(context).unwrap();
        let _ = tokio::time::timeout(HEARING, consumer.recv()).await;
        std::thread::spawn(move || consumer.fetch_metadata(None, PATIENCE));
        let told = tokio::task::spawn_blocking(move || told.recv_timeout(PATIENCE)).await.unwrap();
        assert_eq!(told, Ok(HANDSHAKE));
    }
}
