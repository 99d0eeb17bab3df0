//! What: Limits in the text language of tests.

use giro::domain::limits::{Limits, WindowLimit};
use giro::domain::{Amount, Holding, Period};

/// The limits that a command sets.
pub(super) fn asked(words: &[&str]) -> Limits {
    let number = |word: &str| (word != "-").then(|| word.parse().unwrap());
    match words {
        [] => Limits::NONE,
        ["payment", most, rest @ ..] => {
            Limits { max_payment: Some(Amount::try_new(most.parse().unwrap()).unwrap()), ..asked(rest) }
        }
        ["balance", most, rest @ ..] => Limits { max_balance: Some(most.parse().unwrap()), ..asked(rest) },
        [period, amount, count, rest @ ..] => {
            let mut limits = asked(rest);
            let place = Period::ALL.iter().position(|known| known.name() == *period).unwrap();
            limits.windows[place] = Some(WindowLimit { amount: number(amount), count: number(count) });
            limits
        }
        _ => panic!("not understood: {words:?}"),
    }
}

/// The limits of an account, and what is used of them.
pub(super) fn told(held: Option<&Holding>) -> String {
    let Some(limits) = held.and_then(|held| held.account.limits.as_ref()) else { return "none".into() };
    let mut told = format!("v{}", limits.version);
    for (name, most) in [("payment", limits.max_payment.map(Amount::minor_units)), ("balance", limits.max_balance)] {
        told += &most.map_or(String::new(), |most| format!(" {name} {most}"));
    }
    let number = |most: Option<u64>| most.map_or("-".into(), |most| most.to_string());
    for (period, window) in limits.windows() {
        let used = window.used.map_or("unused".into(), |it| format!("{} {} {}", it.start, it.amount, it.count));
        told += &format!(" {period} {} {} {used}", number(window.limit.amount), number(window.limit.count));
    }
    told
}
