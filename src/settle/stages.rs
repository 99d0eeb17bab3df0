//! What: Settles requests among which are refunds. A refund rests on the outcome of its original, so originals are read
//! before a batch is made of its requests.
//!
//! Data: Takes requests in deciding order. Gives what became of them.
//!
//! If the original of a refund stands before it in the same requests, the refund is settled in a later stage. So its
//! original is read after it has its outcome. Each stage is a batch. Requests without refunds are one batch, and
//! nothing more is read.
//!
//! Invariants: Requests of one partition keep their order from stage to stage. What stands behind an unfinished request
//! of its partition is in no later stage. Before an original is read, every request of its id that stands before the
//! refund has ended. If the original can't be read, the refund is unfinished.
//!
//! Limits: Stages run one after the other. A topic on which payments and their refunds come by turns makes many of
//! them. So clients send a refund after the outcome of its original.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio::time::Instant;

use super::progress::partition_of;
use super::reads::{self, done};
use super::seen_errors::SeenErrors;
use super::{Backoff, Deadline, Disposition, Settled, settle};
use crate::domain::originals::Originals;
use crate::domain::{Batch, PaymentId, Request, Timestamp};
use crate::store::{Ledger, PaymentRead, StoreError};

/// Settles requests of a topic with this many partitions, until all are done or the deadline has come.
///
/// `now` gives the time that is written into outcomes; `backoff` paces tries after an error.
pub async fn settle_requests<L: Ledger>(
    ledger: &L,
    requests: Vec<Request>,
    partitions: u32,
    deadline: impl Into<Deadline>,
    now: impl Fn() -> Timestamp,
    backoff: Backoff,
) -> Settled {
    let deadline = deadline.into();
    if requests.iter().all(|request| request.instruction.original().is_none()) {
        let batch = Batch::new(requests).with_partitions(partitions);
        return settle(ledger, &batch, deadline, now, backoff).await;
    }
    let mut all = Stages::new(&requests);
    let stage_of = stages(&requests);
    let last = stage_of.iter().copied().max().unwrap_or_default();
    for stage in 0..=last {
        // Only the last stage waits for damaged items to be mended: nothing else is left to do then.
        let mended = if stage == last { deadline.mended } else { Instant::now() };
        let deadline = Deadline { mended, ..deadline };
        let of_stage = stage_of.iter().enumerate().filter(|&(_, of)| *of == stage).map(|(ix, _)| ix);
        let of_stage: Vec<usize> = of_stage.collect();
        let originals = all.originals(ledger, &of_stage, deadline.done, backoff.clone()).await;
        let members = all.without_stopped(of_stage);
        let part = members.iter().map(|&ix| requests[ix].clone()).collect();
        let batch = Batch::with_originals(part, &originals).with_partitions(partitions);
        let settled = settle(ledger, &batch, deadline, &now, backoff.clone()).await;
        all.settled(&members, settled);
    }
    all.finish()
}

/// By request: its stage. A refund is in a later stage than its original. Nobody overtakes what stands before it on its
/// partition, and no copy of an id its first.
fn stages(requests: &[Request]) -> Vec<usize> {
    let mut of_partition: HashMap<(&str, i32), usize> = HashMap::new();
    let mut of_id: HashMap<&PaymentId, usize> = HashMap::new();
    let mut stages = Vec::with_capacity(requests.len());
    for request in requests {
        let (instruction, partition) = (&request.instruction, partition_of(request));
        let original = instruction.original().and_then(|original| of_id.get(original));
        let others = [of_partition.get(&partition), of_id.get(instruction.id())].into_iter().flatten().copied();
        let stage = others.chain(original.map(|of| of.saturating_add(1))).max().unwrap_or_default();
        of_partition.insert(partition, stage);
        of_id.insert(instruction.id(), stage);
        stages.push(stage);
    }
    stages
}

/// What became of the requests so far.
struct Stages<'r> {
    requests: &'r [Request],
    /// The first unfinished request of each partition.
    stopped: HashMap<(&'r str, i32), usize>,
    /// The ids of unfinished requests. Whether they will have an outcome is not known.
    open: HashSet<&'r PaymentId>,
    errors: SeenErrors,
    settled: Settled,
}

impl<'r> Stages<'r> {
    fn new(requests: &'r [Request]) -> Self {
        let settled = Settled {
            dispositions: vec![Disposition::Unfinished; requests.len()],
            rounds: 0,
            error: None,
            conflicts: 0,
            throttled: 0,
            in_flight: 0,
            contended: Vec::new(),
        };
        Self { requests, stopped: HashMap::new(), open: HashSet::new(), errors: SeenErrors::default(), settled }
    }

    /// Reads the originals of the refunds among these requests. A refund whose original is not known is unfinished.
    async fn originals<L: Ledger>(
        &mut self,
        ledger: &L,
        members: &[usize],
        deadline: Instant,
        backoff: Backoff,
    ) -> Originals {
        let refunds = self.refunds(members);
        let known = self.read(ledger, Self::unread(&refunds), deadline, backoff).await;
        for (ix, original) in refunds {
            match known.get(original) {
                // It is unfinished on another partition, and may soon have its outcome.
                Some(PaymentRead::Missing) if self.open.contains(original) => self.stop(ix),
                Some(PaymentRead::Found(_) | PaymentRead::Missing) => {}
                Some(PaymentRead::Corrupt(expected)) => {
                    self.errors.note(StoreError::Corrupt(expected.clone()));
                    self.stop(ix);
                }
                Some(PaymentRead::Unread) | None => self.stop(ix),
            }
        }
        let outcome = |(id, read): (&PaymentId, PaymentRead)| match read {
            PaymentRead::Found(recorded) => Some((id.clone(), recorded.outcome)),
            PaymentRead::Missing | PaymentRead::Corrupt(_) | PaymentRead::Unread => None,
        };
        known.into_iter().filter_map(outcome).collect()
    }

    /// The refunds among these requests, each with its original.
    fn refunds(&self, members: &[usize]) -> Vec<(usize, &'r PaymentId)> {
        let original = |&ix: &usize| Some((ix, self.requests[ix].instruction.original()?));
        members.iter().filter_map(original).collect()
    }

    /// The originals to read, each once, in order.
    fn unread(refunds: &[(usize, &'r PaymentId)]) -> BTreeSet<&'r PaymentId> {
        refunds.iter().map(|&(_, original)| original).collect()
    }

    /// Reads outcomes, until all are read or the deadline has come.
    async fn read<L: Ledger>(
        &mut self,
        ledger: &L,
        mut unread: BTreeSet<&'r PaymentId>,
        deadline: Instant,
        mut backoff: Backoff,
    ) -> HashMap<&'r PaymentId, PaymentRead> {
        let mut known: HashMap<&PaymentId, PaymentRead> = HashMap::new();
        while !unread.is_empty() {
            let asked: Vec<(&PaymentId, &PaymentId)> = unread.iter().map(|&id| (id, id)).collect();
            let (found, error) = reads::payments(ledger, &asked, deadline).await;
            error.into_iter().for_each(|error| self.errors.note(error));
            known.extend(found.into_iter().filter(|(_, read)| *read != PaymentRead::Unread));
            unread.retain(|id| !known.contains_key(id));
            if done(unread.is_empty(), deadline, &mut backoff).await {
                break;
            }
        }
        known
    }

    /// The requests of a stage that stand behind no unfinished one of their partition. The others are unfinished too.
    fn without_stopped(&mut self, members: Vec<usize>) -> Vec<usize> {
        let (go_on, wait): (Vec<usize>, Vec<usize>) = members
            .into_iter()
            .partition(|&ix| self.stopped.get(&partition_of(&self.requests[ix])).is_none_or(|&first| ix < first));
        wait.into_iter().for_each(|ix| self.stop(ix));
        go_on
    }

    /// A request is unfinished.
    fn stop(&mut self, ix: usize) {
        let request = &self.requests[ix];
        let first = self.stopped.entry(partition_of(request)).or_insert(ix);
        *first = ix.min(*first);
        self.open.insert(request.instruction.id());
    }

    /// Takes what became of these requests.
    fn settled(&mut self, members: &[usize], part: Settled) {
        for (&ix, disposition) in members.iter().zip(part.dispositions) {
            if disposition == Disposition::Unfinished {
                self.stop(ix);
            }
            self.settled.dispositions[ix] = disposition;
        }
        part.error.into_iter().for_each(|error| self.errors.note_counted(error));
        self.settled.rounds = self.settled.rounds.saturating_add(part.rounds);
        self.settled.conflicts = self.settled.conflicts.saturating_add(part.conflicts);
        self.settled.throttled = self.settled.throttled.saturating_add(part.throttled);
        self.settled.in_flight = self.settled.in_flight.max(part.in_flight);
        self.settled.contended.extend(part.contended);
    }

    fn finish(self) -> Settled {
        let throttled = self.settled.throttled.saturating_add(self.errors.throttled());
        Settled { throttled, error: self.errors.told(), ..self.settled }
    }
}
