//! What: Measures how long it takes from publishing a payment request to its outcome on the topic, at a fixed rate.
//!
//! | part | where |
//! |---|---|
//! | when each request is due, and what the answers come to | `pace` |
//! | publishing requests and reading outcomes | here |
//!
//! Data: Takes requests, a pace, and a running stack's Kafka. Gives latencies, what was lost, and CPU time by program.
//!
//! It is open loop: a request is due at its time, whether or not earlier ones have their outcomes. Its latency counts
//! from then, so a client that falls behind counts too. Both times are of one clock, which is none of the stack's.
//!
//! Invariants: Every outcome is waited for, also those of the warm-up, whose latencies don't count.

mod pace;

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep_until, timeout};

use super::cpu::{self, Cpu};
use super::engine;
use super::modelled::audit;
use super::workload::Workload;
use crate::local::kafka;
use crate::local::stack::Endpoints;
use crate::local::topic_reader::{Read, TopicReader};
use giro::domain::{Account, Request};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, Tables};
use giro::wire::instruction;
use pace::{Arrival, Seen};
pub use pace::{Latencies, Pace};

/// If no outcome comes for this long, what is missing won't come.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// From the start of the client to the first request, so that no request waits for a connection.
const LEAD: Duration = Duration::from_millis(500);

/// What a run has shown.
#[derive(Debug)]
pub struct Measured {
    /// From due to outcome.
    pub latencies: Latencies,
    /// CPU time by program, from the end of the warm-up to the last outcome.
    pub cpu: Cpu,
    /// That of the client itself.
    pub client_cpu: Duration,
}

/// Opens accounts on a new stack, publishes payments between them at this pace, and reads their outcomes. Audits the
/// tables then.
///
/// # Errors
/// If an engine fails, or the tables don't have what the payments make of them.
pub async fn measure(at: &Endpoints, workload: Workload, pace: Pace, seed: u64) -> anyhow::Result<Measured> {
    let client = crate::local::aws::dynamodb(Some(&at.dynamodb)).await?;
    let accounts = workload.accounts(1)?;
    engine::open(&client, &accounts).await?;
    let requests = workload.requests(0, 1, pace.requests(), seed)?;
    let topics = &at.names.topics;
    let topic = topics.requests.as_deref().context("the stack has no topic of payment requests")?;
    let outcomes = topics.outcomes.as_deref().context("the stack has no topic of outcomes")?;

    let producer = kafka::producer(&at.kafka_bootstrap_servers)?;
    producer.topics(kafka::PATIENCE).await?;
    let mut reader = TopicReader::from_start(&at.kafka_bootstrap_servers, outcomes).await?;
    let start = Instant::now().checked_add(LEAD).context("the clock has no such time")?;
    let warm = start.checked_add(pace.warm_up()).context("the clock has no such time")?;
    let used = async {
        sleep_until(warm).await;
        (cpu::of_descendants(), cpu::of_this_process())
    };
    let (published, read, (before, client_before)) =
        tokio::join!(publish(&producer, topic, &requests, pace, start), read(&mut reader, pace, start), used);
    published?;
    let seen = read?;
    let measured = Measured {
        latencies: seen.latencies(pace),
        cpu: cpu::since(&cpu::of_descendants(), &before),
        client_cpu: cpu::of_this_process().saturating_sub(client_before),
    };
    if measured.latencies.lost == 0 {
        check(&DynamoDb::new(client, Tables::default()), &accounts, &requests).await?;
    }
    Ok(measured)
}

/// Publishes each request when it is due, whatever became of the others.
async fn publish(
    producer: &KafkaProducer,
    topic: &str,
    requests: &[Request],
    pace: Pace,
    start: Instant,
) -> anyhow::Result<()> {
    let mut sending = Vec::with_capacity(requests.len());
    for (number, request) in requests.iter().enumerate() {
        let due = start.checked_add(pace.due(number)).context("the clock has no such time")?;
        if Instant::now() < due {
            sleep_until(due).await;
        }
        let key = request.instruction.debtor().as_str().as_bytes();
        let value = instruction::encode(&request.instruction);
        sending.push(producer.send(topic, Some(key), Some(value.as_bytes()), &[]).await?);
    }
    for sending in sending {
        sending.placed().await?;
    }
    Ok(())
}

/// Reads outcomes until there is one of each payment, or none comes any more.
async fn read(reader: &mut TopicReader, pace: Pace, start: Instant) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    while !seen.all(pace) {
        let Ok(next) = timeout(STALLED_AFTER, reader.next()).await else { break };
        match next? {
            Read::Record(record) => {
                let after = Instant::now().saturating_duration_since(start);
                let number = record.key.as_deref().and_then(number).context("an outcome of no payment of this run")?;
                seen.add(Arrival { number, after });
            }
            Read::End => {}
        }
    }
    Ok(seen)
}

/// The number of a payment, which stands at the end of its id.
fn number(key: &[u8]) -> Option<usize> {
    std::str::from_utf8(key).ok()?.rsplit_once('-')?.1.parse().ok()
}

/// Each payment was recorded once, and the balances are what the payments make of them.
async fn check(ledger: &DynamoDb, accounts: &[Account], requests: &[Request]) -> anyhow::Result<()> {
    let opened = accounts.iter().map(|account| (account.id.clone(), account.balance.minor_units().into())).collect();
    let (holdings, recorded) = (ledger.accounts().await?, ledger.payments().await?);
    ensure!(recorded.iter().all(|it| it.outcome.decision.is_ok()), "a payment was declined");
    audit(&holdings, &recorded, opened, u64::try_from(requests.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payments_number_stands_at_the_end_of_its_id() {
        let workload = Workload::new(super::super::workload::Kind::Uniform).among(10);
        for (ix, request) in workload.requests(0, 1, 12, 1).unwrap().iter().enumerate() {
            assert_eq!(number(request.instruction.id().as_str().as_bytes()), Some(ix));
        }
        assert_eq!(number(b"pay"), None);
        assert_eq!(number(b"pay-x"), None);
    }
}
