//! What: A small world: accounts, and workers that are given a few payments or commands.

use giro::domain::account_command::Action;
use giro::domain::{Account, AccountCommand, CommandRequest, Instruction, Lane, Request, Source};

use crate::given::{self, Placed as _};

/// The fewest partitions of the topic of requests. Where there is only one, accounts have no lanes.
const PARTITIONS_MIN: u32 = 2;
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
    /// What is delivered. Each batch goes to a worker.
    pub(super) batches: Vec<Batch>,
    /// The batch of each worker. Two workers have one batch if a partition changes its poller.
    pub(super) workers: Vec<usize>,
}

/// What one worker is given, in the order of its records.
#[derive(Debug, Clone)]
pub(super) enum Batch {
    Payments(Vec<Request>),
    Commands(Vec<CommandRequest>),
}

impl Batch {
    /// The payments of this batch. It has none if it has commands.
    pub(super) fn payments(&self) -> &[Request] {
        match self {
            Self::Payments(requests) => requests,
            Self::Commands(_) => &[],
        }
    }
}

impl SmallWorld {
    /// A world with these accounts, in which nothing is asked.
    pub(super) fn new(name: &'static str, accounts: impl Into<Vec<Account>>) -> Self {
        let accounts = accounts.into();
        Self { name, is_long: false, accounts, lanes: Vec::new(), batches: Vec::new(), workers: Vec::new() }
    }

    /// A lane that is there at the start, named as `shop/1`, and what it holds.
    pub(super) fn lane(mut self, name: &str, balance: i64) -> Self {
        self.lanes.push(given::lane(name, balance));
        self
    }

    /// A worker is given these payments, in the order of a partition.
    pub(super) fn pays(self, partition: i32, payments: &[(&str, &str, &str, u64)]) -> Self {
        self.given(Batch::Payments(requests(partition, payments)))
    }

    /// The same worker is also given these payments, of another partition.
    pub(super) fn and_pays(mut self, partition: i32, payments: &[(&str, &str, &str, u64)]) -> Self {
        if let Some(Batch::Payments(all)) = self.batches.last_mut() {
            all.extend(requests(partition, payments));
        }
        self
    }

    /// A worker is given these commands, in the order of a partition.
    pub(super) fn orders(self, partition: i32, commands: &[(&str, &str, Action)]) -> Self {
        let command = |(offset, &(id, account, action)): (i64, _)| -> CommandRequest {
            let command: AccountCommand = given::command(id, account, action);
            command.at(partition, offset)
        };
        self.given(Batch::Commands((0..).zip(commands).map(command).collect()))
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

    fn given(mut self, batch: Batch) -> Self {
        self.workers.push(self.batches.len());
        self.batches.push(batch);
        self
    }

    /// How many partitions the topic of requests has.
    pub(super) fn partitions(&self) -> u32 {
        let partitions = self.batches.iter().flat_map(Batch::payments).map(|request| request.source.partition);
        let last = partitions.max().and_then(|last| u32::try_from(last).ok()).unwrap_or_default();
        last.saturating_add(1).max(PARTITIONS_MIN)
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
        self.batches.iter().flat_map(Batch::payments).filter(before).map(|other| &other.instruction)
    }
}

/// Payments in the order of a partition.
fn requests(partition: i32, payments: &[(&str, &str, &str, u64)]) -> Vec<Request> {
    let payment = |(offset, &(id, debtor, creditor, amount)): (i64, _)| -> Request {
        given::payment(id, debtor, creditor, amount).at(partition, offset)
    };
    (0..).zip(payments).map(payment).collect()
}
