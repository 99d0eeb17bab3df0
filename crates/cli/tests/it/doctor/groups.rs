//! What the doctor reads at a broker: topics, and how far a group has read one.

use giro::publish::Publish;
use giro_cli::doctor::deployed::{Looked, Progress};
use giro_cli::doctor::finding::Why;
use giro_cli::doctor::read::kafka::{group, topics};
use giro_cli::local::kafka::{EmbeddedKafka, NewTopic, client, producer};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

fn topic(name: &str) -> NewTopic {
    NewTopic { name: name.into(), partitions: 2, replication: None, config: Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_read_as_far_as_it_committed() {
    let kafka = EmbeddedKafka::start(&[topic("requests"), topic("other")]).await.unwrap();
    let address = kafka.bootstrap_servers();
    let producer = producer(address).unwrap();
    for value in [b"1", b"2", b"3"] {
        producer.send("requests", Some(b"one key"), Some(value), &[]).await.unwrap().placed().await.unwrap();
    }
    let Looked::Is(found) = topics(address, &["requests".into(), "gone".into()]).await else { panic!("no topics") };
    assert_eq!(found.keys().collect::<Vec<_>>(), ["requests"]);
    let Looked::Is(requests) = &found["requests"] else { panic!("no topic") };
    assert_eq!((requests.partitions, requests.replicas), (2, 1));

    let Looked::Is(unread) = group(address, "processor", "requests", 2).await else { panic!("no group") };
    let full = *unread.partitions.iter().find(|(_, at)| at.next == 3).unwrap().0;
    assert_eq!(unread.partitions[&full], Progress { committed: None, oldest: 0, next: 3 });

    let (mut config, context) = client(address).unwrap();
    let consumer: BaseConsumer<_> = config.set("group.id", "processor").create_with_context(context).unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("requests", full, Offset::Offset(2)).unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
    let Looked::Is(read) = group(address, "processor", "requests", 2).await else { panic!("no group") };
    assert_eq!(read.partitions[&full], Progress { committed: Some(2), oldest: 0, next: 3 });
    assert_eq!(read.partitions[&(1 - full)], Progress { committed: None, oldest: 0, next: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_told() {
    let Looked::Not(Why::Untold(why)) = topics("127.0.0.1:1", &[]).await else { panic!("somebody listens") };
    assert!(why.starts_with("Kafka at 127.0.0.1:1 doesn't answer"), "{why}");
}
