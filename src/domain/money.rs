//! What: Money: the amounts that move, the balances of accounts, and the currency of both.
//!
//! Data: Whole minor units (for EUR, hundredths of a euro), never a fraction or a float.
//!
//! Invariants: An [`Amount`] is 1 ..= 2^53 − 1, so every JSON reader keeps it exact. A [`Balance`] is an `i64` and each
//! step on it is checked, so money never wraps.

use std::fmt;
use std::num::NonZeroU64;

/// The largest amount and the largest overdraft limit, in minor units: 2^53 − 1, the last integer that every JSON
/// reader keeps exact. Source: RFC 8259 §6.
pub const AMOUNT_MAX: u64 = 9_007_199_254_740_991;

/// An amount of money that moves, in minor units: 1 ..= [`AMOUNT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroU64);

/// Why a number is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an integer of minor units, 1 to 9007199254740991")]
pub struct InvalidAmount;

impl Amount {
    /// One minor unit, the smallest amount.
    pub const ONE: Self = Self(NonZeroU64::MIN);

    /// Takes a number of minor units as an amount.
    ///
    /// # Errors
    /// [`InvalidAmount`] if it is zero or past [`AMOUNT_MAX`].
    pub fn try_new(minor_units: u64) -> Result<Self, InvalidAmount> {
        match NonZeroU64::new(minor_units) {
            Some(units) if minor_units <= AMOUNT_MAX => Ok(Self(units)),
            _ => Err(InvalidAmount),
        }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor_units(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an account holds, in minor units. Below zero it is overdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Balance(i64);

impl Balance {
    /// Nothing held, nothing owed.
    pub const ZERO: Self = Self(0);
    /// The highest balance. A credit above it is declined with `balance_overflow`.
    pub const MAX: Self = Self(i64::MAX);

    /// Takes a number of minor units as a balance.
    #[must_use]
    pub const fn new(minor_units: i64) -> Self {
        Self(minor_units)
    }

    /// The balance in minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// The balance less `amount`. `None` if it can't be represented.
    #[must_use]
    pub fn debited(self, amount: Amount) -> Option<Self> {
        self.0.checked_sub_unsigned(amount.minor_units()).map(Self)
    }

    /// The balance plus `amount`. `None` if it can't be represented.
    #[must_use]
    pub fn credited(self, amount: Amount) -> Option<Self> {
        self.0.checked_add_unsigned(amount.minor_units()).map(Self)
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A currency, by its three letters.
///
/// Any three capital letters are taken, as the ISO 20022 type `ActiveOrHistoricCurrencyCode` does, because the list of
/// ISO 4217 changes. A code that no account has is declined with `currency_mismatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 4217 code: three capital letters, such as EUR")]
pub struct InvalidCurrency;

impl Currency {
    /// The code that ISO 4217 reserves for testing. No money is in it.
    pub const TESTING: Self = Self(*b"XTS");

    /// Takes a text as a currency.
    ///
    /// # Errors
    /// [`InvalidCurrency`] if it is not three capital letters.
    pub fn try_new(text: &str) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(InvalidCurrency),
        }
    }

    /// The currency's three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are capital ASCII letters, so the fall-back is never used.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for Currency {
    type Err = InvalidCurrency;
    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        Self::try_new(text)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_positive_and_exact_in_json() {
        assert_eq!(Amount::try_new(1).unwrap().minor_units(), 1);
        assert_eq!(Amount::try_new(AMOUNT_MAX).unwrap().minor_units(), AMOUNT_MAX);
        assert_eq!(Amount::try_new(0), Err(InvalidAmount));
        assert_eq!(Amount::try_new(AMOUNT_MAX + 1), Err(InvalidAmount));
    }

    #[test]
    fn balances_stop_at_their_ends() {
        let one = Amount::try_new(1).unwrap();
        assert_eq!(Balance::MAX.credited(one), None);
        assert_eq!(Balance::new(i64::MIN).debited(one), None);
        assert_eq!(Balance::ZERO.debited(one), Some(Balance::new(-1)));
    }

    #[test]
    fn currencies_are_three_capital_letters() {
        assert_eq!(Currency::try_new("EUR").unwrap().as_str(), "EUR");
        for bad in ["", "EU", "EURO", "eur", "E1R", "€"] {
            assert_eq!(Currency::try_new(bad), Err(InvalidCurrency), "{bad}");
        }
    }
}
