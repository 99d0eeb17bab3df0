//! An account-processor of the version before this one, beside payment-processors of this one.
//!
//! The older version opened an account together with all of its lanes, and took for granted that they are there. Its
//! writes are kept here as it sent them: each condition and each expression, word for word. Beside lanes that come into
//! being with their first credits it may be refused. But it must never leave an open lane beside a frozen account, and
//! never lose money.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use giro::account_commands::apply;
use giro::domain::account_command::{Action, Policy};
use giro::domain::lane::LANE_BALANCE_FULL;
use giro::domain::plan::{AccountUpdate, Transaction};
use giro::domain::{Account, AccountStatus, Batch, CommandRequest, CreditLanes, Lane, Timestamp};
use giro::settle::{Backoff, Disposition};
use giro::store::dynamodb::DynamoDb;
use giro::store::items::{self, Item, n, s};
use giro::store::{Commit, Ledger, LedgerQueries};
use giro_testkit::engine::Engine;
use giro_testkit::given::{self, Placed as _, Setters as _, account, command, id, payment, update};
use giro_testkit::open_accounts::OpenAccounts;
use tokio::time::Instant;

use crate::rules::batches::{SETTLED, balances, request, settle_within};

const NEW_STATUS: &str = "SET #status = :to, version = version + :one";
const LANE_IS_OF_ACCOUNT: &str = "#status IN (:from, :to)";
const LANE_IS_UNUSED: &str =
    "attribute_not_exists(account_id) OR (currency = :currency AND balance = :zero AND version = :one)";

/// The older version. It sends a command's change of an account; the command's record is left out.
struct Old<'e> {
    client: Client,
    table: &'e str,
}

impl<'e> Old<'e> {
    fn of(engine: &'e Engine) -> Self {
        Self { client: engine.client().clone(), table: &engine.tables().accounts }
    }

    fn update(&self, key: Item, change: &str, condition: &str, values: &[(&str, AttributeValue)]) -> TransactWriteItem {
        let mut update = Update::builder().table_name(self.table).set_key(Some(key));
        if format!("{change}{condition}").contains("#status") {
            update = update.expression_attribute_names("#status", "status");
        }
        for (name, value) in values {
            update = update.expression_attribute_values(*name, value.clone());
        }
        let update = update.update_expression(change).condition_expression(condition).build().unwrap();
        TransactWriteItem::builder().update(update).build()
    }

    /// Another status, of an account as it was read. `balances` are those of its main item and its lanes, for closing.
    async fn turn(&self, read: &Account, to: AccountStatus, balances: Option<&[i64]>) -> bool {
        let (mut on_main, mut values) = ("#status = :status".to_owned(), vec![]);
        match read.credit_lanes.is_none() {
            true => on_main.push_str(" AND attribute_not_exists(credit_lanes)"),
            false => {
                on_main.push_str(" AND credit_lanes = :was");
                values.push((":was", n(read.credit_lanes)));
            }
        }
        values.extend([(":status", s(read.status)), (":to", s(to)), (":one", n(1))]);
        let mut balances = balances.map(|balances| balances.iter());
        let mut exactly = |condition: &mut String, values: &mut Vec<(&str, AttributeValue)>| {
            if let Some(balance) = balances.as_mut().and_then(Iterator::next) {
                condition.push_str(" AND balance = :balance");
                values.push((":balance", n(balance)));
            }
        };
        exactly(&mut on_main, &mut values);
        let mut actions = vec![self.update(items::account::key(&read.id), NEW_STATUS, &on_main, &values)];
        for lane in read.lane_ids() {
            let mut on_lane = LANE_IS_OF_ACCOUNT.to_owned();
            let mut values = vec![(":from", s(read.status)), (":to", s(to)), (":one", n(1))];
            exactly(&mut on_lane, &mut values);
            actions.push(self.update(items::lane::key(&lane), NEW_STATUS, &on_lane, &values));
        }
        self.send(actions).await
    }

    /// More lanes, of an account as it was read: first the lanes, with the account's status, then their number.
    async fn add_lanes(&self, read: &Account, to: u16) -> bool {
        let mut actions: Vec<TransactWriteItem> = Vec::new();
        for number in read.credit_lanes.count()..to {
            let put = Put::builder()
                .table_name(self.table)
                .set_item(Some(items::lane::encode(&Lane::new(read, number))))
                .condition_expression(LANE_IS_UNUSED)
                .expression_attribute_values(":currency", s(read.currency))
                .expression_attribute_values(":zero", n(0))
                .expression_attribute_values(":one", n(1));
            actions.push(TransactWriteItem::builder().put(put.build().unwrap()).build());
        }
        let (change, mut values) = ("SET credit_lanes = :lanes, version = version + :one", vec![]);
        let condition = match read.credit_lanes.is_none() {
            true => "#status = :status AND attribute_not_exists(credit_lanes)",
            false => {
                values.push((":was", n(read.credit_lanes)));
                "#status = :status AND credit_lanes = :was"
            }
        };
        values.extend([(":status", s(read.status)), (":lanes", n(to)), (":one", n(1))]);
        actions.push(self.update(items::account::key(&read.id), change, condition, &values));
        self.send(actions).await
    }

    /// Whether it happened, or a condition failed.
    async fn send(&self, actions: Vec<TransactWriteItem>) -> bool {
        match self.client.transact_write_items().set_transact_items(Some(actions)).send().await {
            Ok(_) => true,
            Err(error) => {
                let error = error.into_service_error();
                assert!(error.is_transaction_canceled_exception(), "{error:?}");
                assert!(format!("{error:?}").contains("ConditionalCheckFailed"), "{error:?}");
                false
            }
        }
    }
}

/// A payment-processor of this version settles a payment of 1 from the bank, on a lane of this partition.
async fn pay(store: &DynamoDb, partition: u16, offset: i64, to: &str) -> Disposition {
    let batch = Batch::new(vec![request(partition.into(), offset, "bank", to, 1)]).with_partitions(2);
    settle_within(store, &batch, 10, 1).await.dispositions.remove(0)
}

/// The credit that a payment-processor of this version sends on an item, whatever it read before. Whether it happened.
async fn credit_late(store: &DynamoDb, item: &str, ix: usize) -> bool {
    let request = payment(&format!("late-{item}-{ix}").replace('/', "-"), "bank", "shop", 1).at(0, 9);
    let entry = given::entry(&request, Ok(()));
    let credit = AccountUpdate { balance_max: Some(LANE_BALANCE_FULL.into()), ..update(item, 1) };
    let updates = vec![credit, update("bank", -1)];
    let transaction = Transaction { totals: Vec::new(), entries: vec![entry], updates };
    matches!(store.commit(&transaction).await.unwrap(), Commit::Applied)
}

async fn opened(shop: &Account) -> (Engine, DynamoDb) {
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    for account in [&account("bank").unlimited(), shop] {
        assert_eq!(store.open_account(account).await, Ok(None));
    }
    (engine, store)
}

async fn shop(store: &DynamoDb) -> Account {
    store.account(&id("shop")).await.unwrap().unwrap().account
}

/// Main item and lanes have one status, and all balances sum to zero. Gives that status.
async fn whole(store: &DynamoDb) -> AccountStatus {
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    let status = held.account.status;
    assert!(held.lanes.iter().all(|lane| lane.status == status), "{held:?}");
    assert_eq!(balances(store).await.values().sum::<i64>(), 0);
    status
}

/// A freeze reaches all lanes of an account, or is refused because one isn't there yet. Then a credit could make it.
#[tokio::test]
async fn a_freeze_is_refused_while_a_lane_is_not_there() {
    for born in [&[][..], &[0], &[1], &[0, 1]] {
        let (engine, store) = opened(&account("shop").lanes(2)).await;
        for (&lane, offset) in born.iter().zip(0..) {
            assert_eq!(pay(&store, lane, offset, "shop").await, SETTLED);
        }
        let read = shop(&store).await;
        let frozen = Old::of(&engine).turn(&read, AccountStatus::Frozen, None).await;
        assert_eq!(frozen, born.len() == 2, "{born:?}");
        let status = if frozen { AccountStatus::Frozen } else { AccountStatus::Open };
        assert_eq!(whole(&store).await, status, "{born:?}");
        for (ix, lane) in ["shop/0", "shop/1"].into_iter().enumerate() {
            assert_eq!(credit_late(&store, lane, ix).await, !frozen, "{born:?}: a credit on {lane}");
        }
        assert_eq!(whole(&store).await, status, "{born:?}");
    }
}

/// Closing takes exact balances, so it is refused too.
#[tokio::test]
async fn a_close_is_refused_while_a_lane_is_not_there() {
    let (engine, store) = opened(&account("shop").lanes(2)).await;
    let read = shop(&store).await;
    let old = Old::of(&engine);
    assert!(!old.turn(&read, AccountStatus::Closed, Some(&[0, 0, 0])).await);
    assert_eq!(whole(&store).await, AccountStatus::Open);
    // Once this version has frozen and unfrozen the account, every lane is there, and the older one may close it.
    let freeze_and_back = [command("c1", "shop", Action::Freeze), command("c2", "shop", Action::Unfreeze)];
    let commands: Vec<CommandRequest> = freeze_and_back.into_iter().map(|command| command.at(0, 1)).collect();
    let until = Instant::now() + Duration::from_secs(10);
    let applied =
        apply(&store, &commands, Policy::default(), until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await;
    assert_eq!(applied.dispositions, [Disposition::Decided(Ok(())), Disposition::Decided(Ok(()))]);
    assert!(old.turn(&read, AccountStatus::Closed, Some(&[0, 0, 0])).await);
    assert_eq!(whole(&store).await, AccountStatus::Closed);
    assert!(!credit_late(&store, "shop/0", 0).await);
}

/// An account without lanes has none for ever, until it is given some: its credits stay on the main item.
#[tokio::test]
async fn an_account_without_lanes_is_frozen_as_before() {
    let (engine, store) = opened(&account("shop")).await;
    assert_eq!(pay(&store, 0, 0, "shop").await, SETTLED);
    assert_eq!(store.account(&id("shop")).await.unwrap().unwrap().lanes, []);
    let read = shop(&store).await;
    assert!(Old::of(&engine).turn(&read, AccountStatus::Frozen, None).await);
    assert!(!credit_late(&store, "shop", 0).await);
    assert_eq!(whole(&store).await, AccountStatus::Frozen);
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}

/// The older version knows no debits of lanes. An account that it gives no limit pays from its main item. So lanes owe
/// nothing if the older version gives it a limit again.
#[tokio::test]
async fn an_account_that_it_gives_no_limit_pays_from_its_main_item() {
    let (engine, store) = opened(&account("shop").limit(5).lanes(2)).await;
    let old = Old::of(&engine);
    let no_limit = old.update(
        items::account::key(&id("shop")),
        "SET version = version + :one REMOVE overdraft_limit",
        "#status = :status",
        &[(":status", s(AccountStatus::Open)), (":one", n(1))],
    );
    assert!(old.send(vec![no_limit]).await);
    assert!(shop(&store).await.awaits_lane_debits());
    let batch = Batch::new(vec![request(0, 0, "shop", "bank", 7)]).with_partitions(2);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.dispositions, [SETTLED]);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((held.account.balance.minor_units(), held.lanes), (-7, vec![]));
    assert_eq!(whole(&store).await, AccountStatus::Open);
}

/// Lanes that this version adds while the older one freezes: the number of lanes is a condition of both.
#[tokio::test]
async fn lanes_added_meanwhile_stop_a_freeze() {
    for had in [0, 2] {
        let (engine, store) = opened(&account("shop").lanes(had)).await;
        for lane in 0..had {
            assert_eq!(pay(&store, lane, lane.into(), "shop").await, SETTLED);
        }
        let read = shop(&store).await;
        store.add_lanes(&id("shop"), CreditLanes::try_new(4).unwrap()).await.unwrap();
        assert!(!Old::of(&engine).turn(&read, AccountStatus::Frozen, None).await, "{had}");
        assert!(credit_late(&store, "shop/3", 0).await);
        assert_eq!(whole(&store).await, AccountStatus::Open);
    }
}

/// Lanes that the older version added are there, and are credited and frozen by both.
#[tokio::test]
async fn lanes_that_it_adds_are_credited_and_frozen() {
    let (engine, store) = opened(&account("shop")).await;
    let old = Old::of(&engine);
    assert!(old.add_lanes(&shop(&store).await, 2).await);
    for lane in 0..2 {
        assert_eq!(pay(&store, lane, lane.into(), "shop").await, SETTLED);
    }
    let lanes = store.account(&id("shop")).await.unwrap().unwrap().lanes;
    assert_eq!(
        lanes.iter().map(|lane| (lane.balance.minor_units(), lane.version)).collect::<Vec<_>>(),
        [(1, 2), (1, 2)]
    );
    let read = shop(&store).await;
    assert!(old.turn(&read, AccountStatus::Frozen, None).await);
    assert_eq!(whole(&store).await, AccountStatus::Frozen);
    // Lanes added to a frozen account are frozen, whichever version adds them.
    assert!(old.add_lanes(&shop(&store).await, 3).await);
    store.add_lanes(&id("shop"), CreditLanes::try_new(4).unwrap()).await.unwrap();
    for (ix, lane) in ["shop/1", "shop/2", "shop/3"].into_iter().enumerate() {
        assert!(!credit_late(&store, lane, ix).await, "{lane}");
    }
    assert_eq!(whole(&store).await, AccountStatus::Frozen);
}
