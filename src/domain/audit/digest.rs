//! What: Digests of postings and of checkpoints.
//!
//! Data: Takes a posting, or what was hashed. Gives 256 bits, shown as 64 hexadecimal digits. The digest of several
//! postings is the sum of their digests modulo 2^256, so it is the same in any order.
//!
//! The encoding of a posting is fixed for ever. First comes a version byte 1. Then come the account, the id of its item
//! (`payment` or `payment/leg`) and the other account, each as one byte of length and its ASCII. Then come `D` or `C`
//! for a debit or a credit, the amount as eight bytes, the currency's three letters, and the time of decision in
//! milliseconds since 1970 as eight bytes. Numbers are big-endian.
//!
//! Limits: A sum of digests shows mistakes and careless changes. It is no signature.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::domain::statement::Side;
use crate::domain::{AccountId, Fingerprint, LegId, Timestamp, Transfer};

/// A digest of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of no posting.
    pub const ZERO: Self = Self([0; 32]);

    /// What was hashed.
    pub(super) fn of(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }

    /// The digest of one posting of this account.
    #[must_use]
    pub fn of_posting(id: &LegId, side: Side, transfer: Transfer<'_>, decided_at: Timestamp) -> Self {
        let (account, other) = match side {
            Side::Debit => (transfer.debtor, transfer.creditor),
            Side::Credit => (transfer.creditor, transfer.debtor),
        };
        let mut hash = Sha256::new();
        hash.update([1]);
        hash_text(&mut hash, account.as_str());
        hash_text(&mut hash, &id.to_string());
        hash_text(&mut hash, other.as_str());
        hash.update(match side {
            Side::Debit => b"D",
            Side::Credit => b"C",
        });
        hash.update(transfer.amount.minor_units().to_be_bytes());
        hash.update(transfer.currency.as_str());
        hash.update(decided_at.millis().to_be_bytes());
        Self::of(hash)
    }

    /// The digest of the postings of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (mut sum, mut carry) = ([0; 32], 0_u16);
        for (ix, byte) in sum.iter_mut().enumerate().rev() {
            let both = u16::from(self.0[ix]).saturating_add(other.0[ix].into()).saturating_add(carry);
            let [high, low] = both.to_be_bytes();
            (carry, *byte) = (high.into(), low);
        }
        Self(sum)
    }

    /// Reads the digits that `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Fingerprint::parse(text).map(|digits| Self(digits.0))
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text of at most 255 bytes, behind its length.
pub(super) fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update([u8::try_from(text.len()).unwrap_or(u8::MAX)]);
    hash.update(text);
}

/// Whether the transfer names the account on that side.
pub(super) fn names(account: &AccountId, side: Side, transfer: Transfer<'_>) -> bool {
    match side {
        Side::Debit => transfer.debtor == account,
        Side::Credit => transfer.creditor == account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, Currency};

    fn digest(id: &str, side: Side, debtor: &str, creditor: &str, amount: u64, at_ms: i64) -> Digest {
        let (debtor, creditor) = (&debtor.parse().unwrap(), &creditor.parse().unwrap());
        let (amount, currency) = (Amount::try_new(amount).unwrap(), Currency::try_new("EUR").unwrap());
        let transfer = Transfer { debtor, creditor, amount, currency };
        Digest::of_posting(&id.parse().unwrap(), side, transfer, Timestamp::try_from_millis(at_ms).unwrap())
    }

    /// By a program that knows the encoding alone: Python's `hashlib`.
    #[test]
    fn the_digest_of_a_posting_never_changes() {
        let one = digest("p1", Side::Debit, "alice", "bob", 1_250, 1_700_000_000_123);
        expect_test::expect!["d344fb711f1f9d6435bc49bec8647dc5fb4c1fd89764980de1e4ae3ef5f2051a"]
            .assert_eq(&one.to_string());
        let other = digest("p2/3", Side::Credit, "bob", "alice", 7, -1);
        expect_test::expect!["3d15232a43594a0cc0bd3a99e722ce7976872a82306daaec81501c3d008540e2"]
            .assert_eq(&other.to_string());
        expect_test::expect!["105a1e9b6278e770f6798458af874c3f71d34a5ac7d242fa6334ca7bf67745fc"]
            .assert_eq(&one.and(other).to_string());
    }

    #[test]
    fn a_digest_holds_all_that_a_posting_says() {
        let base = digest("p1", Side::Debit, "alice", "bob", 1, 1);
        for other in [
            digest("p2", Side::Debit, "alice", "bob", 1, 1),
            digest("p1/2", Side::Debit, "alice", "bob", 1, 1),
            digest("p1", Side::Credit, "alice", "bob", 1, 1),
            digest("p1", Side::Debit, "alic", "bob", 1, 1),
            digest("p1", Side::Debit, "alice", "bobb", 1, 1),
            digest("p1", Side::Debit, "alice", "bob", 2, 1),
            digest("p1", Side::Debit, "alice", "bob", 1, 2),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn a_sum_has_any_order_and_wraps() {
        let [one, two, three] = [1, 2, 3].map(|n| digest("p", Side::Debit, "a", "b", n, 0));
        assert_eq!(one.and(two).and(three), three.and(one).and(two));
        assert_eq!(one.and(Digest::ZERO), one);
        let most = Digest([u8::MAX; 32]);
        let mut first = [0; 32];
        first[31] = 1;
        assert_eq!(most.and(Digest(first)), Digest::ZERO);
        first[31] = 255;
        assert_eq!(most.and(Digest(first)).to_string(), format!("{:0>64}", "fe"));
        assert_eq!(Digest::parse(&one.to_string()), Some(one));
        assert_eq!(Digest::parse("00"), None);
    }
}
