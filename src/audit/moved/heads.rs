//! What: Writes the heads of accounts that were proved, with their checkpoints. A transaction takes those of several
//! accounts: a call for each account would be much of what an audit costs.
//!
//! Data: Takes accounts that are ready for their next heads. Gives what came of their looks.
//!
//! Invariants: A head that waits takes no place of the pool. It waits until [`WRITTEN_TOGETHER`] wait, or until no look
//! is under way, and for [`WAIT_MAX`] at the most. If all writes are under way it waits for one of them. Each of these
//! is one call. New looks begin only while fewer heads wait. A head that a call with others didn't write is written by
//! itself, so none holds up others for long. No head is told as written before the store has said so.

use std::time::Duration;

use tokio::time::Instant;

use super::calls::AuditStore;
use super::look::{Looked, Outlook, Ready};
use crate::audit::scan::Stopped;
use crate::store::{NewHead, Proved};

/// How many heads are written together. As many looks are side by side.
const WRITTEN_TOGETHER: usize = 16;

/// How long a head waits for others. Sixteen looks seldom take longer.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// How many writes are under way side by side.
const WRITES_MAX: usize = 4;

/// Heads that wait to be written, the oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    ready: Vec<(Instant, Ready)>,
}

impl Waiting {
    pub(super) fn take(&mut self, ready: Ready) {
        self.ready.push((Instant::now(), ready));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether more looks may begin. While writes are slow, heads would pile up.
    pub(super) const fn has_room(&self) -> bool {
        self.ready.len() < WRITTEN_TOGETHER
    }

    /// Those to write now, if so many writes are under way. `is_idle`: no others are to come.
    pub(super) fn next(&mut self, writes: usize, is_idle: bool) -> Option<Vec<Ready>> {
        let is_due = is_idle || !self.has_room() || self.due(writes).is_some_and(|due| due <= Instant::now());
        if self.ready.is_empty() || writes >= WRITES_MAX || !is_due {
            return None;
        }
        let count = self.ready.len().min(WRITTEN_TOGETHER);
        Some(self.ready.drain(..count).map(|(_, ready)| ready).collect())
    }

    /// When the next must be written, if one more write may begin.
    pub(super) fn due(&self, writes: usize) -> Option<Instant> {
        let (since, _) = self.ready.first().filter(|_| writes < WRITES_MAX)?;
        since.checked_add(WAIT_MAX)
    }
}

impl<S: AuditStore> Outlook<'_, S> {
    /// Writes heads in one call, and says what became of each. If the call fails, nothing is known of any.
    pub(super) async fn write(&self, ready: Vec<Ready>) -> Vec<(Ready, Proved)> {
        let heads: Vec<NewHead<'_>> = ready.iter().map(new_head).collect();
        let answers = self.calls.once(|| self.calls.store.prove(&heads)).await;
        let answers = answers.unwrap_or_else(|| vec![Proved::Unwritten; ready.len()]);
        ready.into_iter().zip(answers).collect()
    }

    /// Ends the look of an account. A head that isn't written yet is written by itself.
    pub(super) async fn end(&self, ready: Ready, mut proved: Proved) -> Result<Looked, Stopped> {
        while proved == Proved::Unwritten {
            let head = [new_head(&ready)];
            let answers = self.calls.ask("writing a checkpoint", || self.calls.store.prove(&head)).await?;
            proved = answers.first().copied().unwrap_or(Proved::Unwritten);
        }
        let Ready { mut job, head, postings, width } = ready;
        let is_overtaken = proved != Proved::Written;
        if is_overtaken {
            // What was read is older than the other audit's checkpoint, and is not judged by that.
            job.read = None;
        }
        // The other audit's closed time may be earlier. Then the account stays behind in this one.
        job.head = if is_overtaken { self.head(&job.account).await? } else { Some(*head) };
        let is_proved = self.is_proved(&job);
        job.moved = !is_proved;
        self.drop_draft(&mut job).await?;
        Ok(Looked { is_proved, is_overtaken, postings, width, ..Looked::nothing(job) })
    }
}

fn new_head(ready: &Ready) -> NewHead<'_> {
    NewHead { before: ready.job.head.as_ref(), head: &ready.head }
}

#[cfg(test)]
mod tests {
    use super::super::proof::Job;
    use super::*;
    use crate::domain::audit::{Checkpoint, Digest, Head, Seen};
    use crate::domain::{AccountId, Currency, Timestamp};

    fn ready(name: usize) -> Ready {
        let account = AccountId::try_new(&format!("a{name}")).unwrap();
        let checkpoint = Checkpoint {
            account: account.clone(),
            as_of: Timestamp::EPOCH,
            currency: Currency::try_new("EUR").unwrap(),
            balance: 0,
            postings: 0,
            digest: Digest::ZERO,
            windows: [None; 3],
            previous: None,
        };
        let seen = Seen { version: 1, lanes: Vec::new(), held: Digest::ZERO };
        let head = Head { checkpoint, seen, pending: Default::default(), seen_at: None };
        Ready { job: Job::new(account, None, true), head: Box::new(head), postings: 0, width: 0 }
    }

    fn waiting(names: std::ops::Range<usize>) -> Waiting {
        let mut waiting = Waiting::default();
        names.for_each(|name| waiting.take(ready(name)));
        waiting
    }

    fn names(ready: Option<Vec<Ready>>) -> Vec<String> {
        ready.into_iter().flatten().map(|ready| ready.job.account.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_waits_for_others_and_not_for_long() {
        let mut waiting = waiting(0..1);
        assert!(waiting.next(0, false).is_none());
        tokio::time::sleep(WAIT_MAX / 2).await;
        waiting.take(ready(1));
        assert!(waiting.next(0, false).is_none());
        tokio::time::sleep_until(waiting.due(0).unwrap()).await;
        assert_eq!(names(waiting.next(0, false)), ["a0", "a1"], "other looks are still under way");
        assert!(waiting.due(0).is_none() && waiting.next(0, true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn heads_are_written_at_once_if_enough_wait_or_no_others_are_to_come() {
        let mut waiting = waiting(0..WRITTEN_TOGETHER + 2);
        assert!(!waiting.has_room());
        let first: Vec<String> = (0..WRITTEN_TOGETHER).map(|name| format!("a{name}")).collect();
        assert_eq!(names(waiting.next(0, false)), first);
        assert!(waiting.has_room() && waiting.next(1, false).is_none());
        assert_eq!(names(waiting.next(1, true)), ["a16", "a17"]);
    }

    /// Otherwise the pool would spin, or hold heads without end.
    #[tokio::test(start_paused = true)]
    async fn if_all_writes_are_under_way_heads_wait_for_one_of_them() {
        let mut waiting = waiting(0..WRITTEN_TOGETHER);
        tokio::time::sleep(WAIT_MAX).await;
        assert!(waiting.due(WRITES_MAX).is_none() && waiting.next(WRITES_MAX, true).is_none() && !waiting.has_room());
        assert_eq!(names(waiting.next(WRITES_MAX - 1, false)).len(), WRITTEN_TOGETHER);
    }
}
