//! What: Publishes to Kafka, and reads from it, with librdkafka.
//!
//! Data: Takes calls of the port of [`crate::publish`], and a [`Broker`]. Gives records that all in-sync replicas have
//! acknowledged, without duplicates of its own (`acks=all`, idempotent), and in order until one is not acknowledged.
//! Records are placed by key as Java clients place them (`murmur2_random`). So the requests of an account are on one
//! partition, whoever publishes them.
//!
//! Invariants: The client gives up a record after the delivery time-out, so an answer always comes. Publishing never
//! creates a topic. TLS always checks the broker's certificate and name. No password and no token is logged.
//!
//! | part | what |
//! |---|---|
//! | `client` | the client behind a producer, and when it is replaced: a function's process is frozen between invocations |
//! | [`follow`] | reads what a topic gets from now on |
//! | `aside` | ends a client without letting its owner wait |
//! | `login` | how a client logs in |
//! | `token`, `iam` | the port to tokens; tokens of a role |
//! | `secrets` | users and certificates from a secret |

mod aside;
mod client;
pub mod follow;
pub mod iam;
mod login;
mod secrets;
pub mod token;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{FutureRecord, Producer};
use tokio::sync::Mutex;

use self::client::{Client, Settings};
use super::broker::Broker;
use super::{Placed, Publish, PublishError, Sending};
use crate::domain::Header;

pub use login::{CLIENT_LOG, ConnectError, Context, Identity, Login, Pem, check_tls, client_config, speaks_tls};

/// How long a record waits for others, if many records come at a time. The broker writes a batch of records once, which
/// is worth these milliseconds.
pub const LINGER: Duration = Duration::from_millis(5);
/// How long to wait before a full queue is tried again.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

/// Publishes to Kafka. A process makes one; its first record waits for the connection.
pub struct KafkaProducer {
    settings: Settings,
    current: Mutex<Arc<Client>>,
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaProducer")
    }
}

impl KafkaProducer {
    /// A producer for a broker. A record waits for others for `linger`, and is given up after `delivery_timeout`.
    /// Choose a `delivery_timeout` shorter than the caller's own deadline. It doesn't connect yet.
    ///
    /// # Errors
    /// [`ConnectError`] if the login can't be prepared, or an address can't be used.
    pub async fn connect(broker: &Broker, linger: Duration, delivery_timeout: Duration) -> Result<Self, ConnectError> {
        let Broker { bootstrap_servers, access } = broker.clone();
        let login = Login::prepare(&access).await?;
        Self::with(Settings { bootstrap_servers, access: Some(access), linger, delivery_timeout }, login)
    }

    /// Like [`connect`](Self::connect), with a login that is ready. A client that replaces another logs in with the
    /// same.
    ///
    /// # Errors
    /// [`ConnectError::Client`] if an address can't be used.
    pub fn new(
        bootstrap_servers: &str,
        login: Login,
        linger: Duration,
        delivery_timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let bootstrap_servers = bootstrap_servers.to_owned();
        Self::with(Settings { bootstrap_servers, access: None, linger, delivery_timeout }, login)
    }

    fn with(settings: Settings, login: Login) -> Result<Self, ConnectError> {
        let current = Mutex::new(Arc::new(Client::new(&settings, login)?));
        Ok(Self { settings, current })
    }

    /// A client that is fit for use. One that isn't is replaced.
    ///
    /// # Errors
    /// [`PublishError::Unacknowledged`] if there is no new one. The next call tries again.
    async fn client(&self) -> Result<Arc<Client>, PublishError> {
        let mut current = self.current.lock().await;
        let now = SystemTime::now();
        if !Client::is_fit(&current, now) {
            *current = Arc::new(current.renewed(&self.settings, now).await.map_err(|error| {
                tracing::warn!(%error, "the Kafka client can't be replaced");
                PublishError::Unacknowledged(error.to_string())
            })?);
        }
        Ok(Arc::clone(&current))
    }

    /// The names of the broker's topics that the login may see. Waits at most `within` for the broker.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn topics(&self, within: Duration) -> Result<BTreeSet<String>, KafkaError> {
        let client = Arc::clone(&*self.current.lock().await);
        let ask = move || client.producer().client().fetch_metadata(None, within);
        let metadata = tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }
}

impl Publish for KafkaProducer {
    async fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Sending, PublishError> {
        self.send_to(topic, None, key, value, headers).await
    }
}

impl KafkaProducer {
    /// Like [`send`](Publish::send), to this partition. With `None` the key chooses the partition.
    ///
    /// # Errors
    /// [`PublishError`] if the record was not taken.
    pub async fn send_to(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Sending, PublishError> {
        let mut record = FutureRecord::<[u8], [u8]>::to(topic);
        record.partition = partition;
        record.key = key;
        record.payload = value;
        if !headers.is_empty() {
            let add = |all: OwnedHeaders, header: &Header| {
                all.insert(KafkaHeader { key: &header.name, value: header.value.as_deref() })
            };
            record.headers = Some(headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), add));
        }
        let mut client = self.client().await?;
        let mut is_renewed = false;
        loop {
            match client.producer().send_result(record) {
                Ok(delivery) => {
                    client.used();
                    return Ok(Sending::new(async move {
                        match delivery.await {
                            Ok(Ok(delivery)) => {
                                client.used();
                                Ok(Placed { partition: delivery.partition, offset: delivery.offset })
                            }
                            Ok(Err((error, _))) => {
                                client.not_delivered(&error);
                                Err(publish_error(&error))
                            }
                            Err(_) => Err(PublishError::Unacknowledged("the producer was closed before".into())),
                        }
                    }));
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                // It takes no record ever again. A new client does.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::Fatal), back)) if !is_renewed => {
                    record = back;
                    is_renewed = true;
                    client.fail();
                    tokio::time::sleep(client.rest(SystemTime::now())).await;
                    client = self.client().await?;
                }
                Err((error, _)) => return Err(publish_error(&error)),
            }
        }
    }
}

fn publish_error(error: &KafkaError) -> PublishError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => PublishError::TooLarge,
        Some(code) => PublishError::Unacknowledged(code.to_string()),
        None => PublishError::Unacknowledged(error.to_string()),
    }
}
