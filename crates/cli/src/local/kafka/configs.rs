//! What: Asks how topics are configured.
//!
//! Limits: A client that asks for the configuration of topics can't serve a request for a token, so under `iam` that is
//! not looked at. Neither can the embedded broker tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

use super::{client, known_topics};
use giro::publish::kafka::Context;

/// How long a broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
const IAM: &str = "iam";

/// The configuration of a topic, by the names of its settings.
pub type Config = BTreeMap<String, String>;

/// Why the configuration of a topic isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTold {
    /// Whoever asks may not know it.
    NoRight,
    /// Anything else, in words.
    Other(String),
}

/// The configuration of each of these topics.
///
/// # Errors
/// Why none is known.
pub async fn configs(
    address: &str,
    names: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, Result<Config, NotTold>>, String> {
    if std::env::var("KAFKA_AUTH").is_ok_and(|auth| auth == IAM) {
        return Err("it can't be asked for under KAFKA_AUTH=iam".to_owned());
    }
    // It would be asked in vain until the time is over.
    if known_topics(address).await.map_err(|error| error.to_string())?.embedded {
        return Err("the embedded broker doesn't tell it".to_owned());
    }
    let (config, context) = client(address).map_err(|error| error.to_string())?;
    let admin: KafkaResult<AdminClient<Context>> = config.create_with_context(context);
    let admin = admin.map_err(|error| error.to_string())?;
    // Each by itself: an error says nothing of whose it is.
    let asked = join_all(names.map(|name| async { (name.clone(), of_one(&admin, name).await) })).await;
    Ok(asked.into_iter().collect())
}

async fn of_one(admin: &AdminClient<Context>, name: &str) -> Result<Config, NotTold> {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let specifiers = [ResourceSpecifier::Topic(name)];
    let other = |why: &str| Err(NotTold::Other(format!("the broker doesn't tell it{why}")));
    let asked = tokio::time::timeout(PATIENCE.saturating_mul(2), admin.describe_configs(&specifiers, &options)).await;
    match asked.map(|told| told.map(|mut all| all.pop())) {
        Ok(Ok(Some(Ok(ConfigResource { entries, .. })))) => {
            Ok(entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
        }
        Ok(Ok(Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)))) => Err(NotTold::NoRight),
        Ok(Ok(Some(Err(code)))) => other(&format!(": {code}")),
        Ok(Err(error)) => other(&format!(": {error}")),
        Ok(Ok(None)) | Err(_) => other(""),
    }
}
