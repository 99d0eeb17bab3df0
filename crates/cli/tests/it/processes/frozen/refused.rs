//! What becomes of a producer whose broker refuses it: error by error, on librdkafka's mock broker.
//!
//! Some errors the client overcomes by itself. After others it takes no record ever again, so it must be replaced. In
//! each case the next record is taken in time, and no record arrives twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use giro::handlers::payment_api::DELIVERY_TIMEOUT as GIVEN_UP;
use giro::publish::kafka::{Identity, KafkaProducer};
use giro::publish::{Publish as _, PublishError};
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_cli::local::topic_reader::{Read, TopicReader};
use giro_template::Templates;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::proxy::Proxy;
use super::{Api, DELIVERY_TIMEOUT};

/// How long the first request may take after an error.
const SOON: Duration = Duration::from_secs(2);
/// How often that is tried, on a machine that may be busy with other tests. Each try must end as it should.
const TRIES: usize = 3;
/// How many clients are refused before the broker knows one again.
const REFUSALS: usize = 3;

/// What the record that meets an error comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    /// The client tries it again, and it arrives.
    Arrives,
    /// It doesn't arrive, and its sender is told so.
    IsRefused,
}
use Meets::{Arrives, IsRefused};

/// What the client of the record comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It takes the next record.
    GoesOn,
    /// It takes no record until it has asked for the topic again.
    AsksAgain,
    /// Another client takes the next record.
    IsReplaced,
}
use Client::{AsksAgain, GoesOn, IsReplaced};

use RDKafkaRespErr as E;

/// Answers of a broker to a record.
const OF_RECORDS: [(RDKafkaRespErr, Meets, Client); 11] = [
    // Fatal: the client takes no record ever again. It goes on after the three behind it, but is believed no more.
    (E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, IsRefused, IsReplaced),
    // The client begins a new epoch, and sends the record again.
    (E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, Arrives, GoesOn),
    (E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Arrives, GoesOn),
    (E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, Arrives, GoesOn),
    (E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Arrives, GoesOn),
    // The broker cuts the connection instead of an answer.
    (E::RD_KAFKA_RESP_ERR__TRANSPORT, Arrives, GoesOn),
    // They are about the record or its topic, and another client would fare no better.
    (E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, IsRefused, GoesOn),
    (E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, IsRefused, AsksAgain),
];

/// Answers of a broker to a client that asks for its producer id, before its first record.
const OF_CLIENTS: [(RDKafkaRespErr, Meets, Client); 4] = [
    (E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, IsRefused, IsReplaced),
    (E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Arrives, GoesOn),
];

/// A broker with the template's topics.
fn broker() -> MockCluster<'static, impl rdkafka::ClientContext> {
    let cluster = MockCluster::new(1).unwrap();
    for topic in Templates::Embedded.blueprint(&BTreeMap::new()).unwrap().topics {
        cluster.create_topic(&topic.name, topic.partitions, 1).unwrap();
    }
    cluster
}

/// Publishes a record. Gives its offset, and how long that took.
async fn publish(producer: &KafkaProducer) -> (Result<i64, PublishError>, Duration) {
    let began = Instant::now();
    let placed = match producer.send(REQUESTS_TOPIC, Some(b"k"), Some(b"v"), &[]).await {
        Ok(sending) => sending.placed().await,
        Err(error) => Err(error),
    };
    (placed.map(|placed| placed.offset), began.elapsed())
}

/// Publishes until a record is taken.
async fn until_taken(producer: &KafkaProducer) -> i64 {
    let taken = async {
        loop {
            match publish(producer).await.0 {
                Ok(offset) => return offset,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(DELIVERY_TIMEOUT, taken).await.expect("a record is taken")
}

/// One error, each time to one client that is new, until the record after it was taken in time.
async fn check(api: RDKafkaApiKey, error: RDKafkaRespErr, meets: Meets, client: Client) {
    let mut tries = Vec::new();
    while tries.len() < TRIES {
        let took = checked(api, error, meets, client).await;
        if took < GIVEN_UP {
            return;
        }
        tries.push(took);
    }
    panic!("{error:?}: {tries:?}");
}

/// Gives how long the record after the error took.
async fn checked(api: RDKafkaApiKey, error: RDKafkaRespErr, meets: Meets, client: Client) -> Duration {
    let cluster = broker();
    let proxy = Proxy::start(&cluster.bootstrap_servers()).await;
    let login = Identity::None.into();
    let producer = KafkaProducer::new(&proxy.address, login, Duration::ZERO, DELIVERY_TIMEOUT).unwrap();
    let mut arrived = 0;
    if api == RDKafkaApiKey::Produce {
        assert_eq!(publish(&producer).await.0, Ok(0));
        arrived = 1;
    }
    cluster.request_errors(api, &[error]);
    let (met, took) = publish(&producer).await;
    assert_eq!(if met.is_ok() { Arrives } else { IsRefused }, meets, "{error:?}: {met:?} {took:?}");
    arrived += i64::from(met.is_ok());
    let connected = proxy.connections();
    let (next, took) = match client {
        AsksAgain => {
            assert!(publish(&producer).await.0.is_err(), "{error:?}");
            let began = Instant::now();
            (Ok(until_taken(&producer).await), began.elapsed())
        }
        GoesOn | IsReplaced => publish(&producer).await,
    };
    println!("{error:?}: the next record took {took:?}");
    assert_eq!(next, Ok(arrived), "{error:?}: {took:?}");
    assert_eq!(proxy.connections() > connected, client == IsReplaced, "{error:?}: another client");
    took
}

/// The clients are new when they meet the error. So they may not be spared because they were made just now.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_record_is_taken_whatever_the_broker_answered() {
    let of_records = OF_RECORDS.map(|(error, meets, client)| check(RDKafkaApiKey::Produce, error, meets, client));
    join_all(of_records).await;
    let of_clients =
        OF_CLIENTS.map(|(error, meets, client)| check(RDKafkaApiKey::InitProducerId, error, meets, client));
    join_all(of_clients).await;
}

/// Brokers take few new connections a second. So a record waits before a client is made in place of one that was made
/// just now in place of another.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_fail_at_once_are_not_made_again_and_again() {
    let cluster = broker();
    let login = Identity::None.into();
    let producer = KafkaProducer::new(&cluster.bootstrap_servers(), login, Duration::ZERO, DELIVERY_TIMEOUT).unwrap();
    assert_eq!(publish(&producer).await.0, Ok(0));
    cluster.request_errors(RDKafkaApiKey::Produce, &[E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; REFUSALS]);
    let began = Instant::now();
    for _ in 0..REFUSALS {
        assert!(publish(&producer).await.0.is_err());
    }
    assert_eq!(publish(&producer).await.0, Ok(1));
    let took = began.elapsed();
    println!("{REFUSALS} clients failed, and the record after them came after {took:?}");
    assert!(took >= Duration::from_secs(REFUSALS as u64 - 1), "a second between two clients: {took:?}");
    assert!(took < GIVEN_UP * (REFUSALS as u32 + 1), "{took:?}");
}

/// The ids of the payments on the topic, each as often as it is there.
async fn requested(kafka: &str) -> Vec<String> {
    let (mut ids, mut reader) = (Vec::new(), TopicReader::from_start(kafka, REQUESTS_TOPIC).await.unwrap());
    while let Read::Record(record) = reader.next().await.unwrap() {
        let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        ids.push(value["payment_id"].as_str().unwrap().to_owned());
    }
    ids.sort_unstable();
    ids
}

/// A process is frozen, and the broker fences the producer of its next client. That client is new, because the one
/// before was idle. Gives how long the request took that meets the error, and how long the one after it.
async fn fenced(tried: usize) -> [Duration; 2] {
    let cluster = broker();
    let kafka = cluster.bootstrap_servers();
    let proxy = Proxy::start(&kafka).await;
    let api = Api::start(&proxy.address).await;
    api.freeze(&proxy).await;
    cluster.request_errors(RDKafkaApiKey::Produce, &[E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    let mut took = [Duration::ZERO; 2];
    // One right after the other: the client that failed is younger than a second then.
    for (ix, expected) in [503, 202].into_iter().enumerate() {
        let asked_at = Instant::now();
        let (status, head, body) = api.post("same").await;
        took[ix] = asked_at.elapsed();
        println!("try {tried}, a fenced producer: {status} after {:?}", took[ix]);
        assert_eq!(status, expected, "{:?} {head} {body}", took[ix]);
    }
    assert_eq!(requested(&kafka).await, ["before", "same"], "the first was not taken, and the second is there once");
    api.stack.stop().await.unwrap();
    took
}

/// The request that meets the error is not taken, and the answer says so. The next one is taken.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_after_a_fatal_error_is_taken() {
    let mut tries = Vec::new();
    while tries.len() < TRIES {
        let took = fenced(tries.len()).await;
        if took.iter().all(|took| *took < SOON) {
            return;
        }
        tries.push(took);
    }
    panic!("{tries:?}");
}
