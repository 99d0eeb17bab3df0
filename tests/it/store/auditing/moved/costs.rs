//! What a run reads: what moved, and little to find it. `crates/cli/benches/audit.rs` measures it at full size.

use giro::audit::moved::AuditStore;
use giro_testkit::audited::{open, settle};
use giro_testkit::engine::Engine;
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;

use super::{found, prove_at};

/// How many accounts and payments there are, and how many payments come after the first audit.
async fn count(store: &(impl AuditStore + OpenAccounts), [accounts, first, more]: [usize; 3], what: &str) {
    open(store, accounts).await.unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let all = settle(store, &mut random, accounts, ("f", first, 10)).await;
    let one = prove_at(store, 60).await;
    assert_eq!((found(&one).as_str(), one.behind, one.moved, one.postings), ("", 0, accounts, all));
    let settled = settle(store, &mut random, accounts, ("m", more, 70)).await;
    let two = prove_at(store, 120).await;
    assert_eq!((found(&two).as_str(), two.behind), ("", 0));
    assert_eq!(two.postings, settled, "what moved, once");
    // What moved is looked at once more, as an index may have been late.
    let again = prove_at(store, 180).await;
    assert_eq!((found(&again).as_str(), again.behind, again.postings), ("", 0, 0));
    assert!(again.moved > 0 && again.moved <= two.moved, "{again:?}");
    // A run in which nothing moved reads no more than it takes to find that.
    let finding = prove_at(store, 240).await;
    assert_eq!((finding.moved, finding.postings), (0, 0));
    let to_find = finding.read_milliunits as f64 / 1_000.0 / accounts as f64;
    let units = (two.read_milliunits - finding.read_milliunits) as f64 / 1_000.0;
    println!(
        "{what}: {accounts} accounts, {first} payments and {more} new ones. The first run read {} postings for {} read \
         units. The next read {} postings of {} accounts for {units:.0} units, and {to_find:.3} units an account to find \
         them",
        one.postings,
        one.read_milliunits / 1_000,
        two.postings,
        two.moved,
    );
    assert!(to_find <= 0.5, "{to_find} units an account");
}

#[tokio::test(start_paused = true)]
async fn a_run_reads_what_moved_in_memory() {
    count(&MemoryStore::new(), [400, 4_000, 400], "in memory").await;
}

#[tokio::test]
async fn a_run_reads_what_moved_on_the_engine() {
    let engine = Engine::start().await.unwrap();
    count(&engine.ledger(), [60, 1_000, 100], "on the engine").await;
}
