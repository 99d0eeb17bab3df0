//! The whole stack on one machine: engines, tables, topic, Lambda, pollers, wired as on AWS.
//!
//! In: which engines, and how batches are cut. Out: endpoints, and what has gone through.
//!
//! Started in the order in which each needs the one before, stopped in the other: pollers finish their invocations,
//! workers end, engines stop. Whatever was started is stopped also if a later part fails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::apache_kafka::ApacheKafka;
use super::dynamodb::EmbeddedDynamoDb;
use super::kafka::{EmbeddedKafka, REQUESTS_TOPIC, create_topics};
use super::lambda::{Function, LocalLambda, LogSink};
use super::poller::{Activity, Mapping, Pollers};
use super::tables;
use crate::store::Tables;

/// The function that settles payments.
pub const PAYMENT_PROCESSOR: &str = "payment-processor";
/// The function that applies account commands.
pub const ACCOUNT_PROCESSOR: &str = "account-processor";

/// Which Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaEngine {
    /// librdkafka's mock cluster, in this process.
    Embedded,
    /// Apache Kafka, fetched and started here.
    Apache,
    /// One that runs already, at this address.
    External(String),
}

/// Which DynamoDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamoDbEngine {
    /// In this process; with a folder, tables are kept in it.
    Embedded {
        /// The folder.
        data: Option<PathBuf>,
    },
    /// One that runs already, at this URL.
    External(String),
}

/// How the stack is put together.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Kafka.
    pub kafka: KafkaEngine,
    /// DynamoDB.
    pub dynamodb: DynamoDbEngine,
    /// A Lambda that runs already, with the function deployed on it; else workers of our own.
    pub lambda_endpoint: Option<String>,
    /// The names of the tables.
    pub tables: Tables,
    /// The topic of payment requests; created if it isn't there.
    pub topic: String,
    /// The topic of account commands, created if it isn't there; without one, account-processor doesn't run.
    pub commands_topic: Option<String>,
    /// Partitions of each topic, where it is created.
    pub partitions: i32,
    /// The most records a batch.
    pub batch_records_max: usize,
    /// How long a batch waits for more records after its first.
    pub batch_window: Duration,
    /// How many invocations run at once; never more than one a partition.
    pub concurrency: usize,
    /// How long an invocation may take.
    pub function_timeout: Duration,
    /// Whether the mapping asks for partial batch responses, and the function gives them.
    pub partial_batch_response: bool,
    /// The payment processor's binary; else the one beside the program that runs.
    pub processor: Option<PathBuf>,
    /// Gets each line that a function writes.
    pub log: LogLines,
}

/// Where the lines go that functions write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLines {
    /// To stderr.
    Show,
    /// Nowhere; they are only counted.
    Hide,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            kafka: KafkaEngine::Embedded,
            dynamodb: DynamoDbEngine::Embedded { data: None },
            lambda_endpoint: None,
            tables: Tables::default(),
            topic: REQUESTS_TOPIC.into(),
            commands_topic: None,
            partitions: 4,
            batch_records_max: 1_000,
            batch_window: Duration::from_millis(100),
            concurrency: 4,
            function_timeout: Duration::from_secs(30),
            partial_batch_response: true,
            processor: None,
            log: LogLines::Hide,
        }
    }
}

/// Where everything listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Kafka's address.
    pub kafka_bootstrap_servers: String,
    /// DynamoDB's URL.
    pub dynamodb: String,
    /// The Invoke call's URL.
    pub lambda: String,
}

/// What the functions' summary lines add up to, by field.
pub type Summary = BTreeMap<String, u64>;

/// The stack, running.
#[derive(Debug)]
pub struct Stack {
    endpoints: Endpoints,
    summary: Arc<Mutex<Summary>>,
    pollers: Pollers,
    command_pollers: Option<Pollers>,
    lambda: Option<LocalLambda>,
    kafka: RunningKafka,
    _dynamodb: Option<EmbeddedDynamoDb>,
}

#[derive(Debug)]
enum RunningKafka {
    Embedded(EmbeddedKafka),
    Apache(ApacheKafka),
    External(String),
}

impl RunningKafka {
    async fn start(engine: &KafkaEngine, topics: &[(&str, i32)]) -> anyhow::Result<Self> {
        match engine {
            KafkaEngine::Embedded => Ok(Self::Embedded(EmbeddedKafka::start(topics).await?)),
            KafkaEngine::Apache => {
                let kafka = ApacheKafka::start().await?;
                create_topics(kafka.bootstrap_servers(), topics).await?;
                Ok(Self::Apache(kafka))
            }
            KafkaEngine::External(bootstrap_servers) => {
                create_topics(bootstrap_servers, topics).await?;
                Ok(Self::External(bootstrap_servers.clone()))
            }
        }
    }

    fn bootstrap_servers(&self) -> &str {
        match self {
            Self::Embedded(kafka) => kafka.bootstrap_servers(),
            Self::Apache(kafka) => kafka.bootstrap_servers(),
            Self::External(bootstrap_servers) => bootstrap_servers,
        }
    }
}

impl Stack {
    /// Starts everything; it takes records when this returns.
    ///
    /// # Errors
    /// Which part didn't start, and why.
    pub async fn start(options: StackOptions) -> anyhow::Result<Self> {
        let (dynamodb, dynamodb_url) = match &options.dynamodb {
            DynamoDbEngine::Embedded { data } => {
                let engine = EmbeddedDynamoDb::start(data.as_deref())?;
                let url = engine.endpoint().to_owned();
                (Some(engine), url)
            }
            DynamoDbEngine::External(url) => (None, url.clone()),
        };
        let client = super::aws::dynamodb(Some(&dynamodb_url)).await?;
        tables::create(&client, &options.tables, false).await.with_context(|| format!("DynamoDB at {dynamodb_url}"))?;

        let topics: Vec<(&str, i32)> = std::iter::once(options.topic.as_str())
            .chain(options.commands_topic.as_deref())
            .map(|topic| (topic, options.partitions))
            .collect();
        let kafka = RunningKafka::start(&options.kafka, &topics).await?;
        let bootstrap_servers = kafka.bootstrap_servers().to_owned();

        let summary = Arc::new(Mutex::new(Summary::new()));
        let (lambda, lambda_url) = match &options.lambda_endpoint {
            Some(endpoint) => (None, endpoint.clone()),
            None => {
                let commands = options.commands_topic.is_some().then_some(ACCOUNT_PROCESSOR);
                let functions = std::iter::once(PAYMENT_PROCESSOR).chain(commands);
                let functions = functions.map(|name| processor(name, &options, &dynamodb_url));
                let functions = functions.collect::<anyhow::Result<Vec<_>>>()?;
                let lambda = LocalLambda::start(functions, sink(&summary, options.log)).await?;
                let url = lambda.endpoint().to_owned();
                (Some(lambda), url)
            }
        };
        let mapping = Mapping {
            bootstrap_servers: bootstrap_servers.clone(),
            topic: options.topic,
            partitions: options.partitions,
            consumer_group: PAYMENT_PROCESSOR.into(),
            lambda_endpoint: lambda_url.clone(),
            function: PAYMENT_PROCESSOR.into(),
            batch_records_max: options.batch_records_max,
            batch_window: options.batch_window,
            report_batch_item_failures: options.partial_batch_response,
            pollers: options.concurrency,
            invoke_timeout: options.function_timeout.saturating_add(Duration::from_secs(10)),
        };
        let commands = options.commands_topic.map(|topic| Mapping {
            topic,
            consumer_group: ACCOUNT_PROCESSOR.into(),
            function: ACCOUNT_PROCESSOR.into(),
            ..mapping.clone()
        });
        let pollers = Pollers::start(mapping).await?;
        let command_pollers = match commands {
            Some(commands) => Some(Pollers::start(commands).await?),
            None => None,
        };
        let endpoints =
            Endpoints { kafka_bootstrap_servers: bootstrap_servers, dynamodb: dynamodb_url, lambda: lambda_url };
        Ok(Self { endpoints, summary, pollers, command_pollers, lambda, kafka, _dynamodb: dynamodb })
    }

    /// Where everything listens.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// What the pollers of payment requests have done so far.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.pollers.activity()
    }

    /// What the functions' summary lines add up to so far. Empty where Lambda isn't our own.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a part has given up; stopping says why.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.pollers.gave_up() || self.command_pollers.as_ref().is_some_and(Pollers::gave_up)
    }

    /// Stops everything, and waits until it has stopped.
    ///
    /// # Errors
    /// Why a part had given up, if one had.
    pub async fn stop(self) -> anyhow::Result<()> {
        let mut stopped = self.pollers.stop().await;
        if let Some(commands) = self.command_pollers {
            stopped = stopped.and(commands.stop().await);
        }
        if let Some(lambda) = self.lambda {
            lambda.stop().await;
        }
        match self.kafka {
            RunningKafka::Apache(kafka) => kafka.stop().await,
            RunningKafka::Embedded(_) | RunningKafka::External(_) => {}
        }
        stopped
    }
}

/// The binary of a function: beside the program that runs.
///
/// # Errors
/// If the running program can't be found.
pub fn beside_this_program(binary: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding the running program")?;
    let mut folder = program.parent().map(PathBuf::from).unwrap_or_default();
    // Cargo puts tests one folder below the binaries.
    if folder.ends_with("deps") {
        folder.pop();
    }
    Ok(folder.join(binary))
}

/// A processor as a function, by its name, with the environment that the template gives it.
///
/// # Errors
/// If its binary can't be found.
pub fn processor(name: &str, options: &StackOptions, dynamodb_url: &str) -> anyhow::Result<Function> {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut environment = Vec::new();
    // A local engine takes any credentials; what a person has set for AWS comes after and counts.
    if dynamodb_url.starts_with("http://") {
        environment.extend([
            variable("AWS_REGION", "eu-central-1"),
            variable("AWS_ACCESS_KEY_ID", "local"),
            variable("AWS_SECRET_ACCESS_KEY", "local"),
        ]);
    }
    environment.extend(std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name == "HOME"));
    environment.extend([
        variable("ACCOUNTS_TABLE", &options.tables.accounts),
        variable("PAYMENTS_TABLE", &options.tables.payments),
        variable("DEAD_LETTERS_TABLE", &options.tables.dead_letters),
        variable("ACCOUNT_COMMANDS_TABLE", &options.tables.account_commands),
        variable("PARTIAL_BATCH_RESPONSE", if options.partial_batch_response { "true" } else { "false" }),
        variable(crate::aws::DYNAMODB_ENDPOINT, dynamodb_url),
    ]);
    let binary = match &options.processor {
        Some(binary) if name == PAYMENT_PROCESSOR => binary.clone(),
        Some(_) | None => beside_this_program(name)?,
    };
    Ok(Function {
        name: name.into(),
        binary,
        environment,
        timeout: options.function_timeout,
        concurrency: options.concurrency,
    })
}

/// Adds up the summary lines of functions, and shows all lines if asked to.
fn sink(summary: &Arc<Mutex<Summary>>, log: LogLines) -> LogSink {
    let summary = Arc::clone(summary);
    Arc::new(move |function, line| {
        if log == LogLines::Show {
            eprintln!("{function} {line}");
        }
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(line) else { return };
        if fields.get("message").and_then(serde_json::Value::as_str) != Some("batch finished") {
            return;
        }
        let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, number) in fields.iter().filter_map(|(name, value)| Some((name, value.as_u64()?))) {
            let sum = summary.entry(name.clone()).or_default();
            *sum = sum.saturating_add(number);
        }
    })
}
