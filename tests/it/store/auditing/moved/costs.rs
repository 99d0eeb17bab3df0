//! What a run reads: what moved, and little to find it.

use std::time::Instant as Now;

use giro::audit::moved::AuditStore;
use giro::domain::Request;
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Placed as _, Setters as _, account, refund};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;

use super::super::request;
use super::{found, prove_at, settle_at};

/// How many accounts and payments there are, and how many payments come after the first audit.
/// `GIRO_AUDIT_SIZE=50000,2000000,20000` asks for those of docs/auditing.md.
fn sizes(usual: [usize; 3]) -> [usize; 3] {
    let asked = std::env::var("GIRO_AUDIT_SIZE").ok();
    let asked = asked.map(|text| text.split(',').map(|size| size.parse().unwrap()).collect::<Vec<usize>>());
    asked.map_or(usual, |sizes| sizes.try_into().unwrap())
}

/// Payments, one in fifty with legs, and one in fifty a refund.
fn draw(random: &mut fastrand::Rng, accounts: usize, name: &str, ix: usize) -> Request {
    let one = |random: &mut fastrand::Rng| format!("a{}", random.usize(0..accounts));
    let (debtor, creditor, third, offset) = (one(random), one(random), one(random), i64::try_from(ix).unwrap());
    let id = format!("{name}-{ix}");
    match ix % 50 {
        0 => {
            let legs = [(&*debtor, &*creditor, "EUR", 5), (&*debtor, &*third, "EUR", 1)];
            given::legged(&id, &debtor, &legs).at(0, offset)
        }
        1 if ix > 50 => refund(&id, &format!("{name}-{}", ix - 7), &creditor, Some(1)).at(0, offset),
        _ => request(offset, &id, &debtor, &creditor, random.u64(1..=60)),
    }
}

async fn count(store: &(impl AuditStore + OpenAccounts), [accounts, first, more]: [usize; 3], what: &str) {
    for ix in 0..accounts {
        let account = account(&format!("a{ix}")).limit(1_000_000);
        let account = if ix % 4 == 0 { account.lanes(2) } else { account };
        store.open_account(&account).await.unwrap();
    }
    let mut random = fastrand::Rng::with_seed(1);
    let settle = async |name: &str, count: usize, at: i64, random: &mut fastrand::Rng| {
        let mut postings = 0;
        for begins in (0..count).step_by(1_000) {
            let ends = count.min(begins + 1_000);
            postings += settle_at(store, (begins..ends).map(|ix| draw(random, accounts, name, ix)).collect(), at).await;
        }
        postings
    };
    let all = settle("f", first, 10, &mut random).await;
    let one = prove_at(store, 60).await;
    assert_eq!((found(&one).as_str(), one.behind, one.moved, one.postings), ("", 0, accounts, all));
    let settled = settle("m", more, 70, &mut random).await;
    let began = Now::now();
    let two = prove_at(store, 120).await;
    let took = began.elapsed();
    assert_eq!((found(&two).as_str(), two.behind), ("", 0));
    // What moved is looked at once more, as an index may have been late.
    let again = prove_at(store, 180).await;
    assert_eq!((found(&again).as_str(), again.behind, again.postings), ("", 0, 0));
    assert!(again.moved > 0 && again.moved <= two.moved, "{again:?}");
    // A run in which nothing moved reads no more than it takes to find that.
    let finding = prove_at(store, 240).await;
    assert_eq!((finding.moved, finding.postings), (0, 0));
    let moved = two.postings;
    assert_eq!(moved, settled, "what moved, once");
    let to_find = finding.read_milliunits as f64 / 1_000.0 / accounts as f64;
    let units = (two.read_milliunits - finding.read_milliunits) as f64 / 1_000.0;
    println!(
        "{what}: {accounts} accounts, {first} payments and {more} new ones. The first run read {} postings for {} read \
         units. The next read {moved} postings of {} accounts for {units:.0} units, and {to_find:.3} units an account \
         to find them, in {:.1} s",
        one.postings,
        one.read_milliunits / 1_000,
        two.moved,
        took.as_secs_f64(),
    );
    assert!(to_find <= 0.5, "{to_find} units an account");
}

#[tokio::test(start_paused = true)]
async fn a_run_reads_what_moved_in_memory() {
    count(&MemoryStore::new(), sizes([400, 4_000, 400]), "in memory").await;
}

#[tokio::test]
async fn a_run_reads_what_moved_on_the_engine() {
    let engine = Engine::start().await.unwrap();
    count(&engine.ledger(), sizes([60, 1_000, 100]), "on the engine").await;
}
