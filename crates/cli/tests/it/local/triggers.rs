//! What triggers functions, as a template may also write it: SAM's events and filters, from the topic to the tables.

use std::time::Duration;

use giro::store::LedgerQueries;
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_cli::local::stack::{KafkaEngine, Stack, StackOptions};
use giro_template::Templates;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::processes::cli;
use crate::processes::stack::{acknowledged, ledger, options, payment, publish};

const EVENT: &str = r#"FunctionName: !Sub "${NamePrefix}payment-processor"
      Events:
        Requests:
          Type: SelfManagedKafka
          Properties:
            KafkaBootstrapServers: [broker.example:9092]
            Topics: [!Sub "${NamePrefix}payment-requests"]
            ConsumerGroupId: of-sam
            StartingPosition: TRIM_HORIZON
            FunctionResponseTypes: [ReportBatchItemFailures]
            ProvisionedPollerConfig: { MaximumPollers: 2 }
            FilterCriteria:
              Filters:
                - Pattern: '{"value":{"currency":["EUR"],"amount":[{"numeric":["<",100]}]}}'
"#;

/// How far a consumer group came, over all partitions.
fn committed(broker: &str, group: &str) -> i64 {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", broker).set("group.id", group).create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(REQUESTS_TOPIC, 0, 3);
    let committed = consumer.committed_offsets(partitions, Duration::from_secs(10)).unwrap();
    committed.elements().iter().filter_map(|partition| partition.offset().to_raw()).filter(|offset| *offset > 0).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_event_of_sam_with_a_filter_delivers_what_fits_and_passes_over_the_rest() {
    let mut texts = Templates::embedded_texts();
    let template = texts.get_mut("template.yaml").unwrap();
    let name = "FunctionName: !Sub \"${NamePrefix}payment-processor\"\n";
    let enabled = "Enabled: !If [SettlesPayments, true, false]\n";
    for (from, to) in [(name, EVENT), (enabled, "Enabled: false\n")] {
        assert!(template.contains(from), "the template no longer says {from}");
        *template = template.replacen(from, to, 1);
    }
    let options = StackOptions { templates: Templates::Texts(texts), ..options(KafkaEngine::Embedded) };
    let stack = Stack::start(options).await.unwrap();
    let mut values: Vec<String> = (0..5).map(|ix| payment(&format!("k{ix}"), "a", "b", 1)).collect();
    values.push(payment("large", "a", "b", 100));
    values.push(payment("dollars", "a", "b", 1).replace("EUR", "USD"));
    values.push("no payment".into());
    publish(&stack, REQUESTS_TOPIC, &values).await;
    acknowledged(&stack, 5).await;
    let broker = stack.endpoints().kafka_bootstrap_servers.clone();
    let passed = async {
        while committed(&broker, "of-sam") < 8 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), passed).await.expect("what is dropped is acknowledged");
    let activity = stack.activity();
    assert_eq!((activity.acknowledged, activity.filtered), (5, 3), "{activity:?}");
    let ledger = ledger(&stack).await;
    assert_eq!(ledger.payments().await.unwrap().len(), 5);
    assert_eq!(ledger.dead_letters().await.unwrap(), []);
    stack.stop().await.unwrap();
}

/// Once a batch took the next waiting record or its window's end by chance, so without a window it had two records.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_window_a_batch_takes_all_that_waits() {
    let options = StackOptions {
        partitions: Some(1),
        batch_window: Some(Duration::ZERO),
        batch_records_max: Some(1_000),
        ..options(KafkaEngine::Embedded)
    };
    let stack = Stack::start(options).await.unwrap();
    let values: Vec<String> = (0..400).map(|ix| payment(&format!("k{ix}"), "a", "b", 1)).collect();
    publish(&stack, REQUESTS_TOPIC, &values).await;
    acknowledged(&stack, 400).await;
    let activity = stack.activity();
    assert!(activity.invocations <= 40, "{activity:?}");
    stack.stop().await.unwrap();
}

#[test]
fn a_template_that_asks_for_what_is_not_done_ends_giro_up_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("template.yaml");
    let text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: { BuildProperties: { Binary: f } }\n    \
        Properties: { Events: { Queue: { Type: SQS } } }\n";
    std::fs::write(&file, text).unwrap();
    let up = cli::run(cli::command(&["up", "--template"], folder.path()).arg(&file), b"");
    let complaint = String::from_utf8(up.stderr).unwrap();
    assert!(complaint.contains("Resources.F.Properties.Events.Queue.Type: expected MSK"), "{complaint}");
    assert_eq!(up.status.code(), Some(2), "{complaint}");
}
