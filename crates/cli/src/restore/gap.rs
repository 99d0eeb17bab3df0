//! What: Finds out whether a topic has lost records that the restored tables may lack.
//!
//! Data: Takes where each partition begins, the second of the tables, and how long the topic keeps records. Gives the
//! times whose records may be gone.
//!
//! | a partition | may lack records |
//! |---|---|
//! | has deleted some, and has none from before that second | unless the topic keeps records for longer than that |
//! | has deleted none, and no partition of the topic has a record from before that second | the topic may have been made anew |
//!
//! Invariants: Records come to a partition in the order of time, and the oldest are deleted first. So what a partition
//! has deleted is not newer than its oldest record. Clocks of three machines are compared: hence the margins.

use std::fmt;

use giro::domain::Timestamp;

/// How far the clocks of DynamoDB, of a broker and of a function may differ, in milliseconds.
pub const CLOCKS_MS: i64 = 300_000;
/// How much older than its decision a request or a command may be, in milliseconds.
pub const WAITED_MS: i64 = 86_400_000;

/// The oldest record of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oldest {
    /// The partition.
    pub partition: i32,
    /// Its offset, or the next one if the partition has no record.
    pub offset: i64,
    /// When it was published. `None`: the partition has no record.
    pub at: Option<Timestamp>,
}

/// What a topic must still have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The second of the tables.
    pub second: Timestamp,
    /// How much older than that second a record may be that the tables lack, in milliseconds.
    pub margin_ms: i64,
    /// Whether the tables tell of records that came before that second.
    pub had_records: bool,
    /// What the topic has deleted is older than this. `None`: nobody knows.
    pub kept_since: Option<Timestamp>,
}

/// Why records may be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The topic has deleted its oldest ones.
    Deleted,
    /// The topic may have been made anew.
    MadeAnew,
}

/// The times whose records may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: String,
    /// Why.
    pub why: Why,
    /// The partitions that lack some.
    pub partitions: Vec<i32>,
    /// The second of the tables, less the margin.
    pub from: Timestamp,
    /// When the oldest was published that is there. `None`: a partition has none.
    pub to: Option<Timestamp>,
}

impl Needed<'_> {
    /// The gaps behind the second of the tables.
    #[must_use]
    pub fn gaps(&self, oldest: &[Oldest]) -> Vec<Gap> {
        let from = earlier(self.second, self.margin_ms);
        let is_kept = self.kept_since.is_some_and(|since| since <= from);
        let has_deleted = |it: &&Oldest| it.offset > 0 && it.at.is_none_or(|at| at > from) && !is_kept;
        let is_anew = self.had_records && oldest.iter().all(|it| it.at.is_none_or(|at| at > self.second));
        let deleted = self.gap(Why::Deleted, from, oldest.iter().filter(has_deleted).collect());
        let anew = self.gap(Why::MadeAnew, from, oldest.iter().filter(|it| is_anew && it.offset == 0).collect());
        deleted.into_iter().chain(anew).collect()
    }

    fn gap(&self, why: Why, from: Timestamp, open: Vec<&Oldest>) -> Option<Gap> {
        let to: Option<Vec<Timestamp>> = open.iter().map(|oldest| oldest.at).collect();
        let partitions: Vec<i32> = open.iter().map(|oldest| oldest.partition).collect();
        let (topic, to) = (self.topic.to_owned(), to.and_then(|to| to.into_iter().max()));
        (!partitions.is_empty()).then_some(Gap { topic, why, partitions, from, to })
    }
}

/// So many milliseconds before a time.
#[must_use]
pub fn earlier(time: Timestamp, milliseconds: i64) -> Timestamp {
    Timestamp::try_from_millis(time.millis().saturating_sub(milliseconds)).unwrap_or(Timestamp::MIN)
}

/// The partitions that have deleted records since they were first looked at: they may not have been read.
#[must_use]
pub fn deleted_since(before: &[Oldest], begins_now: impl Fn(i32) -> Option<i64>) -> Vec<i32> {
    let is_gone = |it: &&Oldest| begins_now(it.partition).is_none_or(|now| now > it.offset);
    before.iter().filter(is_gone).map(|it| it.partition).collect()
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions: Vec<String> = self.partitions.iter().map(ToString::to_string).collect();
        let (topic, partitions, from) = (&self.topic, partitions.join(", "), self.from);
        match self.why {
            Why::Deleted => write!(f, "{topic}: partitions {partitions} have deleted records from {from}")?,
            Why::MadeAnew => {
                write!(f, "{topic} was made anew, or lacks records in partitions {partitions} from {from}")?
            }
        }
        match self.to {
            Some(to) => write!(f, " to {to}"),
            None => f.write_str(" to a time that nobody knows, because one of them is empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Needed<'_> =
        Needed { topic: "t", second: Timestamp::EPOCH, margin_ms: 0, had_records: true, kept_since: None };

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::try_from_millis(milliseconds).unwrap()
    }

    fn gaps(needed: Needed<'_>, oldest: &[(i64, Option<i64>)]) -> Vec<String> {
        let oldest = oldest.iter().enumerate().map(|(partition, (offset, time))| Oldest {
            partition: i32::try_from(partition).unwrap(),
            offset: *offset,
            at: time.map(at),
        });
        let needed = Needed { second: at(5_000), ..needed };
        needed.gaps(&oldest.collect::<Vec<_>>()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_deleted_before_the_second_of_the_tables_is_in_them() {
        assert_eq!(gaps(NEEDED, &[]), [""; 0]);
        assert_eq!(gaps(NEEDED, &[(0, Some(5_000)), (0, Some(9_000)), (0, None)]), [""; 0], "nothing was ever deleted");
        assert_eq!(gaps(NEEDED, &[(7, Some(4_000)), (7, Some(5_000))]), [""; 0]);
    }

    #[test]
    fn what_was_deleted_behind_it_is_told_as_two_times() {
        let told = gaps(NEEDED, &[(7, Some(5_001)), (0, Some(9_000)), (7, Some(4_000)), (1, Some(6_000))]);
        let expected =
            "t: partitions 0, 3 have deleted records from 1970-01-01T00:00:05.000Z to 1970-01-01T00:00:06.000Z";
        assert_eq!(told, [expected]);
        let told = gaps(NEEDED, &[(7, Some(6_000)), (3, None)]);
        assert!(
            told[0].starts_with("t: partitions 0, 1 have") && told[0].ends_with("one of them is empty"),
            "{told:?}"
        );
    }

    /// Three clocks are compared, and a request is older than its decision.
    #[test]
    fn a_record_a_little_older_than_the_second_may_be_needed() {
        let oldest = [(7, Some(4_500))];
        assert_eq!(gaps(NEEDED, &oldest), [""; 0]);
        assert_eq!(gaps(Needed { margin_ms: 500, ..NEEDED }, &oldest), [""; 0]);
        assert_eq!(gaps(Needed { margin_ms: 501, ..NEEDED }, &oldest).len(), 1);
    }

    #[test]
    fn a_topic_without_records_from_before_may_have_been_made_anew() {
        let told = gaps(NEEDED, &[(0, Some(5_001)), (0, Some(7_000))]);
        let expected = "t was made anew, or lacks records in partitions 0, 1 from 1970-01-01T00:00:05.000Z to \
                        1970-01-01T00:00:07.000Z";
        assert_eq!(told, [expected]);
        assert_eq!(gaps(NEEDED, &[(0, None)]).len(), 1);
        assert_eq!(gaps(NEEDED, &[(0, Some(5_001)), (3, None)]).len(), 2, "of both kinds");
        // The tables tell of none, as those of a ledger that got no command.
        assert_eq!(gaps(Needed { had_records: false, ..NEEDED }, &[(0, Some(5_001)), (0, None)]), [""; 0]);
    }

    /// An idle partition has deleted all that it had, which is older than what the topic keeps.
    #[test]
    fn a_quiet_topic_that_keeps_records_for_long_enough_lacks_none() {
        let quiet = [(7, None), (3, Some(9_000))];
        let kept = |since| gaps(Needed { margin_ms: 1_000, kept_since: Some(at(since)), ..NEEDED }, &quiet);
        assert_eq!([kept(4_000).len(), kept(4_001).len()], [0, 1]);
        // How long it keeps them says nothing of a topic that was made anew.
        let anew = Needed { kept_since: Some(at(0)), ..NEEDED };
        assert_eq!(gaps(anew, &[(0, None)]).len(), 1);
    }

    #[test]
    fn a_partition_that_deletes_while_it_is_read_is_noticed() {
        let before = [(0, 0), (1, 7), (2, 7)].map(|(partition, offset)| Oldest { partition, offset, at: None });
        // Transactions leave marks before the first record.
        let begins = |begins: [Option<i64>; 3]| move |partition| begins[usize::try_from(partition).unwrap()];
        assert_eq!(deleted_since(&before, begins([Some(0), Some(5), Some(7)])), [0; 0]);
        assert_eq!(deleted_since(&before, begins([Some(1), Some(7), None])), [0, 2]);
    }
}
