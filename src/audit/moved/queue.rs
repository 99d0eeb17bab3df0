//! What: The accounts that wait for a look, and what earlier looks have found in them.
//!
//! Invariants: An account that is due for another look comes before new ones. Slices take [`SLICES_SIDE_BY_SIDE`]
//! places at the most. What only one look has shown is never told, nor what two have shown that follow each other
//! closely: an index that is behind would mislead both. They must be [`TOLD_AFTER`] apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::items::UNREAD_FOR;
use super::proof::Job;
use crate::domain::AccountId;
use crate::domain::audit::Finding;

/// How often an account in which something was found is looked at. An index may be behind, or a command half-way.
pub const LOOKS_MAX: usize = 3;

/// How many accounts are looked at side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

/// How many accounts are opened at once. They wait for their looks, so more of them would be older by then.
const OPENED_AT_ONCE: usize = 48;

/// How many accounts are read slice by slice side by side. Each holds some 30 MB at the most.
const SLICES_SIDE_BY_SIDE: usize = 4;

/// What looks find this long after each other is told. By then an index shows what it missed for the first of them. The
/// last look of an account comes this long after the one before.
const TOLD_AFTER: Duration = Duration::from_secs(150);

/// How many closed postings of an account are read at once. They take some thirteen seconds at a thousand read units a
/// second. If all were refunds, what is kept of them would take some 30 MB.
const POSTINGS_AT_ONCE: usize = 200_000;

/// How long an audit waits, and how much it takes at once. A test on a real clock waits for less.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Between the scan of the accounts and the first look, so that the indexes show what the scan has shown.
    pub for_indexes: Duration,
    /// Before an account in which something was found is looked at again, by how often it was looked at. The last look
    /// is minutes after the first, because an index may be behind for that long.
    pub before_another_look: [Duration; LOOKS_MAX - 1],
    /// How far apart two looks must be, so that what both have found is told.
    pub before_told: Duration,
    /// How many closed postings of one account are read at once. An account with more of them is proved in slices.
    pub postings_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let before_another_look = [Duration::from_secs(5), TOLD_AFTER];
        Self {
            for_indexes: Duration::from_secs(10),
            before_another_look,
            before_told: TOLD_AFTER,
            postings_at_once: POSTINGS_AT_ONCE,
        }
    }
}

/// The accounts to look at.
#[derive(Default)]
pub(super) struct Queue {
    fresh: VecDeque<Job>,
    /// Accounts to look at again, by the time when they are due. The number keeps two of the same time apart.
    again: BTreeMap<(Instant, usize), Job>,
    /// Accounts whose next slice comes as soon as there is a place for it.
    slices: VecDeque<Job>,
    /// Accounts that are opened, and wait for a place.
    opened: VecDeque<Job>,
    /// Accounts that are opened or looked at now.
    in_flight: BTreeMap<AccountId, Flight>,
    /// Accounts of which a slice was read.
    sliced: BTreeSet<AccountId>,
    suspects: BTreeMap<AccountId, Suspect>,
    /// What the items of large accounts have shown by themselves, before their slices began.
    told: Vec<Finding>,
    /// How often an account was put into `again`.
    looks: usize,
    settings: Settings,
}

/// How far an account is, which is opened or looked at.
#[derive(Clone, Copy)]
struct Flight {
    /// When its items began to be read.
    opened: Instant,
    /// Since when it has time of its own: it is looked at, or wasn't read when others were.
    has_time: Option<Instant>,
}

/// An account in which each look found something, since its first look or since one that found nothing.
struct Suspect {
    looks: usize,
    /// When the last look began.
    last: Instant,
    /// What the last look found, and when the first look ended that found the same fault.
    findings: Vec<(Instant, Finding)>,
}

impl Suspect {
    /// Takes what a look has found that began then.
    fn found(&mut self, began: Instant, findings: &[Finding]) {
        let now = Instant::now();
        let first = |finding: &Finding| {
            let before = self.findings.iter().find(|(_, before)| fault(before) == fault(finding));
            before.map_or(now, |(first, _)| *first)
        };
        let findings = findings.iter().map(|finding| (first(finding), finding.clone())).collect();
        *self = Self { looks: self.looks.saturating_add(1), last: began, findings };
    }

    /// What may be told.
    fn told(&self, settings: Settings) -> impl Iterator<Item = &Finding> {
        let is_told = move |first: Instant| {
            self.looks > 1 && self.last.checked_duration_since(first).is_some_and(|apart| apart >= settings.before_told)
        };
        self.findings.iter().filter(move |(first, _)| is_told(*first)).map(|(_, finding)| finding)
    }
}

/// What is the same in each look that finds the same fault. The figures may differ. A wrong balance is found as
/// `balance` if the account rests, and as `balance_range` if it moves.
fn fault(finding: &Finding) -> (&'static str, String) {
    let kind = match finding.name() {
        "balance_range" => "balance",
        name => name,
    };
    (kind, finding.at_fault())
}

impl Queue {
    pub(super) fn new(jobs: Vec<Job>, settings: Settings) -> Self {
        Self { fresh: jobs.into(), settings, ..Self::default() }
    }

    /// All that may be told of what was found.
    pub(super) fn into_told(mut self) -> Vec<Finding> {
        let suspects = self.suspects.values().flat_map(|suspect| suspect.told(self.settings)).cloned();
        self.told.extend(suspects);
        self.told
    }

    /// The next to open, as many as are there now and are opened at once.
    pub(super) fn next_to_open(&mut self) -> Vec<Job> {
        std::iter::from_fn(|| self.next()).take(OPENED_AT_ONCE).collect()
    }

    /// The next to open, if one is there now.
    fn next(&mut self) -> Option<Job> {
        let now = Instant::now();
        let due = self.again.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove());
        let sliced = self.in_flight.keys().filter(|account| self.sliced.contains(*account)).count();
        let slice = || if sliced < SLICES_SIDE_BY_SIDE { self.slices.pop_front() } else { None };
        let job = due.or_else(slice).or_else(|| self.fresh.pop_front())?;
        let has_time = self.in_flight.get(&job.account).and_then(|flight| flight.has_time);
        self.in_flight.insert(job.account.clone(), Flight { opened: now, has_time });
        Some(job)
    }

    /// The next to look at, of those that are opened.
    pub(super) fn next_opened(&mut self) -> Option<Job> {
        let job = self.opened.pop_front()?;
        if let Some(flight) = self.in_flight.get_mut(&job.account) {
            flight.has_time = flight.has_time.or_else(|| Some(Instant::now()));
        }
        Some(job)
    }

    /// Takes accounts that were opened. One that was looked at before comes first. One that was not read is opened
    /// again.
    pub(super) fn take_opened(&mut self, jobs: Vec<Job>) {
        let now = Instant::now();
        for job in jobs {
            if !job.is_opened() {
                if let Some(flight) = self.in_flight.get_mut(&job.account) {
                    flight.has_time = flight.has_time.or(Some(now));
                }
                self.wait(job, UNREAD_FOR);
            } else if job.read.is_some() {
                self.opened.push_front(job);
            } else {
                self.opened.push_back(job);
            }
        }
    }

    /// Opens an account again, so long from now.
    fn wait(&mut self, job: Job, time: Duration) {
        let now = Instant::now();
        self.looks = self.looks.saturating_add(1);
        self.again.insert((now.checked_add(time).unwrap_or(now), self.looks), job);
    }

    /// Whether no account is opened and waits for its look.
    pub(super) fn is_none_opened(&self) -> bool {
        self.opened.is_empty()
    }

    /// Whether more accounts should be opened.
    pub(super) fn is_short(&self) -> bool {
        self.opened.len() < SIDE_BY_SIDE
    }

    /// When the next look is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again.keys().next().map(|(at, _)| *at)
    }

    /// Takes a look. An account in which something was found is looked at again, as often as it may be. An account
    /// whose slices go on is looked at again as soon as there is a place.
    pub(super) fn looked(&mut self, mut job: Job, goes_on: bool, is_large: bool) {
        let now = Instant::now();
        let began = self.in_flight.remove(&job.account).map_or(now, |flight| flight.opened);
        if goes_on {
            self.sliced.insert(job.account.clone());
        }
        if job.findings.is_empty() {
            self.suspects.remove(&job.account);
            job.is_last = false;
            if goes_on {
                self.slices.push_back(job);
            }
            return;
        }
        let new = || Suspect { looks: 0, last: now, findings: Vec::new() };
        let suspect = self.suspects.entry(job.account.clone()).or_insert_with(new);
        suspect.found(began, &job.findings);
        let looks = suspect.looks;
        if is_large && looks >= LOOKS_MAX {
            // From here on its slices have looks of their own.
            self.told.extend(suspect.told(self.settings).cloned());
            self.suspects.remove(&job.account);
            self.sliced.insert(job.account.clone());
            (job.is_state_told, job.is_last) = (true, false);
            job.findings.clear();
            self.slices.push_back(job);
            return;
        }
        job.is_last = looks.saturating_add(1) >= LOOKS_MAX;
        if let Some(wait) = self.settings.before_another_look.get(looks.saturating_sub(1)) {
            self.wait(job, *wait);
        }
    }

    /// Whether each account that isn't judged had time since then, at the least. One that is proved in slices waits for
    /// no run: its draft holds what its slices have shown.
    pub(super) fn had_time(&self, since: Instant) -> bool {
        let is_told = |suspect: &Suspect| suspect.told(self.settings).next().is_some();
        let told = |job: &Job| self.suspects.get(&job.account).is_some_and(is_told);
        let looks_long = |account: &AccountId| {
            let flight = self.in_flight.get(account).and_then(|flight| flight.has_time);
            self.sliced.contains(account) || flight.is_some_and(|began| began <= since)
        };
        let had = |job: &Job| looks_long(&job.account) || told(job);
        self.fresh.is_empty() && self.again.values().all(had) && self.in_flight.keys().all(looks_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_account_that_is_not_read_holds_up_no_other() {
        let [busy, calm] = ["busy", "calm"].map(|name| AccountId::try_new(name).unwrap());
        let jobs = [&busy, &calm].map(|id| Job::new(id.clone(), None, true));
        let mut queue = Queue { fresh: jobs.into(), ..Queue::default() };
        let mut opened = queue.next_to_open();
        opened[1].findings.push(Finding::LostAccount { account: calm.clone() });
        let before = Instant::now();
        tokio::time::sleep(UNREAD_FOR).await;
        queue.take_opened(opened);
        assert_eq!(queue.next_opened().map(|job| job.account), Some(calm.clone()));
        assert!(queue.next_opened().is_none() && queue.next_to_open().is_empty());
        queue.looked(Job::new(calm, None, false), false, false);
        tokio::time::sleep(UNREAD_FOR).await;
        let unread = queue.next_to_open();
        assert_eq!(unread.iter().map(|job| &job.account).collect::<Vec<_>>(), [&busy]);
        queue.take_opened(unread);
        assert!(queue.had_time(Instant::now()) && !queue.had_time(before));
    }
}
