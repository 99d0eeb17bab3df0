//! What: Topics in memory, with faults on demand.
//!
//! Data: Takes calls of the ports of [`giro::publish`]. It is for tests: every topic exists and has one partition.
//! Faults come with seeded probabilities, and each call first lets other calls run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use giro::domain::Header;
use giro::publish::{Arrived, Follow, FollowError, Followed, Placed, Publish, PublishError, Sending};

/// How often a reader looks for records.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How often each fault strikes, in thousandths of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Makes the same faults strike again.
    pub seed: u64,
    /// A record is not even taken.
    pub refused: u32,
    /// A record is taken and never arrives.
    pub lost: u32,
    /// A record arrives, and its acknowledgement does not.
    pub unacknowledged: u32,
}

/// A record as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<Header>,
}

/// Topics in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryTopics {
    faults: Faults,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, Vec<Published>>,
    random: fastrand::Rng,
}

impl MemoryTopics {
    /// Empty topics without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_faults(Faults::default())
    }

    /// Empty topics with faults.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        let state = State { topics: BTreeMap::new(), random: fastrand::Rng::with_seed(faults.seed) };
        Self { faults, state: Arc::new(Mutex::new(state)) }
    }

    /// What arrived on a topic, in order.
    #[must_use]
    pub fn records(&self, topic: &str) -> Vec<Published> {
        self.state().topics.get(topic).cloned().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // After a panic elsewhere the topics are still right: each change is whole before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn strikes(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.random.u32(0..1_000) < thousandths
    }
}

impl Publish for MemoryTopics {
    async fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Sending, PublishError> {
        tokio::task::yield_now().await;
        let unacknowledged = |what: &str| PublishError::Unacknowledged(format!("injected: {what}"));
        let mut state = self.state();
        if state.strikes(self.faults.refused) {
            return Err(unacknowledged("not taken"));
        }
        if state.strikes(self.faults.lost) {
            return Ok(Sending::new(std::future::ready(Err(unacknowledged("lost")))));
        }
        let records = state.topics.entry(topic.to_owned()).or_default();
        let offset = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let owned = |bytes: Option<&[u8]>| bytes.map(Into::into);
        records.push(Published { key: owned(key), value: owned(value), headers: headers.to_vec() });
        let answer = if state.strikes(self.faults.unacknowledged) {
            Err(unacknowledged("arrived, and the answer was lost"))
        } else {
            Ok(Placed { partition: 0, offset })
        };
        Ok(Sending::new(std::future::ready(answer)))
    }
}

impl Follow for MemoryTopics {
    type Followed = MemoryFollowed;

    async fn follow(&self, topic: &str) -> Result<MemoryFollowed, FollowError> {
        tokio::task::yield_now().await;
        let next = self.state().topics.get(topic).map_or(0, Vec::len);
        Ok(MemoryFollowed { topics: self.clone(), topic: topic.to_owned(), next })
    }
}

/// A topic in memory that is being read.
#[derive(Debug)]
pub struct MemoryFollowed {
    topics: MemoryTopics,
    topic: String,
    /// The place of the next record.
    next: usize,
}

impl Followed for MemoryFollowed {
    async fn next(&mut self) -> Result<Arrived, FollowError> {
        loop {
            let found = self.topics.state().topics.get(&self.topic).and_then(|all| all.get(self.next).cloned());
            if let Some(Published { key, value, .. }) = found {
                self.next = self.next.saturating_add(1);
                return Ok(Arrived { key, value });
            }
            // With a paused clock this goes to the next timer.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
