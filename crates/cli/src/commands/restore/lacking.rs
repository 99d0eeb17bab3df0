//! What: Refuses topics that have lost records which the restored tables may lack.
//!
//! Invariants: Every gap is shown, also if a person lets it pass. Who lets it pass says up to which time. So a gap that
//! has grown since is refused again.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::Failure;
use super::read::Read;
use crate::restore::gap::{CLOCKS_MS, Gap, Needed, Oldest, WAITED_MS, earlier};
use crate::restore::topics::{deleted_while_read, kept_ms, oldest};
use giro::domain::Timestamp;

/// Where a topic began before it was read.
struct Begin<'a> {
    topic: &'a str,
    oldest: Vec<Oldest>,
    margin_ms: i64,
    /// Whether it is the topic of commands.
    has_commands: bool,
}

/// Where all topics began before they were read.
pub(super) struct Begins<'a> {
    kafka: &'a str,
    topics: Vec<Begin<'a>>,
}

impl<'a> Begins<'a> {
    pub(super) async fn of(read: &'a Read) -> Result<Self, Failure> {
        let Read { kafka, requests, commands, outcomes } = read;
        let mut topics = Vec::new();
        for (topic, margin_ms, has_commands) in
            [(outcomes, CLOCKS_MS, false), (requests, WAITED_MS, false), (commands, WAITED_MS, true)]
        {
            topics.push(Begin { topic, oldest: oldest(kafka, topic).await?, margin_ms, has_commands });
        }
        Ok(Self { kafka, topics })
    }

    /// Refuses topics that have deleted records while they were read.
    pub(super) async fn are_still_there(&self) -> Result<(), Failure> {
        for Begin { topic, oldest, .. } in &self.topics {
            let partitions = deleted_while_read(self.kafka, topic, oldest).await?;
            if !partitions.is_empty() {
                let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                return Err(Failure::no(format!(
                    "{topic} deleted records of partitions {} while it was read, and nothing is written: run this again",
                    partitions.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Refuses topics that may lack records from after the second of the tables. `have` says whether the tables tell of
    /// payments and of commands.
    pub(super) async fn lack_nothing(
        &self,
        second: Timestamp,
        have: [bool; 2],
        despite: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let [has_payments, has_commands] = have;
        let (mut gaps, now) = (Vec::new(), now());
        for begin in &self.topics {
            let had_records = if begin.has_commands { has_commands } else { has_payments };
            let Begin { topic, margin_ms, .. } = *begin;
            let needed = Needed { topic, second, margin_ms, had_records, kept_since: None };
            if needed.gaps(&begin.oldest).is_empty() {
                continue;
            }
            let kept_since = kept_ms(self.kafka, topic).await.map(|kept| earlier(now, kept));
            gaps.extend(Needed { kept_since, ..needed }.gaps(&begin.oldest));
        }
        for gap in &gaps {
            say!("{gap}");
        }
        may_pass(&gaps, despite, now)
    }
}

/// Whether a person lets these gaps pass.
fn may_pass(gaps: &[Gap], despite: Option<Timestamp>, now: Timestamp) -> Result<(), Failure> {
    let (reaches, is_known) =
        (gaps.iter().map(|gap| gap.to.unwrap_or(now)).max(), gaps.iter().all(|gap| gap.to.is_some()));
    match (reaches, despite) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            Err(Failure::no("--despite-gap: the topics lack nothing that the tables may lack: leave it out"))
        }
        (Some(reaches), Some(despite)) if reaches <= despite => {
            say!("this gap is let pass: you said --despite-gap {despite}");
            Ok(())
        }
        (Some(reaches), _) => {
            let say = if is_known { reaches.to_string() } else { "TIME, with a time that is still to come".to_owned() };
            Err(Failure::no(format!(
                "the tables may lack what these records told. Payments would be decided anew and may end otherwise, and \
                 commands would be lost. Restore to a later second, or say --despite-gap {say}"
            )))
        }
    }
}

/// The time of this machine.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).ok().and_then(|at| Timestamp::try_from_millis(at).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::gap::Why;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::try_from_millis(milliseconds).unwrap()
    }

    fn passes(reach: &[Option<i64>], despite: Option<i64>) -> Result<(), String> {
        let gap = |to: &Option<i64>| Gap {
            topic: "t".into(),
            why: Why::Deleted,
            partitions: vec![0],
            from: Timestamp::EPOCH,
            to: to.map(at),
        };
        let gaps: Vec<Gap> = reach.iter().map(gap).collect();
        may_pass(&gaps, despite.map(at), at(9_000)).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_gap_is_let_pass_only_up_to_the_time_that_a_person_saw() {
        assert_eq!(passes(&[], None), Ok(()));
        assert!(passes(&[], Some(5)).unwrap_err().contains("leave it out"));
        assert!(passes(&[Some(7), Some(5)], None).unwrap_err().ends_with("--despite-gap 1970-01-01T00:00:00.007Z"));
        assert_eq!(passes(&[Some(7), Some(5)], Some(7)), Ok(()));
        assert!(passes(&[Some(7), Some(5)], Some(6)).is_err());
        assert!(passes(&[Some(7), None], Some(8_999)).unwrap_err().contains("still to come"));
        assert_eq!(passes(&[Some(7), None], Some(9_001)), Ok(()));
    }
}
