//! Settles a batch of payments on a ledger in memory: `cargo run --example settle_a_batch`.

use std::{error::Error, time::Duration};

use giro::domain::{Batch, Timestamp};
use giro::settle::{Backoff, settle};
use giro::store::LedgerQueries;
use giro_testkit::given::{Placed, Setters, account, payment};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    store.insert_account(account("alice").holding(1_000));
    store.insert_account(account("shop"));
    // The last is the first, delivered again.
    let payments = [("p1", 700), ("p2", 400), ("p1", 700)];
    let request = |(offset, (id, amount))| payment(id, "alice", "shop", amount).at(0, offset);
    let batch = Batch::new((0..).zip(payments).map(request).collect());
    let deadline = Instant::now().checked_add(Duration::from_secs(1)).ok_or("no such moment")?;
    let settled = settle(&store, &batch, deadline, || Timestamp::EPOCH, Backoff::new()).await;
    for ((id, amount), disposition) in payments.iter().zip(&settled.dispositions) {
        println!("{id} of {amount}: {disposition:?}");
    }
    for holding in store.accounts().await? {
        println!("{} has {}", holding.account.id, holding.balance());
    }
    Ok(())
}
