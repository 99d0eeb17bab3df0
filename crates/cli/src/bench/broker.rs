//! What: Measures how fast a broker acknowledges records. No client of it can be faster.
//!
//! Data: Takes producers, a topic, a time. Gives how many records were acknowledged, and how long each took. Each
//! producer has one record in flight at a time, like an instance of `payment-api`.

use std::time::{Duration, Instant};

use super::figures::percentile_ms;
use giro::publish::{Publish, PublishError};

/// As long as the records of `payment-api` in the load test, so that the two can be compared.
const RECORD: &[u8] = br#"{"payment_id":"bench-0000000000000","debtor_account":"bank","creditor_account":"shop","amount":1,"currency":"EUR"}"#;

/// What a broker acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    /// Records a second, of all producers together.
    pub records_s: f64,
    /// The longest time of the faster half of the records, in milliseconds.
    pub p50_ms: f64,
    /// The longest time of the fastest 99 of 100, in milliseconds.
    pub p99_ms: f64,
}

/// Publishes with all producers side by side for a time. The first record of each isn't counted, because it waits for
/// the connection.
///
/// # Errors
/// If the broker leaves a record unacknowledged.
pub async fn measure<P>(producers: Vec<P>, topic: &str, time: Duration) -> Result<Acknowledged, PublishError>
where
    P: Publish + Send + 'static,
{
    for producer in &producers {
        place(producer, topic).await?;
    }
    let started = Instant::now();
    let mut tasks = Vec::with_capacity(producers.len());
    for producer in producers {
        let topic = topic.to_owned();
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            while started.elapsed() < time {
                let sent = Instant::now();
                place(&producer, &topic).await?;
                took.push(sent.elapsed());
            }
            Ok(took)
        }));
    }
    let mut took = Vec::new();
    for task in tasks {
        let measured = task.await.map_err(|_| PublishError::Unacknowledged("a producer stopped".into()))?;
        took.extend(measured?);
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        clippy::float_arithmetic,
        reason = "a measurement for people; no money is in it"
    )]
    let records_s = took.len() as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    Ok(Acknowledged { records_s, p50_ms: percentile_ms(&took, 50), p99_ms: percentile_ms(&took, 99) })
}

async fn place(producer: &impl Publish, topic: &str) -> Result<(), PublishError> {
    producer.send(topic, None, Some(RECORD), &[]).await?.placed().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::local::kafka::{EmbeddedKafka, NewTopic, producer};

    #[tokio::test(flavor = "multi_thread")]
    async fn every_producer_waits_for_its_record() {
        let topic = NewTopic { name: "t".into(), partitions: 1, replication: None, config: BTreeMap::new() };
        let broker = EmbeddedKafka::start(&[topic]).await.unwrap();
        let producers =
            vec![producer(broker.bootstrap_servers()).unwrap(), producer(broker.bootstrap_servers()).unwrap()];
        let seen = measure(producers, "t", Duration::from_millis(200)).await.unwrap();
        assert!(seen.p50_ms <= seen.p99_ms, "{seen:?}");
        // Two records are in flight, so rate times mean time is two. And no median is above twice its mean.
        assert!(seen.records_s * seen.p50_ms / 1_000.0 <= 2.0 * 2.0, "{seen:?}");
    }
}
