//! What: A refund that a client asks for: money of a settled payment goes back, all of it or a part.
//!
//! Data: A refund as it is asked for. What it gives back, which its original tells.
//!
//! Invariants: The refunds of an original never sum to more than its amount. Of a payment with legs, those of a leg
//! never sum to more than the leg.

use sha2::{Digest, Sha256};

use super::payment::{Fingerprint, hash_id, hash_reference};
use super::{AccountId, Amount, Currency, LegId, LegNumber, PaymentId, Timestamp, Transfer};

/// A refund that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The idempotency key. It shares one key space with the ids of payments.
    pub id: PaymentId,
    /// The payment whose money goes back.
    pub original: PaymentId,
    /// The leg of the original whose money goes back. Only a payment with legs has any, and then one must be named.
    pub leg: Option<LegNumber>,
    /// The account that pays: the creditor of the original.
    pub debtor: AccountId,
    /// How much. `None`: all that is left of the original.
    pub amount: Option<Amount>,
    /// What the client wants both sides to read, at most
    /// [`REFERENCE_CHARACTERS_MAX`](super::payment::REFERENCE_CHARACTERS_MAX) characters.
    pub reference: Option<Box<str>>,
    /// When the client says it asked. It is kept, but not trusted, and not part of the fingerprint.
    pub requested_at: Option<Timestamp>,
}

/// Money of an original that goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repayment {
    /// The account that is paid: the debtor of the original.
    pub creditor: AccountId,
    /// How much.
    pub amount: Amount,
    /// The currency of the original.
    pub currency: Currency,
}

/// What is known of a sum of refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefundTotal {
    /// They sum to at least this, in minor units.
    pub at_least: u64,
    /// The sum was read, or learned, after the accounts were. So a decline for want of money may rest on it.
    pub is_read: bool,
}

impl Repayment {
    /// The same as a transfer from the account that pays.
    #[must_use]
    pub const fn from<'a>(&'a self, debtor: &'a AccountId) -> Transfer<'a> {
        Transfer { debtor, creditor: &self.creditor, amount: self.amount, currency: self.currency }
    }
}

impl Refund {
    /// The sum that it adds to.
    #[must_use]
    pub fn total(&self) -> LegId {
        LegId { payment: self.original.clone(), leg: self.leg }
    }

    /// Two refunds of one id are the same request if their fingerprints are equal. It is SHA-256 over debtor, original,
    /// leg, amount and reference.
    ///
    /// The encoding is fixed for ever. First comes a version byte 2, which no payment has, or 4 if it names a leg. Then
    /// come debtor and original, each as one byte of length and its ASCII, and the leg as one byte, if it names one.
    /// Then comes 0 for all that is left, or 1 and the amount as eight bytes, big-endian. Last comes the reference, as
    /// in [`Payment::fingerprint`](super::Payment::fingerprint).
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([if self.leg.is_none() { 2 } else { 4 }]);
        hash_id(&mut hash, self.debtor.as_str());
        hash_id(&mut hash, self.original.as_str());
        if let Some(leg) = self.leg {
            hash.update([leg.get()]);
        }
        match self.amount {
            None => hash.update([0]),
            Some(amount) => {
                hash.update([1]);
                hash.update(amount.minor_units().to_be_bytes());
            }
        }
        hash_reference(&mut hash, self.reference.as_deref());
        Fingerprint(hash.finalize().into())
    }
}
