//! The engines of a restore: tables, topics, and the stack that runs on them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use giro::domain::Timestamp;
use giro::publish::Publish as _;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro_cli::local::kafka::{self, EmbeddedKafka, NewTopic};
use giro_cli::local::stack::{DynamoDbEngine, KafkaEngine, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::{Read, TopicReader};
use giro_testkit::dynamodb::{EmbeddedDynamoDb, client};
use giro_testkit::tables::by_variable;

use crate::processes::cli::{command as giro, run};

use super::copies::prefixed;

/// Of the topic of payment requests.
pub(super) const PARTITIONS: i32 = 4;
/// How long anything is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The engines, which outlive every stack.
pub(super) struct Engines {
    pub(super) dynamodb: EmbeddedDynamoDb,
    pub(super) kafka: EmbeddedKafka,
    pub(super) client: Client,
    pub(super) folder: tempfile::TempDir,
}

impl Engines {
    pub(super) async fn start() -> Self {
        let blueprint = Self::options().blueprint().unwrap();
        let topic = |topic: &giro_template::Topic| NewTopic {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: None,
            config: BTreeMap::new(),
        };
        let topics: Vec<NewTopic> = blueprint.topics.iter().map(topic).collect();
        let dynamodb = EmbeddedDynamoDb::start(None).unwrap();
        let client = client(dynamodb.endpoint());
        let kafka = EmbeddedKafka::start(&topics).await.unwrap();
        Self { dynamodb, kafka, client, folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn options() -> StackOptions {
        StackOptions {
            parameters: [("AcceptLimits".to_owned(), "true".to_owned())].into(),
            partitions: Some(PARTITIONS),
            batch_window: Some(Duration::from_millis(50)),
            ..StackOptions::default()
        }
    }

    /// A stack of these functions on tables of this prefix, whose pollers are in groups of their own.
    pub(super) async fn stack(&self, prefix: &str, functions: &[&str]) -> Stack {
        let mut options = Self::options();
        if !prefix.is_empty() {
            options.parameters.insert("ConsumerGroupSuffix".into(), format!("-{prefix}2"));
        }
        let options = StackOptions {
            kafka: KafkaEngine::External(self.kafka.bootstrap_servers().to_owned()),
            dynamodb: DynamoDbEngine::External(self.dynamodb.endpoint().to_owned()),
            tables: Some(prefixed(prefix)),
            run: Run::Only(functions.iter().map(|name| (*name).to_owned()).collect()),
            ..options
        };
        Stack::start(options).await.unwrap()
    }

    pub(super) fn ledger(&self, prefix: &str) -> DynamoDb {
        DynamoDb::new(self.client.clone(), prefixed(prefix))
    }

    pub(super) fn producer(&self) -> KafkaProducer {
        kafka::producer(self.kafka.bootstrap_servers()).unwrap()
    }

    /// Runs the command line on tables of this prefix.
    pub(super) fn giro(&self, prefix: &str, arguments: &[&str]) -> (i32, String) {
        let mut command = giro(arguments, self.folder.path());
        command.env("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint());
        command.env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers());
        command.envs(by_variable(&prefixed(prefix)));
        let Output { status, stdout, stderr } = run(&mut command, b"");
        let text = [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        println!("giro {}: {status}\n{text}", arguments.join(" "));
        (status.code().unwrap(), text)
    }

    /// Puts a record on the topic of requests, as if it had asked for this payment.
    pub(super) async fn request(&self, id: &str) {
        let sending = self.producer().send(kafka::REQUESTS_TOPIC, Some(id.as_bytes()), Some(b"{}"), &[]).await;
        sending.unwrap().placed().await.unwrap();
    }

    /// Rebuilds tables that were restored to this very second. The embedded DynamoDB doesn't tell the second.
    pub(super) fn rebuild(&self, more: &[&str]) -> (i32, String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let now = Timestamp::try_from_millis(i64::try_from(now).unwrap()).unwrap().to_string();
        self.giro("", &[&["restore", "rebuild", "--prefix", "restored-", "--second", &now], more].concat())
    }

    /// The outcomes on the topic by id: each different value.
    pub(super) async fn told(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut told = BTreeMap::<String, BTreeSet<String>>::new();
        let mut reader = TopicReader::from_start(self.kafka.bootstrap_servers(), "payment-outcomes").await.unwrap();
        while let Read::Record(record) = reader.next().await.unwrap() {
            let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
            told.entry(text(record.key)).or_default().insert(text(record.value));
        }
        told
    }

    pub(super) async fn until_told(&self, ids: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
        let all = async {
            loop {
                let told = self.told().await;
                if ids.iter().all(|id| told.contains_key(id)) {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("each outcome is told")
    }
}
