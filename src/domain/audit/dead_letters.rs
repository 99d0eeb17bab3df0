//! What: Finds dead letters that are not whole.
//!
//! The first part of a dead letter is written last, and says how many parts there are. So a dead letter without its
//! first part may still be on its way, and a dead letter with it must be whole. But a scan passes the parts one after
//! the other. So both kinds are suspects until a second scan shows the same.
//!
//! Limits: It keeps only dead letters that are not whole, which are few.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::domain::DeadLetterId;

/// The dead letters of one scan that are not whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    open: BTreeMap<DeadLetterId, Parts>,
    /// Dead letters seen whole.
    pub whole: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parts {
    seen: BTreeSet<usize>,
    /// How many the first part says there are.
    count: Option<usize>,
}

impl Letters {
    /// Takes a part; the first one says how many there are.
    pub fn part(&mut self, letter: DeadLetterId, part: usize, count: Option<usize>) {
        let parts = self.open.entry(letter.clone()).or_default();
        parts.seen.insert(part);
        parts.count = count.or(parts.count);
        if parts.count.is_some_and(|count| parts.seen.iter().copied().eq(0..count)) {
            self.open.remove(&letter);
            self.whole = self.whole.saturating_add(1);
        }
    }

    /// Whether a dead letter is not whole.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        !self.open.is_empty()
    }

    /// The dead letters that are not whole, and that a later scan shows in the same state.
    pub fn still_open<'l>(&'l self, later: &'l Self) -> impl Iterator<Item = Finding> + 'l {
        let same = self.open.iter().filter(|(letter, parts)| later.open.get(letter) == Some(parts));
        same.map(|(letter, parts)| Finding::Letter {
            letter: letter.clone(),
            found: parts.seen.len(),
            expected: parts.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_open_is_found() {
        let letter = |offset: i64| -> DeadLetterId { format!("t/0/{offset}/0123456789abcdef").parse().unwrap() };
        let mut first = Letters::default();
        first.part(letter(1), 0, Some(1));
        first.part(letter(2), 0, Some(2));
        first.part(letter(3), 1, None);
        first.part(letter(4), 1, None);
        let mut later = first.clone();
        later.part(letter(3), 0, Some(2));
        let found: Vec<String> = first.still_open(&later).map(|finding| finding.to_string()).collect();
        expect_test::expect![[r#"
            dead letter t/0/2/0123456789abcdef has 1 of its 2 parts
            dead letter t/0/4/0123456789abcdef lacks its first part"#]]
        .assert_eq(&found.join("\n"));
        assert_eq!((first.whole, later.whole), (1, 2));
        let mut whole = Letters::default();
        whole.part(letter(1), 1, None);
        assert!(whole.has_suspects() && first.has_suspects());
        whole.part(letter(1), 0, Some(2));
        assert!(!whole.has_suspects() && !Letters::default().has_suspects());
    }
    /// Two records of one place, and one dead letter of an older version, which is named by the place alone.
    #[test]
    fn letters_of_one_place_are_told_apart() {
        let names = ["t/0/1", "t/0/1/0000000000000001", "t/0/1/0000000000000002"];
        let [old, one, other] = names.map(|name| name.parse::<DeadLetterId>().unwrap());
        let mut letters = Letters::default();
        letters.part(old, 0, Some(1));
        letters.part(one, 0, Some(2));
        letters.part(other, 1, None);
        let found: Vec<String> = letters.still_open(&letters).map(|finding| finding.to_string()).collect();
        let expected = [
            format!("dead letter {} has 1 of its 2 parts", names[1]),
            format!("dead letter {} lacks its first part", names[2]),
        ];
        assert_eq!((found.as_slice(), letters.whole), (&expected[..], 1));
    }
}
