//! What: Says when a mapping gives up, as `template.yaml` has it.
//!
//! Data: Takes the template that this program was built with. Gives the policy of each topic's mapping.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::topic::Topic;
use giro_template::{Blueprint, Mapping, Source, Templates};

/// When a mapping gives up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// `MaximumRetryAttempts`; none is without end.
    pub(super) retries_max: Option<u32>,
    /// `MaximumRecordAgeInSeconds`, in milliseconds; none is without limit.
    pub(super) age_max_ms: Option<i64>,
}

impl Policy {
    /// The same, but with three tries, so that giving up happens in a short world.
    pub(super) fn soon(self) -> Self {
        Self { retries_max: Some(2), ..self }
    }

    /// Whether a record of this timestamp is too old to be delivered.
    pub(super) fn refuses(self, now_ms: i64, timestamp_ms: i64) -> bool {
        self.age_max_ms.is_some_and(|most| now_ms.saturating_sub(timestamp_ms) > most)
    }
}

/// The policy of each topic's mapping.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies {
    pub(super) requests: Policy,
    pub(super) commands: Policy,
}

impl Policies {
    /// Those of the template.
    ///
    /// # Errors
    /// If the template can't be read, or has no mapping on a topic. The error says which.
    pub(super) fn of_template() -> Result<Self, String> {
        static READ: OnceLock<Result<Policies, String>> = OnceLock::new();
        let read = || {
            let blueprint = Templates::Embedded.blueprint(&BTreeMap::new()).map_err(|error| error.to_string())?;
            let policy = |topic| policy(&blueprint, topic).ok_or_else(|| format!("no mapping reads {}", topic.name()));
            Ok(Self { requests: policy(Topic::Requests)?, commands: policy(Topic::Commands)? })
        };
        READ.get_or_init(read).clone()
    }

    /// The same with this limit on a record's age.
    pub(super) fn with_age_max_ms(self, age_max_ms: i64) -> Self {
        let limited = |policy| Policy { age_max_ms: Some(age_max_ms), ..policy };
        Self { requests: limited(self.requests), commands: limited(self.commands) }
    }
}

fn policy(blueprint: &Blueprint, of: Topic) -> Option<Policy> {
    let reads = |mapping: &&Mapping| matches!(&mapping.source, Source::Kafka { topic, .. } if topic == of.name());
    let mapping = blueprint.mappings.iter().find(reads)?;
    let age_max_ms = mapping.record_age_max.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    Some(Policy { retries_max: mapping.retries_max, age_max_ms })
}
