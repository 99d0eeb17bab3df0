//! Settles a batch of payments on a ledger in memory, and prints what became of each: `cargo run --example
//! settle_a_batch`.

use std::error::Error;
use std::time::Duration;

use giro::domain::{
    Account, AccountId, AccountStatus, Balance, Batch, CreditLanes, Currency, OverdraftLimit, PaymentRequest, Source,
    Timestamp,
};
use giro::settle::{Backoff, settle};
use giro::store::LedgerQueries;
use giro::wire::payment_request;
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

const RECORDS: [&str; 3] = [
    r#"{"payment_id":"p1","debtor_account":"alice","creditor_account":"shop","amount":700,"currency":"EUR"}"#,
    r#"{"payment_id":"p2","debtor_account":"alice","creditor_account":"shop","amount":400,"currency":"EUR"}"#,
    r#"{"payment_id":"p1","debtor_account":"alice","creditor_account":"shop","amount":700,"currency":"EUR"}"#,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new();
    store.insert_account(account("alice", 1_000)?);
    store.insert_account(account("shop", 0)?);

    let mut requests = Vec::new();
    for (offset, record) in (0..).zip(RECORDS) {
        let source = Source { topic: "payment-requests".into(), partition: 0, offset };
        requests.push(PaymentRequest { payment: payment_request::decode_json(record.as_bytes())?, source });
    }
    let until = Instant::now().checked_add(Duration::from_secs(1)).ok_or("no such moment")?;
    let settled = settle(&store, &Batch::new(requests), until, || Timestamp::EPOCH, Backoff::new()).await;

    for (record, end) in RECORDS.iter().zip(&settled.dispositions) {
        println!("{record} -> {end:?}");
    }
    for held in store.accounts().await? {
        println!("{} has {}", held.account.id, held.balance());
    }
    Ok(())
}

/// An open account in euro that may not go below zero.
fn account(id: &str, balance: i64) -> Result<Account, Box<dyn Error>> {
    Ok(Account {
        id: AccountId::try_new(id)?,
        currency: Currency::try_new("EUR")?,
        status: AccountStatus::Open,
        balance: Balance::new(balance),
        overdraft_limit: OverdraftLimit::Limited(0),
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
        lane_debits: false,
    })
}
