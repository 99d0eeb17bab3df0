//! What: The auditor's own windows, and its own rules of what limits allow.
//!
//! Data: Takes what accounts may use, and payments in the order in which they were settled. Gives what is wrong.
//!
//! | what | must hold |
//! |---|---|
//! | a settled payment | it is within the largest payment and every window of its debtor, and counts under the limits of that moment; no window goes back |
//! | declined by a limit | the limit forbade it at some moment since the delivery |
//! | declined for a balance | the limits allowed it at some moment since the delivery |
//! | every step | the store says the same of what is used |

use std::collections::BTreeMap;

use super::books::Books;
use crate::simulate::limits::Limits;
use giro::domain::{Account, Outcome, Period};

/// What is wrong, for a person.
type Wrong = String;

/// The lengths of the periods of the worlds' windows, in milliseconds. An hour and a day have a fixed length.
const LENGTHS: [(Period, i64); 2] = [(Period::Hour, 3_600_000), (Period::Day, 86_400_000)];

/// What is used of the windows of one account: the start of the period, the amount, and the number of payments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    version: u64,
    limits: Limits,
    used: [Option<(i64, u64, u64)>; 2],
}

impl State {
    /// What the windows hold after one more payment, or the reason against it.
    fn after(&self, amount: u64, at: i64) -> Result<Self, &'static str> {
        if self.limits.max_payment.is_some_and(|most| amount > most.into()) {
            return Err("payment_limit");
        }
        let mut after = *self;
        let windows = [self.limits.hour, self.limits.day];
        for (((_, length), limit), used) in LENGTHS.into_iter().zip(windows).zip(&mut after.used) {
            let Some((most_amount, most_count)) = limit else { continue };
            let start = at.saturating_sub(at.rem_euclid(length));
            let (begun, amounts, count) = used.unwrap_or((start, 0, 0));
            let (amounts, count) = if begun < start { (0, 0) } else { (amounts, count) };
            let now = (begun.max(start), amounts.saturating_add(amount), count.saturating_add(1));
            if most_amount.is_some_and(|most| now.1 > most.into()) || most_count.is_some_and(|most| now.2 > most.into())
            {
                return Err("velocity_limit");
            }
            *used = Some(now);
        }
        Ok(after)
    }
}

/// The windows of all accounts: each state with the time from which it held.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<String, Vec<(u64, State)>>, Vec<Replaced>);

/// Limits that were replaced. Until everybody sees that, a read may tell the older ones.
#[derive(Debug)]
struct Replaced {
    command: String,
    account: String,
    happened: u64,
    seen: Option<u64>,
}

impl Windows {
    /// The windows of the accounts that a world begins with.
    pub(super) fn of(opening: &BTreeMap<String, Books>) -> Self {
        let mut windows = Self::default();
        for (id, books) in opening.iter().filter(|(_, books)| !books.limits.is_none()) {
            windows.replace(id, books.limits, 0);
        }
        windows
    }

    fn now(&self, account: &str) -> State {
        self.0.get(account).and_then(|states| states.last()).map_or(State::default(), |&(_, state)| state)
    }

    fn push(&mut self, account: &str, now: u64, state: State) {
        self.0.entry(account.to_owned()).or_default().push((now, state));
    }

    /// A command gives an account other limits. It isn't seen by everybody yet.
    pub(super) fn ordered(&mut self, command: &str, account: &str, limits: Limits, now: u64) {
        self.replace(account, limits, now);
        let (command, account) = (command.to_owned(), account.to_owned());
        self.1.push(Replaced { command, account, happened: now, seen: None });
    }

    /// From now on everybody sees what this command replaced.
    pub(super) fn all_see(&mut self, command: &str, now: u64) {
        let replaced = self.1.iter_mut().filter(|replaced| replaced.command == command);
        replaced.for_each(|replaced| replaced.seen = Some(now));
    }

    /// From when on the limits of an account count for who reads it from this time on.
    fn readable_since(&self, account: &str, began: u64) -> u64 {
        let of_account = self.1.iter().filter(|replaced| replaced.account == account && replaced.happened < began);
        let unseen = of_account.filter(|replaced| replaced.seen.is_none_or(|seen| seen >= began));
        unseen.map(|replaced| replaced.happened).min().unwrap_or(began)
    }

    /// An account has got other limits. Windows that there were keep what was used.
    fn replace(&mut self, account: &str, limits: Limits, now: u64) {
        let before = self.now(account);
        let keep = |had: bool, has: bool, used| if had && has { used } else { None };
        let used = [
            keep(before.limits.hour.is_some(), limits.hour.is_some(), before.used[0]),
            keep(before.limits.day.is_some(), limits.day.is_some(), before.used[1]),
        ];
        self.push(account, now, State { version: before.version.saturating_add(1), limits, used });
    }

    /// A payment got its outcome.
    pub(super) fn judge(
        &mut self,
        outcome: &Outcome,
        debtor: &str,
        amount: u64,
        (began, now): (u64, u64),
    ) -> Result<(), Wrong> {
        let (id, at) = (outcome.instruction.id(), outcome.decided_at.millis());
        let Err(decline) = outcome.decision else {
            let state = self.now(debtor);
            let version = (state.version > 0).then_some(state.version);
            if outcome.limits_version != version {
                return Err(format!("{id} counts under limits {:?}, which were {version:?}", outcome.limits_version));
            }
            let goes_back = state.used.iter().flatten().any(|(start, ..)| at < *start);
            match state.after(amount, at) {
                _ if goes_back => return Err(format!("{id} was decided before a window of {debtor} began")),
                Ok(after) if state.version > 0 => self.push(debtor, now, after),
                Ok(_) => {}
                Err(reason) => return Err(format!("{id} is settled, and {debtor} forbids it: {reason}")),
            }
            return Ok(());
        };
        // Nobody decides at a time before the windows that it knows.
        let in_time = |state: &State| state.used.iter().flatten().fold(at, |at, (start, ..)| at.max(*start));
        let said = |state: &State| state.after(amount, in_time(state)).err();
        let told = match decline.name() {
            name @ ("payment_limit" | "velocity_limit") => Some(name),
            "balance_limit" | "balance_overflow" | "insufficient_funds" => None,
            _ => return Ok(()),
        };
        let began = self.readable_since(debtor, began);
        let states = self.0.get(debtor).map(Vec::as_slice).unwrap_or_default();
        let first = states.iter().rposition(|(from, _)| *from < began).map_or(0, |first| first);
        let was_none = states.first().is_none_or(|(from, _)| *from >= began) && told.is_none();
        let was_so = was_none || states.iter().skip(first).any(|(_, state)| said(state) == told);
        if was_so { Ok(()) } else { Err(format!("{id} is declined {decline}, and {debtor} was never so limited")) }
    }

    /// Whether the store says the same of an account.
    pub(super) fn compare(&self, id: &str, account: &Account) -> Result<(), Wrong> {
        let known = self.now(id);
        let stored = account.limits.as_ref().map_or(State::default(), |stored| {
            let limits = stored.limits();
            let small = |most: Option<u64>| most.and_then(|most| u32::try_from(most).ok());
            let window = |place: usize| limits.windows[place].map(|limit| (small(limit.amount), small(limit.count)));
            let used = |place: usize| stored.windows[place].and_then(|window| window.used);
            let max_payment = small(limits.max_payment.map(giro::domain::Amount::minor_units));
            State {
                version: stored.version,
                limits: Limits { max_payment, max_balance: small(limits.max_balance), hour: window(0), day: window(1) },
                used: [used(0), used(1)].map(|used| used.map(|used| (used.start.millis(), used.amount, used.count))),
            }
        });
        if stored == known {
            return Ok(());
        }
        Err(format!("the limits of {id} are {stored:?}, and were to be {known:?}"))
    }
}
