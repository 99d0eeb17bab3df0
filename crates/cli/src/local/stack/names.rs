//! What: Holds the names of everything that a stack has.
//!
//! Data: Takes a blueprint. Gives the names of its topics, tables, functions and queues, each by its purpose. All code
//! takes names from here, because parameters of the template rename everything, and a person may rename tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use giro::config::{
    ACCOUNT_COMMANDS_TABLE, ACCOUNTS_TABLE, AUDIT_HEADS_TABLE, CHECKPOINTS_TABLE, DEAD_LETTERS_TABLE, OUTCOMES_TOPIC,
    PAYMENTS_TABLE, REFUNDS_TABLE,
};
use giro::store::Tables;
use giro_template::{Blueprint, Mapping, Source, TemplateError, Templates};

/// The binary of the main job.
pub const PAYMENT_PROCESSOR: &str = "payment-processor";
/// The binary that carries out account commands.
pub const ACCOUNT_PROCESSOR: &str = "account-processor";
/// The binary that answers the HTTP API.
pub const PAYMENT_API: &str = "payment-api";
/// The binary that audits the ledger.
pub const LEDGER_AUDITOR: &str = "ledger-auditor";
/// The binary that publishes outcomes.
pub const OUTCOME_PUBLISHER: &str = "outcome-publisher";

/// The names of all that a stack has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The topics.
    pub topics: Topics,
    /// The tables.
    #[serde(with = "TableNames")]
    pub tables: Tables,
    /// The functions, by their binaries.
    pub functions: BTreeMap<String, String>,
    /// The queues.
    pub queues: Queues,
}

/// The names of topics. `None` if a template has no topic for the purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topics {
    /// Payment requests, which `payment-processor` takes.
    pub requests: Option<String>,
    /// What the pollers of `payment-processor` gave up.
    pub requests_failed: Option<String>,
    /// Account commands, which `account-processor` takes.
    pub commands: Option<String>,
    /// What the pollers of `account-processor` gave up.
    pub commands_failed: Option<String>,
    /// Outcomes: where `outcome-publisher` writes.
    pub outcomes: Option<String>,
}

/// The names of queues. `None` if a template has no queue for the purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    /// What the poller of `outcome-publisher` gave up. It is on AWS: the local stack has no queues.
    pub undelivered_outcomes: Option<String>,
}

/// What a table's name must be. Source: DynamoDB developer guide, "Naming rules".
pub(crate) const TABLE_EXPECTED: &str = "expected the name of a table: 3 to 255 characters of A-Z a-z 0-9 _ . -";

/// Whether a table can have this name.
pub(crate) fn is_table(name: &str) -> bool {
    (3..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// [`Tables`] as JSON. If a table is added there, the compiler reports it here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Tables")]
struct TableNames {
    accounts: String,
    payments: String,
    refunds: String,
    dead_letters: String,
    account_commands: String,
    checkpoints: String,
    audit_heads: String,
}

impl Names {
    /// The names in a blueprint. A table that no function knows has its usual name.
    #[must_use]
    pub fn of(blueprint: &Blueprint) -> Self {
        let (requests, commands) = (blueprint.mapping(PAYMENT_PROCESSOR), blueprint.mapping(ACCOUNT_PROCESSOR));
        let failed = |mapping: Option<&Mapping>| mapping.and_then(|mapping| mapping.on_failure_topic.clone());
        let publisher = blueprint.function(OUTCOME_PUBLISHER);
        let undelivered = blueprint.mapping(OUTCOME_PUBLISHER).and_then(|mapping| mapping.on_failure_queue.clone());
        let function = |it: &giro_template::Function| (it.binary.clone(), it.name.clone());
        Self {
            topics: Topics {
                requests: requests.and_then(topic),
                requests_failed: failed(requests),
                commands: commands.and_then(topic),
                commands_failed: failed(commands),
                outcomes: publisher.and_then(|publisher| publisher.environment.get(OUTCOMES_TOPIC).cloned()),
            },
            tables: named(|variable| blueprint.variable(variable).map(str::to_owned)),
            functions: blueprint.functions.iter().map(function).collect(),
            queues: Queues { undelivered_outcomes: undelivered },
        }
    }

    /// The names in the template that this program was built with, without other parameters.
    ///
    /// # Errors
    /// A test would find every error: the template is this program's own.
    pub fn usual() -> Result<Self, TemplateError> {
        Ok(Self::of(&Templates::Embedded.blueprint(&BTreeMap::new())?))
    }
}

fn topic(mapping: &Mapping) -> Option<String> {
    match &mapping.source {
        Source::Kafka { topic, .. } => Some(topic.clone()),
        Source::Stream { .. } => None,
    }
}

/// The tables, each with the name that `name` gives for its variable, else its usual name.
fn named(name: impl Fn(&'static str) -> Option<String>) -> Tables {
    let usual = Tables::default();
    Tables {
        accounts: name(ACCOUNTS_TABLE).unwrap_or(usual.accounts),
        payments: name(PAYMENTS_TABLE).unwrap_or(usual.payments),
        refunds: name(REFUNDS_TABLE).unwrap_or(usual.refunds),
        dead_letters: name(DEAD_LETTERS_TABLE).unwrap_or(usual.dead_letters),
        account_commands: name(ACCOUNT_COMMANDS_TABLE).unwrap_or(usual.account_commands),
        checkpoints: name(CHECKPOINTS_TABLE).unwrap_or(usual.checkpoints),
        audit_heads: name(AUDIT_HEADS_TABLE).unwrap_or(usual.audit_heads),
    }
}
