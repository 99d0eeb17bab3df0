//! What: A payment that a client asks for, and its fingerprint.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{AccountId, Amount, Currency, PaymentId, Timestamp};

/// The longest reference, in characters. Source: ISO 20022 `Max140Text`, unstructured remittance information.
pub const REFERENCE_CHARACTERS_MAX: usize = 140;

/// A payment that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The idempotency key.
    pub id: PaymentId,
    /// The account that pays.
    pub debtor: AccountId,
    /// The account that is paid.
    pub creditor: AccountId,
    /// How much.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
    /// What the client wants both sides to read, at most [`REFERENCE_CHARACTERS_MAX`] characters. All characters are
    /// kept, also control characters, so whoever shows it must escape it.
    pub reference: Option<Box<str>>,
    /// When the client says it asked. It is kept, but not trusted, and not part of the fingerprint.
    pub requested_at: Option<Timestamp>,
}

impl Payment {
    /// Two requests of one id are the same request if their fingerprints are equal. It is SHA-256 over debtor,
    /// creditor, amount, currency and reference.
    ///
    /// References are compared code point by code point. So `é` as one code point and as two (NFC and NFD) make two
    /// requests.
    ///
    /// The encoding is fixed for ever, because stored payments hold it. First comes a version byte 1. Then come debtor
    /// and creditor, each as one byte of length and its ASCII. Then come the amount as eight bytes, big-endian, and the
    /// currency's three letters. Last comes 0 for no reference, or 1, two bytes of length, big-endian, and the
    /// reference's UTF-8.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([1]);
        hash_id(&mut hash, self.debtor.as_str());
        hash_id(&mut hash, self.creditor.as_str());
        hash.update(self.amount.minor_units().to_be_bytes());
        hash.update(self.currency.as_str().as_bytes());
        hash_reference(&mut hash, self.reference.as_deref());
        Fingerprint(hash.finalize().into())
    }
}

/// Adds one byte of length, and the id's ASCII.
pub(super) fn hash_id(hash: &mut Sha256, id: &str) {
    // An id has at most 64 bytes.
    hash.update([u8::try_from(id.len()).unwrap_or(u8::MAX)]);
    hash.update(id);
}

/// Adds 0 for no reference, or 1, two bytes of length, big-endian, and the reference's UTF-8.
pub(super) fn hash_reference(hash: &mut Sha256, reference: Option<&str>) {
    match reference {
        None => hash.update([0]),
        Some(reference) => {
            hash.update([1]);
            // A reference has at most 140 characters of at most four bytes.
            hash.update(u16::try_from(reference.len()).unwrap_or(u16::MAX).to_be_bytes());
            hash.update(reference);
        }
    }
}

/// The fingerprint of an instruction. Shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads 64 hexadecimal digits. `None` if the text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(reference: Option<&str>) -> Payment {
        Payment {
            id: PaymentId::try_new("pay-0001").unwrap(),
            debtor: AccountId::try_new("alice").unwrap(),
            creditor: AccountId::try_new("shop-1").unwrap(),
            amount: Amount::try_new(1250).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: reference.map(Into::into),
            requested_at: None,
        }
    }

    /// The encoding is part of the stored data. If this test fails, every stored payment looks like another one.
    #[test]
    fn the_fingerprint_never_changes() {
        expect_test::expect!["753eb80acbfec608a4462b2cda4ad7a26e3a9d20ad950047c25a93bc02b56fea"]
            .assert_eq(&payment(Some("invoice 17")).fingerprint().to_string());
    }

    #[test]
    fn the_fingerprint_holds_what_moves_money_and_the_reference() {
        let base = payment(None);
        let other = |change: fn(&mut Payment)| {
            let mut changed = base.clone();
            change(&mut changed);
            changed.fingerprint() != base.fingerprint()
        };
        assert!(other(|p| p.debtor = AccountId::try_new("alic").unwrap()));
        assert!(other(|p| p.creditor = AccountId::try_new("eshop-1").unwrap()));
        assert!(other(|p| std::mem::swap(&mut p.debtor, &mut p.creditor)));
        assert!(other(|p| p.amount = Amount::try_new(1251).unwrap()));
        assert!(other(|p| p.currency = Currency::try_new("USD").unwrap()));
        assert!(other(|p| p.reference = Some("".into())));
        assert!(!other(|p| p.requested_at = Some(Timestamp::EPOCH)), "a client's retry may carry another time");
        assert!(!other(|p| p.id = PaymentId::try_new("pay-0002").unwrap()), "the id is the key, not the body");
    }

    /// References are not normalised, not trimmed, and their case counts.
    #[test]
    fn the_fingerprint_compares_references_code_point_by_code_point() {
        let references =
            ["caf\u{e9}", "cafe\u{301}", "cafe", "CAFE", "cafe ", "cafe\n", "cafe\u{200b}", "\u{202e}efac"];
        let prints = references.map(|reference| payment(Some(reference)).fingerprint());
        for (ix, one) in prints.iter().enumerate() {
            assert!(!prints[..ix].contains(one), "{:?}", references[ix]);
        }
    }

    #[test]
    fn fingerprints_read_back() {
        let fingerprint = payment(None).fingerprint();
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        for bad in ["", "00", &"+0".repeat(32), &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
