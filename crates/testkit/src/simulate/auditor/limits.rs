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
use super::seen::Seen;
use crate::simulate::limits::Limits;
use giro::domain::{Account, Outcome, Period};

/// What is wrong, for a person.
type Wrong = String;

/// The lengths of the periods of the worlds' windows, in milliseconds. An hour and a day have a fixed length.
const LENGTHS: [(Period, i64); 2] = [(Period::Hour, 3_600_000), (Period::Day, 86_400_000)];

/// What is used of the windows of one account: the start of the period, the amount, and the number of payments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::simulate) struct State {
    version: u64,
    limits: Limits,
    used: [Option<(i64, u64, u64)>; 2],
}

impl State {
    /// What the store says of an account.
    pub(in crate::simulate) fn of(account: &Account) -> Self {
        account.limits.as_ref().map_or(Self::default(), |stored| {
            let limits = stored.limits();
            let small = |most: Option<u64>| most.and_then(|most| u32::try_from(most).ok());
            let window = |place: usize| limits.windows[place].map(|limit| (small(limit.amount), small(limit.count)));
            let used = |place: usize| stored.windows[place].and_then(|window| window.used);
            let max_payment = small(limits.max_payment.map(giro::domain::Amount::minor_units));
            Self {
                version: stored.version,
                limits: Limits { max_payment, max_balance: small(limits.max_balance), hour: window(0), day: window(1) },
                used: [used(0), used(1)].map(|used| used.map(|used| (used.start.millis(), used.amount, used.count))),
            }
        })
    }

    /// The same account with other limits. Windows that there were keep what was used.
    pub(in crate::simulate) fn replaced(&self, limits: Limits) -> Self {
        let keep = |had: bool, has: bool, used| if had && has { used } else { None };
        let used = [
            keep(self.limits.hour.is_some(), limits.hour.is_some(), self.used[0]),
            keep(self.limits.day.is_some(), limits.day.is_some(), self.used[1]),
        ];
        Self { version: self.version.saturating_add(1), limits, used }
    }

    /// What the windows hold after a settled payment of this debtor, or what is wrong with it.
    pub(in crate::simulate) fn settled(&self, outcome: &Outcome, debtor: &str, amount: u64) -> Result<Self, Wrong> {
        let (id, at) = (outcome.instruction.id(), outcome.decided_at.millis());
        let version = (self.version > 0).then_some(self.version);
        if outcome.limits_version != version {
            return Err(format!("{id} counts under limits {:?}, which were {version:?}", outcome.limits_version));
        }
        if self.begun().any(|start| at < start) {
            return Err(format!("{id} was decided before a window of {debtor} began"));
        }
        self.after(amount, at).map_err(|reason| format!("{id} is settled, and {debtor} forbids it: {reason}"))
    }

    /// The reason against one more payment. Nobody decides at a time before the windows that it knows.
    pub(in crate::simulate) fn forbids(&self, amount: u64, at: i64) -> Option<&'static str> {
        self.after(amount, self.begun().fold(at, i64::max)).err()
    }

    /// When the windows began.
    pub(in crate::simulate) fn begun(&self) -> impl Iterator<Item = i64> + '_ {
        self.used.iter().flatten().map(|(start, ..)| *start)
    }

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

/// The windows of all accounts.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// By account: each state with the time from which it held.
    states: BTreeMap<String, Vec<(u64, State)>>,
    seen: Seen,
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
        self.states.get(account).and_then(|states| states.last()).map_or(State::default(), |&(_, state)| state)
    }

    fn push(&mut self, account: &str, now: u64, state: State) {
        self.states.entry(account.to_owned()).or_default().push((now, state));
    }

    /// A command gives an account other limits.
    pub(super) fn ordered(&mut self, command: &str, account: &str, limits: Limits, now: u64) {
        self.replace(account, limits, now);
        self.seen.happened(command, account, now);
    }

    /// From now on everybody sees what this payment or command changed.
    pub(super) fn all_see(&mut self, by: &str, now: u64) {
        self.seen.by_all(by, now);
    }

    /// An account has got other limits.
    fn replace(&mut self, account: &str, limits: Limits, now: u64) {
        self.push(account, now, self.now(account).replaced(limits));
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
            let after = self.now(debtor).settled(outcome, debtor, amount)?;
            if after.version > 0 {
                self.push(debtor, now, after);
                self.seen.happened(id.as_str(), debtor, now);
            }
            return Ok(());
        };
        let told = match decline.name() {
            name @ ("payment_limit" | "velocity_limit") => Some(name),
            "balance_limit" | "balance_overflow" | "insufficient_funds" => None,
            _ => return Ok(()),
        };
        let began = self.seen.readable_since(debtor, began);
        let states = self.states.get(debtor).map(Vec::as_slice).unwrap_or_default();
        let first = states.iter().rposition(|(from, _)| *from < began).map_or(0, |first| first);
        let was_none = states.first().is_none_or(|(from, _)| *from >= began) && told.is_none();
        let was_so = was_none || states.iter().skip(first).any(|(_, state)| state.forbids(amount, at) == told);
        if was_so { Ok(()) } else { Err(format!("{id} is declined {decline}, and {debtor} was never so limited")) }
    }

    /// Whether the store says the same of an account.
    pub(super) fn compare(&self, id: &str, account: &Account) -> Result<(), Wrong> {
        let (known, stored) = (self.now(id), State::of(account));
        if stored == known {
            return Ok(());
        }
        Err(format!("the limits of {id} are {stored:?}, and were to be {known:?}"))
    }
}
