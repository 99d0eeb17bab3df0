//! What: The limits of an account: how much one payment may take from it, how much its payments may take in a period,
//! and how much it may hold.
//!
//! Data: Takes the limits that a command sets, and what payments have used of them. Says what is left.
//!
//! A window is a period of fixed length in UTC: an hour, a day or a month. It counts the amounts and the number of the
//! payments that were settled in it. Refunds don't count, and nothing that was counted is given back.
//!
//! Invariants: An account with limits has an overdraft limit, so all its debits are on its main item. The version
//! rises with every change of limits, and every payment from or to the account rests on it. So nobody decides on older
//! limits. The start of a window never falls: an account is decided on at the later of the clock and that start. An
//! account with a maximum balance is credited on its main item alone, because that item must know all that it holds.

use std::fmt;

use super::{Amount, Timestamp};

/// A period of a window, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// Every period, in the order in which windows are checked.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The name as sent, stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The period of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// When the period began in which this time lies.
    #[must_use]
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Hour => at.start_of_hour(),
            Self::Day => at.start_of_day(),
            Self::Month => at.start_of_month(),
        }
    }

    /// When the period ends that began at this time. It is the first time that is no longer in it.
    #[must_use]
    pub fn end_of(self, start: Timestamp) -> Timestamp {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        // No month has more days than 31, and none fewer than 28. So 31 days after its first is a day of the next.
        let within_next = match self {
            Self::Hour => 60 * 60 * 1_000,
            Self::Day => DAY_MS,
            Self::Month => 31 * DAY_MS,
        };
        let next = Timestamp::try_from_millis(start.millis().saturating_add(within_next));
        next.map_or(Timestamp::MAX, |next| self.start_of(next))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The most that a window counts, in minor units, whatever its limit says.
pub const AMOUNTS_MAX: u64 = i64::MAX.unsigned_abs();

/// The most that payments may take in one period. At least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimit {
    /// The most that their amounts may sum to, in minor units.
    pub amount: Option<u64>,
    /// The most payments.
    pub count: Option<u64>,
}

/// The limits that a command sets. They replace all limits that the account had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The most that one payment may take.
    pub max_payment: Option<Amount>,
    /// The most that the account may hold after a credit, in minor units.
    pub max_balance: Option<u64>,
    /// By [`Period`], in the order of [`Period::ALL`].
    pub windows: [Option<WindowLimit>; 3],
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self { max_payment: None, max_balance: None, windows: [None; 3] };

    /// The windows that there are, each with its period.
    pub fn windows(&self) -> impl Iterator<Item = (Period, WindowLimit)> + '_ {
        Period::ALL.into_iter().zip(self.windows).filter_map(|(period, limit)| Some((period, limit?)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// What payments have used of a window in its newest period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// When that period began.
    pub start: Timestamp,
    /// The sum of their amounts, in minor units.
    pub amount: u64,
    /// How many they are.
    pub count: u64,
}

impl Used {
    /// What is used of the period that begins then: nothing, if the newest is an older one.
    #[must_use]
    pub fn of(used: Option<Self>, start: Timestamp) -> Self {
        used.filter(|used| used.start >= start).unwrap_or(Self { start, amount: 0, count: 0 })
    }

    /// The same after one more payment.
    #[must_use]
    pub fn and(self, amount: u64) -> Self {
        Self { amount: self.amount.saturating_add(amount), count: self.count.saturating_add(1), ..self }
    }
}

/// A window of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The most that payments may take.
    pub limit: WindowLimit,
    /// The version of the limits that first had it. Payments under older limits are not counted.
    pub since: u64,
    /// What payments have used. `None`: there was none yet.
    pub used: Option<Used>,
}

impl WindowLimit {
    /// Whether this much may be used in all.
    #[must_use]
    pub fn allows(self, used: Used) -> bool {
        used.amount <= self.amount.unwrap_or(AMOUNTS_MAX) && self.count.is_none_or(|most| used.count <= most)
    }
}

/// The limits of an account, and what payments have used of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLimits {
    /// Rises by one with every command that sets limits. It is at least 1.
    pub version: u64,
    /// The most that one payment may take.
    pub max_payment: Option<Amount>,
    /// The most that the account may hold after a credit, in minor units.
    pub max_balance: Option<u64>,
    /// By [`Period`], in the order of [`Period::ALL`].
    pub windows: [Option<Window>; 3],
}

impl AccountLimits {
    /// The limits of an account that has these now, and gets others. A window stays, with what was used of it, if
    /// there was one of its period. A new one counts from now on.
    #[must_use]
    pub fn replaced(now: Option<&Self>, limits: Limits) -> Self {
        let version = now.map_or(0, |now| now.version).saturating_add(1);
        let mut windows = [None; 3];
        for (ix, (window, limit)) in windows.iter_mut().zip(limits.windows).enumerate() {
            let Some(limit) = limit else { continue };
            let before = now.and_then(|now| now.windows.get(ix).copied().flatten());
            *window = Some(before.map_or(Window { limit, since: version, used: None }, |it| Window { limit, ..it }));
        }
        Self { version, max_payment: limits.max_payment, max_balance: limits.max_balance, windows }
    }

    /// The limits that were set.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let windows = self.windows.map(|window| window.map(|window| window.limit));
        Limits { max_payment: self.max_payment, max_balance: self.max_balance, windows }
    }

    /// When its payments are decided: the later of the clock and the starts of its windows.
    #[must_use]
    pub fn decided_at(&self, clock: Timestamp) -> Timestamp {
        let starts = self.windows.iter().flatten().filter_map(|window| window.used).map(|used| used.start);
        starts.fold(clock, Ord::max)
    }

    /// The windows that there are, each with its period.
    pub fn windows(&self) -> impl Iterator<Item = (Period, Window)> + '_ {
        Period::ALL.into_iter().zip(self.windows).filter_map(|(period, window)| Some((period, window?)))
    }

    /// The window of a period.
    pub fn window_mut(&mut self, period: Period) -> Option<&mut Window> {
        let place = Period::ALL.iter().position(|its| *its == period)?;
        self.windows.get_mut(place)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn periods_are_those_of_the_calendar_in_utc() {
        for (period, time, start, end) in [
            (Period::Hour, "2026-11-29T12:59:59.999Z", "2026-11-29T12:00:00Z", "2026-11-29T13:00:00Z"),
            (Period::Hour, "2026-11-29T12:00:00.000Z", "2026-11-29T12:00:00Z", "2026-11-29T13:00:00Z"),
            (Period::Hour, "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Hour, "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"),
            (Period::Day, "2026-11-29T23:59:59.999Z", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Period::Day, "1969-12-31T12:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
            (Period::Month, "2026-11-30T23:59:59.999Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            (Period::Month, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            (Period::Month, "2026-02-28T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            (Period::Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Month, "9999-12-31T23:59:59Z", "9999-12-01T00:00:00Z", "9999-12-31T23:59:59.999Z"),
            (Period::Month, "0001-01-31T00:00:00Z", "0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
        ] {
            let began = period.start_of(at(time));
            assert_eq!((began, period.end_of(began)), (at(start), at(end)), "{period} {time}");
        }
        for period in Period::ALL {
            assert_eq!(Period::from_name(period.name()), Some(period));
        }
    }

    /// A window keeps what was used of it as long as there is one of its period.
    #[test]
    fn limits_replace_each_other_and_windows_keep_what_was_used() {
        let limit = |amount| Some(WindowLimit { amount: Some(amount), count: None });
        let first = AccountLimits::replaced(None, Limits { windows: [None, limit(9), None], ..Limits::NONE });
        assert_eq!((first.version, first.windows[1].unwrap().since), (1, 1));
        let used = Some(Used { start: Timestamp::EPOCH, amount: 7, count: 2 });
        let mut first = first;
        first.window_mut(Period::Day).unwrap().used = used;
        assert!(first.window_mut(Period::Hour).is_none());
        let both = Limits { windows: [limit(1), limit(5), None], max_balance: Some(3), ..Limits::NONE };
        let second = AccountLimits::replaced(Some(&first), both);
        assert_eq!(second.limits(), both);
        let told = second.windows.map(|window| window.map(|window| (window.since, window.used)));
        assert_eq!(told, [Some((2, None)), Some((1, used)), None]);
        let none = AccountLimits::replaced(Some(&second), Limits::NONE);
        assert!(none.limits().is_none() && !second.limits().is_none());
        let again = AccountLimits::replaced(Some(&none), both);
        assert_eq!(again.windows[1].map(|window| (window.since, window.used)), Some((4, None)), "counted anew");
    }

    #[test]
    fn an_account_is_decided_on_no_earlier_than_its_windows_began() {
        let limit = Some(WindowLimit { amount: None, count: Some(3) });
        let mut limits = AccountLimits::replaced(None, Limits { windows: [limit, limit, None], ..Limits::NONE });
        let clock = at("2026-11-29T23:59:59.999Z");
        assert_eq!(limits.decided_at(clock), clock);
        let used = |start| Some(Used { start: at(start), amount: 1, count: 1 });
        limits.window_mut(Period::Hour).unwrap().used = used("2026-11-29T23:00:00Z");
        assert_eq!(limits.decided_at(clock), clock);
        limits.window_mut(Period::Day).unwrap().used = used("2026-11-30T00:00:00Z");
        assert_eq!(limits.decided_at(clock), at("2026-11-30T00:00:00Z"));
        assert_eq!(limits.windows().map(|(period, _)| period).collect::<Vec<_>>(), [Period::Hour, Period::Day]);
    }

    #[test]
    fn a_window_allows_no_more_than_both_of_its_limits() {
        let used = |amount, count| Used { start: Timestamp::EPOCH, amount, count };
        for (amount, count, spent, allowed) in [
            (Some(5), None, used(5, 99), true),
            (Some(5), None, used(6, 1), false),
            (None, Some(2), used(99, 2), true),
            (None, Some(2), used(1, 3), false),
            (Some(5), Some(2), used(5, 2), true),
            (Some(5), Some(2), used(6, 2), false),
            (Some(5), Some(2), used(5, 3), false),
        ] {
            assert_eq!(WindowLimit { amount, count }.allows(spent), allowed, "{amount:?} {count:?} {spent:?}");
        }
        let later = Timestamp::try_from_millis(1).unwrap();
        assert_eq!(Used::of(Some(used(5, 1)), Timestamp::EPOCH), used(5, 1));
        assert_eq!(Used::of(Some(used(5, 1)), later), Used { start: later, amount: 0, count: 0 });
        assert_eq!(Used::of(None, Timestamp::EPOCH).and(3), used(3, 1));
    }
}
