//! What: A point in time: milliseconds since 1970 in UTC, written as RFC 3339 with exactly three decimals.
//!
//! Data: Takes RFC 3339 text with any offset and precision, or a number of milliseconds. Gives the time in one form, so
//! that text order is time order. The statement indexes sort by it.
//!
//! Source: RFC 3339, section 5.6 (the grammar of `date-time`) and appendix D (leap seconds).

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z, in the years 0001 ..= 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or number is not a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 time of the years 0001 to 9999, such as 2026-11-22T10:00:00Z")]
pub struct InvalidTimestamp;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const YEAR_1_MS: i64 = -62_135_596_800_000;
const YEAR_9999_END_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The first that can be written: 0001-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(YEAR_1_MS);
    /// The last that can be written: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(YEAR_9999_END_MS);
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(0);

    /// Takes milliseconds since 1970 in UTC.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] outside the years 0001 to 9999, which RFC 3339 can't write.
    pub fn try_from_millis(millis: i64) -> Result<Self, InvalidTimestamp> {
        if (YEAR_1_MS..=YEAR_9999_END_MS).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }

    /// Reads RFC 3339 text. Parts of a millisecond are cut off. A leap second is read as the last millisecond before
    /// it.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] if it is not RFC 3339, or falls outside the years 0001 to 9999 in UTC.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let at = match usual_form(text) {
            Some(at) => at,
            // The time crate takes any character between date and time. The grammar of RFC 3339 has only T.
            None if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) => return Err(InvalidTimestamp),
            None => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?,
        };
        // The seconds are cut off towards the past, so what is left of one is never below zero.
        Self::try_from_millis(at.unix_timestamp().saturating_mul(1000).saturating_add(at.millisecond().into()))
    }

    /// The time that is so many milliseconds earlier.
    #[must_use]
    pub fn earlier_by(self, ms: i64) -> Self {
        Self::try_from_millis(self.0.saturating_sub(ms)).unwrap_or(Self::MIN)
    }

    /// Milliseconds since 1970 in UTC.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The full hour at or before it, in UTC.
    #[must_use]
    pub const fn start_of_hour(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(HOUR_MS)))
    }

    /// The midnight at or before it, in UTC.
    #[must_use]
    pub const fn start_of_day(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(DAY_MS)))
    }

    /// The midnight at or before it with which a month began, in UTC.
    #[must_use]
    pub fn start_of_month(self) -> Self {
        let days_before = i64::from(self.date_time().day()).saturating_sub(1);
        Self(self.start_of_day().0.saturating_sub(days_before.saturating_mul(DAY_MS)))
    }

    /// The same to the second, with its calendar.
    fn date_time(self) -> OffsetDateTime {
        // The limits above are inside those of the time crate, so the fall-back is never used.
        OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Reads `2026-11-22T10:00:00Z` and `2026-11-22T10:00:00.123Z`, the usual forms, faster than the full reader. `None` if
/// the text is anything else.
fn usual_form(text: &str) -> Option<OffsetDateTime> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, rest @ ..] =
        text.as_bytes()
    else {
        return None;
    };
    let millis = match rest {
        b"Z" => 0,
        [b'.', hundreds, tens, ones, b'Z'] => digits(&[*hundreds, *tens, *ones])?,
        _ => return None,
    };
    let two = |tens: &u8, ones: &u8| digits(&[*tens, *ones]).and_then(|number| u8::try_from(number).ok());
    let year = i32::from(digits(&[*y0, *y1, *y2, *y3])?);
    let date = Date::from_calendar_date(year, Month::try_from(two(m0, m1)?).ok()?, two(d0, d1)?).ok()?;
    let time = Time::from_hms_milli(two(h0, h1)?, two(i0, i1)?, two(s0, s1)?, millis).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

/// The number that at most four decimal digits name.
fn digits(text: &[u8]) -> Option<u16> {
    text.iter().try_fold(0_u16, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.rem_euclid(1000);
        let at = self.date_time();
        let (date, time) = (at.date(), at.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{millis:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_whatever_came_in() {
        for (given, kept) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z"),
            ("2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00.123Z"),
            ("2026-11-22T11:30:00.5+01:30", "2026-11-22T10:00:00.500Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::parse(given).unwrap().to_string(), kept);
        }
    }

    /// The full reader reads every usual form as the same time.
    #[test]
    fn the_usual_form_is_read_as_any_other() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut usual = 0;
        for _ in 0..100_000 {
            let mut number = |digits: usize, max: u32| format!("{:0digits$}", random.u32(0..=max));
            let mut text = format!("{}-{}-{}T", number(4, 9_999), number(2, 13), number(2, 32));
            text += &format!("{}:{}:{}", number(2, 24), number(2, 60), number(2, 60));
            text += [".123Z", "Z", ".1234Z", "+01:00", "z"][random.usize(0..5)];
            if random.u8(0..4) == 0 {
                let at = random.usize(0..text.len());
                text.replace_range(at..=at, [" ", "+", "a", "/"][random.usize(0..4)]);
            }
            if let Some(at) = usual_form(&text) {
                usual += 1;
                assert_eq!(OffsetDateTime::parse(&text, &Rfc3339), Ok(at), "{text}");
            }
        }
        assert!(usual > 10_000, "{usual}");
    }

    #[test]
    fn the_short_way_takes_what_is_usual() {
        for (text, usual) in [
            ("2026-11-22T10:00:00Z", true),
            ("2026-11-22T10:00:00.123Z", true),
            ("2026-11-22T10:00:00.1234Z", false),
            ("2026-11-22T10:00:00+01:00", false),
            ("2026-11-22T10:00:0:Z", false),
        ] {
            assert_eq!(usual_form(text).is_some(), usual, "{text}");
        }
        assert_eq!([digits(b"0912"), digits(b"0:"), digits(b"/1"), digits(b"9a")], [Some(912), None, None, None]);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in
            ["", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-13-01T00:00:00Z", "10000-01-01T00:00:00Z"]
        {
            assert_eq!(Timestamp::parse(bad), Err(InvalidTimestamp), "{bad}");
        }
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59-01:00"), Err(InvalidTimestamp));
        assert_eq!(Timestamp::try_from_millis(i64::MIN), Err(InvalidTimestamp));
    }

    /// The grammar of RFC 3339, one rule a line: what it accepts and what that means, and what only looks like it.
    #[test]
    fn a_time_is_what_rfc_3339_says() {
        let refused = "refused";
        for (given, kept) in [
            // T is between date and time. T and Z may be of either case.
            ("2026-03-01t08:00:00z", "2026-03-01T08:00:00.000Z"),
            ("2026-03-01T08:00:00z", "2026-03-01T08:00:00.000Z"),
            ("2026-03-01_08:00:00Z", refused),
            ("2026-03-01 08:00:00Z", refused),
            ("2026-03-01\u{e9}08:00:00Z", refused),
            ("2026-03-0108:00:00Z", refused),
            // Fractions: any number of digits, at least one, after a dot.
            ("2026-03-01T08:00:00.1Z", "2026-03-01T08:00:00.100Z"),
            ("2026-03-01T08:00:00.123999999999999999999Z", "2026-03-01T08:00:00.123Z"),
            ("2026-03-01T08:00:00.Z", refused),
            ("2026-03-01T08:00:00,5Z", refused),
            // Offsets: 00:00 to 23:59, with a colon; an unknown one is -00:00.
            ("2026-03-01T08:00:00-00:00", "2026-03-01T08:00:00.000Z"),
            ("2026-03-01T08:00:00+23:59", "2026-02-28T08:01:00.000Z"),
            ("2026-03-01T08:00:00-23:59", "2026-03-02T07:59:00.000Z"),
            ("2026-03-01T08:00:00+24:00", refused),
            ("2026-03-01T08:00:00+01:60", refused),
            ("2026-03-01T08:00:00+0100", refused),
            ("2026-03-01T08:00:00+01", refused),
            ("2026-03-01T08:00:00\u{2212}01:00", refused),
            ("2026-03-01T08:00:00", refused),
            // A leap second ends a month, in UTC.
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
            ("2016-12-31T15:59:60.7-08:00", "2016-12-31T23:59:59.999Z"),
            ("2016-12-30T23:59:60Z", refused),
            ("2016-12-31T12:00:60Z", refused),
            ("2016-12-31T23:59:61Z", refused),
            // Days and hours must exist.
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("2026-02-29T00:00:00Z", refused),
            ("2026-03-01T24:00:00Z", refused),
            ("2026-03-01T08:60:00Z", refused),
            ("2026-03-00T08:00:00Z", refused),
            // A year has four digits. RFC 3339 has a year 0000, but the order of statements begins with 0001, in UTC.
            ("0000-12-31T23:59:59-00:01", "0001-01-01T00:00:59.000Z"),
            ("0000-12-31T23:59:59Z", refused),
            ("0001-01-01T00:00:00+00:01", refused),
            ("+2026-03-01T08:00:00Z", refused),
            ("-0001-03-01T08:00:00Z", refused),
            ("26-03-01T08:00:00Z", refused),
            ("2026-3-1T08:00:00Z", refused),
            // Nothing may be before it or after it, and nothing may be left out.
            (" 2026-03-01T08:00:00Z", refused),
            ("2026-03-01T08:00:00Z ", refused),
            ("2026-03-01T08:00Z", refused),
            ("20260301T080000Z", refused),
            ("2026-060T08:00:00Z", refused),
            ("2026-03-01T08:00:00Z[UTC]", refused),
        ] {
            let read = Timestamp::parse(given).map_or_else(|_| refused.into(), |at| at.to_string());
            assert_eq!(read, kept, "{given}");
        }
    }
}
