//! What: A model of the event source mapping that does everything that AWS allows. It isn't the poller of the local
//! stack.
//!
//! Data: Takes records produced, answers of invocations. Gives batches to deliver, and records given up.
//!
//! Each partition has one poller. A poller delivers one batch at a time, from all its partitions. A failed batch is
//! delivered again, whole or cut in two. A batch reported in part is delivered again from the lowest reported offset of
//! a partition on, or only with the named records. No source says which. At any time a partition can get another
//! poller, or be read again from an earlier offset. Then the answer of a running invocation moves nothing, though its
//! work is done. The same is true when the topic is created again. A mapping that is switched off delivers nothing, but
//! takes the answers of running invocations.

use std::collections::VecDeque;

use super::network::InvocationId;
use super::policy::{Policies, Policy};
use super::record::Record;
use super::tape::Tape;
use super::topic::{Place, Topic};

/// The mapping of each topic.
#[derive(Debug)]
pub(super) struct Mappings {
    requests: Mapping,
    commands: Mapping,
}

impl Mappings {
    pub(super) fn draw(tape: &mut Tape, policies: Policies) -> Self {
        let Policies { requests, commands } = policies;
        Self { requests: Mapping::draw(tape, requests), commands: Mapping::draw(tape, commands) }
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

/// How this mapping is configured, and how it behaves where no source says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// `ReportBatchItemFailures`.
    pub(super) report_failures: bool,
    /// `BisectBatchOnFunctionError`.
    bisect: bool,
    /// Deliver again only what was named.
    named_only: bool,
    /// When it gives up.
    policy: Policy,
    batch_max: usize,
}

#[derive(Debug)]
struct Partition {
    log: Vec<Record>,
    poller: usize,
    /// Rises when the partition is taken from its poller or read again. Answers to older batches no longer count.
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

/// What a poller does with its next batch.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// For the invocation.
    pub(super) places: Vec<Place>,
    /// Given up, and not for the invocation.
    pub(super) given_up: Vec<Place>,
}

/// A record that was produced again on the topic created again.
#[derive(Debug)]
pub(super) struct CarriedOver {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) record: Record,
}

/// The mapping, with the topic that it reads.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) settings: Settings,
    pub(super) on: bool,
    /// How often the topic was created again.
    generation: u32,
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

/// The partitions of a new topic, shared out to this many pollers.
fn fresh(partitions: usize, pollers: usize) -> Vec<Partition> {
    let partition = |ix: usize| Partition {
        log: Vec::new(),
        poller: ix.checked_rem(pollers).unwrap_or(0),
        epoch: 0,
        next: 0,
        committed: 0,
    };
    (0..partitions).map(partition).collect()
}

impl Mapping {
    fn draw(tape: &mut Tape, policy: Policy) -> Self {
        let report_failures = !tape.chance(250);
        let (bisect, named_only) = (tape.chance(500), tape.chance(500));
        let policy = if tape.chance(250) { policy.soon() } else { policy };
        let batch_max = tape.pick([4, 1, 2, 8, 12]);
        let settings = Settings { report_failures, bisect, named_only, policy, batch_max };
        let (partitions, pollers) = (tape.pick([2_usize, 1, 3, 4]), tape.pick([2_usize, 1, 3]));
        let pollers_made = (0..pollers).map(|_| Poller::default()).collect();
        Self { settings, on: true, generation: 0, partitions: fresh(partitions, pollers), pollers: pollers_made }
    }

    pub(super) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Puts a record at the end of its partition.
    pub(super) fn produce(&mut self, partition: usize, record: Record) -> Place {
        let log = &mut self.partitions[partition].log;
        log.push(record);
        let offset = offset(log.len().saturating_sub(1));
        Place { generation: self.generation, partition: number(partition), offset }
    }

    pub(super) fn record(&self, place: Place) -> Option<&Record> {
        self.partition(place)?.log.get(position(place.offset))
    }

    /// The partition of a record, unless its topic is gone.
    fn partition(&self, place: Place) -> Option<&Partition> {
        self.partitions.get(position(place.partition)).filter(|_| place.generation == self.generation)
    }

    /// Records not read yet.
    pub(super) fn backlog(&self) -> usize {
        self.partitions.iter().map(|partition| partition.log.len().saturating_sub(partition.next)).sum()
    }

    /// Whether something on the topic is acknowledged.
    pub(super) fn was_read(&self) -> bool {
        self.partitions.iter().any(|partition| partition.committed > 0)
    }

    /// Pollers that could deliver something now.
    pub(super) fn ready(&self) -> Vec<usize> {
        if !self.on {
            return Vec::new();
        }
        let unread = |poller: usize| {
            self.partitions.iter().any(|partition| partition.poller == poller && partition.next < partition.log.len())
        };
        let ready =
            |&ix: &usize| self.pollers[ix].under_way.is_none() && (!self.pollers[ix].waiting.is_empty() || unread(ix));
        (0..self.pollers.len()).filter(ready).collect()
    }

    /// Takes the next batch of a poller for an invocation; empty if what waited is no longer the poller's.
    pub(super) fn deliver(
        &mut self,
        poller: usize,
        invocation: InvocationId,
        now_ms: i64,
        tape: &mut Tape,
    ) -> Delivery {
        let Some(mut batch) = self.pollers[poller].waiting.pop_front().or_else(|| self.poll(poller, tape)) else {
            return Delivery::default();
        };
        batch.records.retain(|record| self.owns(poller, record));
        let too_old = |(place, _): &(Place, u32)| {
            self.record(*place).is_some_and(|record| self.settings.policy.refuses(now_ms, record.timestamp_ms))
        };
        // None is older than the one before it on its partition, so nothing is skipped.
        let (old, young): (Vec<_>, Vec<_>) = batch.records.into_iter().partition(too_old);
        let given_up = self.give_up(&old);
        let places: Vec<Place> = young.iter().map(|(place, _)| *place).collect();
        if !places.is_empty() {
            self.pollers[poller].under_way = Some((invocation, Batch { records: young, tries: batch.tries }));
        }
        Delivery { places, given_up }
    }

    fn poll(&mut self, poller: usize, tape: &mut Tape) -> Option<Batch> {
        let mut room = tape.between(1, u32::try_from(self.settings.batch_max).unwrap_or(1));
        let (generation, mut records) = (self.generation, Vec::new());
        for (ix, partition) in self.partitions.iter_mut().enumerate().filter(|(_, p)| p.poller == poller) {
            while room > 0 && partition.next < partition.log.len() {
                let place = Place { generation, partition: number(ix), offset: offset(partition.next) };
                records.push((place, partition.epoch));
                partition.next = partition.next.saturating_add(1);
                room = room.saturating_sub(1);
            }
        }
        (!records.is_empty()).then_some(Batch { records, tries: 0 })
    }

    fn owns(&self, poller: usize, (place, epoch): &(Place, u32)) -> bool {
        self.partition(*place).is_some_and(|partition| partition.poller == poller && partition.epoch == *epoch)
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
        self.commit(&done);
        if rest.is_empty() {
            if again {
                self.pollers[poller].waiting.push_front(Batch { tries: 0, ..batch });
            }
            return Vec::new();
        }
        let tries = if done.is_empty() { batch.tries.saturating_add(1) } else { 0 };
        if faults && self.settings.policy.retries_max.is_some_and(|most| tries > most) {
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
        reported.iter().any(|lowest| lowest.partition == place.partition && place.offset >= lowest.offset)
    }

    fn give_up(&mut self, rest: &[(Place, u32)]) -> Vec<Place> {
        self.commit(rest);
        rest.iter().map(|(place, _)| *place).collect()
    }

    fn commit(&mut self, records: &[(Place, u32)]) {
        for (place, _) in records {
            let partition = &mut self.partitions[position(place.partition)];
            partition.committed = partition.committed.max(position(place.offset.saturating_add(1)));
        }
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

    /// Creates the topic again: all offsets begin again at 0. What was not finished is produced there first, in its
    /// order.
    pub(super) fn make_anew(&mut self, tape: &mut Tape) -> Vec<CarriedOver> {
        let before = self.partitions.len();
        let count = if tape.chance(250) { tape.pick([2_usize, 1, 3, 4]) } else { before };
        let old = std::mem::replace(&mut self.partitions, fresh(count, self.pollers.len()));
        let generation = self.generation;
        self.generation = generation.saturating_add(1);
        // The answers of running invocations no longer count.
        self.pollers.iter_mut().for_each(|poller| *poller = Poller::default());
        let mut carried = Vec::new();
        for (ix, partition) in old.into_iter().enumerate() {
            for (at, record) in partition.log.into_iter().enumerate().skip(partition.committed) {
                let from = Place { generation, partition: number(ix), offset: offset(at) };
                let to = self.produce(ix.checked_rem(count).unwrap_or(0), record.clone());
                carried.push(CarriedOver { from, to, record });
            }
        }
        carried
    }
}
