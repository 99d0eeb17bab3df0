//! What: A payment with legs: several movements of money that happen together or not at all. Splits, fees, chains and
//! changes of currency are such payments.
//!
//! Data: From 2 to 16 legs, each from one account to another. A leg takes from the payment's debtor, or from an account
//! that earlier legs have paid enough, or from an account without a limit (`decide` holds the rule).
//!
//! Invariants: At least one leg takes from the payment's debtor. Legs are numbered from 1 on, in their order.

use std::fmt;

use sha2::{Digest, Sha256};

use super::payment::{Fingerprint, hash_id, hash_reference};
use super::{AccountId, Amount, Currency, PaymentId, Timestamp, Transfer};

/// The fewest legs of a payment with legs.
pub const LEGS_MIN: usize = 2;

/// The most legs. Each takes an item, and up to two accounts: all of them fit one transaction.
pub const LEGS_MAX: usize = 16;

/// The number of a leg in its payment, from 1 to [`LEGS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegNumber(u8);

/// Why a number is not the number of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the number of a leg, from 1 to 16")]
pub struct InvalidLegNumber;

impl LegNumber {
    /// The first leg.
    pub const FIRST: Self = Self(1);

    /// Takes a number.
    ///
    /// # Errors
    /// [`InvalidLegNumber`] if it is not from 1 to [`LEGS_MAX`].
    pub fn try_new(number: u64) -> Result<Self, InvalidLegNumber> {
        let number = u8::try_from(number).map_err(|_| InvalidLegNumber)?;
        if (1..=LEGS_MAX).contains(&usize::from(number)) { Ok(Self(number)) } else { Err(InvalidLegNumber) }
    }

    /// The number of the leg at this place, from 0 on. A place past the last leg gives the last number.
    #[must_use]
    pub fn at(place: usize) -> Self {
        let number = u8::try_from(place.min(LEGS_MAX.saturating_sub(1))).unwrap_or_default();
        Self(number.saturating_add(1))
    }

    /// The place of the leg, from 0 on.
    #[must_use]
    pub fn place(self) -> usize {
        usize::from(self.0).saturating_sub(1)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl std::str::FromStr for LegNumber {
    type Err = InvalidLegNumber;
    fn from_str(text: &str) -> Result<Self, InvalidLegNumber> {
        let number = Self::try_new(text.parse().map_err(|_| InvalidLegNumber)?)?;
        // Each number has one text only: no leading zeros, no sign.
        if number.to_string() == text { Ok(number) } else { Err(InvalidLegNumber) }
    }
}

impl fmt::Display for LegNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names money of a payment that moves together: all of it, or one leg. Shown as `payment` or `payment/leg`, which is
/// the key of its items. The id of a payment holds no `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId {
    /// The payment.
    pub payment: PaymentId,
    /// Its leg, if it has legs.
    pub leg: Option<LegNumber>,
}

/// Why a text names neither a payment nor a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a payment, or payment/leg, such as pay-1/2")]
pub struct InvalidLegId;

impl LegId {
    /// All of a payment.
    #[must_use]
    pub const fn of(payment: PaymentId) -> Self {
        Self { payment, leg: None }
    }
}

impl std::str::FromStr for LegId {
    type Err = InvalidLegId;
    fn from_str(text: &str) -> Result<Self, InvalidLegId> {
        let (payment, leg) = text.split_once('/').map_or((text, None), |(payment, leg)| (payment, Some(leg)));
        Ok(Self {
            payment: PaymentId::try_stored(payment).map_err(|_| InvalidLegId)?,
            leg: leg.map(str::parse).transpose().map_err(|_| InvalidLegId)?,
        })
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.payment.fmt(f)?;
        self.leg.map_or(Ok(()), |leg| write!(f, "/{leg}"))
    }
}

/// One movement of money of a payment with legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The account that pays.
    pub debtor: AccountId,
    /// The account that is paid.
    pub creditor: AccountId,
    /// How much.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
    /// What the client wants both sides of this leg to read, instead of the payment's reference.
    pub reference: Option<Box<str>>,
}

impl Leg {
    /// The money that it moves.
    #[must_use]
    pub const fn transfer(&self) -> Transfer<'_> {
        let Self { debtor, creditor, amount, currency, .. } = self;
        Transfer { debtor, creditor, amount: *amount, currency: *currency }
    }
}

/// A payment with legs that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeggedPayment {
    /// The idempotency key.
    pub id: PaymentId,
    /// The account whose order it keeps. At least one leg takes from it, and its limits hold for the sum of those.
    pub debtor: AccountId,
    /// The legs, in order.
    pub legs: Legs,
    /// What the client wants all sides to read, where a leg says nothing of its own.
    pub reference: Option<Box<str>>,
    /// When the client says it asked. It is kept, but not trusted, and not part of the fingerprint.
    pub requested_at: Option<Timestamp>,
}

/// The legs of a payment: from [`LEGS_MIN`] to [`LEGS_MAX`], and at least one takes from the payment's debtor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legs(Box<[Leg]>);

/// Why legs are not those of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLegs {
    /// They are too few, or too many.
    #[error("expected 2 to 16 legs")]
    Count,
    /// None takes from the payment's debtor.
    #[error("expected at least one leg that takes from debtor_account")]
    Debtor,
}

impl Legs {
    /// Takes the legs of a payment of this debtor.
    ///
    /// # Errors
    /// [`InvalidLegs`] if they are too few or too many, or none takes from the debtor.
    pub fn try_new(debtor: &AccountId, legs: Vec<Leg>) -> Result<Self, InvalidLegs> {
        if !(LEGS_MIN..=LEGS_MAX).contains(&legs.len()) {
            return Err(InvalidLegs::Count);
        }
        if legs.iter().all(|leg| leg.debtor != *debtor) {
            return Err(InvalidLegs::Debtor);
        }
        Ok(Self(legs.into()))
    }

    /// The leg of this number, if there is one.
    #[must_use]
    pub fn get(&self, number: LegNumber) -> Option<&Leg> {
        self.0.get(number.place())
    }

    /// The legs with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (LegNumber, &Leg)> {
        self.0.iter().enumerate().map(|(place, leg)| (LegNumber::at(place), leg))
    }
}

impl std::ops::Deref for Legs {
    type Target = [Leg];
    fn deref(&self) -> &[Leg] {
        &self.0
    }
}

/// A settled leg as its own item tells it: what a statement lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledLeg {
    /// The payment, and the number of the leg.
    pub id: LegId,
    /// What it moved. Its reference is what both sides read.
    pub leg: Leg,
    /// When the payment was decided.
    pub decided_at: Timestamp,
}

impl LeggedPayment {
    /// The legs behind the first as their own items tell them, once the payment is settled.
    pub fn further(&self, decided_at: Timestamp) -> impl Iterator<Item = SettledLeg> {
        self.legs.numbered().skip(1).map(move |(number, leg)| SettledLeg {
            id: LegId { payment: self.id.clone(), leg: Some(number) },
            leg: Leg { reference: self.reference_of(leg).map(Into::into), ..leg.clone() },
            decided_at,
        })
    }

    /// What both sides of a leg read: the leg's own reference, else the payment's.
    #[must_use]
    pub fn reference_of<'a>(&'a self, leg: &'a Leg) -> Option<&'a str> {
        leg.reference.as_deref().or(self.reference.as_deref())
    }

    /// Two requests of one id are the same request if their fingerprints are equal. It is SHA-256 over the debtor, the
    /// legs and the reference.
    ///
    /// The encoding is fixed for ever. First comes a version byte 3. Then come the debtor as one byte of length and its
    /// ASCII, and one byte with the number of legs. Each leg is its debtor and creditor, written like the debtor, its
    /// amount as eight bytes, big-endian, its currency's three letters, and its reference. Last comes the payment's
    /// reference. References are written as in [`Payment::fingerprint`](super::Payment::fingerprint).
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([3]);
        hash_id(&mut hash, self.debtor.as_str());
        hash.update([u8::try_from(self.legs.len()).unwrap_or(u8::MAX)]);
        for leg in self.legs.iter() {
            hash_id(&mut hash, leg.debtor.as_str());
            hash_id(&mut hash, leg.creditor.as_str());
            hash.update(leg.amount.minor_units().to_be_bytes());
            hash.update(leg.currency.as_str().as_bytes());
            hash_reference(&mut hash, leg.reference.as_deref());
        }
        hash_reference(&mut hash, self.reference.as_deref());
        Fingerprint(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(debtor: &str, creditor: &str, amount: u64) -> Leg {
        Leg {
            debtor: debtor.parse().unwrap(),
            creditor: creditor.parse().unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
        }
    }

    fn payment() -> LeggedPayment {
        let debtor = AccountId::try_new("alice").unwrap();
        let fee = Leg { reference: Some("fee".into()), ..leg("shop-1", "fees", 25) };
        LeggedPayment {
            id: "pay-0001".parse().unwrap(),
            legs: Legs::try_new(&debtor, vec![leg("alice", "shop-1", 1250), fee]).unwrap(),
            debtor,
            reference: Some("invoice 17".into()),
            requested_at: None,
        }
    }

    /// The encoding is part of the stored data. If this test fails, every stored payment looks like another one.
    #[test]
    fn the_fingerprint_never_changes() {
        expect_test::expect!["d11bf61561c4b4b83517605e439b2bef09d5072a095d69c5167512568b1143fd"]
            .assert_eq(&payment().fingerprint().to_string());
    }

    #[test]
    fn the_fingerprint_holds_every_leg() {
        let base = payment();
        let other = |legs: Vec<Leg>| LeggedPayment { legs: Legs(legs.into()), ..base.clone() };
        let (first, fee) = (leg("alice", "shop-1", 1250), base.legs[1].clone());
        for legs in [
            vec![fee.clone(), first.clone()],
            vec![first.clone()],
            vec![first.clone(), Leg { reference: None, ..fee.clone() }],
            vec![first.clone(), Leg { amount: Amount::try_new(26).unwrap(), ..fee.clone() }],
            vec![first.clone(), Leg { currency: Currency::try_new("USD").unwrap(), ..fee.clone() }],
            vec![first.clone(), Leg { debtor: "alice".parse().unwrap(), ..fee.clone() }],
            vec![first, Leg { creditor: "alice".parse().unwrap(), ..fee }],
        ] {
            assert_ne!(other(legs.clone()).fingerprint(), base.fingerprint(), "{legs:?}");
        }
        assert_ne!(LeggedPayment { reference: None, ..base.clone() }.fingerprint(), base.fingerprint());
        let again =
            LeggedPayment { requested_at: Some(Timestamp::EPOCH), id: "other".parse().unwrap(), ..base.clone() };
        assert_eq!(again.fingerprint(), base.fingerprint());
    }

    #[test]
    fn a_payment_has_2_to_16_legs_and_pays_something() {
        let alice = AccountId::try_new("alice").unwrap();
        let legs = |count: usize| Legs::try_new(&alice, vec![leg("alice", "bob", 1); count]).map(|legs| legs.len());
        assert_eq!([0, 1, 17].map(legs), [Err(InvalidLegs::Count); 3]);
        assert_eq!([2, 16].map(legs), [Ok(2), Ok(16)]);
        assert_eq!(Legs::try_new(&alice, vec![leg("bank", "alice", 1); 2]), Err(InvalidLegs::Debtor));
    }

    #[test]
    fn legs_have_numbers_from_1_to_16() {
        for (text, number) in [("1", 1), ("9", 9), ("16", 16)] {
            let parsed: LegNumber = text.parse().unwrap();
            assert_eq!((parsed.get(), parsed.to_string().as_str()), (number, text));
            assert_eq!(LegNumber::at(parsed.place()), parsed);
        }
        for bad in ["0", "17", "01", "+1", "-1", "", "x", "257"] {
            assert_eq!(bad.parse::<LegNumber>(), Err(InvalidLegNumber), "{bad}");
        }
        assert_eq!([0, 17, 257, u64::MAX].map(LegNumber::try_new), [Err(InvalidLegNumber); 4]);
    }
}
