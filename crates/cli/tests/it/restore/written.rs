//! What the rebuild writes into tables, and what it leaves alone.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use giro::domain::{Account, OverdraftLimit, PaymentId};
use giro::publish::Publish;
use giro::store::items::{self, s};
use giro::store::{LedgerQueries, Tables};
use giro::wire::outcome;
use giro_cli::local::kafka::{EmbeddedKafka, NewTopic, producer};
use giro_cli::restore::changes::{Changes, changes};
use giro_cli::restore::journal::{Journal, KnownTerms};
use giro_cli::restore::tables::RestoredTables;
use giro_cli::restore::terms::{accounts, said};
use giro_cli::restore::topics::{ends_at, outcomes, requests};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, account, id, payment};
use giro_testkit::open_accounts::OpenAccounts;

const TOPIC: &str = "payment-outcomes";

/// The bank has paid 10 to the shop, and only the topic tells it.
async fn lost() -> (Engine, EmbeddedKafka) {
    let engine = Engine::start().await.unwrap();
    let bank = Account { overdraft_limit: OverdraftLimit::Unlimited, ..account("bank") };
    for account in [bank, account("shop")] {
        engine.ledger().open_account(&account).await.unwrap();
    }
    let topic = |name: &str| NewTopic { name: name.into(), partitions: 2, replication: None, config: BTreeMap::new() };
    let kafka = EmbeddedKafka::start(&[topic(TOPIC), topic("payment-requests")]).await.unwrap();
    tell(&kafka, "p1").await;
    (engine, kafka)
}

async fn tell(kafka: &EmbeddedKafka, id: &str) {
    let request = payment(id, "bank", "shop", 10).at(0, 0);
    let told = outcome::encode(&giro_testkit::given::entry(&request, Ok(())).outcome());
    let producer = producer(kafka.bootstrap_servers()).unwrap();
    let sent = producer.send(TOPIC, Some(id.as_bytes()), Some(told.as_bytes()), &[]).await.unwrap();
    sent.placed().await.unwrap();
}

async fn found(tables: &RestoredTables, kafka: &EmbeddedKafka) -> (Changes, giro_cli::restore::topics::End) {
    let address = kafka.bootstrap_servers();
    let (restored, commands, unreadable) = tables.read().await.unwrap();
    assert_eq!(unreadable, [""; 0]);
    let said = said(&commands);
    let known = KnownTerms { accounts: accounts(&restored.accounts, &said, Default::default()), said };
    let mut journal = Journal::new(known);
    let end = outcomes(address, TOPIC, &mut journal).await.unwrap();
    assert_eq!(tables.read_payments(&mut journal).await.unwrap(), [""; 0]);
    let lost = journal.lost().unwrap();
    let asked = requests(address, &lost).await.unwrap();
    journal.rebuild(lost, &asked);
    (changes(&restored, &journal, &BTreeMap::new()).unwrap(), end)
}

/// A newer version may have given an account an attribute that this one doesn't know.
#[tokio::test(flavor = "multi_thread")]
async fn what_this_version_does_not_know_stays() {
    let (engine, kafka) = lost().await;
    let tables = RestoredTables::new(&engine.client(), Tables::default());
    let (client, table) = (engine.client(), engine.tables().accounts.clone());
    let shop = || client.update_item().table_name(&table).key("account_id", s("shop"));
    let named = shop().update_expression("SET colour = :blue").expression_attribute_values(":blue", s("blue"));
    named.send().await.unwrap();
    let (changes, _) = found(&tables, &kafka).await;
    assert_eq!(tables.write(&changes).await.unwrap(), [""; 0]);
    let item = client.get_item().table_name(&table).key("account_id", s("shop")).send().await.unwrap().item.unwrap();
    assert_eq!(item["colour"], AttributeValue::S("blue".into()));
    let shop = items::account::decode(&item).unwrap();
    assert_eq!((shop.balance.minor_units(), shop.version), (10, 2));
    let paid = engine.ledger().payment(&"p1".parse::<PaymentId>().unwrap()).await.unwrap().unwrap();
    assert_eq!(paid.fingerprint, payment("x", "bank", "shop", 10).fingerprint());
    assert_eq!(found(&tables, &kafka).await.0.items(), 0);
    // What is written twice changes nothing.
    let raced = tables.write(&changes).await.unwrap();
    assert_eq!(raced, ["payments, item p1"], "its journal is there, so the rest isn't looked at");
}

/// Whoever writes beside the rebuild is not written over.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_has_changed_meanwhile_is_left_alone() {
    let (engine, kafka) = lost().await;
    let tables = RestoredTables::new(&engine.client(), Tables::default());
    let (changes, _) = found(&tables, &kafka).await;
    let later = Account { version: 9, ..account("shop") };
    let item = items::account::encode(&later);
    engine.client().put_item().table_name("accounts").set_item(Some(item)).send().await.unwrap();
    assert_eq!(tables.write(&changes).await.unwrap(), ["accounts, item shop"]);
    let shop = engine.ledger().account(&id("shop")).await.unwrap().unwrap();
    assert_eq!(shop.account, later);
    // The next run reads it, and ends what the first began.
    let (changes, _) = found(&tables, &kafka).await;
    assert_eq!(changes.items(), 1);
    assert_eq!(tables.write(&changes).await.unwrap(), [""; 0]);
    assert_eq!(engine.ledger().account(&id("shop")).await.unwrap().unwrap().balance(), 10);
}

/// An outcome that comes after the look would be decided anew, and be told twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_comes_meanwhile_is_noticed() {
    let (engine, kafka) = lost().await;
    let tables = RestoredTables::new(&engine.client(), Tables::default());
    let (_, end) = found(&tables, &kafka).await;
    let address = kafka.bootstrap_servers();
    assert!(ends_at(address, TOPIC, &end).await.unwrap());
    tell(&kafka, "p2").await;
    assert!(!ends_at(address, TOPIC, &end).await.unwrap());
}
