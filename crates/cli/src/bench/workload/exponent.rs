//! What: How skewed a workload is: the exponent of its Zipf distribution.

use std::fmt;
use std::str::FromStr;

/// How skewed a workload is, in thousandths. 0 is not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exponent(u32);

/// Why a text is not an exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to 5, with at most three decimals, such as 0.99")]
pub struct InvalidExponent;

impl Exponent {
    /// The usual one, of YCSB.
    pub const USUAL: Self = Self(990);
    /// The most.
    const MAX: u32 = 5_000;

    /// Takes thousandths.
    #[must_use]
    pub const fn of_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// In thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl FromStr for Exponent {
    type Err = InvalidExponent;
    fn from_str(text: &str) -> Result<Self, InvalidExponent> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
            return Err(InvalidExponent);
        }
        let thousandths = format!("{whole}{decimals:0<3}").parse().map_err(|_| InvalidExponent)?;
        if thousandths <= Self::MAX { Ok(Self(thousandths)) } else { Err(InvalidExponent) }
    }
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:03}", self.0 % 1_000);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / 1_000),
            decimals => write!(f, "{}.{decimals}", self.0 / 1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_is_read_and_shown() {
        for (text, thousandths) in [("0.99", 990), ("1.5", 1_500), ("0", 0), ("2", 2_000), ("0.001", 1)] {
            let exponent: Exponent = text.parse().unwrap();
            assert_eq!((exponent.thousandths(), exponent.to_string().as_str()), (thousandths, text));
        }
        for text in ["", "-1", "1.", ".5", "5.001", "x", "1e3", "0.9999", "99999999999"] {
            assert_eq!(text.parse::<Exponent>(), Err(InvalidExponent), "{text}");
        }
    }
}
