//! What: The client behind a producer, and when it must be replaced.
//!
//! Data: Takes the settings of a producer. Gives a client, and says whether it is fit for another record.
//!
//! | what happens | what librdkafka does | so |
//! |---|---|---|
//! | the process is frozen, and its connections die without a word | it waits for an answer on a dead connection | a client that was idle for [`IDLE_MAX`] is replaced |
//! | meanwhile its token expires | it logs in with the old one | a client whose token is nearly over is replaced; the new one gets its own |
//! | the password of its user changes | it can't log in any more, and tries until its records are given up | a client whose login was refused is replaced before the next record. The secret is read again then, or after [`SECRET_MAX`] |
//! | the broker refuses its producer id, or it has another fatal error | it refuses every record from then on | a client that failed is replaced. One that took the place of such a client is at least [`FAILED_MIN`] old by then, and a record waits for that |
//! | a connection dies in use | it waits for half of the delivery time-out ([`SOCKET_SHARE`]), then connects again | the record gets a second connection |
//!
//! Invariants: A client lives as long as anyone waits for an answer to one of its records. A client is idle only if
//! nobody does. Records that a failed client still has may arrive behind those of the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::FutureProducer;

use super::aside::end_aside;
use super::login::{ConnectError, Context, Login, client_config};
use super::token::Held;
use crate::publish::broker::Access;

/// The size of a record that the client itself refuses. The topic decides how large a record may be
/// (`max.message.bytes`, 1 MiB by default). The client's default limit is lower, but a record that came from a topic
/// must fit back into it.
const RECORD_BYTES_MAX: &str = "16777216";

/// How long a client may be idle. Connections live longer than that: a NAT gateway keeps them for 350 seconds. It is
/// short, because a broker may go away while the process is frozen. To connect anew takes some milliseconds.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// Clients that fail at once are not replaced again and again: brokers take few new connections a second.
const FAILED_MIN: Duration = Duration::from_secs(1);

/// How long a secret is believed. Secrets Manager is not asked more often, unless a client failed.
const SECRET_MAX: Duration = Duration::from_secs(600);

/// How long Secrets Manager may take. Then the new client logs in as the one before.
const SECRET_WAIT: Duration = Duration::from_secs(1);

/// librdkafka's shortest time to set up a connection.
const SETUP_MIN: Duration = Duration::from_secs(1);

/// A broker may take half of the delivery time-out for an answer. Then the client connects again.
const SOCKET_SHARE: u32 = 2;

/// The longest pause before a broker is tried again. Its own choice is 10 seconds, which is longer than some delivery
/// time-outs.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What every client of a producer has in common.
pub(super) struct Settings {
    pub(super) bootstrap_servers: String,
    /// How a new client logs in. `None`: as the one before.
    pub(super) access: Option<Access>,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
}

/// A client of librdkafka.
pub(super) struct Client {
    /// `None` once it is being dropped.
    producer: Option<FutureProducer<Context>>,
    login: Login,
    /// Its token, if it logs in with one.
    token: Arc<Held>,
    /// When its login was prepared.
    prepared_at: SystemTime,
    /// If it took the place of a client that failed: when that was.
    failed_before: Option<SystemTime>,
    /// When it was last used, in milliseconds since 1970. The clock of the system goes on while a process is frozen.
    used_at_ms: AtomicU64,
    has_failed: AtomicBool,
    /// A broker has refused its login, or the two didn't agree on one.
    is_refused: Arc<AtomicBool>,
}

impl Client {
    /// A client with a login that was prepared just now.
    pub(super) fn new(settings: &Settings, login: Login) -> Result<Self, ConnectError> {
        let now = SystemTime::now();
        Self::with(settings, login, now, now)
    }

    fn with(settings: &Settings, login: Login, prepared_at: SystemTime, now: SystemTime) -> Result<Self, ConnectError> {
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let socket = settings.delivery_timeout.checked_div(SOCKET_SHARE).unwrap_or(settings.delivery_timeout);
        let mut config = client_config(&settings.bootstrap_servers, &login);
        config
            // If nobody created a topic, its name is a mistake. The broker must not create it with its defaults.
            .set("allow.auto.create.topics", "false")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", milliseconds(settings.linger))
            .set("message.max.bytes", RECORD_BYTES_MAX)
            .set("delivery.timeout.ms", milliseconds(settings.delivery_timeout))
            .set("socket.timeout.ms", milliseconds(socket))
            .set("socket.connection.setup.timeout.ms", milliseconds(socket.max(SETUP_MIN)))
            .set("reconnect.backoff.max.ms", milliseconds(RECONNECT_PAUSE_MAX))
            .set("partitioner", "murmur2_random");
        let context = Context::from(login.clone());
        let (token, is_refused) = (context.held(), context.is_refused());
        let producer = Some(FutureProducer::from_config_and_context(&config, context)?);
        let (used_at_ms, has_failed) = (AtomicU64::new(milliseconds_of(now)), AtomicBool::new(false));
        Ok(Self { producer, login, token, prepared_at, failed_before: None, used_at_ms, has_failed, is_refused })
    }

    /// A client in its place. It logs in as this one, if a newer login is not needed or can't be prepared.
    pub(super) async fn renewed(&self, settings: &Settings, now: SystemTime) -> Result<Self, ConnectError> {
        let has_failed = self.has_failed();
        let newer = if has_failed || is_over(self.prepared_at, now, SECRET_MAX) { newer(settings).await } else { None };
        let (login, prepared_at) = newer.map_or_else(|| (self.login.clone(), self.prepared_at), |login| (login, now));
        let mut client = Self::with(settings, login, prepared_at, now)?;
        client.failed_before = has_failed.then_some(now);
        Ok(client)
    }

    /// Whether a record may be given to it. Whoever holds it beside its producer waits for an answer.
    pub(super) fn is_fit(client: &Arc<Self>, now: SystemTime) -> bool {
        let since = milliseconds_of(now).checked_sub(client.used_at_ms.load(Ordering::Relaxed));
        let is_idle =
            Arc::strong_count(client) == 1 && since.is_none_or(|since| u128::from(since) >= IDLE_MAX.as_millis());
        let is_dead = client.has_failed() && client.rest(now).is_zero();
        !is_idle && !is_dead && !client.token.is_over(now)
    }

    /// Whether it is better replaced. What it has may still be delivered.
    fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.is_refused.load(Ordering::Relaxed)
    }

    /// How long it must still be kept, if it fails.
    pub(super) fn rest(&self, now: SystemTime) -> Duration {
        let since = self.failed_before.and_then(|before| now.duration_since(before).ok());
        since.map_or(Duration::ZERO, |since| FAILED_MIN.saturating_sub(since))
    }

    pub(super) fn producer(&self) -> &FutureProducer<Context> {
        let Some(producer) = &self.producer else { unreachable!("it is there until it is dropped") };
        producer
    }

    /// It is used now.
    pub(super) fn used(&self) {
        self.used_at_ms.store(milliseconds_of(SystemTime::now()), Ordering::Relaxed);
    }

    /// One of its records was not delivered. Some errors are those of a topic or a record, and say nothing of the
    /// client.
    pub(super) fn not_delivered(&self, error: &KafkaError) {
        use RDKafkaErrorCode::{
            InvalidRecord, InvalidTopic, MessageSizeTooLarge, PolicyViolation, TopicAuthorizationFailed,
            UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
        };
        match error.rdkafka_error_code() {
            Some(
                InvalidRecord
                | InvalidTopic
                | MessageSizeTooLarge
                | PolicyViolation
                | TopicAuthorizationFailed
                | UnknownPartition
                | UnknownTopic
                | UnknownTopicOrPartition,
            ) => self.used(),
            _ => self.fail(),
        }
    }

    /// It is given no further record.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

/// A login as it is now. `None`: none can be prepared, or nobody knows how.
async fn newer(settings: &Settings) -> Option<Login> {
    match tokio::time::timeout(SECRET_WAIT, Login::prepare(settings.access.as_ref()?)).await {
        Ok(Ok(login)) => return Some(login),
        Ok(Err(error)) => tracing::warn!(%error, "no new login to Kafka, so the one before is used"),
        Err(_) => tracing::warn!("no new login to Kafka in time, so the one before is used"),
    }
    None
}

impl Drop for Client {
    fn drop(&mut self) {
        end_aside(self.producer.take());
    }
}

/// Whether more than this has passed. A clock that was set back doesn't count.
fn is_over(since: SystemTime, now: SystemTime, most: Duration) -> bool {
    now.duration_since(since).is_ok_and(|passed| passed > most)
}

fn milliseconds_of(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
