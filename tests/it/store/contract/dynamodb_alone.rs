//! What only DynamoDB can show: tables and engines that are not there, items that cannot be read, keys of indexes.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use giro::domain::account_command::Action;
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{Decline, Lane, Refusal};
use giro::store::dynamodb::DynamoDb;
use giro::store::items;
use giro::store::{
    AccountRead, CancelledCommand, CommandCommit, Commit, LaneRead, Ledger, LedgerQueries, ScannedItem, Segment,
    StoreError, Table, TableScan, Tables,
};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, id, update};
use giro_testkit::open_accounts::OpenAccounts;

use super::{account, cancelled, command, commit, laned, request, rule, transaction};

#[tokio::test]
async fn an_engine_that_is_not_there_is_unavailable() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let store = DynamoDb::new(giro_testkit::dynamodb::client(&format!("http://{address}")), Tables::default());
    let error = store.read_accounts(&[&id("alice")]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.starts_with("BatchGetItem: ")), "{error}");
}

/// A local engine has no bound of its own: it read the rest of the table for each page.
#[tokio::test]
async fn a_page_of_a_scan_has_at_most_a_thousand_items() {
    let engine = Engine::start().await.unwrap();
    let (store, client, table) = (engine.ledger(), engine.client(), &engine.tables().accounts);
    let items: Vec<_> = (0..2_001).map(|ix| items::account::encode(&account(&format!("a{ix}"), ix))).collect();
    for chunk in items.chunks(25) {
        let puts = chunk.iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        client.batch_write_item().request_items(table, puts.collect()).send().await.unwrap();
    }
    for of in [1, 2] {
        let (mut pages, mut met) = (Vec::new(), BTreeSet::new());
        for number in 0..of {
            let mut mark = None;
            loop {
                let page = store.page(Table::Accounts, Segment { number, of }, mark).await.unwrap();
                pages.push(page.items.len());
                for item in page.items {
                    let ScannedItem::Account(account) = item else { panic!("{item:?}") };
                    assert!(met.insert(account.id.clone()), "{} twice", account.id);
                }
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
        }
        assert_eq!(met.len(), 2_001, "{pages:?}");
        assert!(pages.len() >= 3 && pages.iter().all(|items| *items <= 1_000), "{pages:?}");
    }
    assert_eq!(store.accounts().await.unwrap().len(), 2_001);
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let engine = Engine::without_tables().unwrap();
    let (store, tables) = (engine.ledger(), engine.tables());
    let error = store.read_accounts(&[&id("alice")]).await.unwrap_err();
    assert!(matches!(&error, StoreError::NoTable(text) if text.contains(&tables.accounts)), "{error}");
    let requests = [(request("k1", 1), Ok(()))];
    let error = store.commit(&transaction(&requests, &[])).await.unwrap_err();
    let both = |text: &str| [&tables.payments, &tables.accounts].iter().all(|name| text.contains(*name));
    assert!(matches!(&error, StoreError::NoTable(text) if both(text)), "{error}");
}

#[tokio::test]
async fn items_that_cannot_be_read_are_corrupt_and_name_the_attribute() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let mut item = giro::store::items::account::encode(&account("alice", 10));
    item.insert("balance".into(), AttributeValue::N("1.5".into()));
    client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
    let expected = AccountRead::Corrupt("balance: expected a whole number (N) in range".into());
    assert_eq!(store.read_accounts(&[&id("alice")]).await.unwrap(), std::slice::from_ref(&expected));
    // Also where it comes back from a failed condition.
    let condition = AccountUpdate { version: Some(99), ..update("alice", 1) };
    let answer = cancelled(commit(&store, &[(request("k1", 1), Ok(()))], &[condition]).await);
    assert_eq!(answer.accounts, [(0, expected)]);

    // A key that is neither an account's nor a lane's, and a lane that can't be read, are never passed over.
    let lane = Lane::new(&laned("shop", 1), 0);
    let mut broken = giro::store::items::lane::encode(&lane);
    broken.insert("balance".into(), AttributeValue::N("1.5".into()));
    client.put_item().table_name(&tables.accounts).set_item(Some(broken.clone())).send().await.unwrap();
    assert_eq!(
        store.read_lanes(&[&lane.id]).await.unwrap(),
        [LaneRead::Corrupt("balance: expected a whole number (N) in range".into())]
    );
    for key in ["a b", "shop/01", "shop/0/0", "/", "shop/1024"] {
        let engine = Engine::start().await.unwrap();
        let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
        let mut item = giro::store::items::lane::encode(&lane);
        item.insert("account_id".into(), AttributeValue::S(key.into()));
        client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
        let expected = format!("{}: account_id: expected", tables.accounts);
        assert!(
            matches!(store.accounts().await, Err(StoreError::Corrupt(text)) if text.starts_with(&expected)),
            "{key}"
        );
        assert!(matches!(store.stray_lanes().await, Err(StoreError::Corrupt(_))), "{key}");
    }

    client
        .put_item()
        .table_name(&tables.payments)
        .item("payment_id", AttributeValue::S("k2".into()))
        .send()
        .await
        .unwrap();
    let answer = cancelled(commit(&store, &[(request("k2", 1), Ok(()))], &[]).await);
    assert_eq!(answer.duplicates, [(0, Err("status: expected a string (S), got none".into()))]);

    let id = AttributeValue::S("c1".into());
    client.put_item().table_name(&tables.account_commands).item("command_id", id).send().await.unwrap();
    let answer = rule(&store, &command("c1", "nobody", Action::Close), Err(Refusal::AccountNotFound)).await;
    let duplicate = Some(Err("status: expected a string (S), got none".into()));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    assert_eq!(answer, CommandCommit::Cancelled(expected));
}

/// The statements of an account with lanes are spread over index keys as its credits are over items.
#[tokio::test]
async fn a_payment_stands_in_the_statement_of_its_lane() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    for (ix, (creditor_lane, expected)) in [(None, "bob"), (Some(3), "bob/3")].into_iter().enumerate() {
        let request = request(&format!("k{ix}"), 1);
        let entry =
            Entry { lanes: given::on_lane(creditor_lane), ..given::entry(&request, Err(Decline::CreditorNotFound)) };
        let transaction = Transaction { totals: Vec::new(), entries: vec![entry], updates: vec![] };
        assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
        let key = giro::store::items::payment::key(request.instruction.id());
        let item =
            client.get_item().table_name(&tables.payments).set_key(Some(key)).send().await.unwrap().item.unwrap();
        let statement = |name: &str| item.get(name).and_then(|text: &AttributeValue| text.as_s().ok()).cloned();
        assert_eq!(statement("creditor_statement").as_deref(), Some(expected));
        assert_eq!(statement("debtor_statement").as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn tables_are_created_once_and_kept_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let engine = giro_testkit::dynamodb::EmbeddedDynamoDb::start(Some(folder.path())).unwrap();
        let client = giro_testkit::dynamodb::client(engine.endpoint());
        giro_testkit::tables::create(&client, &Tables::default(), false).await.unwrap();
        let store = DynamoDb::new(client, Tables::default());
        let existing = store.open_account(&account("alice", 10)).await.unwrap();
        assert_eq!(existing.is_some(), round == 1);
    }
}
