//! What: Reads the configuration of handlers from the environment.
//!
//! Data: Takes variables. Gives a typed configuration for each handler, or all errors at once, so that one deployment
//! can mend them all.
//!
//! [`variables`] lists each variable that is read here, by function. `crates/cli/tests/it/local/deployment.rs` compares
//! the list with the template, and `tests/it/tidy.rs` with the documents. The SDK reads its own variables
//! (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB`, …), and [`crate::telemetry`] the log level.

mod authorization;
mod broker;
mod collector;

use crate::domain::AccountId;
use crate::domain::caller::Authorization;
use crate::publish::broker::Broker;
use crate::store::Tables;
use crate::telemetry::collector::CollectorConfig;

pub use broker::AccessConfig;

/// The variables of each function, in the order in which they are read. Parts that several functions read stand once.
const VARIABLES: [(&str, &[&[&str]]); 6] = [
    (
        "payment-processor",
        &[
            &[
                ACCOUNTS_TABLE,
                PAYMENTS_TABLE,
                REFUNDS_TABLE,
                DEAD_LETTERS_TABLE,
                PARTIAL_BATCH_RESPONSE,
                REQUESTS_PARTITIONS,
                EMBEDDED_METRICS,
            ],
            &collector::VARIABLES,
        ],
    ),
    (
        "account-processor",
        &[
            &[
                ACCOUNTS_TABLE,
                ACCOUNT_COMMANDS_TABLE,
                DEAD_LETTERS_TABLE,
                PARTIAL_BATCH_RESPONSE,
                REQUESTS_PARTITIONS,
                ACCEPT_LIMITS,
                EMBEDDED_METRICS,
            ],
            &collector::VARIABLES,
        ],
    ),
    ("outcome-publisher", &[&[OUTCOMES_TOPIC, EMBEDDED_METRICS], &collector::VARIABLES, &broker::VARIABLES]),
    (
        "payment-api",
        &[
            &[
                ACCOUNTS_TABLE,
                PAYMENTS_TABLE,
                REFUNDS_TABLE,
                DEAD_LETTERS_TABLE,
                CHECKPOINTS_TABLE,
                AUDIT_HEADS_TABLE,
                REQUESTS_TOPIC,
            ],
            &collector::OF_TRACES,
            &broker::VARIABLES,
            &[PRINCIPAL_SCOPES, ID_PREFIXES, PRINCIPAL_CLAIM, SCOPE_PREFIX, AUTHORIZATION],
        ],
    ),
    ("payment-canary", &[&[REQUESTS_TOPIC, OUTCOMES_TOPIC, CANARY_ACCOUNTS, CANARY_GROUP], &broker::VARIABLES]),
    (
        "ledger-auditor",
        &[&[ACCOUNTS_TABLE, PAYMENTS_TABLE, REFUNDS_TABLE, DEAD_LETTERS_TABLE, CHECKPOINTS_TABLE, AUDIT_HEADS_TABLE]],
    ),
];

/// Each function, with the variables that it reads, in their order.
pub fn variables() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    VARIABLES.into_iter().map(|(function, parts)| (function, parts.concat()))
}

/// Names the accounts table.
pub const ACCOUNTS_TABLE: &str = "ACCOUNTS_TABLE";
/// Names the account commands table.
pub const ACCOUNT_COMMANDS_TABLE: &str = "ACCOUNT_COMMANDS_TABLE";
/// Names the payments table.
pub const PAYMENTS_TABLE: &str = "PAYMENTS_TABLE";
/// Names the refunds table. Without it the table is `refunds`.
pub const REFUNDS_TABLE: &str = "REFUNDS_TABLE";
/// Names the checkpoints table.
pub const CHECKPOINTS_TABLE: &str = "CHECKPOINTS_TABLE";
/// Names the table of the newest checkpoint of each account.
pub const AUDIT_HEADS_TABLE: &str = "AUDIT_HEADS_TABLE";
/// Names the dead letters table.
pub const DEAD_LETTERS_TABLE: &str = "DEAD_LETTERS_TABLE";
const PARTIAL_BATCH_RESPONSE: &str = "PARTIAL_BATCH_RESPONSE";
const REQUESTS_PARTITIONS: &str = "REQUESTS_PARTITIONS";
const ACCEPT_LIMITS: &str = "ACCEPT_LIMITS";
const EMBEDDED_METRICS: &str = "EMBEDDED_METRICS";
/// Names the topic of payment requests.
pub const REQUESTS_TOPIC: &str = "REQUESTS_TOPIC";
/// Names the topic of outcomes.
pub const OUTCOMES_TOPIC: &str = "OUTCOMES_TOPIC";

/// Says who may do what over HTTP: `open` or `owners`.
pub const AUTHORIZATION: &str = "AUTHORIZATION";
/// Names the claim of a token that holds the principal.
pub const PRINCIPAL_CLAIM: &str = "PRINCIPAL_CLAIM";
/// Says what stands before each scope in a token.
pub const SCOPE_PREFIX: &str = "SCOPE_PREFIX";
const PRINCIPAL_SCOPES: &str = "PRINCIPAL_SCOPES";
const ID_PREFIXES: &str = "ID_PREFIXES";
const CANARY_ACCOUNTS: &str = "CANARY_ACCOUNTS";
const CANARY_GROUP: &str = "CANARY_GROUP";

/// Everything that is wrong with the environment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not complete:{}", .0.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
pub struct ConfigError(Vec<String>);

/// A configuration that is read from variables.
pub trait FromEnv: Sized {
    /// Reads variables. The reader collects what is wrong with them.
    fn read(reader: &mut Reader<'_>) -> Self;

    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that is missing or not understood.
    fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }

    /// Reads variables from wherever `lookup` finds them.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that is missing or not understood.
    fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, faults: Vec::new() };
        let config = Self::read(&mut reader);
        if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError(reader.faults)) }
    }
}

/// The configuration of `payment-processor`.
#[derive(Debug, PartialEq, Eq)]
pub struct PaymentProcessorConfig {
    /// The tables.
    pub tables: Tables,
    /// Whether the event source mapping asks for partial batch responses (`ReportBatchItemFailures`). If it doesn't,
    /// Lambda takes a list of failures as success.
    pub partial_batch_response: bool,
    /// How many partitions the topic of requests has. It decides which lanes of a creditor a partition owns. A wrong
    /// number makes settling slower, never wrong.
    pub requests_partitions: u32,
    /// Whether it writes the metrics of each batch to its log.
    pub embedded_metrics: bool,
    /// Who is told of each batch.
    pub collector: CollectorConfig,
}

impl FromEnv for PaymentProcessorConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            tables: reader.tables(),
            partial_batch_response: reader.flag(PARTIAL_BATCH_RESPONSE),
            requests_partitions: reader.count(REQUESTS_PARTITIONS, 1),
            embedded_metrics: reader.flag(EMBEDDED_METRICS),
            collector: reader.collector(),
        }
    }
}

/// The configuration of `ledger-auditor`.
#[derive(Debug, PartialEq, Eq)]
pub struct LedgerAuditorConfig {
    /// The tables.
    pub tables: Tables,
    /// Whether it writes checkpoints, and reads what moved since. Without their tables it reads all payments.
    pub keeps_checkpoints: bool,
}

impl FromEnv for LedgerAuditorConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let (tables, keeps_checkpoints) = reader.tables_with_checkpoints();
        Self { tables, keeps_checkpoints }
    }
}

/// The configuration of `account-processor`.
#[derive(Debug, PartialEq, Eq)]
pub struct AccountProcessorConfig {
    /// The tables.
    pub tables: Tables,
    /// Whether the event source mapping asks for partial batch responses, as in [`PaymentProcessorConfig`].
    pub partial_batch_response: bool,
    /// How many partitions the topic of requests has, or 0 if that isn't set. An account is opened with a credit lane
    /// for each. A wrong number makes settling slower, never wrong.
    pub requests_partitions: u32,
    /// Whether accounts may get limits. An older payment-processor ignores them, so all must know them first.
    pub accept_limits: bool,
    /// Whether it writes the metrics of each batch to its log.
    pub embedded_metrics: bool,
    /// Who is told of each batch.
    pub collector: CollectorConfig,
}

impl FromEnv for AccountProcessorConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        // Other tables keep their usual names, and are never used.
        let tables = Tables {
            accounts: reader.accounts_table(),
            account_commands: reader.text(ACCOUNT_COMMANDS_TABLE, "the name of the account commands table"),
            dead_letters: reader.dead_letters_table(),
            ..Tables::default()
        };
        let partial_batch_response = reader.flag(PARTIAL_BATCH_RESPONSE);
        let requests_partitions = reader.count(REQUESTS_PARTITIONS, 0);
        let (accept_limits, embedded_metrics) = (reader.flag(ACCEPT_LIMITS), reader.flag(EMBEDDED_METRICS));
        let collector = reader.collector();
        Self { tables, partial_batch_response, requests_partitions, accept_limits, embedded_metrics, collector }
    }
}

/// The configuration of `outcome-publisher`.
#[derive(Debug, PartialEq, Eq)]
pub struct OutcomePublisherConfig {
    /// The topic that outcomes go to.
    pub topic: String,
    /// Whether it writes the metrics of each batch to its log.
    pub embedded_metrics: bool,
    /// Who is told of each batch.
    pub collector: CollectorConfig,
    /// Where it is.
    pub broker: Broker,
}

impl FromEnv for OutcomePublisherConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let topic = reader.text(OUTCOMES_TOPIC, "the name of the topic of outcomes");
        let (embedded_metrics, collector) = (reader.flag(EMBEDDED_METRICS), reader.collector());
        Self { topic, embedded_metrics, collector, broker: reader.broker() }
    }
}

/// The configuration of `payment-api`.
#[derive(Debug, PartialEq, Eq)]
pub struct PaymentApiConfig {
    /// The tables that it reads.
    pub tables: Tables,
    /// Whether balances at a time may rest on checkpoints. Without their tables they are sums from the first posting.
    pub has_checkpoints: bool,
    /// The topic that payments are handed over to.
    pub topic: String,
    /// The URL that is told of each request, if there is one.
    pub collector: CollectorConfig,
    /// Where it is.
    pub broker: Broker,
    /// Who may do what.
    pub authorization: Authorization,
}

impl FromEnv for PaymentApiConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let (tables, has_checkpoints) = reader.tables_with_checkpoints();
        Self {
            tables,
            has_checkpoints,
            topic: reader.text(REQUESTS_TOPIC, "the name of the topic of payment requests"),
            collector: reader.collector_of_traces(),
            broker: reader.broker(),
            authorization: authorization::read(reader),
        }
    }
}

/// The configuration of `payment-canary`.
#[derive(Debug, PartialEq, Eq)]
pub struct PaymentCanaryConfig {
    /// The topic that it hands requests over to.
    pub requests: String,
    /// The topic that it reads outcomes from.
    pub outcomes: String,
    /// The accounts that pay each other.
    pub accounts: [AccountId; 2],
    /// The name of the consumer group that its login may describe. Nothing is committed to it.
    pub group: String,
    /// Where the topics are.
    pub broker: Broker,
}

impl FromEnv for PaymentCanaryConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let requests = reader.text(REQUESTS_TOPIC, "the name of the topic of payment requests");
        let outcomes = reader.text(OUTCOMES_TOPIC, "the name of the topic of outcomes");
        let accounts = reader.canary_accounts();
        let group = reader.given(CANARY_GROUP).unwrap_or_else(|| "payment-canary".into());
        Self { requests, outcomes, accounts, group, broker: reader.broker() }
    }
}

/// Reads variables, and collects what is wrong with them.
pub struct Reader<'l> {
    lookup: &'l dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn given(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    fn tables(&mut self) -> Tables {
        Tables {
            accounts: self.accounts_table(),
            payments: self.text(PAYMENTS_TABLE, "the name of the payments table"),
            refunds: self.given(REFUNDS_TABLE).unwrap_or(Tables::default().refunds),
            dead_letters: self.dead_letters_table(),
            ..Tables::default()
        }
    }

    /// The tables, and whether those of checkpoints are among them.
    fn tables_with_checkpoints(&mut self) -> (Tables, bool) {
        let tables = self.tables();
        let (checkpoints, audit_heads) = (self.given(CHECKPOINTS_TABLE), self.given(AUDIT_HEADS_TABLE));
        let has_checkpoints = checkpoints.is_some() && audit_heads.is_some();
        if checkpoints.is_some() != audit_heads.is_some() {
            self.faults.push(format!("expected both of {CHECKPOINTS_TABLE} and {AUDIT_HEADS_TABLE}, or none"));
        }
        let tables = Tables {
            checkpoints: checkpoints.unwrap_or(tables.checkpoints),
            audit_heads: audit_heads.unwrap_or(tables.audit_heads),
            ..tables
        };
        (tables, has_checkpoints)
    }

    /// Two accounts, `ID,ID`.
    fn canary_accounts(&mut self) -> [AccountId; 2] {
        let text = self.given(CANARY_ACCOUNTS);
        let mut ids = text.iter().flat_map(|text| text.split(',')).map(|id| AccountId::try_new(id.trim()));
        if let (Some(Ok(one)), Some(Ok(other)), None) = (ids.next(), ids.next(), ids.next())
            && one != other
        {
            return [one, other];
        }
        let wrong = if text.is_some() { "understood" } else { "set" };
        self.faults.push(format!("{CANARY_ACCOUNTS} is not {wrong}: expected the ids of two accounts, ID,ID"));
        // With a fault there is no configuration, so nobody uses them.
        [(); 2].map(|()| AccountId::try_new("nobody").unwrap_or_else(|_| unreachable!("it is an id")))
    }

    fn accounts_table(&mut self) -> String {
        self.text(ACCOUNTS_TABLE, "the name of the accounts table")
    }

    fn dead_letters_table(&mut self) -> String {
        self.text(DEAD_LETTERS_TABLE, "the name of the dead letters table")
    }

    fn text(&mut self, name: &str, expected: &str) -> String {
        self.given(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is not set: expected {expected}"));
            String::new()
        })
    }

    /// A flag. It is off if it isn't set.
    fn flag(&mut self, name: &str) -> bool {
        match self.given(name).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.faults.push(format!("{name} is not understood: expected true or false"));
                false
            }
        }
    }

    /// A whole number from 1 on. It is `default` if it isn't set.
    fn count(&mut self, name: &str, default: u32) -> u32 {
        let Some(text) = self.given(name) else { return default };
        text.parse().ok().filter(|&count| count > 0).unwrap_or_else(|| {
            self.faults.push(format!("{name} is not understood: expected a whole number from 1 on"));
            default
        })
    }
}

#[cfg(test)]
mod tests;
