//! What: The head of an account: its newest checkpoint, and what was seen when the account was proved.
//!
//! Data: Says what the account's items held then, and which of its lists had postings after the checkpoint. So the next
//! audit knows whether the account has moved, and what to read. `seen_at` says since when its items are as they were
//! seen. An index may be behind, so what was read of a list right after that may not be all of it.
//!
//! Invariants: The seal is a digest of all of it. A head that was changed is found as soon as it is read.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::checkpoint::{Checkpoint, hash_used};
use super::digest::{Digest, hash_text};
use crate::domain::credit_lanes::CREDIT_LANES_MAX;
use crate::domain::statement::Side;
use crate::domain::{AccountId, Holding, LaneId, Timestamp};

/// One of the lists of an account: the debits or credits of its main item or of a lane. Shown as `debits` or
/// `credits/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostingList {
    /// Debits or credits.
    pub side: Side,
    /// Of which lane. `None`: of the main item.
    pub lane: Option<u16>,
}

impl PostingList {
    /// The text that the items of this list of the account have as the key of their index.
    #[must_use]
    pub fn key(self, account: &AccountId) -> String {
        match self.lane {
            None => account.to_string(),
            Some(lane) => LaneId { account: account.clone(), lane }.to_string(),
        }
    }
}

impl fmt::Display for PostingList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Debit => "debits",
            Side::Credit => "credits",
        };
        match self.lane {
            None => f.write_str(side),
            Some(lane) => write!(f, "{side}/{lane}"),
        }
    }
}

/// Why a text is not a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected debits or credits, or those of a lane, such as credits/3")]
pub struct InvalidPostingList;

impl FromStr for PostingList {
    type Err = InvalidPostingList;
    fn from_str(text: &str) -> Result<Self, InvalidPostingList> {
        let (side, lane) = text.split_once('/').map_or((text, None), |(side, lane)| (side, Some(lane)));
        let side = match side {
            "debits" => Side::Debit,
            "credits" => Side::Credit,
            _ => return Err(InvalidPostingList),
        };
        let lane = lane.map(str::parse).transpose().map_err(|_| InvalidPostingList)?;
        let list = Self { side, lane };
        // Each list has one text only: no leading zeros, no sign.
        if lane.is_none_or(|lane| lane < CREDIT_LANES_MAX) && list.to_string() == text {
            Ok(list)
        } else {
            Err(InvalidPostingList)
        }
    }
}

/// What the items of an account were when it was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The version of the main item.
    pub version: u64,
    /// The version of each lane that it counts, up to the last that was there. 0: the lane wasn't there.
    pub lanes: Vec<u64>,
    /// A digest of what they held. So an item that was changed and kept its version has moved too.
    pub held: Digest,
}

impl Seen {
    /// What the items of an account are.
    #[must_use]
    pub fn of(holding: &Holding) -> Self {
        let account = &holding.account;
        let mut lanes = Vec::new();
        let mut hash = Sha256::new();
        hash.update([1]);
        hash.update(account.balance.minor_units().to_be_bytes());
        hash.update(account.limits_version().to_be_bytes());
        for (_, window) in account.limits.iter().flat_map(|limits| limits.windows()) {
            hash.update(window.since.to_be_bytes());
            hash_used(&mut hash, window.used);
        }
        for lane in &holding.lanes {
            lanes.resize(usize::from(lane.id.lane), 0);
            lanes.push(lane.version);
            hash.update(lane.id.lane.to_be_bytes());
            hash.update(lane.balance.minor_units().to_be_bytes());
        }
        Self { version: account.version, lanes, held: Digest::of(hash) }
    }

    /// The version of a lane; 0 if it wasn't there.
    pub(super) fn lane(&self, lane: u16) -> u64 {
        self.lanes.get(usize::from(lane)).copied().unwrap_or_default()
    }
}

/// The newest checkpoint of an account, and what was seen when the account was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// What the account's items were.
    pub seen: Seen,
    /// The lists that had postings after the checkpoint, or may have had some.
    pub pending: BTreeSet<PostingList>,
    /// A time at which the items were already as they were seen. `None`: an older version wrote it.
    pub seen_at: Option<Timestamp>,
}

impl Head {
    /// The digest of all that it says.
    ///
    /// The encoding is fixed for ever. First come a version byte and the chain of the checkpoint. The byte is 2, and
    /// without `seen_at` 1. Then come the version of the main item and the number of lanes, each as eight bytes, and
    /// the version of each lane. Then comes the digest of what they held. After it comes `seen_at`, if it is there, in
    /// milliseconds since 1970 as eight bytes. Last come the pending lists in their order, each as one byte of length
    /// and its text. Numbers are big-endian.
    #[must_use]
    pub fn seal(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update([if self.seen_at.is_some() { 2 } else { 1 }]);
        hash.update(self.checkpoint.chain().bytes());
        hash.update(self.seen.version.to_be_bytes());
        hash.update(u64::try_from(self.seen.lanes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.seen.lanes.iter().for_each(|version| hash.update(version.to_be_bytes()));
        hash.update(self.seen.held.bytes());
        self.seen_at.iter().for_each(|at| hash.update(at.millis().to_be_bytes()));
        self.pending.iter().for_each(|list| hash_text(&mut hash, &list.to_string()));
        Digest::of(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::given::checkpoint;
    use super::*;
    use crate::domain::account::given::account;
    use crate::domain::{Account, Balance, CreditLanes, Lane};

    fn holding(balance: i64, lanes: &[(u16, i64, u64)]) -> Holding {
        let account = Account {
            balance: Balance::new(balance),
            credit_lanes: CreditLanes::try_new(5).unwrap(),
            ..account("alice")
        };
        let lane = |&(lane, balance, version): &(u16, i64, u64)| Lane {
            balance: Balance::new(balance),
            version,
            ..Lane::new(&account, lane)
        };
        Holding { lanes: lanes.iter().map(lane).collect(), account }
    }

    #[test]
    fn lists_read_back() {
        for text in ["debits", "credits", "debits/0", "credits/1023"] {
            assert_eq!(text.parse::<PostingList>().unwrap().to_string(), text);
        }
        for bad in ["", "debit", "credits/", "credits/01", "credits/+1", "credits/1024", "debits/1/2"] {
            assert_eq!(bad.parse::<PostingList>(), Err(InvalidPostingList), "{bad}");
        }
        let list = "credits/3".parse::<PostingList>().unwrap();
        assert_eq!(list.key(&"shop".parse().unwrap()), "shop/3");
    }

    #[test]
    fn what_was_seen_tells_items_that_changed() {
        let seen = Seen::of(&holding(5, &[(1, 2, 7), (3, 0, 1)]));
        assert_eq!((seen.version, seen.lanes.as_slice()), (1, [0, 7, 0, 1].as_slice()));
        assert_eq!([0, 1, 3, 4].map(|lane| seen.lane(lane)), [0, 7, 1, 0]);
        for other in [
            holding(6, &[(1, 2, 7), (3, 0, 1)]),
            holding(5, &[(1, 3, 7), (3, 0, 1)]),
            holding(5, &[(1, 2, 8), (3, 0, 1)]),
            holding(5, &[(1, 2, 7)]),
        ] {
            assert_ne!(Seen::of(&other), seen, "{other:?}");
        }
    }

    #[test]
    fn a_seal_holds_all_that_a_head_says() {
        let seen = Seen::of(&holding(5, &[(1, 2, 7)]));
        let pending = BTreeSet::new();
        let base = Head { checkpoint: checkpoint("alice", 1, 5), seen: seen.clone(), pending, seen_at: None };
        let others = [
            Head { checkpoint: checkpoint("alice", 1, 6), ..base.clone() },
            Head { seen: Seen { version: 2, ..seen.clone() }, ..base.clone() },
            Head { seen: Seen { lanes: vec![0, 8], ..seen.clone() }, ..base.clone() },
            Head { seen: Seen { held: Digest::ZERO, ..seen }, ..base.clone() },
            Head { pending: ["credits/1".parse().unwrap()].into(), ..base.clone() },
            Head { seen_at: Some(Timestamp::EPOCH), ..base.clone() },
        ];
        for other in others {
            assert_ne!(other.seal(), base.seal(), "{other:?}");
        }
    }
}
