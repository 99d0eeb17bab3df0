//! What: The options of a stack: its engines, its template, and what a person wants otherwise.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use giro_testkit::tables::by_variable;

use super::super::http::Caller;
use super::names::{PAYMENT_PROCESSOR, TABLE_EXPECTED, is_table};
use giro::config::AUTHORIZATION;
use giro::store::Tables;
use giro_template::{Blueprint, Source, TemplateError, Templates};

/// The template's parameter behind that variable.
const AUTHORIZATION_PARAMETER: &str = "HttpAuthorization";

/// Which Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KafkaEngine {
    /// librdkafka's mock cluster, in this process.
    #[default]
    Embedded,
    /// Apache Kafka, fetched and started here.
    Apache,
    /// One that runs already, at this address.
    External(String),
}

/// Which DynamoDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamoDbEngine {
    /// In this process. With a folder, tables are stored in it.
    Embedded {
        /// The folder.
        data: Option<PathBuf>,
    },
    /// One that runs already, at this URL.
    External(String),
}

impl Default for DynamoDbEngine {
    fn default() -> Self {
        Self::Embedded { data: None }
    }
}

/// Where the lines go that functions write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLines {
    /// To stderr, as they are.
    Json,
    /// To stderr, as a text for a person.
    Text {
        /// With colours.
        color: bool,
    },
    /// Nowhere: they are only counted.
    #[default]
    Hide,
}

/// Which of the template's functions run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Run {
    /// All of them. Each must have been built.
    All,
    /// Those whose binaries have been built. The stack says which are left out.
    #[default]
    Built,
    /// The functions of these binaries, which must have been built.
    Only(Vec<String>),
}

/// The options of a stack. `None` means: as the template says.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// Kafka.
    pub kafka: KafkaEngine,
    /// DynamoDB.
    pub dynamodb: DynamoDbEngine,
    /// Where to store how far streams were read, if DynamoDB is elsewhere. Otherwise it is stored beside the tables.
    pub checkpoints: Option<PathBuf>,
    /// A running Lambda with the functions deployed on it. Otherwise local workers run them.
    pub lambda_endpoint: Option<String>,
    /// Whether that Lambda polls streams by itself, as deployed event sources do.
    pub lambda_polls_streams: bool,
    /// The template.
    pub templates: Templates,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Which functions run.
    pub run: Run,
    /// The folder of their binaries. The default is that of the running program.
    pub binaries: Option<PathBuf>,
    /// The names of the tables.
    pub tables: Option<Tables>,
    /// The prefix of the names of topics and consumer groups.
    pub topic_prefix: String,
    /// Partitions of the topic of payment requests, if it is created.
    pub partitions: Option<i32>,
    /// The most payment requests a batch.
    pub batch_records_max: Option<usize>,
    /// How long a batch of payment requests waits for more after its first.
    pub batch_window: Option<Duration>,
    /// How many invocations of one function run at once.
    pub concurrency: Option<usize>,
    /// How long an invocation of the payment processor may take.
    pub function_timeout: Option<Duration>,
    /// Whether mappings on Kafka ask for partial batch responses, and functions give them.
    pub partial_batch_response: Option<bool>,
    /// Who calls the HTTP API. `None`: anybody, who may do everything, unless a parameter says otherwise.
    pub caller: Option<Caller>,
    /// The port of the HTTP API. The default is a free one.
    pub http_port: Option<u16>,
    /// Where the lines go that functions write.
    pub log: LogLines,
}

impl StackOptions {
    /// What is to run: the template, and what is wanted otherwise.
    ///
    /// # Errors
    /// [`TemplateError`] if the template can't be used.
    pub fn blueprint(&self) -> Result<Blueprint, TemplateError> {
        let mut blueprint = self.templates.blueprint(&self.parameters)?;
        if let Some(tables) = &self.tables {
            blueprint.rename_tables(&by_variable(tables));
        }
        if !self.topic_prefix.is_empty() {
            let functions = blueprint.functions.clone();
            blueprint.prefix_topics(&self.topic_prefix);
            // Functions that are deployed elsewhere go on writing to their own topics.
            if self.lambda_endpoint.is_some() {
                blueprint.functions = functions;
            }
        }
        if self.lambda_polls_streams {
            blueprint.mappings.retain(|mapping| matches!(mapping.source, Source::Kafka { .. }));
        }
        if let Some(partitions) = self.partitions {
            let requests = blueprint.mapping_mut(PAYMENT_PROCESSOR).and_then(|mapping| match &mapping.source {
                Source::Kafka { topic, .. } => Some(topic.clone()),
                Source::Stream { .. } => None,
            });
            if let Some(topic) = requests.and_then(|topic| blueprint.topic_mut(&topic)) {
                topic.partitions = partitions;
            }
            blueprint.set_variable("REQUESTS_PARTITIONS", &partitions.to_string());
        }
        if let Some(mapping) = blueprint.mapping_mut(PAYMENT_PROCESSOR) {
            mapping.batch_records_max = self.batch_records_max.unwrap_or(mapping.batch_records_max);
            mapping.batch_window = self.batch_window.unwrap_or(mapping.batch_window);
        }
        if let (Some(timeout), Some(function)) = (self.function_timeout, blueprint.function_mut(PAYMENT_PROCESSOR)) {
            function.timeout = timeout;
        }
        if let Some(partial) = self.partial_batch_response {
            for mapping in &mut blueprint.mappings {
                match mapping.source {
                    Source::Kafka { .. } => mapping.report_batch_item_failures = partial,
                    Source::Stream { .. } => {}
                }
            }
            blueprint.set_variable("PARTIAL_BATCH_RESPONSE", if partial { "true" } else { "false" });
        }
        if self.caller.is_none() && !self.parameters.contains_key(AUTHORIZATION_PARAMETER) {
            blueprint.set_variable(AUTHORIZATION, "open");
        }
        if let Some(table) = blueprint.tables.iter().find(|table| !is_table(&table.name)) {
            let expected = format!("{TABLE_EXPECTED}, and got '{}'", table.name);
            return Err(TemplateError { place: "tables".into(), expected });
        }
        if let Some(name) = blueprint.table_named_twice() {
            let expected = format!("expected each table to have a name of its own: {name} is the name of two");
            return Err(TemplateError { place: "tables".into(), expected });
        }
        Ok(blueprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DynamoDB would refuse it, once engines have started.
    #[test]
    fn a_table_that_can_not_be_called_so_is_refused_by_its_name() {
        let tables = Tables { dead_letters: "dead letters".into(), ..Tables::default() };
        let refused = StackOptions { tables: Some(tables), ..StackOptions::default() }.blueprint().unwrap_err();
        let expected =
            "tables: expected the name of a table: 3 to 255 characters of A-Z a-z 0-9 _ . -, and got 'dead letters'";
        assert_eq!(refused.to_string(), expected);
    }
}
