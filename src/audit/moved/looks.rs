//! What: Looks at many accounts side by side, and again at those in which something was found.
//!
//! Invariants: Accounts are opened together, and then looked at one by one. A look takes one place of the pool, however
//! long it takes. A head that waits to be written takes none. So large accounts hold up no others. At its deadline the
//! audit tells what looks have found that were far enough apart. A head that still waits then isn't written.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::calls::{AuditStore, Calls};
use super::heads::Waiting;
use super::look::{Look, Looked, Outlook};
use super::proof::Job;
use super::queue::{Queue, SIDE_BY_SIDE, Settings};
use crate::audit::scan::Stopped;
use crate::domain::audit::{Books, Finding, Head};
use crate::domain::{AccountId, Timestamp};

/// What was decided this much before a read was committed before it: the time-out of `payment-processor` is a minute,
/// and two clocks differ by less than another.
const FIRM_AFTER_MS: i64 = 2 * 60 * 1_000;

/// The most time that is left for what comes after the looks.
const RESERVE_MAX: Duration = Duration::from_secs(5);

/// How the looks ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Each account was judged.
    AllJudged,
    /// The time is up. Each account was judged, or needs more than half of the time. The text says how many wait.
    AllHadTime(String),
    /// The time is up, and some accounts had too little of it. The next invocation goes on with them.
    SomeWait(String),
}

/// What all looks have in common.
pub(super) struct Around<'a, S, C> {
    pub(super) calls: &'a Calls<'a, S>,
    pub(super) clock: &'a C,
    pub(super) settings: Settings,
    pub(super) books: &'a Books,
    pub(super) closed: Timestamp,
}

/// What looks have told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Those that were written.
    pub(super) heads: Vec<Head>,
    /// What two looks have found.
    pub(super) findings: Vec<Finding>,
    /// Another audit has written a checkpoint.
    pub(super) is_overtaken: bool,
    pub(super) postings: u64,
    pub(super) widest: i128,
}

/// Looks at all accounts. `open` are those that still need a checkpoint.
pub(super) async fn looks<S: AuditStore, C: Fn() -> Timestamp>(
    around: &Around<'_, S, C>,
    jobs: Vec<Job>,
    open: &mut BTreeMap<AccountId, Option<Timestamp>>,
    told: &mut Told,
) -> Result<Ended, Stopped> {
    let mut queue = Queue::new(jobs, around.settings);
    let ended = pool(around, &mut queue, open, told).await;
    told.findings.extend(queue.into_told());
    ended
}

async fn pool<S: AuditStore, C: Fn() -> Timestamp>(
    around: &Around<'_, S, C>,
    queue: &mut Queue,
    open: &mut BTreeMap<AccountId, Option<Timestamp>>,
    told: &mut Told,
) -> Result<Ended, Stopped> {
    let Around { calls, clock, settings, books, closed } = *around;
    let began = Instant::now();
    let time = calls.deadline.saturating_duration_since(began);
    let reserve = RESERVE_MAX.min(time.checked_div(20).unwrap_or_default());
    let deadline = calls.deadline.checked_sub(reserve).unwrap_or(began);
    let half = time.checked_div(2).and_then(|half| began.checked_add(half)).unwrap_or(began);
    let postings_at_once = settings.postings_at_once;
    let outlook = &Outlook { calls, books, closed, firm_after_ms: FIRM_AFTER_MS, postings_at_once };
    let (mut opening, mut looks) = (FuturesUnordered::new(), FuturesUnordered::new());
    let (mut heads, mut writes, mut ends) = (Waiting::default(), FuturesUnordered::new(), FuturesUnordered::new());
    loop {
        if Instant::now() >= deadline {
            let text = format!("while looking at accounts: {} still to judge", open.len());
            return Ok(if queue.had_time(half) { Ended::AllHadTime(text) } else { Ended::SomeWait(text) });
        }
        if opening.is_empty() && queue.is_short() {
            let mut jobs = queue.next_to_open();
            if !jobs.is_empty() {
                opening.push(async move { outlook.open(&mut jobs, clock).await.map(|()| jobs) });
            }
        }
        let is_idle = looks.is_empty() && opening.is_empty() && queue.is_none_opened();
        while let Some(ready) = heads.next(writes.len(), is_idle) {
            writes.push(Box::pin(outlook.write(ready)));
        }
        // A head that is written by itself takes the place of a look.
        while looks.len().saturating_add(ends.len()) < SIDE_BY_SIDE
            && heads.has_room()
            && let Some(job) = queue.next_opened()
        {
            // Boxed, as many of them are in flight, and each is large.
            looks.push(Box::pin(outlook.look(job, clock)));
        }
        let are_heads_written = heads.is_empty() && writes.is_empty() && ends.is_empty();
        if are_heads_written && looks.is_empty() && opening.is_empty() && queue.due().is_none() {
            return Ok(Ended::AllJudged);
        }
        let due = queue.due().filter(|_| opening.is_empty() && queue.is_short());
        let due = due.into_iter().chain(heads.due(writes.len())).fold(deadline, Instant::min);
        tokio::select! {
            Some(opened) = opening.next() => queue.take_opened(opened?),
            Some(look) = looks.next() => match look? {
                Look::Ended(looked) => take(looked, queue, open, told),
                Look::Ready(ready) => heads.take(ready),
            },
            Some(written) = writes.next() => {
                ends.extend(written.into_iter().map(|(ready, proved)| Box::pin(outlook.end(ready, proved))));
            }
            Some(ended) = ends.next() => take(ended?, queue, open, told),
            () = tokio::time::sleep_until(due) => {}
        }
    }
}

/// Takes what came of a look.
fn take(looked: Looked, queue: &mut Queue, open: &mut BTreeMap<AccountId, Option<Timestamp>>, told: &mut Told) {
    let Looked { job, is_proved, is_overtaken, goes_on, is_large, postings, width } = looked;
    told.is_overtaken |= is_overtaken;
    told.postings = told.postings.saturating_add(postings);
    told.widest = told.widest.max(width);
    if is_proved {
        open.remove(&job.account);
    }
    if is_proved || is_overtaken {
        told.heads.extend(job.head.clone());
    }
    queue.looked(job, goes_on, is_large);
}
