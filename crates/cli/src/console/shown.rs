//! What: What a console shows, and how it is found of a running stack.

use axum::Router;

use crate::local::aws;
use crate::local::stack::{ACCOUNT_PROCESSOR, Names, PAYMENT_PROCESSOR, Stack, Topics};
use crate::local::{LocalError, OrLocalError};
use giro::domain::Timestamp;
use giro::store::dynamodb::DynamoDb;
use giro_template::{Blueprint, Source};

/// What a console shows.
#[derive(Debug)]
pub struct Shown {
    /// Its ledger.
    pub ledger: DynamoDb,
    /// Whether its tables of checkpoints may be read.
    pub has_checkpoints: bool,
    /// DynamoDB's URL. `None`: AWS's own.
    pub dynamodb: Option<String>,
    /// Kafka's address, if it is known.
    pub kafka: Option<String>,
    /// The names of topics.
    pub topics: Topics,
    /// The consumer groups of payment requests and of account commands.
    pub groups: [Option<String>; 2],
    /// Its functions: of each the binary, the name, and where its work comes from.
    pub functions: Vec<[String; 3]>,
    /// The HTTP API of a stack that runs in this process: its address, and what answers.
    pub http: Option<(String, Router)>,
    /// When its functions began, if samples of them are shown. What was settled before is counted in its tables.
    pub began: Option<Timestamp>,
    /// Whether a person may change something.
    pub may_change: bool,
}

impl Shown {
    /// What a stack of this process has, that began at this time.
    ///
    /// # Errors
    /// [`LocalError::Asked`] if DynamoDB's address can't be used.
    pub async fn of_stack(stack: &Stack, began: Timestamp) -> Result<Self, LocalError> {
        let (endpoints, blueprint) = (stack.endpoints(), stack.blueprint());
        let client = aws::dynamodb(Some(&endpoints.dynamodb)).await.or_asked()?;
        let Names { topics, tables, .. } = endpoints.names.clone();
        Ok(Self {
            ledger: DynamoDb::new(client, tables),
            has_checkpoints: true,
            dynamodb: Some(endpoints.dynamodb.clone()),
            kafka: Some(endpoints.kafka_bootstrap_servers.clone()),
            topics,
            groups: Self::groups(blueprint),
            functions: Self::functions(blueprint),
            http: endpoints.http.clone().zip(stack.http_router()),
            began: Some(began),
            may_change: true,
        })
    }

    /// The consumer groups of payment requests and of account commands.
    #[must_use]
    pub fn groups(blueprint: &Blueprint) -> [Option<String>; 2] {
        [PAYMENT_PROCESSOR, ACCOUNT_PROCESSOR].map(|binary| match &blueprint.mapping(binary)?.source {
            Source::Kafka { consumer_group, .. } => Some(consumer_group.clone()),
            Source::Stream { .. } => None,
        })
    }

    /// Of each function its binary, its name, and where its work comes from.
    #[must_use]
    pub fn functions(blueprint: &Blueprint) -> Vec<[String; 3]> {
        let from = |name: &str| match blueprint.mappings.iter().find(|mapping| mapping.function == name) {
            Some(mapping) => match &mapping.source {
                Source::Kafka { topic, .. } => format!("topic {topic}"),
                Source::Stream { table } => format!("stream of {table}"),
            },
            None if blueprint.routes.iter().any(|route| route.function == name) => "HTTP".into(),
            None => "schedule".into(),
        };
        let functions = blueprint.functions.iter();
        functions.map(|function| [function.binary.clone(), function.name.clone(), from(&function.name)]).collect()
    }
}
