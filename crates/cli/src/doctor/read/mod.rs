//! What: Reads what is deployed, from AWS and from Kafka.
//!
//! | module | asks |
//! |---|---|
//! | [`stack`] | CloudFormation: the stack, its parameters, and the ids of all its resources |
//! | [`functions`] | Lambda: functions and event source mappings |
//! | [`tables`] | DynamoDB |
//! | [`roles`] | IAM |
//! | [`kafka`] | Kafka: topics and consumer groups |
//! | [`call`] | makes the calls: signs them, and tells a missing right from a missing thing |
//! | `xml` | the answers of services that write XML |
//!
//! Invariants: Nothing is changed. A right that is missing is a result, not an error.

use std::collections::BTreeMap;

use super::deployed::{Deployed, Looked, Topic};
use super::expected::Expected;
use super::finding::Why;
use call::Service;

pub mod call;
pub mod functions;
pub mod kafka;
pub mod roles;
pub mod stack;
pub mod tables;
mod xml;

/// The services of AWS that are asked.
#[derive(Debug, Clone)]
pub struct Services {
    /// CloudFormation.
    pub cloudformation: Service,
    /// Lambda.
    pub lambda: Service,
    /// DynamoDB.
    pub dynamodb: Service,
    /// IAM.
    pub iam: Service,
}

/// Reads all that the template has a say in. `brokers` is Kafka's address, if it is known.
pub async fn deployed(
    services: &Services,
    stack: super::deployed::Stack,
    expected: &Expected,
    brokers: Option<&str>,
) -> Deployed {
    let mut functions = BTreeMap::new();
    let mut roles = BTreeMap::new();
    for asked in &expected.functions {
        let found = functions::function(&services.lambda, &asked.called()).await;
        if let Looked::Is(function) = &found {
            roles.insert(asked.name.clone(), roles::role(&services.iam, &function.role).await);
        }
        functions.insert(asked.called(), found);
    }
    let mappings = functions::mappings(&services.lambda).await;
    let mut tables = BTreeMap::new();
    for asked in &expected.tables {
        tables.insert(asked.name.clone(), tables::table(&services.dynamodb, &asked.name).await);
    }
    let mut groups = BTreeMap::new();
    let topics = match brokers {
        None => Looked::Not(Why::Untold("nobody says where Kafka is: set --kafka-bootstrap-servers".to_owned())),
        Some(brokers) => {
            let names: Vec<String> = expected.topics.iter().map(|topic| topic.name.clone()).collect();
            let found = kafka::topics(brokers, &names).await;
            if let Looked::Is(topics) = &found {
                for (group, topic) in expected.groups() {
                    let Some(Looked::Is(Topic { partitions, .. })) = topics.get(topic) else { continue };
                    groups.insert(group.to_owned(), kafka::group(brokers, group, topic, *partitions).await);
                }
            }
            found
        }
    };
    Deployed { stack, functions, mappings, tables, roles, topics, groups }
}
