//! Which dead letters are not whole.
//!
//! A letter's first part is written last and says how many there are. So one without its first part may be on its way,
//! and one with it must be whole; but a read passes a letter's parts one after the other, so that both are suspects
//! until a second read shows the same.
//!
//! Limit: only what isn't whole is kept, which is little.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::domain::Source;

/// The dead letters of one read that are not whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    open: BTreeMap<Source, Parts>,
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
    pub fn part(&mut self, source: Source, part: usize, count: Option<usize>) {
        let parts = self.open.entry(source.clone()).or_default();
        parts.seen.insert(part);
        parts.count = count.or(parts.count);
        if parts.count.is_some_and(|count| parts.seen.iter().copied().eq(0..count)) {
            self.open.remove(&source);
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
        let same = self.open.iter().filter(|(source, parts)| later.open.get(source) == Some(parts));
        same.map(|(source, parts)| Finding::Letter {
            source: source.clone(),
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
        let source = |offset| Source { topic: "t".into(), partition: 0, offset };
        let mut first = Letters::default();
        first.part(source(1), 0, Some(1));
        first.part(source(2), 0, Some(2));
        first.part(source(3), 1, None);
        first.part(source(4), 1, None);
        let mut later = first.clone();
        later.part(source(3), 0, Some(2));
        let found: Vec<String> = first.still_open(&later).map(|finding| finding.to_string()).collect();
        expect_test::expect![[r#"
            dead letter t/0/2 has 1 of its 2 parts
            dead letter t/0/4 lacks its first part"#]]
        .assert_eq(&found.join("\n"));
        assert_eq!((first.whole, later.whole), (1, 2));
        let mut whole = Letters::default();
        whole.part(source(1), 1, None);
        assert!(whole.has_suspects() && first.has_suspects());
        whole.part(source(1), 0, Some(2));
        assert!(!whole.has_suspects() && !Letters::default().has_suspects());
    }
}
