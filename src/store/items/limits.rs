//! What: The attributes of an account's limits, and of what payments have used of them.
//!
//! Data: On the main item of an account, and on the item of the command that sets limits. Whatever is not limited has
//! no attribute. `hour`, `day` and `month` each have attributes of their own, such as `hour_max_amount`.
//!
//! | attribute | holds |
//! |---|---|
//! | `limits_version` | how often limits were set; none if never |
//! | `max_payment`, `max_balance` | minor units |
//! | `hour_max_amount`, `hour_max_count` | the limit of a window: minor units, and payments |
//! | `hour_since` | the `limits_version` from which on payments are counted |
//! | `hour_start`, `hour_amount`, `hour_count` | the newest period of a window, and what payments took in it; none if there was no payment |

use std::fmt::Write as _;

use super::conditional::Conditional;
use super::{Item, n, number, optional_number, optional_parsed, s};
use crate::domain::limits::{AMOUNTS_MAX, Limits, Used, Window, WindowLimit};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::plan::WindowUpdate;
use crate::domain::{AccountLimits, Amount, Period, Timestamp};

const VERSION: &str = "limits_version";
const MAX_PAYMENT: &str = "max_payment";
const MAX_BALANCE: &str = "max_balance";
const VERSION_IS_SAME: &str = "limits_version = :of_limits";
const VERSION_IS_ABSENT: &str = "attribute_not_exists(limits_version)";

/// Writes limits.
pub(super) fn insert(item: &mut Item, limits: &Limits) {
    if let Some(most) = limits.max_payment {
        item.insert(MAX_PAYMENT.into(), n(most));
    }
    if let Some(most) = limits.max_balance {
        item.insert(MAX_BALANCE.into(), n(most));
    }
    for (period, limit) in limits.windows() {
        for (name, most) in [("max_amount", limit.amount), ("max_count", limit.count)] {
            item.extend(most.map(|most| (format!("{period}_{name}"), n(most))));
        }
    }
}

/// Writes the limits of an account, and what was used of them.
pub(super) fn insert_account(item: &mut Item, limits: &AccountLimits) {
    insert(item, &limits.limits());
    item.insert(VERSION.into(), n(limits.version));
    for (period, window) in limits.windows() {
        item.insert(format!("{period}_since"), n(window.since));
        if let Some(used) = window.used {
            item.insert(format!("{period}_start"), s(used.start));
            item.insert(format!("{period}_amount"), n(used.amount));
            item.insert(format!("{period}_count"), n(used.count));
        }
    }
}

/// Reads limits.
pub(super) fn decode(item: &Item) -> Result<Limits, String> {
    let amount = |units| Amount::try_new(units).map_err(|expected| format!("{MAX_PAYMENT}: {expected}"));
    let mut windows = [None; 3];
    for (window, period) in windows.iter_mut().zip(Period::ALL) {
        let most = |name: &str| up_to(item, &format!("{period}_{name}"));
        let limit = WindowLimit { amount: most("max_amount")?, count: most("max_count")? };
        *window = (limit.amount.is_some() || limit.count.is_some()).then_some(limit);
    }
    Ok(Limits {
        max_payment: optional_number(item, MAX_PAYMENT)?.map(amount).transpose()?,
        max_balance: up_to(item, MAX_BALANCE)?,
        windows,
    })
}

/// Reads the limits of an account. `None`: none were ever set.
pub(super) fn decode_account(item: &Item) -> Result<Option<Box<AccountLimits>>, String> {
    let Some(version) = optional_number(item, VERSION)? else { return Ok(None) };
    let Limits { max_payment, max_balance, windows: limits } = decode(item)?;
    let mut windows = [None; 3];
    for ((window, limit), period) in windows.iter_mut().zip(limits).zip(Period::ALL) {
        let Some(limit) = limit else { continue };
        let start = optional_parsed(item, &format!("{period}_start"), Timestamp::parse)?;
        let used = |start| {
            let count = number(item, &format!("{period}_count"))?;
            Ok::<_, String>(Used { start, amount: number(item, &format!("{period}_amount"))?, count })
        };
        let since = number(item, &format!("{period}_since"))?;
        *window = Some(Window { limit, since, used: start.map(used).transpose()? });
    }
    Ok(Some(Box::new(AccountLimits { version, max_payment, max_balance, windows })))
}

fn up_to(item: &Item, name: &str) -> Result<Option<u64>, String> {
    match optional_number(item, name)? {
        Some(most) if most > AMOUNT_MAX => Err(format!("{name}: expected at most {AMOUNT_MAX}")),
        most => Ok(most),
    }
}

/// The condition that the account's limits are of this version; 0: none were ever set.
pub(super) fn same_version(conditional: Conditional<'_>, version: u64) -> Conditional<'_> {
    match version {
        0 => conditional.and(VERSION_IS_ABSENT),
        _ => conditional.and(VERSION_IS_SAME).value(":of_limits", n(version)),
    }
}

/// Adds the conditions under which payments count in windows. Gives what they set, to go on an expression that ends
/// with a `SET`.
pub(super) fn count<'t>(mut write: Conditional<'t>, windows: &[WindowUpdate]) -> (Conditional<'t>, String) {
    let mut set = String::new();
    for WindowUpdate { period, begins, used, limit } in windows {
        let [start, amount, count] = ["start", "amount", "count"].map(|name| format!("{period}_{name}"));
        write = write
            .value(&format!(":{start}"), s(used.start))
            .value(&format!(":{amount}"), n(used.amount))
            .value(&format!(":{count}"), n(used.count));
        // Writing to a text never fails.
        if *begins {
            write = write.and(&format!("(attribute_not_exists({start}) OR {start} < :{start})"));
            let _ = write!(set, ", {start} = :{start}, {amount} = :{amount}, {count} = :{count}");
            continue;
        }
        let left = |most: u64, used: u64| n(most.saturating_sub(used));
        write = write
            .and(&format!("{start} = :{start} AND {amount} <= :{amount}_left"))
            .value(&format!(":{amount}_left"), left(limit.amount.unwrap_or(AMOUNTS_MAX), used.amount));
        if let Some(most) = limit.count {
            write = write
                .and(&format!("{count} <= :{count}_left"))
                .value(&format!(":{count}_left"), left(most, used.count));
        }
        let _ = write!(set, ", {amount} = {amount} + :{amount}, {count} = {count} + :{count}");
    }
    (write, set)
}

/// What a command that sets limits sets and removes, and the values of it. A window that stays keeps what was used of
/// it. A new one begins with nothing.
pub(super) fn replace<'t>(mut write: Conditional<'t>, to: &AccountLimits) -> (Conditional<'t>, String, String) {
    let (mut set, mut remove) = (String::new(), String::new());
    let mut limit = |mut write: Conditional<'t>, name: &str, most: Option<u64>| {
        match most {
            Some(most) => {
                let _ = write!(set, ", {name} = :{name}");
                write = write.value(&format!(":{name}"), n(most));
            }
            None => {
                let _ = write!(remove, ", {name}");
            }
        }
        write
    };
    write = limit(write, VERSION, Some(to.version));
    write = limit(write, MAX_PAYMENT, to.max_payment.map(Amount::minor_units));
    write = limit(write, MAX_BALANCE, to.max_balance);
    for (period, window) in Period::ALL.into_iter().zip(to.windows) {
        let of = |read: fn(WindowLimit) -> Option<u64>| window.and_then(|window| read(window.limit));
        write = limit(write, &format!("{period}_max_amount"), of(|limit| limit.amount));
        write = limit(write, &format!("{period}_max_count"), of(|limit| limit.count));
        write = limit(write, &format!("{period}_since"), window.map(|window| window.since));
        if window.is_none_or(|window| window.since == to.version) {
            for name in ["start", "amount", "count"] {
                write = limit(write, &format!("{period}_{name}"), None);
            }
        }
    }
    (write, set, remove)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::given;
    use crate::domain::lane::Lane;
    use crate::domain::{Account, AccountId, CreditLanes};
    use crate::store::items::{account, lane, size};

    /// All limits there are, with the longest numbers.
    fn full() -> AccountLimits {
        let limit = Some(WindowLimit { amount: Some(AMOUNT_MAX), count: Some(AMOUNT_MAX) });
        let max_payment = Some(Amount::try_new(AMOUNT_MAX).unwrap());
        let limits = Limits { max_payment, max_balance: Some(AMOUNT_MAX), windows: [limit; 3] };
        let mut limits = AccountLimits::replaced(None, limits);
        for period in Period::ALL {
            let used = Used { start: Timestamp::MAX, amount: AMOUNTS_MAX, count: u64::MAX };
            limits.window_mut(period).unwrap().used = Some(used);
        }
        AccountLimits { version: u64::MAX, ..limits }
    }

    /// A write unit is a kilobyte, so limits make no payment dearer.
    #[test]
    fn limits_read_back_and_an_account_with_them_is_small() {
        let account = |limits: AccountLimits| Account { limits: Some(Box::new(limits)), ..given::account("a") };
        let window = Some(WindowLimit { amount: None, count: Some(0) });
        let unused = Limits { windows: [None, window, None], ..Limits::NONE };
        for limits in [full(), AccountLimits::replaced(None, unused), AccountLimits::replaced(None, Limits::NONE)] {
            let account = account(limits);
            assert_eq!(account::decode(&account::encode(&account)), Ok(account));
        }
        let longest = Account {
            id: AccountId::try_new(&"a".repeat(64)).unwrap(),
            credit_lanes: CreditLanes::try_new(1_024).unwrap(),
            lane_debits: true,
            paused_until: Some(Timestamp::MAX),
            ..account(full())
        };
        let size = size(&account::encode(&longest));
        assert!(size <= 1_000, "{size} bytes");
        let shut = Lane::new(&Account { credit_lanes: CreditLanes::try_new(1).unwrap(), ..account(full()) }, 0);
        assert!(shut.is_shut);
        assert_eq!(lane::decode(&lane::encode(&shut)), Ok(shut));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let whole = account::encode(&Account { limits: Some(Box::new(full())), ..given::account("a") });
        for (name, value, expected) in [
            ("max_payment", Some(n(0)), "max_payment: expected an integer of minor units, 1 to 9007199254740991"),
            ("max_balance", Some(n(AMOUNT_MAX + 1)), "max_balance: expected at most 9007199254740991"),
            ("day_max_count", Some(n(AMOUNT_MAX + 1)), "day_max_count: expected at most 9007199254740991"),
            ("day_since", None, "day_since: expected a number (N), got none"),
            ("day_amount", None, "day_amount: expected a number (N), got none"),
            ("limits_version", Some(s("x")), "limits_version: expected a whole number (N) in range"),
        ] {
            let mut item = whole.clone();
            match value {
                Some(value) => item.insert(name.into(), value),
                None => item.remove(name),
            };
            assert_eq!(account::decode(&item), Err(expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn the_first_payment_of_a_period_begins_it_and_others_add_to_it() {
        let used = Used { start: Timestamp::EPOCH, amount: 7, count: 2 };
        let limit = WindowLimit { amount: None, count: Some(9) };
        let update = |begins| {
            let windows = [WindowUpdate { period: Period::Day, begins, used, limit }];
            let (write, set) = count(Conditional::on("t").and("x = :x"), &windows);
            let action = write.update(Item::new(), &format!("SET y = :y{set}")).unwrap();
            let update = action.update().unwrap();
            [update.condition_expression().unwrap(), update.update_expression()].join(" | ")
        };
        expect_test::expect![[
            r#"x = :x AND (attribute_not_exists(day_start) OR day_start < :day_start) | SET y = :y, day_start = :day_start, day_amount = :day_amount, day_count = :day_count"#
        ]]
        .assert_eq(&update(true));
        expect_test::expect![[
            r#"x = :x AND day_start = :day_start AND day_amount <= :day_amount_left AND day_count <= :day_count_left | SET y = :y, day_amount = day_amount + :day_amount, day_count = day_count + :day_count"#
        ]]
        .assert_eq(&update(false));
    }
}
