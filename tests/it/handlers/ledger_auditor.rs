//! `ledger-auditor`: what it answers with checkpoints and without.

use giro::handlers::ledger_auditor::LedgerAuditor;
use giro::wire::scheduled::AnyEvent;
use giro_testkit::given::{Setters as _, account};
use giro_testkit::memory_store::MemoryStore;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use super::invoked::context;

async fn answer(auditor: &LedgerAuditor<MemoryStore>) -> Value {
    let mut context = context();
    // It waits for indexes, and before it looks again.
    context.deadline += 600_000;
    let answer = auditor.handle(LambdaEvent::new(AnyEvent, context)).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_keeps_checkpoints_if_it_has_tables_for_them() {
    let store = MemoryStore::new();
    for name in ["alice", "bob"] {
        store.insert_account(account(name));
    }
    let old = LedgerAuditor::new(store.clone());
    let expected =
        json!({ "accounts": 2, "settled": 0, "dead_letters": 0, "undecided": 0, "findings": 0, "complete": true });
    assert_eq!(answer(&old).await, expected);
    assert_eq!(store.proved_heads().len(), 0, "it writes nothing");
    let auditor = LedgerAuditor::new(store.clone()).keeping_checkpoints(true);
    let first = answer(&auditor).await;
    assert_eq!((&first["moved"], &first["behind"], &first["complete"]), (&json!(2), &json!(0), &json!(true)));
    // The closed time is twenty minutes ago.
    let age = first["oldest_proof_seconds"].as_u64().unwrap();
    assert!((1_200..1_260).contains(&age), "{first}");
    assert_eq!(store.proved_heads().len(), 2);
    // The next closed time is a later one.
    std::thread::sleep(std::time::Duration::from_millis(5));
    store.insert_account(account("bob").holding(3));
    let second = answer(&auditor).await;
    assert_eq!((&second["moved"], &second["behind"], &second["findings"]), (&json!(1), &json!(1), &json!(1)));
}
