//! The event source mapping, as wayward as AWS allows: a model of its own, not the poller of the local stack.
//!
//! In: records produced, answers of invocations. Out: batches to deliver, and records given up.
//!
//! Each partition has one poller; a poller delivers one batch at a time, of all its partitions. A failed batch comes
//! again whole or cut in two; one reported in part comes again from the lowest reported offset of a partition or, since
//! no source settles it, only with the records named. A partition can get another poller, or be read again from an earlier
//! offset, at any moment: then the answer of an invocation under way moves nothing, though what it does is done.

use std::collections::VecDeque;

use super::auditor::Place;
use super::network::InvocationId;
use super::tape::Tape;
use super::workload::Record;

/// A topic that a mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Requests,
    Commands,
}

impl Topic {
    pub(super) const ALL: [Self; 2] = [Self::Requests, Self::Commands];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "payment-requests",
            Self::Commands => "account-commands",
        }
    }
}

/// The mapping of each topic.
#[derive(Debug)]
pub(super) struct Mappings {
    requests: Mapping,
    commands: Mapping,
}

impl Mappings {
    pub(super) fn draw(tape: &mut Tape) -> Self {
        Self { requests: Mapping::draw(tape), commands: Mapping::draw(tape) }
    }

    pub(super) fn of(&self, topic: Topic) -> &Mapping {
        match topic {
            Topic::Requests => &self.requests,
            Topic::Commands => &self.commands,
        }
    }

    pub(super) fn of_mut(&mut self, topic: Topic) -> &mut Mapping {
        match topic {
            Topic::Requests => &mut self.requests,
            Topic::Commands => &mut self.commands,
        }
    }
}

/// How this mapping is configured, and which way it goes where no source settles it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// `ReportBatchItemFailures`.
    pub(super) report_failures: bool,
    /// `BisectBatchOnFunctionError`.
    bisect: bool,
    /// Deliver again only what was named.
    named_only: bool,
    /// `MaximumRetryAttempts`, with an on-failure destination.
    retries_max: Option<u32>,
    batch_max: usize,
}

#[derive(Debug)]
struct Partition {
    log: Vec<Record>,
    poller: usize,
    /// Rises when the partition is taken from its poller or read again: older batches are none of ours any more.
    epoch: u32,
    /// The offset to read next, and the one to go on from if the poller is replaced.
    next: usize,
    committed: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Batch {
    records: Vec<(Place, u32)>,
    tries: u32,
}

#[derive(Debug, Default)]
struct Poller {
    waiting: VecDeque<Batch>,
    under_way: Option<(InvocationId, Batch)>,
}

/// The mapping, with the topic that it reads.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) settings: Settings,
    partitions: Vec<Partition>,
    pollers: Vec<Poller>,
}

fn number(ix: usize) -> i32 {
    i32::try_from(ix).unwrap_or(i32::MAX)
}

fn offset(ix: usize) -> i64 {
    i64::try_from(ix).unwrap_or(i64::MAX)
}

fn position<N: TryInto<usize>>(number: N) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

impl Mapping {
    fn draw(tape: &mut Tape) -> Self {
        let settings = Settings {
            report_failures: !tape.chance(250),
            bisect: tape.chance(500),
            named_only: tape.chance(500),
            retries_max: tape.chance(250).then_some(2),
            batch_max: tape.pick([4, 1, 2, 8, 12]),
        };
        let (partitions, pollers) = (tape.pick([2_usize, 1, 3, 4]), tape.pick([2_usize, 1, 3]));
        let partition = |ix: usize| Partition {
            log: Vec::new(),
            poller: ix.checked_rem(pollers).unwrap_or(0),
            epoch: 0,
            next: 0,
            committed: 0,
        };
        let pollers_made = (0..pollers).map(|_| Poller::default()).collect();
        Self { settings, partitions: (0..partitions).map(partition).collect(), pollers: pollers_made }
    }

    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Puts a record at the end of its partition.
    pub(super) fn produce(&mut self, partition: usize, record: Record) -> Place {
        let log = &mut self.partitions[partition].log;
        log.push(record);
        (number(partition), offset(log.len().saturating_sub(1)))
    }

    pub(super) fn record(&self, place: Place) -> Option<&Record> {
        self.partitions.get(position(place.0))?.log.get(position(place.1))
    }

    /// Records not read yet.
    pub(super) fn backlog(&self) -> usize {
        self.partitions.iter().map(|partition| partition.log.len().saturating_sub(partition.next)).sum()
    }

    /// Pollers that could deliver something now.
    pub(super) fn ready(&self) -> Vec<usize> {
        let unread = |poller: usize| {
            self.partitions.iter().any(|partition| partition.poller == poller && partition.next < partition.log.len())
        };
        let ready =
            |&ix: &usize| self.pollers[ix].under_way.is_none() && (!self.pollers[ix].waiting.is_empty() || unread(ix));
        (0..self.pollers.len()).filter(ready).collect()
    }

    /// Takes the next batch of a poller for an invocation; empty if what waited is no longer the poller's.
    pub(super) fn deliver(&mut self, poller: usize, invocation: InvocationId, tape: &mut Tape) -> Vec<Place> {
        let Some(mut batch) = self.pollers[poller].waiting.pop_front().or_else(|| self.poll(poller, tape)) else {
            return Vec::new();
        };
        batch.records.retain(|record| self.owns(poller, record));
        let places: Vec<Place> = batch.records.iter().map(|(place, _)| *place).collect();
        if !places.is_empty() {
            self.pollers[poller].under_way = Some((invocation, batch));
        }
        places
    }

    fn poll(&mut self, poller: usize, tape: &mut Tape) -> Option<Batch> {
        let mut room = tape.between(1, u32::try_from(self.settings.batch_max).unwrap_or(1));
        let mut records = Vec::new();
        for (ix, partition) in self.partitions.iter_mut().enumerate().filter(|(_, p)| p.poller == poller) {
            while room > 0 && partition.next < partition.log.len() {
                records.push(((number(ix), offset(partition.next)), partition.epoch));
                partition.next = partition.next.saturating_add(1);
                room = room.saturating_sub(1);
            }
        }
        (!records.is_empty()).then_some(Batch { records, tries: 0 })
    }

    fn owns(&self, poller: usize, record: &(Place, u32)) -> bool {
        let partition = &self.partitions[position(record.0.0)];
        partition.poller == poller && partition.epoch == record.1
    }

    /// An invocation answered with these places reported, or failed. Returns the records given up.
    pub(super) fn answered(
        &mut self,
        invocation: InvocationId,
        answer: Option<&[Place]>,
        again: bool,
        faults: bool,
    ) -> Vec<Place> {
        let under_way = |poller: &Poller| poller.under_way.as_ref().is_some_and(|(id, _)| *id == invocation);
        let Some(poller) = self.pollers.iter().position(under_way) else { return Vec::new() };
        let Some((_, mut batch)) = self.pollers[poller].under_way.take() else { return Vec::new() };
        batch.records.retain(|record| self.owns(poller, record));
        if batch.records.is_empty() {
            return Vec::new();
        }
        let (done, rest): (Vec<_>, Vec<_>) = match answer {
            None => (Vec::new(), batch.records.clone()),
            Some(reported) => batch.records.iter().copied().partition(|(place, _)| !self.comes_again(*place, reported)),
        };
        for ((partition, offset), _) in &done {
            let partition = &mut self.partitions[position(*partition)];
            partition.committed = partition.committed.max(position(offset.saturating_add(1)));
        }
        if rest.is_empty() {
            if again {
                self.pollers[poller].waiting.push_front(Batch { tries: 0, ..batch });
            }
            return Vec::new();
        }
        let tries = if done.is_empty() { batch.tries.saturating_add(1) } else { 0 };
        if faults && self.settings.retries_max.is_some_and(|most| tries > most) {
            return self.give_up(&rest);
        }
        let waiting = &mut self.pollers[poller].waiting;
        match answer {
            None if self.settings.bisect && rest.len() > 1 => {
                let (first, second) = rest.split_at(rest.len() / 2);
                waiting.push_front(Batch { records: second.to_vec(), tries: 0 });
                waiting.push_front(Batch { records: first.to_vec(), tries: 0 });
            }
            None | Some(_) => waiting.push_front(Batch { records: rest, tries }),
        }
        Vec::new()
    }

    fn comes_again(&self, place: Place, reported: &[Place]) -> bool {
        if self.settings.named_only {
            return reported.contains(&place);
        }
        reported.iter().any(|lowest| lowest.0 == place.0 && place.1 >= lowest.1)
    }

    fn give_up(&mut self, rest: &[(Place, u32)]) -> Vec<Place> {
        for ((partition, offset), _) in rest {
            let partition = &mut self.partitions[position(*partition)];
            partition.committed = partition.committed.max(position(offset.saturating_add(1)));
        }
        rest.iter().map(|(place, _)| *place).collect()
    }

    /// Gives a partition to another poller, which goes on from what was committed.
    pub(super) fn rebalance(&mut self, tape: &mut Tape) -> (usize, usize) {
        let (partition, poller) = (tape.index(self.partitions.len()), tape.index(self.pollers.len()));
        let taken = &mut self.partitions[partition];
        taken.poller = poller;
        taken.epoch = taken.epoch.saturating_add(1);
        taken.next = taken.committed;
        (partition, poller)
    }

    /// Reads a partition again from an earlier offset.
    pub(super) fn rewind(&mut self, tape: &mut Tape) -> (usize, usize) {
        let ix = tape.index(self.partitions.len());
        let partition = &mut self.partitions[ix];
        let back = tape.index(partition.committed.saturating_add(1));
        partition.committed = partition.committed.saturating_sub(back);
        partition.epoch = partition.epoch.saturating_add(1);
        partition.next = partition.committed;
        (ix, partition.committed)
    }
}
