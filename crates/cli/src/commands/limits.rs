//! What: The limits of an account: how they are given to `giro accounts set-limits`, and how they are shown.

use clap::Args;
use serde_json::{Value, json};

use super::number::number;
use giro::domain::limits::{Window, WindowLimit};
use giro::domain::money::AMOUNT_MAX;
use giro::domain::{AccountLimits, Amount, Limits, Period};

const SHAPE: &str =
    "expected PERIOD:amount=N, PERIOD:count=N or PERIOD:amount=N,count=N, where PERIOD is hour, day or month";

/// New limits. At least one must be given, so that none is taken away by accident.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct LimitArgs {
    /// The most that one payment may take from it, in minor units
    #[arg(long, value_name = "UNITS", value_parser = number::<u64>(1..=AMOUNT_MAX))]
    max_payment: Option<u64>,
    /// The most that it may hold after a credit, in minor units
    #[arg(long, value_name = "UNITS", value_parser = number::<u64>(0..=AMOUNT_MAX))]
    max_balance: Option<u64>,
    /// What its payments may take in a period of UTC, such as day:amount=200000,count=20; once for each period
    #[arg(long = "window", value_name = "WINDOW", value_parser = window)]
    windows: Vec<(Period, WindowLimit)>,
    /// No limits
    #[arg(long, conflicts_with_all = ["max_payment", "max_balance", "windows"])]
    no_limits: bool,
}

impl LimitArgs {
    /// The limits.
    ///
    /// # Errors
    /// A period that stands twice.
    pub(super) fn limits(&self) -> Result<Limits, String> {
        let mut windows = [None; 3];
        for (period, limit) in &self.windows {
            let place = Period::ALL.iter().position(|known| known == period);
            let Some(window) = place.and_then(|place| windows.get_mut(place)) else { continue };
            if window.replace(*limit).is_some() {
                return Err(format!("--window: expected one window of the period {period}"));
            }
        }
        let max_payment = self.max_payment.and_then(|most| Amount::try_new(most).ok());
        Ok(Limits { max_payment, max_balance: self.max_balance, windows })
    }
}

/// Reads `day:amount=200000,count=20`.
fn window(text: &str) -> Result<(Period, WindowLimit), String> {
    let (period, most) = text.split_once(':').ok_or(SHAPE)?;
    let period = Period::from_name(period).ok_or(SHAPE)?;
    let mut limit = WindowLimit { amount: None, count: None };
    for part in most.split(',') {
        let (name, units) = part.split_once('=').ok_or(SHAPE)?;
        let units = units.parse().ok().filter(|&units| units <= AMOUNT_MAX);
        let units = units.ok_or_else(|| format!("{name}: expected a whole number, 0 to {AMOUNT_MAX}"))?;
        let place = match name {
            "amount" => &mut limit.amount,
            "count" => &mut limit.count,
            _ => return Err(SHAPE.into()),
        };
        if place.replace(units).is_some() {
            return Err(format!("{name}: expected once"));
        }
    }
    Ok((period, limit))
}

/// Limits as a command holds them.
pub(super) fn asked(limits: &Limits) -> Value {
    let window = |(period, limit): (Period, WindowLimit)| json!({ "period": period.name(), "amount": limit.amount, "count": limit.count });
    json!({
        "max_payment": limits.max_payment.map(Amount::minor_units),
        "max_balance": limits.max_balance,
        "windows": limits.windows().map(window).collect::<Vec<_>>(),
    })
}

/// The limits of an account, and what is used of each window in its newest period.
pub(super) fn of_account(limits: &AccountLimits) -> Value {
    let window = |(period, window): (Period, Window)| {
        let used = window.used.map(|used| {
            let until = period.end_of(used.start).to_string();
            json!({ "since": used.start.to_string(), "until": until, "amount": used.amount, "count": used.count })
        });
        let WindowLimit { amount, count } = window.limit;
        json!({ "period": period.name(), "amount": amount, "count": count, "used": used })
    };
    json!({
        "version": limits.version,
        "max_payment": limits.max_payment.map(Amount::minor_units),
        "max_balance": limits.max_balance,
        "windows": limits.windows().map(window).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_period_and_what_it_allows() {
        let limit = |amount, count| WindowLimit { amount, count };
        assert_eq!(window("day:amount=5,count=2"), Ok((Period::Day, limit(Some(5), Some(2)))));
        assert_eq!(window("hour:count=0"), Ok((Period::Hour, limit(None, Some(0)))));
        for (text, expected) in [
            ("day", SHAPE),
            ("week:amount=5", SHAPE),
            ("day:", SHAPE),
            ("day:sum=5", SHAPE),
            ("day:amount=5,amount=6", "amount: expected once"),
            ("day:amount=-5", "amount: expected a whole number, 0 to 9007199254740991"),
        ] {
            assert_eq!(window(text), Err(expected.to_owned()), "{text}");
        }
    }
}
