//! What: A checkpoint: what the postings of an account make up to a closed time.
//!
//! Data: Says balance, number and digest of the postings decided up to then, and what they used of windows.
//!
//! Invariants: It is of a time that is closed: no posting of that time or before can still be committed. It is made of
//! postings alone, never of the balance that was read. Each holds the chain of the one before, so that none can be
//! changed or left out unseen.

use sha2::{Digest as _, Sha256};

use super::digest::{Digest, hash_text};
use crate::domain::limits::Used;
use crate::domain::{AccountId, Currency, Period, Timestamp};

/// What payments used of one window, up to the time of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowUse {
    /// The version of limits from which on it counts.
    pub since: u64,
    /// The newest period, and what was used of it. `None`: no payment counted.
    pub used: Option<Used>,
}

/// What the postings of an account make up to a closed time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose.
    pub account: AccountId,
    /// The closed time. It holds the postings decided at it and before.
    pub as_of: Timestamp,
    /// The currency of the account.
    pub currency: Currency,
    /// What they make, in minor units.
    pub balance: i128,
    /// How many they are.
    pub postings: u64,
    /// The sum of their digests.
    pub digest: Digest,
    /// What they used of the windows that the account had when it was proved, in the order of [`Period::ALL`].
    pub windows: [Option<WindowUse>; 3],
    /// The chain of the checkpoint before. `None`: it is the first.
    pub previous: Option<Digest>,
}

impl Checkpoint {
    /// The digest of all that it says, and so of all checkpoints before.
    ///
    /// The encoding is fixed for ever. First comes a version byte 1. Then come the account as one byte of length and
    /// its ASCII, and the time as eight bytes. Then come the currency's three letters, the balance as sixteen bytes,
    /// the number of postings as eight, and their digest. Each window is a byte 0 if it isn't there. Otherwise it is a
    /// byte 1, eight bytes of version, and a byte 0 or 1, 1 before start, amount and count. The chain before is a byte
    /// 0, or 1 and its bytes. Numbers are big-endian.
    #[must_use]
    pub fn chain(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update([1]);
        hash_text(&mut hash, self.account.as_str());
        hash.update(self.as_of.millis().to_be_bytes());
        hash.update(self.currency.as_str());
        hash.update(self.balance.to_be_bytes());
        hash.update(self.postings.to_be_bytes());
        hash.update(self.digest.bytes());
        for window in &self.windows {
            let Some(window) = window else {
                hash.update([0]);
                continue;
            };
            hash.update([1]);
            hash.update(window.since.to_be_bytes());
            hash_used(&mut hash, window.used);
        }
        match &self.previous {
            None => hash.update([0]),
            Some(previous) => {
                hash.update([1]);
                hash.update(previous.bytes());
            }
        }
        Digest::of(hash)
    }

    /// Whether no posting lies between this checkpoint and another of the same account.
    #[must_use]
    pub fn has_same_postings(&self, other: &Self) -> bool {
        (self.postings, self.digest, self.balance) == (other.postings, other.digest, other.balance)
    }

    /// What was used of a window that counts from this version of limits on.
    pub(super) fn used(&self, period: Period, since: u64) -> Option<Used> {
        let place = Period::ALL.iter().position(|its| *its == period)?;
        self.windows.get(place).copied().flatten().filter(|window| window.since == since)?.used
    }
}

pub(super) fn hash_used(hash: &mut Sha256, used: Option<Used>) {
    match used {
        None => hash.update([0]),
        Some(Used { start, amount, count }) => {
            hash.update([1]);
            hash.update(start.millis().to_be_bytes());
            hash.update(amount.to_be_bytes());
            hash.update(count.to_be_bytes());
        }
    }
}

#[cfg(test)]
pub(super) mod given {
    use super::*;

    /// The first checkpoint of an account.
    pub(in crate::domain::audit) fn checkpoint(name: &str, as_of_ms: i64, balance: i128) -> Checkpoint {
        Checkpoint {
            account: name.parse().unwrap(),
            as_of: Timestamp::try_from_millis(as_of_ms).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            balance,
            postings: 3,
            digest: Digest::ZERO,
            windows: [None; 3],
            previous: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_holds_all_that_a_checkpoint_says() {
        let base = given::checkpoint("alice", 1, 5);
        let window = WindowUse { since: 1, used: None };
        let used = WindowUse { used: Some(Used { start: Timestamp::EPOCH, amount: 1, count: 1 }), ..window };
        let others = [
            given::checkpoint("alic", 1, 5),
            given::checkpoint("alice", 2, 5),
            given::checkpoint("alice", 1, -5),
            Checkpoint { currency: Currency::try_new("USD").unwrap(), ..base.clone() },
            Checkpoint { postings: 4, ..base.clone() },
            Checkpoint { digest: base.chain(), ..base.clone() },
            Checkpoint { windows: [Some(window), None, None], ..base.clone() },
            Checkpoint { windows: [None, Some(window), None], ..base.clone() },
            Checkpoint { windows: [Some(used), None, None], ..base.clone() },
            Checkpoint { previous: Some(Digest::ZERO), ..base.clone() },
        ];
        let mut chains: Vec<Digest> = others.iter().chain([&base]).map(Checkpoint::chain).collect();
        chains.sort();
        chains.dedup();
        assert_eq!(chains.len(), 11);
    }
}
