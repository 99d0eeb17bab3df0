//! Clients that hand requests over, by HTTP and by the topic, and try again until they are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::domain::Instruction;
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_testkit::workload::Record;

use super::requests::Asked;
use crate::processes::stack::http;

/// Clients that post side by side.
const CLIENTS: usize = 4;
/// One request in so many goes by HTTP.
const BY_HTTP: usize = 4;

/// A request for a route.
type Posted = (&'static str, String);

/// Posts each request until it is accepted, as a client does that may try again. Returns how often it was told to.
async fn post(endpoint: String, requests: Vec<Posted>) -> usize {
    let mut again = 0;
    for (route, request) in requests {
        loop {
            let (status, head, body) = http(&endpoint, route, &request).await;
            match status {
                200 | 202 => break,
                503 => again += 1,
                _ => panic!("{request}: {head} {body}"),
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

/// Where a client posts it. `None` if it must go by the topic: nobody can read it, or it must not overtake another.
fn route(asked: &Asked) -> Option<&'static str> {
    match asked.instruction.as_ref().filter(|_| !asked.is_reused)? {
        Instruction::Payment(_) | Instruction::Legged(_) => Some("POST /payments"),
        Instruction::Refund(_) => Some("POST /refunds"),
    }
}

/// What was handed over.
#[derive(Default)]
pub(super) struct HandedOver {
    /// Requests by each route.
    pub(super) by_http: BTreeMap<&'static str, usize>,
    /// How often one was tried again.
    pub(super) again: usize,
}

/// Hands requests over in both ways.
pub(super) async fn hand_over(endpoint: &str, bootstrap_servers: &str, requests: &[Asked]) -> HandedOver {
    let mut handed_over = HandedOver::default();
    let mut clients = vec![Vec::new(); CLIENTS];
    let mut by_topic = Vec::new();
    for (ix, asked) in requests.iter().enumerate() {
        match (ix % BY_HTTP, route(asked), &asked.record.value) {
            (0, Some(route), Some(value)) => {
                *handed_over.by_http.entry(route).or_default() += 1;
                clients[ix / BY_HTTP % CLIENTS].push((route, String::from_utf8(value.clone()).unwrap()));
            }
            _ => by_topic.push(asked.record.clone()),
        }
    }
    let producer = kafka::producer(bootstrap_servers).unwrap();
    let mut tasks = vec![tokio::spawn(async move { publish(&producer, by_topic).await })];
    tasks.extend(clients.into_iter().map(|requests| tokio::spawn(post(endpoint.to_owned(), requests))));
    for task in tasks {
        handed_over.again += task.await.unwrap();
    }
    handed_over
}
