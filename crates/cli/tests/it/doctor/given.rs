//! A deployment that is as its template says: each test changes what matters to it.

use std::collections::BTreeMap;

use giro_cli::doctor::compare::compare;
use giro_cli::doctor::deployed::{
    Deployed, Function, Group, Live, Looked, Mapping, Progress, Role, Stack, Table, Topic,
};
use giro_cli::doctor::expected::Expected;
use giro_cli::doctor::finding::{Difference, Findings};
use giro_cli::doctor::grant::Grant;
use giro_cli::doctor::shape::Shape;
use giro_template::{Place, Templates, UNKNOWN};
use serde_json::Value;

pub(super) const CLUSTER: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/one/11111111-2222-3";
pub(super) const POLICY: &str = "arn:aws:iam::123456789012:policy/giro-RequestsConsumerAccess-Policy";

/// What is asked for, and what is deployed.
pub(super) struct World {
    pub(super) expected: Expected,
    pub(super) deployed: Deployed,
}

/// The place of a stack whose resources have ids.
pub(super) fn place() -> Place {
    let mut place = Place::of_stack("arn:aws:cloudformation:eu-central-1:123456789012:stack/giro-test/1").unwrap();
    let ids = [
        ("RequestsConsumerAccess.Policy", POLICY),
        ("CommandsConsumerAccess.Policy", "arn:aws:iam::123456789012:policy/commands"),
        ("OutcomesProducerAccess.Policy", "arn:aws:iam::123456789012:policy/outcomes"),
        ("RequestsProducerAccess.Policy", "arn:aws:iam::123456789012:policy/requests"),
    ];
    place.ids = Some(ids.map(|(path, id)| (path.to_owned(), id.to_owned())).into());
    place
}

/// What the template asks for with these parameters.
pub(super) fn expected(parameters: &[(&str, &str)]) -> (Expected, BTreeMap<String, String>) {
    let own = Templates::Embedded.parameters().unwrap();
    let given: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let place = place();
    let asked = Templates::Embedded.deployment(given.clone(), place.clone()).unwrap();
    let mut ids = place.ids.unwrap();
    ids.insert("Encryption.Key".into(), "11111111-key".into());
    for resource in asked.resources.iter().filter(|resource| resource.kind == "AWS::Serverless::Function") {
        let role = format!("{}-role", resource.properties["FunctionName"].as_str().unwrap());
        ids.insert(format!("{}Role", resource.path), role);
    }
    for resource in &asked.resources {
        let Some(around) = resource.path.strip_suffix(".Live") else { continue };
        let name = resource.properties["FunctionName"].as_str().unwrap();
        let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}:7");
        ids.insert(format!("{around}.Version"), arn);
    }
    let mut expected = Expected::of(&asked, own, &given, &ids);
    expected.set_brokers("b-1:9098");
    (expected, given)
}

impl World {
    /// A stack on an MSK cluster.
    pub(super) fn new() -> Self {
        let subnets = [("SubnetIds", "subnet-1,subnet-2"), ("SecurityGroupIds", "sg-1")];
        Self::with(&[&[("Kafka", "existing"), ("MskClusterArn", CLUSTER)], &subnets[..]].concat())
    }

    /// A stack with these parameters, all of it as the template says.
    pub(super) fn with(parameters: &[(&str, &str)]) -> Self {
        let (expected, mut given) = expected(parameters);
        for name in &expected.parameters {
            given.entry(name.clone()).or_default();
        }
        let functions = expected.functions.iter().map(|function| function.name.clone()).collect();
        let stack = Stack { status: "UPDATE_COMPLETE".into(), parameters: given, functions };
        let deployed = as_asked(&expected, stack);
        Self { expected, deployed }
    }

    pub(super) fn findings(&self) -> Findings {
        compare(&self.expected, &self.deployed)
    }

    pub(super) fn differences(&self) -> Vec<Difference> {
        self.findings().differences
    }

    pub(super) fn function(&mut self, name: &str) -> &mut Function {
        is(self.deployed.functions.get_mut(name).unwrap())
    }

    pub(super) fn table(&mut self, name: &str) -> &mut Table {
        is(self.deployed.tables.get_mut(name).unwrap())
    }

    pub(super) fn role(&mut self, name: &str) -> &mut Role {
        is(self.deployed.roles.get_mut(name).unwrap())
    }

    pub(super) fn topic(&mut self, name: &str) -> &mut Topic {
        is(is(&mut self.deployed.topics).get_mut(name).unwrap())
    }

    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        is(self.deployed.groups.get_mut(name).unwrap())
    }

    pub(super) fn mappings(&mut self) -> &mut Vec<Mapping> {
        is(&mut self.deployed.mappings)
    }

    /// The mapping that feeds a function.
    pub(super) fn mapping(&mut self, function: &str) -> &mut Mapping {
        self.mappings().iter_mut().find(|mapping| mapping.function == function).unwrap()
    }

    /// Gives a mapping another property, at a path.
    pub(super) fn set(&mut self, function: &str, path: &str, value: Value) {
        let properties = &mut self.mapping(function).properties;
        *path.split('/').skip(1).fold(properties, |holder, name| &mut holder[name]) = value;
    }
}

pub(super) fn is<T>(looked: &mut Looked<T>) -> &mut T {
    match looked {
        Looked::Is(found) => found,
        Looked::Missing | Looked::Not(_) => panic!("it isn't there"),
    }
}

/// A text with some value where only AWS knows it.
fn known(text: &str) -> String {
    text.replace(UNKNOWN, "known")
}

fn as_asked(expected: &Expected, stack: Stack) -> Deployed {
    let function = |asked: &giro_cli::doctor::expected::Function| {
        let environment = asked.environment.iter().map(|(name, value)| (name.clone(), known(value))).collect();
        Looked::Is(Function {
            environment: Looked::Is(environment),
            timeout: asked.timeout,
            memory: asked.memory,
            concurrency: Looked::Is(asked.concurrency),
            trouble: None,
            role: format!("{}-role", asked.name),
            live: asked.alias.as_ref().map(|_| Live {
                version: "7".into(),
                code: "one".into(),
                latest: Looked::Is("one".into()),
                others: Looked::Is(BTreeMap::new()),
            }),
        })
    };
    let role = |asked: &giro_cli::doctor::expected::Function| {
        let grant = |grant: &Grant| Grant { resource: known(&grant.resource), ..grant.clone() };
        let managed = asked.managed.iter().map(|names| names[0].to_owned()).collect();
        Looked::Is(Role {
            grants: asked.grants.iter().map(grant).collect(),
            trusts: Looked::Is(vec!["Allow sts:AssumeRole to Service lambda.amazonaws.com".into()]),
            boundary: None,
            managed,
            unread: Vec::new(),
        })
    };
    let table = |asked: &giro_cli::doctor::expected::Table| {
        let stream = format!("arn:aws:dynamodb:eu-central-1:123456789012:table/{}/stream/known", asked.name);
        let properties = asked.shape.properties.iter().map(|(name, value)| (name.clone(), known(value))).collect();
        let (recovery, deletes) = (Looked::Is(true), Looked::Is(None));
        Looked::Is(Table { shape: Shape { properties }, stream: Some(stream), recovery, deletes })
    };
    let topic = |asked: &giro_template::Topic| Topic {
        partitions: asked.partitions.try_into().unwrap(),
        replicas: asked.replication.try_into().unwrap(),
        config: Looked::Is(asked.config.clone()),
    };
    let progress = Progress { committed: Some(7), oldest: 5, next: 10 };
    Deployed {
        stack,
        functions: expected.functions.iter().map(|asked| (asked.called(), function(asked))).collect(),
        mappings: Looked::Is(expected.mappings.iter().map(mapping).collect()),
        tables: expected.tables.iter().map(|asked| (asked.name.clone(), table(asked))).collect(),
        roles: expected.functions.iter().map(|asked| (asked.name.clone(), role(asked))).collect(),
        topics: Looked::Is(
            expected.topics.iter().map(|asked| (asked.name.clone(), Looked::Is(topic(asked)))).collect(),
        ),
        groups: expected
            .groups()
            .map(|(group, _)| (group.to_owned(), Looked::Is(Group { partitions: [(0, progress)].into() })))
            .collect(),
    }
}

/// A mapping as Lambda tells it.
fn mapping(asked: &giro_cli::doctor::expected::Mapping) -> Mapping {
    let text = known(&asked.properties.to_string()).replace("KafkaBootstrapServers", "KAFKA_BOOTSTRAP_SERVERS");
    let mut properties: Value = serde_json::from_str(&text).unwrap();
    properties["State"] = if asked.is_enabled { "Enabled" } else { "Disabled" }.into();
    properties["LastProcessingResult"] = "OK".into();
    Mapping { uuid: format!("uuid-{}", asked.id), function: asked.function.clone(), properties }
}
