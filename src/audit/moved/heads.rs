//! What: Writes the heads of accounts that were proved, with their checkpoints.
//!
//! Data: Takes accounts that are ready for their next heads. Gives what came of their looks.

use super::calls::AuditStore;
use super::look::{Looked, Outlook, Ready};
use crate::audit::scan::Stopped;
use crate::store::{NewHead, Proved};

impl<S: AuditStore> Outlook<'_, S> {
    /// Writes a head.
    pub(super) async fn write(&self, ready: Ready) -> Result<Looked, Stopped> {
        let heads = [NewHead { before: ready.job.head.as_ref(), head: &ready.head }];
        let proved = self.calls.ask("writing a checkpoint", || self.calls.store.prove(&heads)).await?;
        self.end(ready, proved.first().copied().unwrap_or(Proved::Unwritten)).await
    }

    /// Ends the look of an account, whose head was written or overtaken.
    async fn end(&self, ready: Ready, proved: Proved) -> Result<Looked, Stopped> {
        let Ready { mut job, head, postings, width } = ready;
        let is_overtaken = proved != Proved::Written;
        // The other audit's closed time may be earlier. Then the account stays behind in this one.
        job.head = if is_overtaken { self.head(&job.account).await? } else { Some(*head) };
        let is_proved = self.is_proved(&job);
        job.moved = !is_proved;
        self.drop_draft(&mut job).await?;
        Ok(Looked { is_proved, is_overtaken, postings, width, ..Looked::nothing(job) })
    }
}
