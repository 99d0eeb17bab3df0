//! What: The consumer groups of both processors: those in use, and those to come.
//!
//! Invariants: Both groups have one suffix, and the prefix of their topics, as in the template. So no other stack's
//! groups are looked at by mistake, and neither of the two is left out.

use super::super::Failure;
use super::read::Read;
use crate::restore::groups::{Group, ReadBefore, known, name_prefix, processors, read_before};

/// The longest suffix that the template takes.
const SUFFIX_MAX: usize = 40;

/// What the template takes for `ConsumerGroupSuffix`.
pub(super) fn suffix(text: &str) -> Result<String, &'static str> {
    let may_stand = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
    match (1..=SUFFIX_MAX).contains(&text.len()) && text.chars().all(may_stand) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 40 characters of A-Z a-z 0-9 _ . -"),
    }
}

/// The groups of the stack that has these topics.
pub(super) struct Groups<'a> {
    topics: &'a Read,
    /// How their names begin.
    begin: [String; 2],
    /// Those to come.
    next: [String; 2],
    next_suffix: &'a str,
}

impl<'a> Groups<'a> {
    pub(super) fn of(topics: &'a Read, next_suffix: &'a str) -> Result<Self, Failure> {
        let Read { requests, commands, outcomes, .. } = topics;
        let prefix = name_prefix(requests, commands, outcomes).ok_or_else(|| {
            Failure::input(format!(
                "{requests}, {commands}, {outcomes}: these topics are not those of one stack, so its consumer groups are \
                 not known. Expected payment-requests, account-commands and payment-outcomes behind one NamePrefix: set \
                 --requests-topic, --commands-topic and --outcomes-topic"
            ))
        })?;
        let (begin, next) = (processors(prefix, ""), processors(prefix, next_suffix));
        Ok(Self { topics, begin, next, next_suffix })
    }

    /// Refuses while a poller may settle payments, whatever its group's suffix is.
    pub(super) async fn poll_nothing(&self) -> Result<(), Failure> {
        // The embedded broker can't tell. It ends with the stack that polls it.
        let Some(known) = known(&self.topics.kafka, &self.begin).await? else { return Ok(()) };
        if let Some(Group { name, members }) = known.iter().find(|group| group.members > 0) {
            return Err(Failure::no(format!(
                "the consumer group {name} has members ({members}), and nothing is written: delete its event source mapping"
            )));
        }
        let names: Vec<&str> = known.iter().map(|group| group.name.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        say!("consumer groups that begin with {}: {names}. None has members", self.begin.join(" or "));
        Ok(())
    }

    /// Refuses groups that have read before. Their mappings would skip what the restored tables lack.
    pub(super) async fn are_new(&self) -> Result<(), Failure> {
        let Self { topics, next, next_suffix, .. } = self;
        match read_before(&topics.kafka, next, [&topics.requests, &topics.commands]).await? {
            None => {
                say!("{} have not read yet. For the stack: ConsumerGroupSuffix={next_suffix}", next.join(" and "));
                Ok(())
            }
            Some(ReadBefore { group, topic, partition, offset }) => Err(Failure::no(format!(
                "the consumer group {group} has read {topic} before, to offset {offset} of partition {partition}, so its \
                 mapping would skip all records before that. Choose a ConsumerGroupSuffix that no group ever had, such as \
                 the next number, and say --next-suffix"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_is_one_that_the_template_takes() {
        assert_eq!(suffix("-2").as_deref(), Ok("-2"));
        assert!(suffix("").is_err() && suffix("-ä").is_err() && suffix(&"x".repeat(SUFFIX_MAX + 1)).is_err());
    }

    #[test]
    fn topics_of_two_stacks_are_refused() {
        let read = |requests: &str| Read {
            kafka: String::new(),
            requests: requests.into(),
            commands: "my-account-commands".into(),
            outcomes: "my-payment-outcomes".into(),
        };
        let own = read("my-payment-requests");
        assert_eq!(Groups::of(&own, "-3").unwrap().next, ["my-payment-processor-3", "my-account-processor-3"]);
        let refused = Groups::of(&read("payment-requests"), "-2").err().unwrap().to_string();
        assert!(refused.contains("these topics are not those of one stack"), "{refused}");
    }
}
