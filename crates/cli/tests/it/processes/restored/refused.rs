//! What `giro restore rebuild` refuses before it writes anything, and how a person says that it may go on.

use giro::domain::{Account, Outcome, OverdraftLimit, Timestamp};
use giro::publish::Publish as _;
use giro::wire::outcome;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_testkit::given::{account, payment, source};
use giro_testkit::open_accounts::OpenAccounts as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::copies::{copied, prefixed};
use super::engines::Engines;

/// The embedded broker keeps 5 MiB of a partition. This many records of this size are more.
const RECORDS: usize = 8;
const RECORD_BYTES: usize = 900 * 1024;

/// Engines whose restored tables have one payment that moved no money yet, and its outcome.
async fn one_payment() -> (Engines, Outcome) {
    let (engines, names) = (Engines::start().await, prefixed("restored-"));
    giro_testkit::tables::create(&engines.client, &names, false).await.unwrap();
    for (name, overdraft_limit) in [("bank", OverdraftLimit::Unlimited), ("shop", OverdraftLimit::Limited(0))] {
        let opened = Account { overdraft_limit, ..account(name) };
        engines.ledger("restored-").open_account(&opened).await.unwrap();
    }
    let outcome = settled("p1", 5);
    put(&engines, &outcome).await;
    engines.request("p1").await;
    (engines, outcome)
}

fn settled(id: &str, amount: u64) -> Outcome {
    Outcome {
        instruction: payment(id, "bank", "shop", amount).into(),
        repayment: None,
        decision: Ok(()),
        declined_leg: None,
        decided_at: Timestamp::EPOCH,
        limits_version: None,
        source: source(0, 0),
        requested_by: None,
        trace: None,
    }
}

/// Writes the item of this outcome into the restored table.
async fn put(engines: &Engines, outcome: &Outcome) {
    let item = giro::store::items::payment::encode(&giro::domain::plan::Entry::of(&outcome.request(), outcome));
    let table = prefixed("restored-").payments;
    engines.client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

/// Tells an outcome, in a record that has so many bytes more.
async fn tell(engines: &Engines, outcome: &Outcome, bytes: usize) {
    let id = outcome.instruction.id().as_str();
    let value = outcome::encode(outcome) + &" ".repeat(bytes);
    let sending = engines.producer().send("payment-outcomes", Some(id.as_bytes()), Some(value.as_bytes()), &[]).await;
    sending.unwrap().placed().await.unwrap();
}

/// Runs the rebuild with these words. Nothing is written if it refuses.
async fn refused(engines: &Engines, expected: &str) -> String {
    let names = prefixed("restored-");
    let before = copied(&engines.client, &names).await;
    let (code, text) = engines.rebuild(&["--write"]);
    assert_eq!((code, text.contains(expected)), (1, true), "{text}");
    assert!(copied(&engines.client, &names).await == before);
    text
}

/// A mapping whose group has read before skips what the restored tables lack.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_group_that_has_read_before_is_noticed() {
    let (engines, outcome) = one_payment().await;
    tell(&engines, &outcome, 0).await;
    let mut config = kafka::client(engines.kafka.bootstrap_servers()).unwrap().0;
    let consumer: BaseConsumer = config.set("group.id", "payment-processor-2").create().unwrap();
    let mut read = TopicPartitionList::new();
    read.add_partition_offset(REQUESTS_TOPIC, 3, Offset::Offset(17)).unwrap();
    consumer.commit(&read, CommitMode::Sync).unwrap();
    let text = refused(&engines, "the consumer group payment-processor-2 has read payment-requests before").await;
    assert!(text.contains("to offset 17 of partition 3") && text.contains("--next-suffix"), "{text}");
    let (code, text) = engines.rebuild(&["--next-suffix", "-3"]);
    assert_eq!((code, text.contains("account-processor-3 have not read yet")), (0, true), "{text}");
    assert!(text.contains("For the stack: ConsumerGroupSuffix=-3"), "{text}");
}

/// An outcome that the topic has deleted was told, and would be decided anew.
#[tokio::test(flavor = "multi_thread")]
async fn outcomes_that_their_topic_has_deleted_are_noticed() {
    let (engines, outcome) = one_payment().await;
    for _ in 0..RECORDS {
        tell(&engines, &outcome, RECORD_BYTES).await;
    }
    let text = refused(&engines, "payment-outcomes: partitions ").await;
    assert!(text.contains("have deleted records from 2"), "{text}");
    let to = text.rsplit("--despite-gap ").next().unwrap().trim();
    let a_second_before =
        Timestamp::try_from_millis(Timestamp::parse(to).unwrap().millis() - 1_000).unwrap().to_string();
    let (code, text) = engines.rebuild(&["--write", "--despite-gap", &a_second_before]);
    assert_eq!((code, text.contains("written")), (1, false), "more is gone than a person saw: {text}");
    let (code, text) = engines.rebuild(&["--write", "--despite-gap", to]);
    assert_eq!((code, text.contains("written")), (0, true), "{text}");
    assert!(text.contains("have deleted records from 2") && text.contains("you said --despite-gap"), "{text}");
}

/// A request is older than its outcome, and a topic that is deleted and made again begins at its first offset.
#[tokio::test(flavor = "multi_thread")]
async fn every_topic_must_have_what_the_tables_may_lack() {
    let (engines, outcome) = one_payment().await;
    tell(&engines, &outcome, 0).await;
    let words = ["restore", "rebuild", "--prefix", "restored-", "--write"];
    let (code, text) = engines.giro("", &[&words[..], &["--second", "2020-01-01T00:00:00Z"]].concat());
    assert_eq!((code, text.contains("may end otherwise")), (1, true), "{text}");
    for topic in ["payment-outcomes", REQUESTS_TOPIC] {
        assert!(text.contains(&format!("{topic} was made anew, or lacks records")), "{topic}: {text}");
    }
    // The tables tell of no command, so nobody knows that there was one.
    assert!(!text.contains("account-commands was made anew"), "{text}");
    let (code, text) = engines.giro("", &words);
    assert_eq!((code, text.contains("say --second")), (2, true), "{text}");
    let (code, text) = engines.rebuild(&["--write", "--despite-gap", "2020-01-01T00:00:00Z"]);
    assert_eq!((code, text.contains("leave it out")), (1, true), "{text}");
}

/// Consumers have heard another outcome of a payment whose item stands. A second one would be dropped, or believed.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_stands_is_not_told_beside_what_was_told() {
    let (engines, _) = one_payment().await;
    tell(&engines, &settled("p1", 6), 0).await;
    put(&engines, &settled("p2", 7)).await;
    let (code, text) = engines.rebuild(&["--write", "--item-stands", "p1"]);
    assert_eq!((code, text.contains("Its item stands")), (0, true), "{text}");
    let republish = text.lines().find_map(|line| line.trim().strip_prefix("giro outcomes republish ")).unwrap();
    assert!(republish.ends_with(" --except p1"), "{republish}");
    let words = [&["outcomes", "republish"], &republish.split(' ').collect::<Vec<_>>()[..]].concat();
    assert_eq!(engines.giro("restored-", &words).0, 0);
    let told = engines.told().await;
    assert_eq!((told["p1"].len(), told["p2"].len()), (1, 1), "{told:?}");
}
