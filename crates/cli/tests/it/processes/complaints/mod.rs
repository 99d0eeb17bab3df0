//! What the command line says when it can't do something: soon, in one line, in words, with the exit code of the
//! README.
//!
//! | part | where |
//! |---|---|
//! | an engine is away | `engines_away` |
//! | arguments, variables, input, ids and names are wrong | `bad_input` |
//! | a run of the command line, and engines for it | here |

mod bad_input;
mod engines_away;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use giro_cli::local::kafka::{EmbeddedKafka, NewTopic};
use giro_template::Templates;
use giro_testkit::dynamodb::EmbeddedDynamoDb;

use crate::processes::cli;

const PAYMENT: &str = r#"{"payment_id":"p1","debtor_account":"a","creditor_account":"b","amount":1,"currency":"EUR"}"#;

fn run(words: &str, variables: &[(&str, &str)], input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = words.split(' ').collect();
    let mut command = cli::command(&arguments, folder.path());
    command.envs(variables.iter().copied());
    cli::run(&mut command, input)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn check(words: &str, variables: &[(&str, &str)], input: &[u8], code: i32, says: &str) {
    let output = run(words, variables, input);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{words}: {text}");
    assert!(text.contains(says), "{words}: expected {says:?} in\n{text}");
}

fn event(name: &str) -> String {
    Path::new(crate::ROOT).join("events").join(name).to_str().unwrap().to_owned()
}

async fn tables() -> EmbeddedDynamoDb {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_cli::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    engine
}

/// The embedded Kafka as `giro up` starts it: with the template's topics.
pub(super) async fn topics() -> EmbeddedKafka {
    let blueprint = Templates::Embedded.blueprint(&BTreeMap::new()).unwrap();
    let topic = |topic: &giro_template::Topic| NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication: None,
        config: BTreeMap::new(),
    };
    EmbeddedKafka::start(&blueprint.topics.iter().map(topic).collect::<Vec<_>>()).await.unwrap()
}
