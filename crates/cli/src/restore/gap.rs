//! What: Finds out whether a topic has deleted outcomes that the restored tables may lack.
//!
//! Data: Takes the oldest record of each partition, and the second of the tables. Gives the time of which outcomes may
//! be gone.
//!
//! Invariants: Records come to a partition in the order of time, and the oldest are deleted first. So what a partition
//! has deleted is not newer than its oldest record.

use std::fmt;

use giro::domain::Timestamp;

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

/// The time of which outcomes may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The partitions that have deleted some.
    pub partitions: Vec<i32>,
    /// The second of the tables.
    pub from: Timestamp,
    /// When the oldest was published that is there. `None`: a partition has none.
    pub to: Option<Timestamp>,
}

impl Gap {
    /// The gap behind the second of the tables, if there is one.
    #[must_use]
    pub fn behind(second: Timestamp, oldest: &[Oldest]) -> Option<Self> {
        let is_newer = |oldest: &&Oldest| oldest.offset > 0 && oldest.at.is_none_or(|at| at > second);
        let open: Vec<&Oldest> = oldest.iter().filter(is_newer).collect();
        let to: Option<Vec<Timestamp>> = open.iter().map(|oldest| oldest.at).collect();
        let partitions: Vec<i32> = open.iter().map(|oldest| oldest.partition).collect();
        (!partitions.is_empty()).then(|| Self { partitions, from: second, to: to.and_then(|to| to.into_iter().max()) })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions: Vec<String> = self.partitions.iter().map(ToString::to_string).collect();
        write!(f, "partitions {} have deleted outcomes from {}", partitions.join(", "), self.from)?;
        match self.to {
            Some(to) => write!(f, " to {to}"),
            None => f.write_str(" to a time that nobody knows, because one of them is empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::try_from_millis(milliseconds).unwrap()
    }

    fn gap(oldest: &[(i64, Option<i64>)]) -> Option<String> {
        let oldest = oldest.iter().enumerate().map(|(partition, (offset, time))| Oldest {
            partition: i32::try_from(partition).unwrap(),
            offset: *offset,
            at: time.map(at),
        });
        Gap::behind(at(5_000), &oldest.collect::<Vec<_>>()).map(|gap| gap.to_string())
    }

    #[test]
    fn what_was_deleted_before_the_second_of_the_tables_is_in_them() {
        assert_eq!(gap(&[]), None);
        assert_eq!(gap(&[(0, Some(9_000)), (0, None)]), None, "nothing was ever deleted");
        assert_eq!(gap(&[(7, Some(4_000)), (7, Some(5_000))]), None);
    }

    #[test]
    fn what_was_deleted_behind_it_is_told_as_two_times() {
        let told = gap(&[(7, Some(5_001)), (0, Some(9_000)), (7, Some(4_000)), (1, Some(6_000))]);
        let expected =
            "partitions 0, 3 have deleted outcomes from 1970-01-01T00:00:05.000Z to 1970-01-01T00:00:06.000Z";
        assert_eq!(told.as_deref(), Some(expected));
        let told = gap(&[(7, Some(6_000)), (3, None)]).unwrap();
        assert!(told.starts_with("partitions 0, 1 have") && told.ends_with("because one of them is empty"), "{told}");
    }
}
