//! What: A small world: accounts, and workers that are given a few requests or commands.

use giro::domain::account_command::Action;
use giro::domain::{Account, AccountCommand, CommandRequest, Instruction, Lane, Request, Source, Timestamp};

use crate::given::{self, Placed as _};

/// The fewest partitions of the topic of requests. Where there is only one, accounts have no lanes.
const PARTITIONS_MIN: u32 = 2;
/// The partition of requests that have their outcomes at the start.
const EARLIER: i32 = 9;
/// The fewest lanes of an account that is opened in a small world.
pub(super) const LANES_MIN: u16 = 2;

/// A world that is small enough to try everything in it.
#[derive(Debug, Clone)]
pub(super) struct SmallWorld {
    pub(super) name: &'static str,
    /// It takes too long for `make test`.
    pub(super) is_long: bool,
    pub(super) accounts: Vec<Account>,
    /// Lanes that are there at the start. All others come into being later.
    pub(super) lanes: Vec<Lane>,
    /// Requests that have their outcomes at the start.
    pub(super) answered: Vec<Request>,
    /// What is delivered. Each batch goes to a worker.
    pub(super) batches: Vec<Batch>,
    /// The batch of each worker. Two workers have one batch if a partition changes its poller.
    pub(super) workers: Vec<usize>,
}

/// What one worker is given, and what its clock says meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) records: Records,
    pub(super) clock: Timestamp,
}

/// The records of a batch, in their order.
#[derive(Debug, Clone)]
pub(super) enum Records {
    Requests(Vec<Request>),
    Commands(Vec<CommandRequest>),
}

impl Batch {
    /// The requests of this batch. It has none if it has commands.
    pub(super) fn requests(&self) -> &[Request] {
        match &self.records {
            Records::Requests(requests) => requests,
            Records::Commands(_) => &[],
        }
    }
}

impl SmallWorld {
    /// A world with these accounts, in which nothing is asked.
    pub(super) fn new(name: &'static str, accounts: impl Into<Vec<Account>>) -> Self {
        let accounts = accounts.into();
        let (lanes, answered, batches, workers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name, is_long: false, accounts, lanes, answered, batches, workers }
    }

    /// A lane that is there at the start, named as `shop/1`, and what it holds.
    pub(super) fn lane(mut self, name: &str, balance: i64) -> Self {
        self.lanes.push(given::lane(name, balance));
        self
    }

    /// These have their outcomes at the start. Balances are those before them. They don't stand before anything else on
    /// its partition.
    pub(super) fn began_with(mut self, instructions: impl IntoIterator<Item = Instruction>) -> Self {
        self.answered.extend(requests(EARLIER, instructions));
        self
    }

    /// A worker is given these requests, in the order of a partition.
    pub(super) fn asks(self, partition: i32, instructions: impl IntoIterator<Item = Instruction>) -> Self {
        self.given(Records::Requests(requests(partition, instructions)))
    }

    /// A worker is given these payments, in the order of a partition.
    pub(super) fn pays(self, partition: i32, payments: &[(&str, &str, &str, u64)]) -> Self {
        self.asks(partition, payments.iter().map(payment))
    }

    /// The same worker is also given these payments, of another partition.
    pub(super) fn and_pays(mut self, partition: i32, payments: &[(&str, &str, &str, u64)]) -> Self {
        if let Some(Batch { records: Records::Requests(all), .. }) = self.batches.last_mut() {
            all.extend(requests(partition, payments.iter().map(payment)));
        }
        self
    }

    /// The clock of the last worker says this many milliseconds of 1970. Those of the others need not agree.
    pub(super) fn at(mut self, millis: i64) -> Self {
        let clock = Timestamp::try_from_millis(millis).unwrap_or(Timestamp::EPOCH);
        self.batches.last_mut().into_iter().for_each(|batch| batch.clock = clock);
        self
    }

    /// A worker is given these commands, in the order of a partition.
    pub(super) fn orders(self, partition: i32, commands: &[(&str, &str, Action)]) -> Self {
        let command = |(offset, (id, account, action)): (i64, &(&str, &str, Action))| -> CommandRequest {
            let command: AccountCommand = given::command(id, account, action.clone());
            command.at(partition, offset)
        };
        self.given(Records::Commands((0..).zip(commands).map(command).collect()))
    }

    /// Another worker is given the last batch too.
    pub(super) fn twice(mut self) -> Self {
        self.workers.extend(self.batches.len().checked_sub(1));
        self
    }

    /// It takes too long for `make test`.
    pub(super) fn long(self) -> Self {
        Self { is_long: true, ..self }
    }

    fn given(mut self, records: Records) -> Self {
        self.workers.push(self.batches.len());
        self.batches.push(Batch { records, clock: Timestamp::EPOCH });
        self
    }

    /// How many partitions the topic of requests has.
    pub(super) fn partitions(&self) -> u32 {
        let partitions = self.batches.iter().flat_map(Batch::requests).map(|request| request.source.partition);
        let last = partitions.max().and_then(|last| u32::try_from(last).ok()).unwrap_or_default();
        last.saturating_add(1).max(PARTITIONS_MIN)
    }

    /// Whether the original of a refund at this place stands before it on its partition.
    pub(super) fn has_original_before(&self, refund: &Instruction, source: &Source) -> bool {
        let is_original = |other: &Request| {
            refund.original() == Some(other.instruction.id())
                && other.source.partition == source.partition
                && other.source.offset < source.offset
        };
        self.batches.iter().flat_map(Batch::requests).any(is_original)
    }

    /// The instructions that must have their outcome before the one at this place: of its debtor, before it on its
    /// partition.
    pub(super) fn before<'w>(
        &'w self,
        instruction: &'w Instruction,
        source: &'w Source,
    ) -> impl Iterator<Item = &'w Instruction> {
        let before = |other: &&Request| {
            other.instruction.debtor() == instruction.debtor()
                && other.source.partition == source.partition
                && other.source.offset < source.offset
        };
        self.batches.iter().flat_map(Batch::requests).filter(before).map(|other| &other.instruction)
    }
}

/// Requests in the order of a partition.
fn requests(partition: i32, instructions: impl IntoIterator<Item = Instruction>) -> Vec<Request> {
    let at = |(offset, instruction)| Request::new(instruction, given::source(partition, offset));
    (0..).zip(instructions).map(at).collect()
}

fn payment(&(id, debtor, creditor, amount): &(&str, &str, &str, u64)) -> Instruction {
    given::payment(id, debtor, creditor, amount).into()
}
