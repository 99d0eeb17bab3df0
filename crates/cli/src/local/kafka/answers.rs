//! What: Finds out within seconds whether a broker answers, and says it in one line. A client by itself goes on trying
//! as long as its caller waits, and reports each try.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::{client, hear};
use crate::local::{LocalError, OrLocalError};
use giro::publish::kafka::Context;

/// How long a broker may take to show that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client reports about a broker that doesn't answer.
#[derive(Debug)]
struct Listener {
    inner: Context,
    heard: Mutex<Option<String>>,
}

impl ClientContext for Listener {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Context::ENABLE_REFRESH_OAUTH_TOKEN;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.inner.generate_oauth_token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.inner.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // "All brokers are down" is the result, not the reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            // How often and after how long comes after it.
            let reason = reason.split(" (after ").next().unwrap_or(reason);
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            // What another protocol said is the reason for all that follows.
            if heard.as_deref().and_then(other_protocol).is_none() {
                *heard = Some(reason.to_owned());
            }
        }
        self.inner.error(error, reason);
    }
}

impl ConsumerContext for Listener {}

/// Waits a few seconds for a broker to show that it is there.
///
/// # Errors
/// [`LocalError::Asked`] if the address or the login can't be used, [`LocalError::Engine`] if it doesn't answer.
pub async fn answers(bootstrap_servers: &str) -> Result<(), LocalError> {
    topics(bootstrap_servers).await.map(|_| ())
}

/// The topics of a broker that shows within a few seconds that it is there: by name, with their numbers of partitions
/// and replicas. Topics of Kafka's own are left out.
///
/// # Errors
/// [`LocalError::Asked`] if the address or the login can't be used, [`LocalError::Engine`] if it doesn't answer.
pub async fn topics(bootstrap_servers: &str) -> Result<Vec<(String, usize, usize)>, LocalError> {
    let (config, inner) = client(bootstrap_servers)?;
    let client: KafkaResult<BaseConsumer<Listener>> =
        config.create_with_context(Listener { inner, heard: Mutex::default() });
    let client = client.with_context(|| super::at(bootstrap_servers)).or_asked()?;
    let asked = tokio::task::spawn_blocking(move || {
        hear(&client);
        let error = match client.fetch_metadata(None, ANSWER_TIMEOUT) {
            Ok(known) => return Ok(told(&known)),
            Err(error) => error,
        };
        // The reason waits as an event.
        hear(&client);
        let heard = client.context().heard.lock().unwrap_or_else(PoisonError::into_inner).take();
        let heard = heard.unwrap_or_else(|| said(&error));
        Err(other_protocol(&heard).map_or(heard, str::to_owned))
    });
    let seconds = ANSWER_TIMEOUT.as_secs();
    asked.await.or_engine()?.map_err(|why| {
        LocalError::Engine(anyhow!("Kafka at {bootstrap_servers} doesn't answer within {seconds} seconds: {why}"))
    })
}

fn told(known: &Metadata) -> Vec<(String, usize, usize)> {
    let topic = |topic: &MetadataTopic| {
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
        (topic.name().to_owned(), topic.partitions().len(), replicas)
    };
    let mut topics: Vec<_> = known.topics().iter().map(topic).filter(|(name, ..)| !name.starts_with("__")).collect();
    topics.sort();
    topics
}

/// What listens at an address, if the client read the length of an answer there, and the length made no sense. The
/// number is the first four bytes of the answer.
fn other_protocol(heard: &str) -> Option<&'static str> {
    let (_, size) = heard.split_once("Invalid response size ")?;
    let digits = size.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(match digits.parse::<u32>().ok()?.to_be_bytes() {
        [b'H', b'T', b'T', b'P'] => "who listens there speaks HTTP. Expected the address of a broker of Kafka",
        // An alert of TLS, of any version.
        [0x15, 0x03, ..] => {
            "who listens there wants TLS. Set KAFKA_AUTH as the broker wants its clients to log in, or name its port for \
             plain text"
        }
        _ => "who listens there doesn't speak Kafka's protocol. Expected the address of a broker of Kafka",
    })
}

/// What an error of the client says.
pub(super) fn said(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), words)
}

/// A code in librdkafka's words, without its name: `Broker: Invalid replication factor`.
pub(super) fn words(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    let inner = text.split_once(" (").and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_is_told_by_its_first_bytes() {
        let heard = |size: u32| {
            format!(
                "127.0.0.1:80/bootstrap: Receive failed: Invalid response size {size} (0..100000000): increase \
                 receive.message.max.bytes"
            )
        };
        let told = |first: [u8; 4]| other_protocol(&heard(u32::from_be_bytes(first))).unwrap();
        assert!(told(*b"HTTP").contains("speaks HTTP"));
        assert!(told([0x15, 0x03, 0x03, 0x00]).contains("KAFKA_AUTH"));
        assert!(told(*b"SSH-").contains("doesn't speak Kafka's protocol"));
        for other in ["Connect to ipv4#127.0.0.1:1 failed: Connection refused", "Invalid response size", ""] {
            assert_eq!(other_protocol(other), None, "{other}");
        }
    }
}
