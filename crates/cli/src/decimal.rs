//! What: Amounts as people write them: `5.00` euros, `500` yen.
//!
//! Data: Takes and gives decimal texts. Everything else in Giro has whole minor units.
//!
//! Invariants: What is shown reads back as the same amount. Nothing is rounded.
//!
//! Limits: ISO 4217 says how many decimals a currency has. A code that isn't in it has none, so its amounts are in
//! minor units.

use giro::domain::money::AMOUNT_MAX;
use giro::domain::{Amount, Currency};
use iso_currency::Currency as Iso4217;

/// How many decimals amounts of a currency have.
#[must_use]
pub fn decimals(currency: Currency) -> u32 {
    known(currency).unwrap_or_default()
}

/// How many decimals amounts of a currency have, if ISO 4217 says.
#[must_use]
pub fn known(currency: Currency) -> Option<u32> {
    Iso4217::from_code(currency.as_str()).and_then(Iso4217::exponent).map(u32::from)
}

/// Reads an amount, such as `5`, `5.5` or `5.00` euros.
///
/// # Errors
/// What was expected, as a text for a person.
pub fn amount(text: &str, currency: Currency) -> Result<Amount, String> {
    if text.starts_with('-') {
        return Err(format!("expected an amount above zero, and got `{text}`"));
    }
    let amount = minor_units(text, currency)?.and_then(|minor| Amount::try_new(minor).ok());
    amount.ok_or_else(|| out_of_range(text, 1, currency))
}

/// Reads what a limit allows: an amount, or zero.
///
/// # Errors
/// As [`amount`].
pub fn limit(text: &str, currency: Currency) -> Result<u64, String> {
    if text.starts_with('-') {
        return Err(format!("expected zero or an amount above it, and got `{text}`"));
    }
    let units = minor_units(text, currency)?.filter(|minor| *minor <= AMOUNT_MAX);
    units.ok_or_else(|| out_of_range(text, 0, currency))
}

/// Whether a text can be an amount of some currency. What its decimals are is not known before its currency.
///
/// # Errors
/// As [`amount`].
pub fn written(text: &str) -> Result<String, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    match is_number(whole) && part.is_none_or(is_number) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("expected zero or an amount in the decimals of its currency, such as 5.00, and got `{text}`"))
        }
    }
}

/// The minor units of a text. `None`: more than can be counted.
fn minor_units(text: &str, currency: Currency) -> Result<Option<u64>, String> {
    let decimals = decimals(currency);
    let expected = || match decimals {
        0 => format!("expected a whole amount of {currency}, such as 5, and got `{text}`"),
        _ => {
            let places = usize::try_from(decimals).unwrap_or_default();
            format!(
                "expected an amount of {currency} with at most {decimals} decimals, such as 5.{:0<places$}, and got `{text}`",
                ""
            )
        }
    };
    if text.contains(',') {
        return Err(format!("{}. Write a point before the decimals, and nothing between thousands", expected()));
    }
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let places = part.map_or(0, str::len);
    let left = usize::try_from(decimals).ok().and_then(|decimals| decimals.checked_sub(places));
    let (Some(left), true) = (left, is_number(whole) && part.is_none_or(is_number)) else { return Err(expected()) };
    Ok(format!("{whole}{}{}", part.unwrap_or_default(), "0".repeat(left)).parse().ok())
}

fn out_of_range(text: &str, least: i128, currency: Currency) -> String {
    let (least, most) = (shown(least, currency), shown(i128::from(AMOUNT_MAX), currency));
    format!("expected an amount of {currency} from {least} to {most}, and got `{text}`")
}

/// Shows minor units as an amount.
#[must_use]
pub fn shown(minor_units: i128, currency: Currency) -> String {
    let places = usize::try_from(decimals(currency)).unwrap_or_default();
    let sign = if minor_units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor_units.unsigned_abs(), width = places.saturating_add(1));
    match digits.split_at_checked(digits.len().saturating_sub(places)) {
        Some((whole, part)) if places > 0 => format!("{sign}{whole}.{part}"),
        _ => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_new(code).unwrap()
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        for (text, code, minor) in [
            ("5", "EUR", 500),
            ("5.0", "EUR", 500),
            ("5.00", "EUR", 500),
            ("0.01", "EUR", 1),
            ("007.10", "EUR", 710),
            ("500", "JPY", 500),
            ("1.234", "KWD", 1_234),
            ("0.0001", "CLF", 1),
            ("5", "XQZ", 5),
            ("90071992547409.91", "EUR", 9_007_199_254_740_991),
        ] {
            let read = amount(text, currency(code)).unwrap();
            assert_eq!(read.minor_units(), minor, "{text} {code}");
            assert_eq!(amount(&shown(i128::from(minor), currency(code)), currency(code)), Ok(read), "{text} {code}");
        }
    }

    #[test]
    fn other_texts_say_what_was_expected() {
        for bad in ["", ".", "5.", ".5", "+5", "5.001", "1e3", "5 ", " 5", "5.0.0", "\u{0665}", "NaN"] {
            let error = amount(bad, currency("EUR")).unwrap_err();
            assert_eq!(
                error,
                format!("expected an amount of EUR with at most 2 decimals, such as 5.00, and got `{bad}`")
            );
        }
        let error = amount("5.0", currency("JPY")).unwrap_err();
        assert_eq!(error, "expected a whole amount of JPY, such as 5, and got `5.0`");
        let error = amount("1,000.00", currency("EUR")).unwrap_err();
        assert!(error.ends_with("got `1,000.00`. Write a point before the decimals, and nothing between thousands"));
        assert_eq!(amount("-5", currency("EUR")).unwrap_err(), "expected an amount above zero, and got `-5`");
        for (bad, code, range) in [
            ("0", "EUR", "0.01 to 90071992547409.91"),
            ("0.00", "EUR", "0.01 to 90071992547409.91"),
            ("90071992547409.92", "EUR", "0.01 to 90071992547409.91"),
            ("99999999999999999999999", "JPY", "1 to 9007199254740991"),
        ] {
            let error = amount(bad, currency(code)).unwrap_err();
            assert_eq!(error, format!("expected an amount of {code} from {range}, and got `{bad}`"));
        }
    }

    #[test]
    fn a_limit_may_be_zero() {
        for (text, code, minor) in [("0", "EUR", 0), ("0.05", "EUR", 5), ("50", "EUR", 5_000), ("50", "JPY", 50)] {
            assert_eq!(limit(text, currency(code)), Ok(minor), "{text} {code}");
            assert_eq!(written(text).as_deref(), Ok(text));
        }
        for (bad, expected) in [
            ("-1", "expected zero or an amount above it, and got `-1`"),
            ("0.001", "expected an amount of EUR with at most 2 decimals, such as 5.00, and got `0.001`"),
            (
                "90071992547409.92",
                "expected an amount of EUR from 0.00 to 90071992547409.91, and got `90071992547409.92`",
            ),
        ] {
            assert_eq!(limit(bad, currency("EUR")).as_ref().map_err(String::as_str), Err(expected));
        }
        for bad in ["", "-1", "x", "1,000", "1e3", "5.", ".5", "1.2.3"] {
            assert!(written(bad).is_err_and(|error| error.ends_with(&format!("such as 5.00, and got `{bad}`"))));
        }
    }

    #[test]
    fn minor_units_are_shown_with_their_decimals() {
        for (minor, code, text) in [
            (0, "EUR", "0.00"),
            (5, "EUR", "0.05"),
            (-5, "EUR", "-0.05"),
            (-12_345, "EUR", "-123.45"),
            (i128::from(i64::MIN), "EUR", "-92233720368547758.08"),
            (7, "JPY", "7"),
            (-7, "XQZ", "-7"),
            (1, "KWD", "0.001"),
        ] {
            assert_eq!(shown(minor, currency(code)), text);
        }
    }
}
