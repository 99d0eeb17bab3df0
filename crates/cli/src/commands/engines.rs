//! What: Finds the engines that a command uses, and the names of topics, tables and functions there.
//!
//! An engine is named by flag, else by environment, else by a running `giro up` of this folder (`up_file`), else by
//! `giro.toml` (`giro_toml`). If none of these names it, the command says what to do. It never uses AWS without
//! `--aws`.
//!
//! The engines of a stack belong together. If a person names another engine, no engine of the stack is used. So
//! records of one ledger never go to the topics of another. The names are those of the stack if its engines are used,
//! else the usual ones. The same holds for the engines and the names of `giro.toml` (`from_file`).

mod checkpoints;
mod elsewhere;
mod from_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use clap::Args;

use super::up::StartKafka;
use super::up_file::{self, Told};
use super::{Failure, Which};
use crate::local::credentials::check_credentials;
use crate::local::kafka;
use crate::local::region::check_region;
use crate::local::stack::{DynamoDbEngine, KafkaEngine, Names, StackOptions, TABLE_EXPECTED, Topics, is_table};
use crate::local::topic_reader::TopicReader;
use giro::publish::kafka::KafkaProducer;
use giro::store::Tables;
use giro::store::dynamodb::DynamoDb;

/// How many topics an error names.
const TOPICS_SHOWN_MAX: usize = 20;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engines")]
pub(super) struct EngineArgs {
    /// Kafka's address, such as 127.0.0.1:9092
    #[arg(long, global = true, env = "KAFKA_BOOTSTRAP_SERVERS", value_parser = brokers, value_name = "HOST:PORT")]
    pub(super) kafka_bootstrap_servers: Option<String>,
    /// DynamoDB's URL, such as http://127.0.0.1:8000
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_DYNAMODB", value_parser = given, value_name = "URL")]
    pub(super) dynamodb_endpoint: Option<String>,
    /// The URL of Lambda's Invoke call, such as http://127.0.0.1:9000
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_LAMBDA", value_parser = given, value_name = "URL")]
    pub(super) lambda_endpoint: Option<String>,
    /// The Lambda that is named polls streams by itself, as deployed event sources do
    #[arg(long, global = true, requires = "lambda_endpoint")]
    pub(super) lambda_polls_streams: bool,
    /// DynamoDB and Lambda are AWS's, as the AWS SDK is set up on this machine
    #[arg(long, global = true)]
    pub(super) aws: bool,
    /// The accounts table, where it has another name than the stack's
    #[arg(long, global = true, env = "ACCOUNTS_TABLE", value_parser = table, value_name = "NAME")]
    accounts_table: Option<String>,
    /// The payments table
    #[arg(long, global = true, env = "PAYMENTS_TABLE", value_parser = table, value_name = "NAME")]
    payments_table: Option<String>,
    /// The refunds table
    #[arg(long, global = true, env = "REFUNDS_TABLE", value_parser = table, value_name = "NAME")]
    refunds_table: Option<String>,
    /// The dead letters table
    #[arg(long, global = true, env = "DEAD_LETTERS_TABLE", value_parser = table, value_name = "NAME")]
    dead_letters_table: Option<String>,
    /// The account commands table
    #[arg(long, global = true, env = "ACCOUNT_COMMANDS_TABLE", value_parser = table, value_name = "NAME")]
    account_commands_table: Option<String>,
    /// The checkpoints table
    #[arg(long, global = true, env = "CHECKPOINTS_TABLE", value_parser = table, value_name = "NAME")]
    checkpoints_table: Option<String>,
    /// The table of the newest checkpoint of each account
    #[arg(long, global = true, env = "AUDIT_HEADS_TABLE", value_parser = table, value_name = "NAME")]
    audit_heads_table: Option<String>,
    /// The `giro.toml` that names what nobody else named, if one does.
    #[arg(skip)]
    file: Option<PathBuf>,
}

/// Where functions are invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lambda {
    /// By an Invoke call at this URL.
    At(String),
    /// By AWS's own.
    Aws,
    /// By nobody: a function's binary is started here.
    Here,
}

/// A name or an address. It must not be empty, as it is in a script with an empty variable.
pub(super) fn given(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("expected a text that isn't empty") } else { Ok(text.to_owned()) }
}

/// A table's name; or its ARN, which DynamoDB takes in its place.
fn table(text: &str) -> Result<String, String> {
    let name = given(text)?;
    if is_table(&name) || name.starts_with("arn:") { Ok(name) } else { Err(TABLE_EXPECTED.into()) }
}

/// Addresses of brokers. The Kafka client reads a port that is too large as another port.
fn brokers(text: &str) -> Result<String, String> {
    for broker in text.split(',').map(str::trim) {
        let (host, port) = broker.rsplit_once(':').map_or((broker, None), |(host, port)| (host, Some(port)));
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if host.is_empty() || host.contains('/') || !port.is_none_or(is_port) {
            return Err(format!("expected HOST:PORT, or several with commas between, and got `{broker}`"));
        }
    }
    Ok(text.to_owned())
}

impl EngineArgs {
    /// Whether the environment names a region that there can be, where AWS is spoken to.
    ///
    /// # Errors
    /// [`Failure::Input`] with the variable, if it doesn't.
    pub(super) fn check_region(&self) -> Result<(), Failure> {
        let named = [&self.dynamodb_endpoint, &self.lambda_endpoint];
        let is_aws = self.aws || named.into_iter().flatten().any(|url| url.starts_with("https://"));
        if is_aws { check_region().map_err(Failure::Input) } else { Ok(()) }
    }

    /// What failed for want of credentials, told as that: AWS itself was not asked.
    pub(super) async fn explained(&self, failure: Failure) -> Failure {
        match &failure {
            Failure::Unreachable(Which::DynamoDb | Which::ToldWhole, _) if self.aws => {
                check_credentials().await.err().map_or(failure, Failure::Input)
            }
            Failure::No(_) | Failure::Shown | Failure::Input(_) | Failure::Unreachable(..) | Failure::Unread => failure,
        }
    }

    /// The stack of this folder, if it is used: it runs, and no other engine is named.
    fn stack(&self) -> Result<Option<Told>, Failure> {
        if self.aws {
            return Ok(None);
        }
        Ok(up_file::running()?.filter(|told| {
            let at = &told.endpoints;
            let named = [
                (&self.kafka_bootstrap_servers, &at.kafka_bootstrap_servers),
                (&self.dynamodb_endpoint, &at.dynamodb),
                (&self.lambda_endpoint, &at.lambda),
            ];
            named.into_iter().all(|(named, of_the_stack)| named.as_ref().is_none_or(|named| named == of_the_stack))
        }))
    }

    /// The stack of this folder, if it is used. A stack that doesn't answer counts as none. Then the engines are named,
    /// or their lookup says why they aren't found.
    pub(super) fn meant(&self) -> Option<Told> {
        self.stack().ok().flatten()
    }

    /// The names that the command uses.
    pub(super) fn names(&self) -> Result<Names, Failure> {
        match self.meant() {
            Some(told) => Ok(told.endpoints.names),
            None => Names::usual().map_err(Failure::input),
        }
    }

    /// A topic: the one that was named, else the one of its kind where the command looks for it.
    pub(super) fn topic(
        &self,
        named: Option<String>,
        kind: impl FnOnce(Topics) -> Option<String>,
    ) -> Result<String, Failure> {
        if let Some(named) = named {
            return Ok(named);
        }
        kind(self.names()?.topics)
            .ok_or_else(|| Failure::input("which topic? The template has none for this: set --topic"))
    }

    /// The tables: as they are named by flag or environment, else as `usual` has them.
    fn tables(&self, usual: Tables) -> Tables {
        let or = |named: &Option<String>, usual: String| named.clone().unwrap_or(usual);
        Tables {
            accounts: or(&self.accounts_table, usual.accounts),
            payments: or(&self.payments_table, usual.payments),
            refunds: or(&self.refunds_table, usual.refunds),
            dead_letters: or(&self.dead_letters_table, usual.dead_letters),
            account_commands: or(&self.account_commands_table, usual.account_commands),
            checkpoints: or(&self.checkpoints_table, usual.checkpoints),
            audit_heads: or(&self.audit_heads_table, usual.audit_heads),
        }
    }

    /// A stack's options with what flags and environment say of its engines and its tables.
    pub(super) fn of_stack(&self, options: StackOptions) -> Result<StackOptions, Failure> {
        if self.aws {
            return Err(Failure::input("--aws: a stack takes its engines by address, such as --dynamodb-endpoint"));
        }
        let usual = Names::of(&options.blueprint().map_err(Failure::input)?).tables;
        Ok(StackOptions {
            lambda_endpoint: self.lambda_endpoint.clone(),
            lambda_polls_streams: self.lambda_polls_streams,
            tables: Some(self.tables(usual)),
            ..options
        })
    }

    /// The Kafka for a stack: the one that was named, else one to start.
    pub(super) fn kafka(&self, start: StartKafka) -> KafkaEngine {
        self.kafka_bootstrap_servers.clone().map_or(start.into(), KafkaEngine::External)
    }

    /// The DynamoDB for a stack: the one that was named, else one to start, which keeps its tables in `data`.
    pub(super) fn dynamodb(&self, data: Option<PathBuf>) -> DynamoDbEngine {
        self.dynamodb_endpoint.clone().map_or(DynamoDbEngine::Embedded { data }, DynamoDbEngine::External)
    }

    /// DynamoDB's URL; none is AWS's own.
    pub(super) fn dynamodb_url(&self) -> Result<Option<String>, Failure> {
        if let Some(url) = &self.dynamodb_endpoint {
            return Ok(Some(url.clone()));
        }
        if self.aws {
            return Ok(None);
        }
        match self.stack()? {
            Some(told) => Ok(Some(told.endpoints.dynamodb)),
            None => Err(which(
                "DynamoDB",
                "set --dynamodb-endpoint or AWS_ENDPOINT_URL_DYNAMODB, or say --aws for AWS's own",
            )),
        }
    }

    /// The ledger.
    pub(super) async fn ledger(&self) -> Result<DynamoDb, Failure> {
        let (client, tables) = self.tables_and_client().await?;
        Ok(DynamoDb::new(client, tables))
    }

    /// A client for DynamoDB, and the names of the tables there.
    pub(super) async fn tables_and_client(&self) -> Result<(Client, Tables), Failure> {
        let url = self.dynamodb_url()?;
        let client = crate::local::aws::dynamodb(url.as_deref()).await.map_err(Failure::input)?;
        Ok((client, self.tables(self.names()?.tables)))
    }

    /// Kafka's address.
    pub(super) fn kafka_address(&self) -> Result<String, Failure> {
        if let Some(address) = &self.kafka_bootstrap_servers {
            return Ok(address.clone());
        }
        match self.stack()? {
            Some(told) => Ok(told.endpoints.kafka_bootstrap_servers),
            None => Err(which("Kafka", "set --kafka-bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS")),
        }
    }

    /// Where functions are invoked.
    pub(super) fn lambda(&self) -> Result<Lambda, Failure> {
        match (&self.lambda_endpoint, self.aws) {
            (Some(url), _) => Ok(Lambda::At(url.clone())),
            (None, true) => Ok(Lambda::Aws),
            // With another DynamoDB, a stack that doesn't answer isn't needed.
            (None, false) if self.dynamodb_endpoint.is_some() => {
                Ok(self.meant().map_or(Lambda::Here, |told| Lambda::At(told.endpoints.lambda)))
            }
            (None, false) => Ok(self.stack()?.map_or(Lambda::Here, |told| Lambda::At(told.endpoints.lambda))),
        }
    }

    /// Kafka's address, once it has answered there.
    pub(super) async fn kafka_that_answers(&self) -> Result<String, Failure> {
        self.kafka_and_topics().await.map(|(address, _)| address)
    }

    /// Kafka's address, and the topics that it answers there: by name, with their numbers of partitions and replicas.
    pub(super) async fn kafka_and_topics(&self) -> Result<(String, Vec<(String, usize, usize)>), Failure> {
        let address = self.kafka_address()?;
        let topics = kafka::topics(&address).await?;
        Ok((address, topics))
    }

    /// Kafka's address, once it has answered that it has this topic.
    pub(super) async fn kafka_with(&self, topic: &str) -> Result<String, Failure> {
        let (address, topics) = self.kafka_and_topics().await?;
        let known: BTreeSet<String> = topics.into_iter().map(|(name, ..)| name).collect();
        if known.contains(topic) { Ok(address) } else { Err(self.no_topic(topic, &known)?) }
    }

    /// A producer on a Kafka that has this topic.
    pub(super) async fn producer_to(&self, topic: &str) -> Result<KafkaProducer, Failure> {
        let (producer, topics) = self.producer_and_topics().await?;
        if topics.contains(topic) { Ok(producer) } else { Err(self.no_topic(topic, &topics)?) }
    }

    /// A producer on Kafka, and the names of the topics there.
    pub(super) async fn producer_and_topics(&self) -> Result<(KafkaProducer, BTreeSet<String>), Failure> {
        let address = self.kafka_that_answers().await?;
        let producer = kafka::producer(&address)?;
        let topics = producer.topics(kafka::PATIENCE).await;
        Ok((producer, topics.map_err(|error| kafka::unanswered(&address, &error))?))
    }

    /// Reads a topic of Kafka's from its beginning.
    pub(super) async fn reader_of(&self, topic: &str) -> Result<TopicReader, Failure> {
        let address = self.kafka_with(topic).await?;
        Ok(TopicReader::from_start(&address, topic).await?)
    }

    /// Reports an engine that can't be reached: its address, and what may help.
    pub(super) fn unreachable(&self, which: Which, error: &anyhow::Error) -> String {
        let (at, named) = match which {
            Which::Kafka => {
                let address = self.kafka_address().unwrap_or_default();
                (format!("Kafka at {address}: "), self.kafka_bootstrap_servers.is_some())
            }
            Which::DynamoDb if self.aws && self.dynamodb_endpoint.is_none() => {
                return format!("DynamoDB on AWS: {error:#}\n  {}", region_asked());
            }
            Which::DynamoDb => {
                let url = self.dynamodb_url().ok().flatten().unwrap_or_default();
                (format!("DynamoDB at {url}: "), self.dynamodb_endpoint.is_some())
            }
            // What is started here is no engine that runs elsewhere.
            Which::Told => (String::new(), !self.is_of_the_stack(error)),
            Which::ToldWhole => (String::new(), true),
        };
        let help = match (named, up_file::running()) {
            (true, running) => {
                let file = self.file.as_ref().filter(|_| which != Which::ToldWhole);
                let file = file.map(|path| format!("\n  {} names the engines", path.display())).unwrap_or_default();
                let stack = running.ok().flatten().map(|told| told.endpoints);
                return elsewhere::with_hint(format!("{at}{error:#}{file}"), stack.as_ref());
            }
            (false, Ok(Some(_))) => "is it an engine of the `giro up` of this folder?",
            (false, Ok(None) | Err(_)) => "is `giro up` running?",
        };
        format!("{at}{error:#}\n  {help} Else name the engines by flag or environment: see `giro help engines`")
    }

    /// Whether an error names an address of the stack of this folder.
    fn is_of_the_stack(&self, error: &anyhow::Error) -> bool {
        let text = format!("{error:#}");
        self.meant().is_some_and(|told| {
            let at = &told.endpoints;
            [&at.kafka_bootstrap_servers, &at.dynamodb, &at.lambda].into_iter().any(|address| text.contains(address))
        })
    }

    /// Reports that Kafka has no such topic, and which ones it has.
    pub(super) fn no_topic(&self, topic: &str, known: &BTreeSet<String>) -> Result<Failure, Failure> {
        let address = self.kafka_address()?;
        let mut shown: Vec<&str> = known.iter().map(String::as_str).filter(|name| !name.starts_with("__")).collect();
        let more = shown.len().saturating_sub(TOPICS_SHOWN_MAX);
        shown.truncate(TOPICS_SHOWN_MAX);
        let there = match (shown.is_empty(), more) {
            (true, _) => "it has none".to_owned(),
            (false, 0) => format!("it has {}", shown.join(", ")),
            (false, more) => format!("it has {} and {more} more", shown.join(", ")),
        };
        Ok(Failure::input(format!(
            "Kafka at {address} has no topic {topic}; {there}. `giro topics create` makes topics"
        )))
    }
}

/// Asks whether the region is the right one, of an AWS that doesn't answer.
fn region_asked() -> String {
    let region = giro::aws::region().unwrap_or_else(|| "that of the profile".into());
    format!("is the stack in the region {region}, and does this machine reach AWS? AWS_REGION names the region")
}

/// Asks which engine is meant.
fn which(engine: &str, how: &str) -> Failure {
    let here = match up_file::running() {
        Ok(Some(_)) => "the `giro up` of this folder has other engines than those that are named: ",
        Ok(None) | Err(_) => "start `giro up` in this folder, or ",
    };
    Failure::input(format!("which {engine}? {here}{how}"))
}
