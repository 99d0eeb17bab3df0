//! What: Holds what a template asks for, as far as a local run needs it, and the changes that a person may ask for.
//!
//! Invariants: A change keeps all parts consistent: a renamed table or topic is renamed everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::filter::Filters;

/// What the local stack runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blueprint {
    /// The functions.
    pub functions: Vec<Function>,
    /// The event source mappings that bring records to them.
    pub mappings: Vec<Mapping>,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The routes of the HTTP API.
    pub routes: Vec<Route>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name in the template.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The binary that it is.
    pub binary: String,
    /// Its memory, in MiB.
    pub memory_mib: u32,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its variables.
    pub environment: BTreeMap<String, String>,
    /// How many may run at once, if the template says so.
    pub concurrency_max: Option<usize>,
    /// What happens to invocations that nobody waits for.
    pub asynchronous: Asynchronous,
}

/// What happens to an asynchronous invocation that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asynchronous {
    /// How often it is tried again.
    pub retries_max: u32,
    /// The age after which it isn't tried again.
    pub age_max: Duration,
}

impl Default for Asynchronous {
    fn default() -> Self {
        Self { retries_max: 2, age_max: Duration::from_secs(6 * 60 * 60) }
    }
}

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The name of its function.
    pub function: String,
    /// Where its records come from.
    pub source: Source,
    /// Where it starts the first time.
    pub starting: Starting,
    /// The most records a batch.
    pub batch_records_max: usize,
    /// How long a batch waits for more records after its first.
    pub batch_window: Duration,
    /// Whether a function may report single records. A mapping on Kafka that isn't provisioned never does.
    pub report_batch_item_failures: bool,
    /// Whether a batch that failed is cut in two.
    pub bisect: bool,
    /// How often a failed batch is tried again. `None`: as long as the source has it.
    pub retries_max: Option<u32>,
    /// The age at which a record is given up, tried or not. `None`: never.
    pub record_age_max: Option<Duration>,
    /// The topic for records that are given up. `None`: they are dropped.
    pub on_failure_topic: Option<String>,
    /// The queue that AWS informs of records that are given up. It doesn't exist locally.
    pub on_failure_queue: Option<String>,
    /// The most pollers, if they are provisioned.
    pub pollers_max: Option<usize>,
    /// Which records are delivered. A record that fits no filter is acknowledged and dropped.
    pub filters: Filters,
}

/// Where a mapping's records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A topic, read by a consumer group.
    Kafka {
        /// The topic.
        topic: String,
        /// The consumer group.
        consumer_group: String,
    },
    /// The stream of a table.
    Stream {
        /// The table.
        table: String,
    },
}

/// Where a mapping starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starting {
    /// At the oldest record.
    TrimHorizon,
    /// At the next new record.
    Latest,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: i32,
    /// Its replicas.
    pub replication: i32,
    /// Its configuration, such as `retention.ms`.
    pub config: BTreeMap<String, String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The types of its key attributes: `S`, `N` or `B`.
    pub attributes: BTreeMap<String, String>,
    /// Its key.
    pub key: Key,
    /// Its global secondary indexes.
    pub indexes: Vec<Index>,
    /// What its stream holds, such as `NEW_IMAGE`. `None`: it has no stream.
    pub stream: Option<String>,
}

/// The key of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The attribute that places an item.
    pub partition: String,
    /// The attribute that orders items of one place.
    pub sort: Option<String>,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Key,
    /// What it holds: `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// With `INCLUDE`, which attributes.
    pub attributes: Vec<String>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its key as API Gateway writes it: `POST /payments`, `ANY /{proxy+}` or `$default`.
    pub key: String,
    /// The name of its function.
    pub function: String,
}

impl Blueprint {
    /// The function of a binary.
    #[must_use]
    pub fn function(&self, binary: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.binary == binary)
    }

    /// The function of a binary, to be changed.
    pub fn function_mut(&mut self, binary: &str) -> Option<&mut Function> {
        self.functions.iter_mut().find(|function| function.binary == binary)
    }

    /// The mapping that feeds the function of a binary.
    #[must_use]
    pub fn mapping(&self, binary: &str) -> Option<&Mapping> {
        let function = self.function(binary)?;
        self.mappings.iter().find(|mapping| mapping.function == function.name)
    }

    /// The mapping that feeds the function of a binary, to be changed.
    pub fn mapping_mut(&mut self, binary: &str) -> Option<&mut Mapping> {
        let function = self.function(binary)?.name.clone();
        self.mappings.iter_mut().find(|mapping| mapping.function == function)
    }

    /// A topic, to be changed.
    pub fn topic_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.topics.iter_mut().find(|topic| topic.name == name)
    }

    /// What a variable says, in the first function that has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.functions.iter().find_map(|function| function.environment.get(name)).map(String::as_str)
    }

    /// Gives a variable another value in every function that has it.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        for variable in self.functions.iter_mut().filter_map(|function| function.environment.get_mut(name)) {
            value.clone_into(variable);
        }
    }

    /// Gives tables other names, by pairs of a variable that names a table and the new name. All change at once, so
    /// that two may swap names.
    pub fn rename_tables(&mut self, names: &[(&str, &str)]) {
        let known = |(variable, to): &(&str, &str)| Some((self.variable(variable)?.to_owned(), (*to).to_owned()));
        let renamed: BTreeMap<String, String> = names.iter().filter_map(known).collect();
        let rename = |name: &mut String| {
            if let Some(to) = renamed.get(name) {
                to.clone_into(name);
            }
        };
        self.tables.iter_mut().for_each(|table| rename(&mut table.name));
        for mapping in &mut self.mappings {
            match &mut mapping.source {
                Source::Stream { table } => rename(table),
                Source::Kafka { .. } => {}
            }
        }
        for (variable, to) in names {
            self.set_variable(variable, to);
        }
    }

    /// A name that two tables have.
    #[must_use]
    pub fn table_named_twice(&self) -> Option<&str> {
        let names: Vec<&String> = self.tables.iter().map(|table| &table.name).collect();
        let twice = names.iter().enumerate().find(|(ix, name)| names.iter().take(*ix).any(|other| other == *name));
        twice.map(|(_, name)| name.as_str())
    }

    /// Puts `prefix` before the name of every topic and consumer group.
    pub fn prefix_topics(&mut self, prefix: &str) {
        let names: Vec<String> = self.topics.iter().map(|topic| topic.name.clone()).collect();
        let rename = |name: &mut String| name.insert_str(0, prefix);
        self.topics.iter_mut().for_each(|topic| rename(&mut topic.name));
        for mapping in &mut self.mappings {
            mapping.on_failure_topic.iter_mut().for_each(rename);
            match &mut mapping.source {
                Source::Kafka { topic, consumer_group } => {
                    rename(topic);
                    rename(consumer_group);
                }
                Source::Stream { .. } => {}
            }
        }
        let variables = self.functions.iter_mut().flat_map(|function| function.environment.values_mut());
        variables.filter(|value| names.contains(value)).for_each(rename);
    }
}
