//! Which dead letters are not whole.
//!
//! A letter's first part is written last and says how many there are. So one without its first part may be on its way,
//! and one with it must be whole; but a read passes a letter's parts one after the other, so that both are suspects
//! until a second read shows the same.
//!
//! Limit: only what isn't whole is kept, which is little.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::domain::LetterId;

/// The dead letters of one read that are not whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    open: BTreeMap<LetterId, Parts>,
    /// Letters seen whole.
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
    pub fn part(&mut self, letter: LetterId, part: usize, count: Option<usize>) {
        let parts = self.open.entry(letter.clone()).or_default();
        parts.seen.insert(part);
        parts.count = count.or(parts.count);
        if parts.count.is_some_and(|count| parts.seen.iter().copied().eq(0..count)) {
            self.open.remove(&letter);
            self.whole = self.whole.saturating_add(1);
        }
    }

    /// Whether a letter is not whole.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        !self.open.is_empty()
    }

    /// The letters that are as little whole in a later read as in this one.
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
        let letter = |offset: i64| -> LetterId { format!("t/0/{offset}/0123456789abcdef").parse().unwrap() };
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
    /// Two records of one place, and one that an older version named by the place alone.
    #[test]
    fn letters_of_one_place_are_told_apart() {
        let names = ["t/0/1", "t/0/1/0000000000000001", "t/0/1/0000000000000002"];
        let [old, one, other] = names.map(|name| name.parse::<LetterId>().unwrap());
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
