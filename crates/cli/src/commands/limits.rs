//! What: The limits of an account: how they are given to `giro accounts set-limits`, and how they are shown.

use clap::Args;
use serde_json::{Value, json};

use crate::decimal;
use giro::domain::limits::{Window, WindowLimit};
use giro::domain::money::AMOUNT_MAX;
use giro::domain::{AccountLimits, Amount, Currency, Limits, Period};

const SHAPE: &str =
    "expected PERIOD:amount=A, PERIOD:count=N or PERIOD:amount=A,count=N, where PERIOD is hour, day or month";

/// New limits. At least one must be given, so that none is taken away by accident.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct LimitArgs {
    /// The most that one payment may take from it, such as 500.00
    #[arg(long, value_name = "AMOUNT", value_parser = decimal::written)]
    max_payment: Option<String>,
    /// The most that it may hold after a credit, such as 9000.00
    #[arg(long, value_name = "AMOUNT", value_parser = decimal::written)]
    max_balance: Option<String>,
    /// What its payments may take in a period of UTC, such as day:amount=2000.00,count=20; once for each period
    #[arg(long = "window", value_name = "WINDOW", value_parser = window)]
    windows: Vec<(Period, Written)>,
    /// No limits
    #[arg(long, conflicts_with_all = ["max_payment", "max_balance", "windows"])]
    no_limits: bool,
}

/// The limit of a window as a person writes it: its amount is in the decimals of the account's currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Written {
    amount: Option<String>,
    count: Option<u64>,
}

impl LimitArgs {
    /// Whether an amount is among them, so that the account's currency must be known.
    pub(super) fn has_amounts(&self) -> bool {
        let of_windows = self.windows.iter().filter_map(|(_, window)| window.amount.as_ref());
        self.max_payment.iter().chain(&self.max_balance).chain(of_windows).next().is_some()
    }

    /// The limits, in minor units.
    ///
    /// # Errors
    /// A period that stands twice, or an amount that there can't be in the currency.
    pub(super) fn limits(&self, currency: Option<Currency>) -> Result<Limits, String> {
        let units = |flag: &str, text: &Option<String>| {
            let Some((text, currency)) = text.as_ref().zip(currency) else { return Ok(None) };
            decimal::limit(text, currency).map(Some).map_err(|expected| format!("{flag}: {expected}"))
        };
        let mut windows = [None; 3];
        for (period, Written { amount, count }) in &self.windows {
            let limit = WindowLimit { amount: units("--window", amount)?, count: *count };
            let place = Period::ALL.iter().position(|known| known == period);
            let Some(window) = place.and_then(|place| windows.get_mut(place)) else { continue };
            if window.replace(limit).is_some() {
                return Err(format!("--window: expected one window of the period {period}"));
            }
        }
        let max_payment =
            self.max_payment.as_ref().zip(currency).map(|(text, currency)| decimal::amount(text, currency));
        let max_payment = max_payment.transpose().map_err(|expected| format!("--max-payment: {expected}"))?;
        Ok(Limits { max_payment, max_balance: units("--max-balance", &self.max_balance)?, windows })
    }
}

/// Reads `day:amount=2000.00,count=20`.
fn window(text: &str) -> Result<(Period, Written), String> {
    let (period, most) = text.split_once(':').ok_or(SHAPE)?;
    let period = Period::from_name(period).ok_or(SHAPE)?;
    let mut limit = Written::default();
    for part in most.split(',') {
        let (name, units) = part.split_once('=').ok_or(SHAPE)?;
        let stood = match name {
            "amount" => {
                limit.amount.replace(decimal::written(units).map_err(|error| format!("amount: {error}"))?).is_some()
            }
            "count" => {
                let count = units.parse().ok().filter(|&count| count <= AMOUNT_MAX);
                let count = count.ok_or_else(|| format!("count: expected a whole number, 0 to {AMOUNT_MAX}"))?;
                limit.count.replace(count).is_some()
            }
            _ => return Err(SHAPE.into()),
        };
        if stood {
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
        let limit = |amount: Option<&str>, count| Written { amount: amount.map(str::to_owned), count };
        assert_eq!(window("day:amount=5.00,count=2"), Ok((Period::Day, limit(Some("5.00"), Some(2)))));
        assert_eq!(window("hour:count=0"), Ok((Period::Hour, limit(None, Some(0)))));
        for (text, expected) in [
            ("day", SHAPE),
            ("week:amount=5", SHAPE),
            ("day:", SHAPE),
            ("day:sum=5", SHAPE),
            ("day:amount=5,amount=6", "amount: expected once"),
            ("day:count=1.5", "count: expected a whole number, 0 to 9007199254740991"),
            (
                "day:amount=-5",
                "amount: expected zero or an amount in the decimals of its currency, such as 5.00, and got `-5`",
            ),
        ] {
            assert_eq!(window(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn amounts_have_the_decimals_of_the_accounts_currency() {
        let asked = |currency: &str| {
            let windows = vec![window("month:amount=30.5,count=4").unwrap()];
            let args = LimitArgs {
                max_payment: Some("20.00".into()),
                max_balance: Some("0".into()),
                windows,
                no_limits: false,
            };
            args.limits(Some(Currency::try_new(currency).unwrap()))
        };
        let limits = asked("EUR").unwrap();
        assert_eq!((limits.max_payment.map(Amount::minor_units), limits.max_balance), (Some(2_000), Some(0)));
        assert_eq!(limits.windows[2], Some(WindowLimit { amount: Some(3_050), count: Some(4) }));
        assert_eq!(asked("JPY").unwrap_err(), "--window: expected a whole amount of JPY, such as 5, and got `30.5`");
    }
}
