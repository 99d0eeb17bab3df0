//! What: A draft: what the postings of a large account make up to a time that is closed. It is not proved yet.
//!
//! Data: Says what a checkpoint of that time would say. Its `previous` is the chain of the head's checkpoint, as it is
//! for the next checkpoint. It also holds the sums of refunds that can't be judged yet.
//!
//! Invariants: It is made of postings alone, and nothing was found in them. Nothing was compared with the balance, so a
//! draft proves nothing, and nobody reads it as a checkpoint. It says nothing of the run that wrote it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::checkpoint::Checkpoint;
use super::digest::{Digest, hash_text};
use super::head::Head;
use super::since::RefundBase;
use crate::domain::{Currency, LegId, Timestamp};

/// What the postings of an account make up to a closed time, not yet proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What they make.
    pub made: Checkpoint,
    /// What the refunds of a payment or leg make up to then, where the stored sum is larger. Later refunds must make up
    /// the rest.
    pub refunds: BTreeMap<LegId, RefundBase>,
}

impl Draft {
    /// The digest of all that it says.
    ///
    /// The encoding is fixed for ever. First come a version byte 3, and the chain of a checkpoint that says the same.
    /// Then come the refunds in the order of their ids: each as one byte of length and the id in ASCII, the sum as
    /// eight bytes, and its time in milliseconds since 1970 as eight bytes. Numbers are big-endian.
    #[must_use]
    pub fn seal(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update([3]);
        hash.update(self.made.chain().bytes());
        for (total, base) in &self.refunds {
            hash_text(&mut hash, &total.to_string());
            hash.update(base.sum.to_be_bytes());
            hash.update(base.as_of.millis().to_be_bytes());
        }
        Digest::of(hash)
    }

    /// Whether it goes on from this head, of an account of this currency.
    #[must_use]
    pub fn fits(&self, head: Option<&Head>, currency: Currency) -> bool {
        let before = head.map(|head| &head.checkpoint);
        let is_later = before.is_none_or(|before| before.as_of < self.made.as_of);
        self.made.previous == before.map(Checkpoint::chain) && is_later && self.made.currency == currency
    }

    /// The time up to which it holds postings.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.made.as_of
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::checkpoint::given::checkpoint;
    use super::super::head::Seen;
    use super::*;

    fn refunds(total: &str, sum: u64, as_of_ms: i64) -> BTreeMap<LegId, RefundBase> {
        let as_of = Timestamp::try_from_millis(as_of_ms).unwrap();
        [(total.parse().unwrap(), RefundBase { sum, as_of })].into()
    }

    #[test]
    fn a_seal_holds_all_that_a_draft_says() {
        let base = Draft { made: checkpoint("alice", 1, 5), refunds: refunds("p1", 2, 3) };
        let others = [
            Draft { made: checkpoint("alice", 1, 6), ..base.clone() },
            Draft { refunds: BTreeMap::new(), ..base.clone() },
            Draft { refunds: refunds("p1/2", 2, 3), ..base.clone() },
            Draft { refunds: refunds("p1", 3, 3), ..base.clone() },
            Draft { refunds: refunds("p1", 2, 4), ..base.clone() },
        ];
        let seals: BTreeSet<Digest> = others.iter().chain([&base]).map(Draft::seal).collect();
        assert_eq!(seals.len(), 6);
        assert_ne!(base.seal(), base.made.chain(), "a draft is no checkpoint");
    }

    #[test]
    fn a_draft_goes_on_from_the_head_that_it_names() {
        let eur = Currency::try_new("EUR").unwrap();
        let first = checkpoint("alice", 5, 5);
        let head = |checkpoint: &Checkpoint| {
            let seen = Seen { version: 1, lanes: Vec::new(), held: Digest::ZERO };
            Head { checkpoint: checkpoint.clone(), seen, pending: BTreeSet::new(), seen_at: None }
        };
        let draft = |as_of_ms: i64, previous: Option<Digest>| {
            let made = Checkpoint { previous, ..checkpoint("alice", as_of_ms, 7) };
            Draft { made, refunds: BTreeMap::new() }
        };
        let (of_none, of_first) = (draft(6, None), draft(6, Some(first.chain())));
        assert!(of_none.fits(None, eur) && of_first.fits(Some(&head(&first)), eur));
        for (draft, head) in [
            (&of_none, Some(head(&first))),
            // Somebody deleted the head and its checkpoints.
            (&of_first, None),
            (&of_first, Some(head(&checkpoint("alice", 5, 6)))),
            (&draft(5, Some(first.chain())), Some(head(&first))),
        ] {
            assert!(!draft.fits(head.as_ref(), eur), "{draft:?} {head:?}");
        }
        assert!(!of_none.fits(None, Currency::try_new("USD").unwrap()));
    }
}
