//! Which engines a command speaks to.
//!
//! A running `giro up` writes its endpoints to `.giro/up.json` in its folder, and removes the file when it stops; other
//! commands in that folder find it there.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::Failure;
use super::up::StartKafka;
use crate::local::kafka;
use crate::local::stack::{DynamoDbEngine, Endpoints, KafkaEngine};
use crate::publish::kafka::KafkaProducer;
use crate::store::Tables;
use crate::store::dynamodb::DynamoDb;

/// Where `giro up` writes down what runs where, below the current folder.
const UP_FILE: &str = ".giro/up.json";

#[derive(Debug, Clone, Args)]
pub(super) struct EngineArgs {
    /// Kafka's address, such as 127.0.0.1:9092
    #[arg(long, global = true, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "HOST:PORT", help_heading = "Engines")]
    pub(super) kafka_bootstrap_servers: Option<String>,
    /// DynamoDB's URL, such as http://127.0.0.1:8000
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_DYNAMODB", value_name = "URL", help_heading = "Engines")]
    pub(super) dynamodb_endpoint: Option<String>,
    /// The URL of Lambda's Invoke call, such as http://127.0.0.1:9000
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_LAMBDA", value_name = "URL", help_heading = "Engines")]
    pub(super) lambda_endpoint: Option<String>,
    /// The Lambda that is named polls streams by itself, as deployed event sources do
    #[arg(long, global = true, requires = "lambda_endpoint", help_heading = "Engines")]
    pub(super) lambda_polls_streams: bool,
    /// The accounts table
    #[arg(long, global = true, env = "ACCOUNTS_TABLE", default_value = "accounts", help_heading = "Engines")]
    accounts_table: String,
    /// The payments table
    #[arg(long, global = true, env = "PAYMENTS_TABLE", default_value = "payments", help_heading = "Engines")]
    payments_table: String,
    /// The dead letters table
    #[arg(long, global = true, env = "DEAD_LETTERS_TABLE", default_value = "dead-letters", help_heading = "Engines")]
    dead_letters_table: String,
    /// The account commands table
    #[arg(
        long,
        global = true,
        env = "ACCOUNT_COMMANDS_TABLE",
        default_value = "account-commands",
        help_heading = "Engines"
    )]
    account_commands_table: String,
}

impl EngineArgs {
    pub(super) fn tables(&self) -> Tables {
        Tables {
            accounts: self.accounts_table.clone(),
            payments: self.payments_table.clone(),
            dead_letters: self.dead_letters_table.clone(),
            account_commands: self.account_commands_table.clone(),
        }
    }

    /// The tables, unless they are called what the template calls them.
    pub(super) fn named_tables(&self) -> Option<Tables> {
        Some(self.tables()).filter(|tables| *tables != Tables::default())
    }

    /// DynamoDB's URL, unless it is AWS's own.
    pub(super) fn dynamodb_url(&self) -> Option<String> {
        self.dynamodb_endpoint.clone().or_else(|| Some(running()?.dynamodb))
    }

    /// The Kafka for a stack: the one that was named, else one to start.
    pub(super) fn kafka(&self, start: StartKafka) -> KafkaEngine {
        self.kafka_bootstrap_servers.clone().map_or(start.into(), KafkaEngine::External)
    }

    /// The DynamoDB for a stack: the one that was named, else one to start, which keeps its tables in `data`.
    pub(super) fn dynamodb(&self, data: Option<PathBuf>) -> DynamoDbEngine {
        self.dynamodb_endpoint.clone().map_or(DynamoDbEngine::Embedded { data }, DynamoDbEngine::External)
    }

    /// The ledger.
    pub(super) async fn ledger(&self) -> Result<DynamoDb, Failure> {
        let client = crate::local::aws::dynamodb(self.dynamodb_url().as_deref()).await.map_err(Failure::input)?;
        Ok(DynamoDb::new(client, self.tables()))
    }

    /// Kafka's address.
    pub(super) fn kafka_address(&self) -> Result<String, Failure> {
        let address = self.kafka_bootstrap_servers.clone().or_else(|| Some(running()?.kafka_bootstrap_servers));
        address.ok_or_else(|| {
            Failure::input("which Kafka? Start `giro up` in this folder, or set --kafka-bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS")
        })
    }

    /// A producer on Kafka.
    pub(super) fn producer(&self) -> Result<KafkaProducer, Failure> {
        let address = self.kafka_address()?;
        Ok(kafka::producer(&address).with_context(|| format!("Kafka at {address}"))?)
    }

    /// The Invoke call's URL, if one was named or `giro up` runs.
    pub(super) fn lambda_url(&self) -> Option<String> {
        self.lambda_endpoint.clone().or_else(|| Some(running()?.lambda))
    }
}

/// Adds what may help to the failure of an engine that wasn't reached.
pub(super) fn unreachable(failure: Failure) -> Failure {
    match failure {
        Failure::Unreachable(error) => {
            let found = if Path::new(UP_FILE).exists() {
                "is the `giro up` of this folder still running?"
            } else {
                "is `giro up` running?"
            };
            Failure::Unreachable(anyhow::anyhow!(
                "{error:#}\n  {found} Else name the engines by flag or environment: see `giro --help`"
            ))
        }
        Failure::No(_) | Failure::Input(_) => failure,
    }
}

/// What a running `giro up` wrote down in this folder.
fn running() -> Option<Endpoints> {
    serde_json::from_slice(&std::fs::read(UP_FILE).ok()?).ok()
}

/// The file that says where a stack runs, for as long as it does.
pub(super) struct UpFile(PathBuf);

impl UpFile {
    pub(super) fn write(endpoints: &Endpoints) -> anyhow::Result<Self> {
        let path = PathBuf::from(UP_FILE);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        std::fs::write(&path, serde_json::to_vec_pretty(endpoints)?).with_context(|| format!("writing {UP_FILE}"))?;
        Ok(Self(path))
    }
}

impl Drop for UpFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}
