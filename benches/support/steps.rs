//! What a core does for a batch, step by step: from the JSON of the event to the transactions to send.

use std::collections::HashMap;

use giro::domain::decide::{Snapshot, decide_all};
use giro::domain::plan::{Capacity, Step, TRANSACTION_ITEMS_MAX, plan};
use giro::domain::{Account, AccountId, Batch, CreditLanes, Request, Timestamp};
use giro::wire::instruction;
use giro::wire::kafka_event::KafkaEvent;
use giro_testkit::given::{self, Setters as _};

/// The payments that an event's JSON asks for.
pub(super) fn decode(json: &str) -> Batch {
    let event: KafkaEvent = serde_json::from_str(json).unwrap();
    let mut requests = Vec::with_capacity(event.partitions.iter().map(|partition| partition.records.len()).sum());
    for record in event.partitions.into_iter().flat_map(|partition| partition.records) {
        requests.push(Request::new(instruction::decode(&record.value).unwrap(), record.source));
    }
    Batch::new(requests)
}

/// An account with enough money.
pub(super) fn account(id: &AccountId, credit_lanes: CreditLanes) -> Account {
    Account { credit_lanes, ..given::account(id.as_str()).holding(1_000_000) }
}

/// The decisions on a batch, as transactions.
pub(super) fn decide_and_plan<'a>(batch: &'a Batch, all: &[usize], accounts: &[Option<Account>]) -> Vec<Step<'a>> {
    let lanes = HashMap::new();
    let snapshot = Snapshot { refund_totals: &HashMap::new(), accounts, lanes: &lanes, now: Timestamp::EPOCH };
    let decisions = decide_all(batch, all, snapshot);
    plan(batch, all, &decisions, snapshot, &Capacity::of(TRANSACTION_ITEMS_MAX)).steps
}
