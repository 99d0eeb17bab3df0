//! What: The limits of an account as JSON: in a command, and in what people see.
//!
//! Data: `max_payment` and `max_balance` are minor units. `windows` has at most one window of each period:
//! `{"period":"hour|day|month","amount":N,"count":N}`. Of `amount` (minor units) and `count` (payments), one may be
//! left out or null. What people see of a window tells also since when, and how much is used: `"used":{"since",
//! "until","amount","count"}`, or null if no payment counts in it yet.

use serde::{Deserialize, Serialize};

use super::json::raw::Json;
use crate::domain::limits::{Used, Window, WindowLimit};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::{AccountLimits, Amount, Limits, Period, Timestamp};

/// A window of a command.
#[derive(Serialize, Deserialize)]
pub(super) struct WindowJson {
    period: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

/// The windows of limits, as a command holds them. `None`: there are none.
pub(super) fn windows(limits: &Limits) -> Option<Vec<WindowJson>> {
    let json = |(period, limit): (Period, WindowLimit)| WindowJson {
        period: period.name().into(),
        amount: limit.amount,
        count: limit.count,
    };
    let windows: Vec<WindowJson> = limits.windows().map(json).collect();
    (!windows.is_empty()).then_some(windows)
}

/// Reads the largest balance, in plain digits.
pub(super) fn max_balance(json: Json<'_>) -> Result<u64, String> {
    let most = json.get().parse().ok().filter(|&most| most <= AMOUNT_MAX);
    most.ok_or_else(|| format!("expected an integer of minor units, 0 to {AMOUNT_MAX}"))
}

/// Reads the windows of a command.
pub(super) fn read_windows(json: Json<'_>) -> Result<[Option<WindowLimit>; 3], String> {
    let shape = r#"expected an array of windows such as {"period":"day","amount":100000,"count":20}"#;
    let read: Vec<WindowJson> = serde_json::from_str(json.get()).map_err(|_| shape.to_owned())?;
    let mut windows = [None; 3];
    for WindowJson { period, amount, count } in read {
        let place = Period::ALL.iter().position(|known| known.name() == period);
        let window: &mut Option<WindowLimit> =
            place.and_then(|place| windows.get_mut(place)).ok_or("expected the period hour, day or month")?;
        if window.is_some() {
            return Err(format!("expected one window of the period {period}"));
        }
        if amount.is_none() && count.is_none() {
            return Err(format!("expected an amount or a count for the period {period}"));
        }
        if [amount, count].into_iter().flatten().any(|most| most > AMOUNT_MAX) {
            return Err(format!("expected an amount and a count of 0 to {AMOUNT_MAX} for the period {period}"));
        }
        *window = Some(WindowLimit { amount, count });
    }
    Ok(windows)
}

/// The limits of an account, as people see them.
#[derive(Serialize)]
pub(super) struct LimitsJson {
    max_payment: Option<u64>,
    max_balance: Option<u64>,
    windows: Vec<UsedWindowJson>,
}

#[derive(Serialize)]
struct UsedWindowJson {
    period: &'static str,
    amount: Option<u64>,
    count: Option<u64>,
    used: Option<UsedJson>,
}

/// What is used of a window, from `since` until the time before `until`.
#[derive(Serialize)]
struct UsedJson {
    since: String,
    until: String,
    amount: u64,
    count: u64,
}

impl LimitsJson {
    /// The limits, with what is used now. What was used of an older period is not told.
    pub(super) fn of(limits: &AccountLimits, now: Timestamp) -> Self {
        let used = |period: Period, used: Used| UsedJson {
            since: used.start.to_string(),
            until: period.end_of(used.start).to_string(),
            amount: used.amount,
            count: used.count,
        };
        let window = |(period, window): (Period, Window)| UsedWindowJson {
            period: period.name(),
            amount: window.limit.amount,
            count: window.limit.count,
            used: window.used.filter(|used| used.start >= period.start_of(now)).map(|it| used(period, it)),
        };
        Self {
            max_payment: limits.max_payment.map(Amount::minor_units),
            max_balance: limits.max_balance,
            windows: limits.windows().map(window).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<[Option<WindowLimit>; 3], String> {
        read_windows(Json::plain(json))
    }

    #[test]
    fn windows_are_read_strictly() {
        let day = |amount, count| Ok([None, Some(WindowLimit { amount, count }), None]);
        assert_eq!(read("[]"), Ok([None; 3]));
        assert_eq!(read(r#"[{"period":"day","amount":5,"count":null,"more":1}]"#), day(Some(5), None));
        assert_eq!(read(r#"[{"period":"day","amount":0,"count":2}]"#), day(Some(0), Some(2)));
        let shape = r#"expected an array of windows such as {"period":"day","amount":100000,"count":20}"#;
        for (json, expected) in [
            ("{}", shape),
            (r#"[{"amount":5}]"#, shape),
            (r#"[{"period":"day","amount":5.0}]"#, shape),
            (r#"[{"period":"day","amount":-5}]"#, shape),
            (r#"[{"period":"day","amount":"5"}]"#, shape),
            (r#"[{"period":"day","period":"day","amount":5}]"#, shape),
            (r#"[{"period":"week","amount":5}]"#, "expected the period hour, day or month"),
            (r#"[{"period":"day"}]"#, "expected an amount or a count for the period day"),
            (
                r#"[{"period":"day","amount":9007199254740992}]"#,
                "expected an amount and a count of 0 to 9007199254740991 for the period day",
            ),
            (r#"[{"period":"day","count":1},{"period":"day","count":1}]"#, "expected one window of the period day"),
        ] {
            assert_eq!(read(json), Err(expected.to_owned()), "{json}");
        }
        assert_eq!(max_balance(Json::plain("0")), Ok(0));
        assert!(max_balance(Json::plain("-1")).is_err() && max_balance(Json::plain("9007199254740992")).is_err());
    }

    #[test]
    fn what_is_used_is_told_while_its_period_lasts() {
        let limit = Some(WindowLimit { amount: Some(9), count: None });
        let mut limits = AccountLimits::replaced(None, Limits { windows: [limit, None, None], ..Limits::NONE });
        let at = |text| Timestamp::parse(text).unwrap();
        let start = at("2026-11-29T12:00:00Z");
        let told = |limits: &AccountLimits, now| serde_json::to_string(&LimitsJson::of(limits, at(now))).unwrap();
        let none = r#"{"max_payment":null,"max_balance":null,"windows":[{"period":"hour","amount":9,"count":null,"used":null}]}"#;
        assert_eq!(told(&limits, "2026-11-29T12:30:00Z"), none);
        limits.window_mut(Period::Hour).unwrap().used = Some(Used { start, amount: 5, count: 2 });
        let used =
            r#""used":{"since":"2026-11-29T12:00:00.000Z","until":"2026-11-29T13:00:00.000Z","amount":5,"count":2}"#;
        assert_eq!(told(&limits, "2026-11-29T12:59:59.999Z"), none.replace(r#""used":null"#, used));
        assert_eq!(told(&limits, "2026-11-29T13:00:00Z"), none);
    }
}
