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

use super::{client, hear};
use crate::local::{Fault, OrFault};
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
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        self.inner.error(error, reason);
    }
}

impl ConsumerContext for Listener {}

/// Waits a few seconds for a broker to show that it is there.
///
/// # Errors
/// [`Fault::Asked`] if the address or the login can't be used, [`Fault::Engine`] if it doesn't answer.
pub async fn answers(bootstrap_servers: &str) -> Result<(), Fault> {
    let (config, inner) = client(bootstrap_servers)?;
    let client: KafkaResult<BaseConsumer<Listener>> =
        config.create_with_context(Listener { inner, heard: Mutex::default() });
    let client = client.with_context(|| super::at(bootstrap_servers)).or_asked()?;
    let asked = tokio::task::spawn_blocking(move || {
        hear(&client);
        let Err(error) = client.fetch_metadata(None, ANSWER_TIMEOUT) else { return None };
        // The reason waits as an event.
        hear(&client);
        let heard = client.context().heard.lock().unwrap_or_else(PoisonError::into_inner).take();
        Some(heard.unwrap_or_else(|| said(&error)))
    });
    let seconds = ANSWER_TIMEOUT.as_secs();
    match asked.await.or_engine()? {
        None => Ok(()),
        Some(why) => {
            Err(Fault::Engine(anyhow!("Kafka at {bootstrap_servers} doesn't answer within {seconds} seconds: {why}")))
        }
    }
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
