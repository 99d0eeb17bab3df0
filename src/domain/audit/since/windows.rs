//! What: Checks what is used of the windows of one account, by its checkpoint and its payments since then.
//!
//! Data: Takes the account as it was read, and its settled payments. Gives findings, and what was used up to the closed
//! time.
//!
//! Why it gives no false alarm: A payment counts in its debtor's windows in the transaction that settles it. So what is
//! used is what the closed and firm payments make, and some of the open ones.

use std::collections::BTreeMap;

use crate::domain::audit::Finding;
use crate::domain::audit::checkpoint::Checkpoint;
use crate::domain::audit::times::Part;
use crate::domain::limits::{Used, Window};
use crate::domain::{Account, Instruction, Outcome, Period, Timestamp};

/// What payments counted in one window.
#[derive(Debug, Clone)]
struct WindowSince {
    period: Period,
    since: u64,
    closed: Option<Used>,
    /// With the closed ones.
    firm: Option<Used>,
    /// By start of their period.
    open: BTreeMap<Timestamp, Used>,
}

/// What payments counted in the windows of one account.
#[derive(Debug, Default)]
pub(super) struct WindowsSince([Option<WindowSince>; 3]);

impl WindowsSince {
    pub(super) fn new(account: &Account, base: Option<&Checkpoint>) -> Self {
        let mut windows = [const { None }; 3];
        let Some(limits) = &account.limits else { return Self(windows) };
        for ((window, now), period) in windows.iter_mut().zip(limits.windows).zip(Period::ALL) {
            let Some(Window { since, .. }) = now else { continue };
            // A window that was taken away and set again counts anew.
            let closed = base.and_then(|base| base.used(period, since));
            *window = Some(WindowSince { period, since, closed, firm: closed, open: BTreeMap::new() });
        }
        Self(windows)
    }

    /// Whether the account has a window.
    pub(super) fn are_kept(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Takes a settled payment of the account.
    pub(super) fn settled(&mut self, account: &Account, outcome: &Outcome, part: Part) {
        if *outcome.instruction.debtor() != account.id || matches!(outcome.instruction, Instruction::Refund(_)) {
            return;
        }
        let Some(version) = outcome.limits_version else { return };
        let taken = outcome.transfers().filter(|transfer| *transfer.debtor == account.id);
        let taken = taken.map(|transfer| transfer.amount.minor_units()).fold(0, u64::saturating_add);
        for window in self.0.iter_mut().flatten().filter(|window| version >= window.since) {
            let start = window.period.start_of(outcome.decided_at);
            match part {
                Part::Open => {
                    let used = window.open.entry(start).or_insert(Used { start, amount: 0, count: 0 });
                    *used = used.and(taken);
                }
                Part::Firm => count(&mut window.firm, start, taken),
                Part::Closed => {
                    count(&mut window.closed, start, taken);
                    count(&mut window.firm, start, taken);
                }
            }
        }
    }

    /// Checks what the account says is used.
    pub(super) fn judge(&self, account: &Account, findings: &mut Vec<Finding>) {
        for window in self.0.iter().flatten() {
            let mut limits = account.limits.clone();
            let found =
                limits.as_mut().and_then(|limits| limits.window_mut(window.period)).and_then(|window| window.used);
            let Some(expected) = window.expected(found) else { continue };
            let found = found.unwrap_or(Used { amount: 0, count: 0, ..expected });
            findings.push(Finding::Window { account: account.id.clone(), period: window.period, expected, found });
        }
    }

    /// By window: from which version it counts, and what was used up to the closed time.
    pub(super) fn closed(&self) -> [Option<(u64, Option<Used>)>; 3] {
        self.0.each_ref().map(|window| window.as_ref().map(|window| (window.since, window.closed)))
    }
}

/// Counts a payment. Only the newest period is kept.
fn count(used: &mut Option<Used>, start: Timestamp, taken: u64) {
    if used.is_none_or(|used| used.start <= start) {
        *used = Some(Used::of(*used, start).and(taken));
    }
}

impl WindowSince {
    /// What must be used, if this isn't it.
    fn expected(&self, found: Option<Used>) -> Option<Used> {
        let Some(found) = found else { return self.firm };
        let none = Used { start: found.start, amount: 0, count: 0 };
        let firm = match self.firm {
            // A period that payments have passed must be over.
            Some(firm) if firm.start > found.start => return Some(firm),
            Some(firm) if firm.start == found.start => firm,
            Some(_) | None => none,
        };
        let open = self.open.get(&found.start).copied().unwrap_or(none);
        let is_within = |found: u64, firm: u64, open: u64| (firm..=firm.saturating_add(open)).contains(&found);
        let fits = is_within(found.amount, firm.amount, open.amount) && is_within(found.count, firm.count, open.count);
        (!fits).then_some(firm)
    }
}
