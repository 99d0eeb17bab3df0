//! What: What the template asks for, as plain data in the form of what is deployed.
//!
//! Data: Takes a template read for the place of its stack, and the stack's parameters. Gives what must be there.
//!
//! A stack that uses restored tables makes none for the ledger. Then the tables that it would make stand for the
//! restored ones.

use std::collections::BTreeMap;

use giro_template::{Deployment, Resource, Topic, UNKNOWN};
use serde_json::Value;

use super::grant::{Grant, grants};
use super::shape::{KEY, Shape};

/// The parameter by which a stack uses restored tables.
const RESTORED: &str = "RestoredTables";
/// The name of a version beside its alias (`infra/rollout.yaml`).
const VERSION: &str = "Version";
/// The key of the tables (`infra/encryption.yaml`).
const TABLES_KEY: &str = "Encryption.Key";
/// The variable that names the brokers.
const BROKERS: &str = "KAFKA_BOOTSTRAP_SERVERS";
/// The parameter that only a stack on an emulator has.
const EMULATOR: &str = "AwsEndpointUrl";

/// All that the template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Whether the stack is on an emulator, which tells less than AWS does.
    pub is_emulated: bool,
    /// The parameters that the template has.
    pub parameters: Vec<String>,
    /// The functions.
    pub functions: Vec<Function>,
    /// The event source mappings.
    pub mappings: Vec<Mapping>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The topics.
    pub topics: Vec<Topic>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The alias by which it is called, if it is rolled out by shares.
    pub alias: Option<String>,
    /// The version that the stack published last, if it tells it.
    pub version: Option<String>,
    /// Its variables.
    pub environment: BTreeMap<String, String>,
    /// How many seconds an invocation may take.
    pub timeout: u64,
    /// Its memory, in MiB.
    pub memory: u64,
    /// Its reserved concurrency.
    pub concurrency: Option<u64>,
    /// The name of its role, if the stack tells it.
    pub role: Option<String>,
    /// What its role must allow, and no more.
    pub grants: Vec<Grant>,
    /// AWS's own policies that its role must have; of each entry one.
    pub managed: Vec<&'static [&'static str]>,
    /// Policies of its role that are not known here.
    pub unread: Vec<String>,
}

impl Function {
    /// The name by which it is called.
    #[must_use]
    pub fn called(&self) -> String {
        self.alias.as_ref().map_or_else(|| self.name.clone(), |alias| format!("{}:{alias}", self.name))
    }
}

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its name in the template.
    pub id: String,
    /// The name of its function, with the alias behind a colon if it has one.
    pub function: String,
    /// Whether it must poll.
    pub is_enabled: bool,
    /// Its properties in the template.
    pub properties: Value,
}

impl Mapping {
    /// The topic that it reads. `None`: it reads a stream.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.properties.pointer("/Topics/0").and_then(Value::as_str)
    }

    /// The consumer group that reads its topic.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        group(&self.properties)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it must be like.
    pub shape: Shape,
    /// Whether it must be restorable to a point in time.
    pub is_recoverable: bool,
    /// The attribute by whose time DynamoDB deletes items, if it must.
    pub deletes: Option<String>,
}

/// The consumer group in the properties of a mapping, as the template and as Lambda has them.
#[must_use]
pub fn group(properties: &Value) -> Option<&str> {
    ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"]
        .into_iter()
        .find_map(|config| properties.get(config)?.get("ConsumerGroupId")?.as_str())
}

impl Expected {
    /// What a template asks for. `own` are the parameters of the template, `given` those of the stack.
    #[must_use]
    pub fn of(
        deployment: &Deployment,
        own: Vec<String>,
        given: &BTreeMap<String, String>,
        ids: &BTreeMap<String, String>,
    ) -> Self {
        let restored = given.get(RESTORED).filter(|prefix| !prefix.is_empty());
        let of_kind = |kind: &'static str| deployment.resources.iter().filter(move |resource| resource.kind == kind);
        Self {
            is_emulated: given.get(EMULATOR).is_some_and(|url| !url.is_empty()),
            parameters: own,
            functions: deployment
                .blueprint
                .functions
                .iter()
                .map(|function| of_function(function, deployment, ids))
                .collect(),
            mappings: of_kind("AWS::Lambda::EventSourceMapping").map(mapping).collect(),
            tables: of_kind("AWS::DynamoDB::Table")
                .filter(|table| table.exists || restored.is_some())
                .map(|resource| table(resource, restored.filter(|_| !resource.exists), ids))
                .collect(),
            topics: deployment.blueprint.topics.clone(),
        }
    }

    /// The stack's output tells the brokers of a cluster, which the template doesn't know.
    pub fn set_brokers(&mut self, brokers: &str) {
        let named = self.functions.iter_mut().filter_map(|function| function.environment.get_mut(BROKERS));
        for value in named.filter(|value| value.as_str() == UNKNOWN) {
            brokers.clone_into(value);
        }
    }

    /// The consumer groups, and the topic that each reads.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &str)> {
        self.mappings.iter().filter_map(|mapping| Some((mapping.group()?, mapping.topic()?)))
    }
}

fn text(properties: &Value, name: &str) -> Option<String> {
    properties.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn of_function(
    function: &giro_template::Function,
    deployment: &Deployment,
    ids: &BTreeMap<String, String>,
) -> Function {
    let of_kind = |kind: &'static str| deployment.resources.iter().filter(move |resource| resource.kind == kind);
    let is_named =
        |resource: &&Resource| text(&resource.properties, "FunctionName").is_some_and(|name| name == function.name);
    let alias = of_kind("AWS::Lambda::Alias").find(is_named);
    // The id of a version is an ARN, which ends with its number.
    let published = alias.and_then(|alias| ids.get(&format!("{}.{VERSION}", alias.path.rsplit_once('.')?.0)));
    let mut asked = Function {
        name: function.name.clone(),
        alias: alias.and_then(|alias| text(&alias.properties, "Name")),
        version: published.and_then(|arn| arn.rsplit(':').next()).map(str::to_owned),
        environment: function.environment.clone(),
        timeout: function.timeout.as_secs(),
        memory: function.memory_mib.into(),
        concurrency: function.concurrency_max.and_then(|count| u64::try_from(count).ok()),
        role: None,
        grants: Vec::new(),
        managed: vec![&["AWSLambdaBasicExecutionRole"]],
        unread: Vec::new(),
    };
    let Some(resource) = of_kind("AWS::Serverless::Function").find(is_named) else { return asked };
    // SAM makes the role, and names it after its function.
    asked.role = ids.get(&format!("{}Role", resource.path)).cloned();
    if resource.written.iter().any(|name| name == "VpcConfig") {
        asked.managed.push(&["AWSLambdaVPCAccessExecutionRole"]);
    }
    if text(&resource.properties, "Tracing").is_some_and(|mode| mode == "Active") {
        asked.managed.push(&["AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess"]);
    }
    let policies = resource.properties.get("Policies").and_then(Value::as_array);
    for policy in policies.into_iter().flatten() {
        let Some(arn) = policy.as_str() else {
            asked.grants.extend(grants(policy));
            continue;
        };
        let path = ids.iter().find(|(_, id)| id.as_str() == arn).map(|(path, _)| path);
        match of_kind("AWS::IAM::ManagedPolicy").find(|policy| Some(&policy.path) == path) {
            Some(policy) => {
                asked.grants.extend(policy.properties.get("PolicyDocument").map(grants).unwrap_or_default())
            }
            None => asked.unread.push(arn.to_owned()),
        }
    }
    asked
}

fn mapping(resource: &Resource) -> Mapping {
    let name = text(&resource.properties, "FunctionName").unwrap_or_default();
    let enabled = resource.properties.get("Enabled");
    Mapping {
        id: resource.path.clone(),
        function: called(&name),
        is_enabled: !enabled.is_some_and(|enabled| *enabled == Value::Bool(false) || enabled == "false"),
        properties: resource.properties.clone(),
    }
}

/// A function's name with its alias, from that or from an ARN.
#[must_use]
pub fn called(name: &str) -> String {
    name.rsplit_once(":function:").map_or(name, |(_, name)| name).to_owned()
}

fn table(resource: &Resource, restored: Option<&String>, ids: &BTreeMap<String, String>) -> Table {
    let name = text(&resource.properties, "TableName").unwrap_or_else(|| UNKNOWN.to_owned());
    let mut shape = Shape::of(&resource.properties);
    // The template names the key by its ARN, and the stack tells its id.
    let unknown = shape.properties.get_mut("encryption").filter(|value| value.contains(UNKNOWN));
    if let (Some(value), Some(id)) = (unknown, ids.get(TABLES_KEY)) {
        *value = format!("{KEY}{UNKNOWN}:key/{id}");
    }
    let deletes = resource.properties.get("TimeToLiveSpecification");
    let deletes = deletes.filter(|it| it.get("Enabled").is_some_and(|on| *on == Value::Bool(true) || on == "true"));
    let recovery = resource.properties.pointer("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled");
    Table {
        name: restored.map_or_else(|| name.clone(), |prefix| format!("{prefix}{name}")),
        shape,
        deletes: deletes.and_then(|it| text(it, "AttributeName")),
        is_recoverable: recovery.is_some_and(|on| *on == Value::Bool(true) || on == "true"),
    }
}

/// The table whose stream an ARN names.
#[must_use]
pub fn table_of_stream(arn: &str) -> Option<&str> {
    arn.split_once(":table/")?.1.split_once("/stream/").map(|(table, _)| table)
}
