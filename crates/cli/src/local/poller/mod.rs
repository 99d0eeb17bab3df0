//! What: Runs event source mappings. They take batches from Kafka and from tables' streams to functions, as Lambda's
//! do.
//!
//! | part | where | what |
//! |---|---|---|
//! | deliveries | `delivery` | pure: what to deliver next, what an answer means, what is given up |
//! | responses | `response` | pure: what a function reports |
//! | windows | `window` | pure: how long a batch waits for more |
//! | events | `kafka_event`, `stream_event` | pure: records as the JSON that Lambda delivers |
//! | pollers | `kafka`, `stream` | the source on one side, the Invoke call on the other |
//! | what was done so far | `activity` | counts, for whoever looks on |
//! | errors of reading | `trouble` | reported once, with the place and what to do |
//! | checkpoints | `checkpoint` | how far streams were read, stored beside the tables |
//!
//! A poller has one invocation at a time for its partitions or its shard, so none is ever in two invocations.
//!
//! Invariants: Records of a partition or shard are delivered in order. A record is delivered again until it is finished
//! or the mapping gives it up. A position is stored only after records that were finished.

mod activity;
mod checkpoint;
mod delivery;
mod kafka;
mod kafka_event;
mod response;
mod stream;
mod stream_event;
mod trouble;
mod window;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use activity::Activity;
pub use checkpoint::Checkpoints;
use delivery::Policy;

use super::invoke::Invoker;
use giro_template::{Mapping, Source};

/// What a mapping's pollers need beside the mapping.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Kafka's address.
    pub bootstrap_servers: String,
    /// DynamoDB's address.
    pub dynamodb: String,
    /// The Invoke call's address.
    pub lambda_endpoint: String,
    /// How long an invocation may take, with some time for the way.
    pub invoke_timeout: Duration,
    /// The most invocations at once. A partition or shard has one.
    pub concurrency_max: usize,
    /// How far streams were read.
    pub checkpoints: Checkpoints,
}

/// The running pollers of a mapping.
#[derive(Debug)]
pub struct Pollers {
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    stop: watch::Sender<bool>,
    activity: Shared,
}

/// What the pollers of one mapping share.
type Shared = Arc<Mutex<Activity>>;

impl Pollers {
    /// Starts the pollers of a mapping.
    ///
    /// # Errors
    /// If an address can't be used, or the source isn't there.
    pub async fn start(mapping: &Mapping, around: &Surroundings) -> anyhow::Result<Self> {
        let invoker = Invoker::new(Some(&around.lambda_endpoint), &mapping.function, around.invoke_timeout).await?;
        let (stop, stopped) = watch::channel(false);
        let activity = Arc::new(Mutex::new(Activity::none()?));
        let line = Line { mapping: mapping.clone(), invoker, activity: Arc::clone(&activity), stopped };
        if !mapping.filters.is_empty() {
            tracing::warn!(
                function = mapping.function,
                "FilterCriteria: records that fit no filter are dropped, as Lambda does: no outcome, no dead letter"
            );
        }
        let tasks = match &mapping.source {
            Source::Kafka { topic, consumer_group } => kafka::start(&line, topic, consumer_group, around).await?,
            Source::Stream { table } => stream::start(line, table, around).await?,
        };
        Ok(Self { tasks, stop, activity })
    }

    /// What was done so far.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a poller has given up. It says why when it is stopped.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.tasks.iter().any(JoinHandle::is_finished)
    }

    /// Lets each poller finish its invocation, and ends it.
    ///
    /// # Errors
    /// Why a poller had given up, if one had.
    pub async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        for task in self.tasks {
            task.await.context("a poller panicked")??;
        }
        Ok(())
    }
}

/// What each poller of a mapping has: its task, its function, and its stop signal.
#[derive(Debug, Clone)]
struct Line {
    mapping: Mapping,
    invoker: Invoker,
    activity: Shared,
    stopped: watch::Receiver<bool>,
}

impl Line {
    fn policy(&self) -> Policy {
        let Mapping { bisect, retries_max, record_age_max, .. } = self.mapping;
        Policy { bisect, retries_max, record_age_max }
    }

    /// Whether it is time to stop: somebody says so, or whoever started the pollers has dropped them.
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    /// Waits, unless it is time to stop.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.stopped.changed() => {}
        }
    }

    /// Counts an invocation, and logs a failure.
    fn invoked(&self, delivered: usize, finished: impl Iterator<Item = Option<i64>>, failure: Option<String>) {
        if let Some(failure) = &failure {
            tracing::warn!(function = self.mapping.function, failure, "an invocation failed");
        }
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.invoked(delivered, finished, failure, now_ms());
    }

    /// Counts a record that fits no filter.
    fn filtered(&self) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.filtered = activity.filtered.saturating_add(1);
    }

    /// Counts an error of reading, and logs it.
    fn trouble(&self, trouble: &str) {
        tracing::warn!("{trouble}");
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).troubled(trouble);
    }

    /// Counts records that were given up, and logs them.
    fn gave_up(&self, records: usize, why: delivery::Why) {
        let destination = self.mapping.on_failure_topic.as_deref().unwrap_or("nowhere");
        tracing::warn!(function = self.mapping.function, records, ?why, destination, "records are given up");
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).gave_up(records);
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
