//! What: Finds records that the broker deleted before their reader got them.
//!
//! Offsets may also jump if nothing is lost: a transaction's marker has one, and so has a record that compaction
//! removed. Records below a partition's oldest record are gone.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::local::kafka::{client, hear};

/// How long a partition may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records of a partition that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    topic: String,
    partition: i32,
    /// The first offset that is gone, and the last.
    offsets: (i64, i64),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offsets: (first, last) } = self;
        write!(
            f,
            "topic {topic}, partition {partition}, offsets {first} to {last}: Kafka deleted these records before they were \
             read. They get no outcome: publish them again, more slowly, or let the topic keep more. The embedded Kafka \
             keeps 5 MiB a partition; --kafka apache keeps all."
        )
    }
}

/// What a reader at `next` has lost if it gets `offset`. Asks the broker only if offsets are missing.
///
/// # Errors
/// If the broker can't be asked.
pub(crate) async fn lost(
    bootstrap_servers: &str,
    (topic, partition): (&str, i32),
    next: Option<Offset>,
    offset: i64,
) -> anyhow::Result<Option<Lost>> {
    let first = match next {
        Some(Offset::Offset(first)) if first < offset => first,
        Some(_) | None => return Ok(None),
    };
    let (bootstrap_servers, topic) = (bootstrap_servers.to_owned(), topic.to_owned());
    let ask = move || {
        let (config, context) = client(&bootstrap_servers)?;
        let consumer: BaseConsumer<_> = config.create_with_context(context)?;
        hear(&consumer);
        let asked = consumer.fetch_watermarks(&topic, partition, PATIENCE);
        let (oldest, _) =
            asked.with_context(|| format!("asking Kafka for the oldest record of {topic}/{partition}"))?;
        let last = oldest.min(offset).saturating_sub(1);
        Ok((first <= last).then_some(Lost { topic, partition, offsets: (first, last) }))
    };
    tokio::task::spawn_blocking(ask).await?
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::local::kafka::producer;
    use giro::publish::Publish;

    #[tokio::test(flavor = "multi_thread")]
    async fn records_that_a_broker_deleted_before_they_were_read_are_named() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let at = cluster.bootstrap_servers();
        let producer = producer(&at).unwrap();
        let large = vec![b'x'; 900_000];
        for _ in 0..9 {
            producer.send("t", None, Some(&large), &[]).await.unwrap().placed().await.unwrap();
        }
        let asked = async |next, offset| lost(&at, ("t", 0), next, offset).await.unwrap().map(|lost| lost.offsets);
        // The broker keeps the last five.
        assert_eq!(asked(Some(Offset::Offset(1)), 8).await, Some((1, 3)));
        assert_eq!(asked(Some(Offset::Offset(3)), 4).await, Some((3, 3)));
        assert_eq!(asked(Some(Offset::Offset(6)), 8).await, None, "left out, and kept: a marker, or compaction");
        assert_eq!(asked(Some(Offset::Offset(4)), 4).await, None);
        assert_eq!(asked(Some(Offset::Beginning), 4).await, None, "nothing was read before");
        assert_eq!(asked(None, 4).await, None);
    }
}
