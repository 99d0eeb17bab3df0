//! What: Remembers when everybody saw a change. A transaction in flight has happened for some readers, and not for
//! others.
//!
//! Data: Takes changes of something by its name, and when everybody saw each. Says what a reader may still find.

/// Changes, in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Change>);

#[derive(Debug)]
struct Change {
    /// The payment or command that made it.
    by: String,
    /// What it changed.
    of: String,
    happened: u64,
    /// When everybody saw it. `None`: not yet.
    seen: Option<u64>,
}

impl Seen {
    /// This payment or command changed something. Not everybody sees that yet.
    pub(super) fn happened(&mut self, by: &str, of: &str, now: u64) {
        self.0.push(Change { by: by.to_owned(), of: of.to_owned(), happened: now, seen: None });
    }

    /// From now on everybody sees what this payment or command changed.
    pub(super) fn by_all(&mut self, by: &str, now: u64) {
        self.0.iter_mut().filter(|change| change.by == by).for_each(|change| change.seen = Some(now));
    }

    /// A reader that begins at this time may find what was there at the time that this gives, or later.
    pub(super) fn readable_since(&self, of: &str, began: u64) -> u64 {
        let before = self.0.iter().filter(|change| change.of == of && change.happened < began);
        let unseen = before.filter(|change| change.seen.is_none_or(|seen| seen >= began));
        unseen.map(|change| change.happened).min().unwrap_or(began)
    }
}
