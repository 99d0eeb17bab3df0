//! What: Topics in memory, with faults on demand.
//!
//! Data: Takes calls of the port of [`giro::publish`]. It is for tests: every topic exists and has one partition.
//! Faults come with seeded probabilities, and each call first lets other calls run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use giro::domain::Header;
use giro::publish::{Placed, Publish, PublishError, Sending};

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
