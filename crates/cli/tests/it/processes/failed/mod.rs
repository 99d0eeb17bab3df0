//! What event sources give up, brought back by the command line: records of Kafka, and outcomes.
//!
//! | part | where |
//! |---|---|
//! | records of Kafka, byte for byte | `records` |
//! | outcomes, from the table | `outcomes` |
//! | the command line on a stack, and what a topic holds | here |

mod outcomes;
mod records;

use std::process::Output;
use std::time::Duration;

use giro_cli::local::stack::Endpoints;
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};

use crate::processes::cli;

/// Runs the command line on a stack, and holds its exit code and something that it says. Returns its output.
pub(crate) async fn giro(at: &Endpoints, arguments: &[&str], code: i32, says: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(arguments, folder.path());
    command.env("KAFKA_BOOTSTRAP_SERVERS", &at.kafka_bootstrap_servers);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &at.dynamodb);
    let output = tokio::task::spawn_blocking(move || cli::run(&mut command, b"")).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text:.2000}");
    assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text:.2000}");
    output
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// Every record of a topic that has so many, in order.
async fn records(at: &Endpoints, topic: &str, count: usize) -> Vec<Polled> {
    let records = records_at_least(at, topic, count).await;
    assert_eq!(records.len(), count, "{topic}");
    records
}

/// Every record of a topic once it has so many, in order.
pub(crate) async fn records_at_least(at: &Endpoints, topic: &str, count: usize) -> Vec<Polled> {
    let all = async {
        loop {
            let mut reader = TopicReader::from_start(&at.kafka_bootstrap_servers, topic).await.unwrap();
            let mut records = Vec::new();
            while let Read::Record(record) = reader.next().await.unwrap() {
                records.push(record);
            }
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the records come")
}

pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("{what}"));
}
