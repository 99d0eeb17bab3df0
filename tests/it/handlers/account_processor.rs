//! The account processor: from an event to its response on the memory store.

use giro::domain::account_command::Action;
use giro::domain::{AccountStatus, CommandId, Refusal};
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::unfinished::Unfinished;
use giro::store::{CommandQueries, LedgerQueries};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use giro_testkit::given::id;
use giro_testkit::memory_store::{Faults, MemoryStore};
use lambda_runtime::LambdaEvent;

use crate::handlers::invoked::{command, context, event, reported};

async fn handle(store: &MemoryStore, event: KafkaEvent, partial: bool) -> Result<BatchResponse, Unfinished> {
    AccountProcessor::new(store.clone(), partial).handle(LambdaEvent::new(event, context())).await
}

#[tokio::test(start_paused = true)]
async fn refusals_are_acknowledged_and_bad_records_set_aside() {
    let store = MemoryStore::new();
    let (open, again, freeze) =
        (command("c1", "open", "alice"), command("c1", "freeze", "alice"), command("c2", "freeze", "bob"));
    let records = [(0, 1, &*open), (0, 2, &*again), (0, 3, "no"), (1, 1, &*freeze), (0, 4, &*open)];
    assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()));
    assert_eq!(store.account(&id("alice")).await.unwrap().unwrap().account.status, AccountStatus::Open);
    let letters = store.dead_letters().await.unwrap();
    let reasons: Vec<(i64, &str)> =
        letters.iter().map(|letter| (letter.source.offset, letter.reason.as_str())).collect();
    assert_eq!(reasons, [(2, "command_id_reused"), (3, "not_json")]);
    assert_eq!(letters[0].value.as_deref(), Some(again.as_bytes()));
    let recorded = store.command(&CommandId::try_new("c2").unwrap()).await.unwrap().unwrap();
    assert_eq!((recorded.decision, recorded.source.partition), (Err(Refusal::AccountNotFound), 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_at_a_place_used_before_is_set_aside_beside_the_one_before() {
    let store = MemoryStore::new();
    for value in ["first-bad", "second-bad", "first-bad"] {
        assert_eq!(handle(&store, event(&[(0, 0, value)]), true).await, Ok(BatchResponse::default()));
    }
    let letters = store.dead_letters().await.unwrap();
    let mut kept: Vec<&[u8]> = letters.iter().map(|letter| letter.value.as_deref().unwrap()).collect();
    kept.sort_unstable();
    assert_eq!(kept, [&b"first-bad"[..], b"second-bad"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unfinished_is_reported_from_its_first_offset_to_the_partitions_last() {
    let store = MemoryStore::new();
    store.plant_corrupt_account(&id("broken"));
    let (good, broken, after) =
        (command("c1", "open", "alice"), command("c2", "freeze", "broken"), command("c3", "freeze", "alice"));
    let elsewhere = command("c4", "open", "bob");
    let records = [(0, 10, &*good), (0, 11, &*broken), (0, 12, &*after), (1, 5, &*elsewhere)];
    let response = handle(&store, event(&records), true).await.unwrap();
    assert_eq!(reported(&response), "t-0:11 t-0:12");
    assert_eq!(store.commands().await.unwrap().len(), 3, "what could be done is done, and will be a replay");
    assert_eq!(handle(&store, event(&records), false).await, Err(Unfinished::Records(2)));
}

#[tokio::test(start_paused = true)]
async fn every_record_has_its_end_under_faults() {
    for seed in 0..30 {
        let faults = Faults { conflict: 200, ..Faults::all(seed, 100) };
        let store = MemoryStore::with_faults(faults);
        let name = |ix: usize| ["open", "freeze", "unfreeze", "close"][ix / 10];
        let commands: Vec<String> =
            (0..40).map(|ix| command(&format!("c{ix}"), name(ix), &format!("a{}", ix % 10))).collect();
        let records: Vec<(i32, i64, &str)> =
            commands.iter().enumerate().map(|(ix, command)| (0, ix as i64, &**command)).collect();
        assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()), "seed {seed}");
        let recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), 40);
        assert!(recorded.iter().all(|recorded| recorded.decision.is_ok()), "seed {seed}: in order, so none is refused");
        let accounts = store.accounts().await.unwrap();
        let closed = (AccountStatus::Closed, 4);
        assert!(accounts.iter().all(|holding| (holding.account.status, holding.account.version) == closed));
    }
}

/// An account is opened with lanes for each partition, none of which is there yet. Opening it again changes nothing,
/// whatever the number of partitions is by then. The record holds what was asked for.
#[tokio::test(start_paused = true)]
async fn an_account_is_opened_with_lanes_for_each_partition() {
    for (partitions, asked, lanes) in
        [(16, 0, 32), (4, 2, 8), (4, 20, 20), (64, 0, 64), (300, 0, 97), (300, 1_024, 1_024)]
    {
        let store = MemoryStore::new();
        let open = |name: &str| {
            format!(
                r#"{{"command_id":"{name}","command":"open","account_id":"shop","currency":"EUR","credit_lanes":{asked}}}"#
            )
        };
        for (name, partitions) in [("c1", partitions), ("c1", 1), ("c2", 1), ("c3", 256)] {
            let processor = AccountProcessor::new(store.clone(), true).with_partitions(partitions);
            let event = LambdaEvent::new(event(&[(0, 0, &*open(name))]), context());
            assert_eq!(processor.handle(event).await, Ok(BatchResponse::default()));
        }
        let held = store.account(&id("shop")).await.unwrap().unwrap();
        assert_eq!((held.account.credit_lanes.count(), held.account.version, held.lanes), (lanes, 1, vec![]));
        let commands = store.commands().await.unwrap();
        assert_eq!((commands.len(), store.dead_letters().await.unwrap()), (3, vec![]));
        for recorded in commands {
            assert_eq!(recorded.decision, Ok(()));
            let Action::Open(terms) = recorded.command.action else { panic!("{recorded:?}") };
            assert_eq!(terms.credit_lanes.count(), asked);
        }
    }
}
