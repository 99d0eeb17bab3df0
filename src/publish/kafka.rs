//! Publishing to Kafka, on librdkafka.
//!
//! In: the port of [`crate::publish`], and a [`Broker`]. Out: records acknowledged by all in-sync replicas, in order
//! and without duplicates of the client's own making (`acks=all`, idempotent), placed by key as Java clients place them
//! (`murmur2_random`), so that an account's requests meet on one partition whoever publishes them. No topic comes into
//! being by publishing to it.
//!
//! Invariants: the client gives a record up after the delivery time-out that its maker chose, so its answer always
//! comes. TLS always checks the broker's certificate and name. No password and no token is logged.
//!
//! Limits: the broker's certificate must come from an authority that the system knows; a private one is not supported.

pub mod iam;
mod scram;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use self::iam::Signer;
use super::broker::{Auth, Broker, Password, ScramUser};
use super::{Placed, Publish, PublishError, Sending};
use crate::aws::AwsError;
use crate::domain::Header;

/// How long a record waits for company, where records come many at a time: a batch of them is worth more than the
/// milliseconds, because the broker writes it once.
pub const LINGER: Duration = Duration::from_millis(5);
/// Under which name the client's own words are logged. Errors come back from the calls: these say the same less
/// clearly, and again and again.
pub const CLIENT_LOG: &str = "librdkafka";
/// What the client itself refuses. How large a record may be is for the topic to say (`max.message.bytes`, 1 MiB unless
/// chosen otherwise), and the client's own limit lies below that: what came from a topic must go back to it.
const RECORD_BYTES_MAX: &str = "16777216";
/// How long to wait before a full queue is asked again.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

/// Why there is no client of a broker. `Display` holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The environment lacks what AWS asks for.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret that holds the user can't be read.
    #[error("the secret of KAFKA_SCRAM_SECRET_ARN: {0}")]
    Secret(String),
    /// This build's client can't encrypt.
    #[error("this build speaks no TLS to Kafka, and KAFKA_AUTH iam and scram need it: build with --features kafka-tls")]
    NoTls,
    /// The client can't be made.
    #[error("the Kafka client can't be made")]
    Client(#[from] KafkaError),
}

/// A login that is ready for use: whatever had to be fetched was fetched.
#[derive(Debug)]
pub enum Login {
    /// None.
    None,
    /// A role.
    Iam(Signer),
    /// A user.
    Scram {
        /// Its name.
        username: String,
        /// Its password.
        password: Password,
    },
}

impl Login {
    /// Fetches what the login needs: credentials from the environment, or a secret.
    ///
    /// # Errors
    /// [`ConnectError::NoTls`], [`ConnectError::Aws`] or [`ConnectError::Secret`].
    pub async fn prepare(auth: &Auth) -> Result<Self, ConnectError> {
        check_tls(auth)?;
        Ok(match auth {
            Auth::None => Self::None,
            Auth::Iam => Self::Iam(Signer::from_env()?),
            Auth::Scram(ScramUser::Secret { arn }) => {
                let (username, password) = scram::user(arn).await?;
                Self::Scram { username, password }
            }
            Auth::Scram(ScramUser::Given { username, password }) => {
                Self::Scram { username: username.clone(), password: password.clone() }
            }
        })
    }
}

/// Whether the client of this build speaks TLS: the feature `kafka-tls`.
#[must_use]
pub fn speaks_tls() -> bool {
    let features = ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
    features.is_ok_and(|features| features.split(',').any(|feature| feature == "ssl"))
}

/// Whether this build can log in so.
///
/// # Errors
/// [`ConnectError::NoTls`] if the login needs TLS and this build has none.
pub fn check_tls(auth: &Auth) -> Result<(), ConnectError> {
    match auth {
        Auth::None => Ok(()),
        Auth::Iam | Auth::Scram(_) if speaks_tls() => Ok(()),
        Auth::Iam | Auth::Scram(_) => Err(ConnectError::NoTls),
    }
}

/// What every client of a broker starts from.
#[must_use]
pub fn client_config(bootstrap_servers: &str, login: &Login) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    let (level, number) = match tracing::enabled!(target: CLIENT_LOG, tracing::Level::DEBUG) {
        true => (RDKafkaLogLevel::Debug, "7"),
        false => (RDKafkaLogLevel::Emerg, "0"),
    };
    config.set_log_level(level);
    config.set("log_level", number);
    match login {
        Login::None => {}
        Login::Iam(_) => {
            tls(&mut config);
            config.set("sasl.mechanism", "OAUTHBEARER");
        }
        Login::Scram { username, password } => {
            tls(&mut config);
            config.set("sasl.mechanism", "SCRAM-SHA-512");
            config.set("sasl.username", username);
            config.set("sasl.password", &password.0);
        }
    }
    config
}

/// OpenSSL is compiled in and looks for certificates where nothing is installed, so the client must look where
/// distributions keep theirs; on Lambda's Amazon Linux that is /etc/pki/tls/certs/ca-bundle.crt.
fn tls(config: &mut ClientConfig) {
    config.set("security.protocol", "SASL_SSL");
    config.set("ssl.ca.location", "probe");
    config.set("ssl.endpoint.identification.algorithm", "https");
}

/// What a client calls back: for a token, and with its complaints.
#[derive(Debug)]
pub struct Context(Option<Signer>);

impl From<Login> for Context {
    fn from(login: Login) -> Self {
        Self(match login {
            Login::Iam(signer) => Some(signer),
            Login::None | Login::Scram { .. } => None,
        })
    }
}

impl ConsumerContext for Context {}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(target: CLIENT_LOG, %error, reason, "kafka client");
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, line: &str) {
        tracing::warn!(target: CLIENT_LOG, line, "kafka client");
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let signer = self.0.as_ref().ok_or("no token is needed here")?;
        let token = signer.token(std::time::SystemTime::now())?;
        Ok(OAuthToken { token: token.token, principal_name: String::new(), lifetime_ms: token.expires_at_ms })
    }
}

/// Publishes to Kafka. Made once a process; the first record waits for the connection.
pub struct KafkaProducer(FutureProducer<Context>);

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaProducer")
    }
}

impl KafkaProducer {
    /// A producer for a broker, which lets a record wait for company as long as `linger`, and gives it up after
    /// `delivery_timeout`: choose that below what its caller may take. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ConnectError`] if the login can't be prepared, or an address can't be used.
    pub async fn connect(broker: &Broker, linger: Duration, delivery_timeout: Duration) -> Result<Self, ConnectError> {
        Self::new(&broker.bootstrap_servers, Login::prepare(&broker.auth).await?, linger, delivery_timeout)
    }

    /// As [`connect`](Self::connect), with a login that is ready.
    ///
    /// # Errors
    /// [`ConnectError::Client`] if an address can't be used.
    pub fn new(
        bootstrap_servers: &str,
        login: Login,
        linger: Duration,
        delivery_timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let mut config = client_config(bootstrap_servers, &login);
        config
            // A name that nobody made a topic for is a mistake, and no topic with a broker's defaults.
            .set("allow.auto.create.topics", "false")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", linger.as_millis().to_string())
            .set("message.max.bytes", RECORD_BYTES_MAX)
            .set("delivery.timeout.ms", delivery_timeout.as_millis().to_string())
            .set("partitioner", "murmur2_random");
        Ok(Self(FutureProducer::from_config_and_context(&config, login.into())?))
    }

    /// The names of the broker's topics, as far as the login may see them. Waits at most `within` for the broker.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn topics(&self, within: Duration) -> Result<BTreeSet<String>, KafkaError> {
        let producer = self.0.clone();
        let ask = move || producer.client().fetch_metadata(None, within);
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
    /// As [`send`](Publish::send), to this partition; none leaves the choice to the key.
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
        loop {
            match self.0.send_result(record) {
                Ok(delivery) => {
                    return Ok(Sending::new(async {
                        match delivery.await {
                            Ok(Ok(delivery)) => Ok(Placed { partition: delivery.partition, offset: delivery.offset }),
                            Ok(Err((error, _))) => Err(fault(&error)),
                            Err(_) => Err(PublishError::Unacknowledged("the producer was closed before".into())),
                        }
                    }));
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(fault(&error)),
            }
        }
    }
}

fn fault(error: &KafkaError) -> PublishError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => PublishError::TooLarge,
        Some(code) => PublishError::Unacknowledged(code.to_string()),
        None => PublishError::Unacknowledged(error.to_string()),
    }
}
