//! What a run reads: what moved, and little to find it. `crates/cli/benches/audit.rs` measures it at full size.

use giro::audit::moved::AuditStore;
use giro::store::Ledger;
use giro::store::dynamodb::DynamoDb;
use giro_testkit::audited::{open, settle};
use giro_testkit::engine::Engine;
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;

use super::{found, prove_at};

/// The most calls that a run makes for each account that moved, beside those that find them. One is for its checkpoint,
/// and two for most accounts' lists. Those with lanes take more. Each has a share of what is read and written for many.
const CALLS_MAX: f64 = 4.0;

/// On a slow machine fewer heads are written together.
const CALLS_ALONE_MAX: f64 = 5.0;

/// How many accounts and payments there are, and how many payments come after the first audit.
async fn count<S: AuditStore + OpenAccounts>(
    store: &S,
    [accounts, first, more]: [usize; 3],
    what: &str,
    (calls, calls_max): (impl Fn(&S) -> u64, f64),
) {
    open(store, accounts).await.unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let all = settle(store, &mut random, accounts, ("f", first, 10)).await;
    let one = prove_at(store, 60).await;
    assert_eq!((found(&one).as_str(), one.behind, one.moved, one.postings), ("", 0, accounts, all));
    let settled = settle(store, &mut random, accounts, ("m", more, 70)).await;
    let began = calls(store);
    let two = prove_at(store, 120).await;
    let made = calls(store) - began;
    assert_eq!((found(&two).as_str(), two.behind), ("", 0));
    assert_eq!(two.postings, settled, "what moved, once");
    // What moved is looked at once more, as an index may have been late.
    let again = prove_at(store, 180).await;
    assert_eq!((found(&again).as_str(), again.behind, again.postings), ("", 0, 0));
    assert!(again.moved > 0 && again.moved <= two.moved, "{again:?}");
    // A run in which nothing moved reads no more than it takes to find that.
    let began = calls(store);
    let finding = prove_at(store, 240).await;
    let made = (made - (calls(store) - began)) as f64 / two.moved as f64;
    assert_eq!((finding.moved, finding.postings), (0, 0));
    let to_find = finding.read_milliunits as f64 / 1_000.0 / accounts as f64;
    let units = (two.read_milliunits - finding.read_milliunits) as f64 / 1_000.0;
    println!(
        "{what}: {accounts} accounts, {first} payments and {more} new ones. The first run read {} postings for {} read \
         units. The next read {} postings of {} accounts for {units:.0} units and by {made:.2} calls each, and \
         {to_find:.3} units an account to find them",
        one.postings,
        one.read_milliunits / 1_000,
        two.postings,
        two.moved,
    );
    assert!(to_find <= 0.5, "{to_find} units an account");
    assert!(made <= calls_max, "{made} calls an account");
}

#[tokio::test(start_paused = true)]
async fn a_run_reads_what_moved_in_memory() {
    count(&MemoryStore::new(), [400, 4_000, 400], "in memory", (MemoryStore::calls, CALLS_MAX)).await;
}

#[tokio::test]
async fn a_run_reads_what_moved_on_the_engine() {
    let engine = Engine::start().await.unwrap();
    let calls = |store: &DynamoDb| {
        let usage = store.usage();
        usage.read_calls + usage.transactions + usage.puts
    };
    count(&engine.ledger(), [60, 1_000, 100], "on the engine", (calls, CALLS_ALONE_MAX)).await;
}
