//! What: Proves a large account in slices of time, so that no invocation must read all of its postings.
//!
//! | step | what |
//! |---|---|
//! | 1 | reads the postings of all lists up to an end, which is a closed time. If they are too many, the end is earlier |
//! | 2 | judges them by themselves, and the sums of refunds that have no later refund |
//! | 3 | writes the draft of that end, if nothing was found |
//!
//! Data: Takes an account, and where its slice should end. Gives what was found, and the next draft in the job.
//!
//! Invariants: Only what is closed gets into a draft, and it holds every posting of its time. A draft is never more
//! than its slices have shown, so a slice that was interrupted is read again. If something was found in a slice, the
//! draft stays where it is. So it is found in each run, until it is mended.

use super::calls::AuditStore;
use super::look::{Looked, Outlook};
use super::proof::Job;
use crate::audit::scan::Stopped;
use crate::domain::audit::{Draft, Finding, Reach, RefundBase, Times, lists};
use crate::domain::{Holding, LegId, Timestamp};
use crate::store::Span;

/// How many sums of refunds a draft may carry. Its item may have 400 KB.
const CARRIED_MAX: usize = 2_000;

/// A slice with far fewer postings than it may have makes the next one so much longer.
const LONGER: i64 = 4;

/// What a slice has shown.
struct Slice {
    draft: Draft,
    findings: Vec<Finding>,
    proved: Vec<(LegId, RefundBase)>,
    postings: u64,
    /// How long the next one should be.
    step_ms: i64,
}

impl<S: AuditStore> Outlook<'_, S> {
    /// Reads the next slice of an account, up to this time or earlier, and writes its draft.
    pub(super) async fn slice(&self, mut job: Job, holding: &Holding, until: Timestamp) -> Result<Looked, Stopped> {
        job.read = None;
        let Slice { draft, findings, proved, postings, step_ms } = self.cut(&job, holding, until).await?;
        if !findings.is_empty() {
            job.findings.extend(findings);
            return Ok(Looked { postings, ..Looked::nothing(job) });
        }
        if draft.refunds.len() > CARRIED_MAX {
            tracing::warn!(account = %job.account, "an account has too many sums of refunds to carry: it stays behind");
            return Ok(Looked { postings, ..Looked::nothing(job) });
        }
        self.prove_refunds(&proved).await?;
        self.calls.ask("writing a draft", || self.calls.store.write_draft(&draft)).await?;
        let drafted_to = draft.as_of().to_string();
        tracing::info!(account = %job.account, drafted_to, postings, "an account is behind: it is proved in slices");
        (job.draft, job.step_ms) = (Some(draft), Some(step_ms));
        Ok(Looked { postings, goes_on: true, ..Looked::nothing(job) })
    }

    async fn cut(&self, job: &Job, holding: &Holding, until: Timestamp) -> Result<Slice, Stopped> {
        let after = job.known_to();
        let (mut until, mut at_most, mut read) = (until.min(self.closed), self.postings_at_once, 0_u64);
        loop {
            let mut since = job.since(&holding.account, Times::slice(until));
            let (lists, mut reach) = (lists(job.head.as_ref(), holding), Reach::new(until, at_most));
            self.take(&job.account, lists, Span { after, until }, &mut since, &mut reach).await?;
            read = read.saturating_add(since.count());
            if !reach.is_over() {
                let proved = self.ask_refunds(&mut since, &mut Default::default()).await?;
                let length_ms = until.millis().saturating_sub(after.millis());
                let is_short = reach.count().saturating_mul(4) <= at_most;
                let step_ms = if is_short { length_ms.saturating_mul(LONGER) } else { length_ms };
                let findings = since.found().to_vec();
                return Ok(Slice { draft: since.draft(), findings, proved, postings: read, step_ms });
            }
            match reach.earlier(after) {
                Some(earlier) => until = earlier,
                // All of one millisecond belongs together.
                None => (until, at_most) = (after.earlier_by(-1), usize::MAX),
            }
        }
    }
}
