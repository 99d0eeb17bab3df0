//! What: The limits of an account in a world, in plain integers. Its windows are hours and days.

use giro::domain::Amount;
use giro::domain::limits::WindowLimit;

/// The limits of an account, as administrators say them. A window says the most in all, and the most payments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_payment: Option<u32>,
    pub(super) max_balance: Option<u32>,
    pub(super) hour: Option<(Option<u32>, Option<u32>)>,
    pub(super) day: Option<(Option<u32>, Option<u32>)>,
}

impl Limits {
    /// Whether there are none.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The same in the words of the code under test, for the accounts that a world begins with.
    pub(super) fn told(&self) -> giro::domain::Limits {
        let window = |(amount, count): (Option<u32>, Option<u32>)| WindowLimit {
            amount: amount.map(u64::from),
            count: count.map(u64::from),
        };
        giro::domain::Limits {
            max_payment: self.max_payment.and_then(|most| Amount::try_new(most.into()).ok()),
            max_balance: self.max_balance.map(u64::from),
            windows: [self.hour.map(window), self.day.map(window), None],
        }
    }

    pub(super) fn json(&self) -> String {
        let mut json = String::new();
        for (name, most) in [("max_payment", self.max_payment), ("max_balance", self.max_balance)] {
            most.into_iter().for_each(|most| json.push_str(&format!(r#","{name}":{most}"#)));
        }
        let number = |most: Option<u32>| most.map_or("null".into(), |most| most.to_string());
        let window = |(period, window): (&str, Option<_>)| {
            let (amount, count) = window?;
            let (amount, count) = (number(amount), number(count));
            Some(format!(r#"{{"period":"{period}","amount":{amount},"count":{count}}}"#))
        };
        let windows: Vec<String> = [("day", self.day), ("hour", self.hour)].into_iter().filter_map(window).collect();
        format!(r#"{json},"windows":[{}]"#, windows.join(","))
    }
}
