//! Clients that hand requests over, by HTTP and by the topic, and try again until they are taken.

use std::time::Duration;

use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_testkit::workload::Record;

use crate::processes::stack::http;

/// Clients that post side by side.
const CLIENTS: usize = 4;
/// One payment in so many goes by HTTP.
const BY_HTTP: usize = 4;

/// Posts each payment until it is accepted, as a client does that may try again. Returns how often it was told to.
async fn post(endpoint: String, payments: Vec<String>) -> usize {
    let mut again = 0;
    for payment in payments {
        loop {
            let (status, head, body) = http(&endpoint, "POST /payments", &payment).await;
            match status {
                200 | 202 => break,
                503 => again += 1,
                _ => panic!("{head} {body}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    again
}

/// Puts each record on the topic until the broker has acknowledged it. Returns how often one was tried again.
pub(crate) async fn publish(producer: &KafkaProducer, records: Vec<Record>) -> usize {
    let (mut left, mut again) = (records, 0);
    while !left.is_empty() {
        let mut sending = Vec::new();
        for record in left {
            let sent = producer.send(REQUESTS_TOPIC, record.key.as_deref(), record.value.as_deref(), &[]).await;
            sending.push((record, sent));
        }
        left = Vec::new();
        for (record, sent) in sending {
            let placed = match sent {
                Ok(sent) => sent.placed().await,
                Err(error) => Err(error),
            };
            if placed.is_err() {
                left.push(record);
            }
        }
        again += left.len();
    }
    again
}

/// Hands payments over in both ways. Returns how often one was tried again.
pub(super) async fn hand_over(endpoint: &str, bootstrap_servers: &str, payments: &[String]) -> usize {
    let mut clients = vec![Vec::new(); CLIENTS];
    let mut by_topic = Vec::new();
    for (ix, payment) in payments.iter().enumerate() {
        match ix % BY_HTTP {
            0 => clients[ix / BY_HTTP % CLIENTS].push(payment.clone()),
            _ => by_topic.push(Record { key: Some(b"settlement".into()), value: Some(payment.clone().into_bytes()) }),
        }
    }
    let producer = kafka::producer(bootstrap_servers).unwrap();
    let mut tasks = vec![tokio::spawn(async move { publish(&producer, by_topic).await })];
    tasks.extend(clients.into_iter().map(|payments| tokio::spawn(post(endpoint.to_owned(), payments))));
    let mut again = 0;
    for task in tasks {
        again += task.await.unwrap();
    }
    again
}
