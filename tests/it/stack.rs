//! The whole path by processes: records on a real broker, the real payment-processor, items in DynamoDB.

use std::path::PathBuf;
use std::time::Duration;

use giro::domain::{Account, AccountId, AccountStatus, Balance, CreditLanes, Currency, OverdraftLimit, Timestamp};
use giro::local::kafka::{Producer, REQUESTS_TOPIC};
use giro::local::stack::{KafkaEngine, Stack, StackOptions};
use giro::store::dynamodb::DynamoDb;
use giro::store::{Inspect, OpenAccounts, Tables};

fn options(kafka: KafkaEngine) -> StackOptions {
    StackOptions {
        kafka,
        processor: Some(PathBuf::from(env!("CARGO_BIN_EXE_payment-processor"))),
        batch_records_max: 100,
        ..StackOptions::default()
    }
}

async fn ledger(stack: &Stack) -> DynamoDb {
    DynamoDb::new(giro::local::aws::dynamodb(Some(&stack.endpoints().dynamodb)).await.unwrap(), Tables::default())
}

async fn open(ledger: &DynamoDb, id: &str, overdraft_limit: OverdraftLimit) {
    let account = Account {
        id: AccountId::try_new(id).unwrap(),
        currency: Currency::try_new("EUR").unwrap(),
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit,
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
    };
    assert_eq!(ledger.open_account(&account).await, Ok(None));
}

/// Waits until so many records are answered well; stops the test if a part gives up.
async fn acknowledged(stack: &Stack, records: u64) {
    let all = async {
        while stack.activity().acknowledged < records && !stack.gave_up() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap_or_else(|_| panic!("{:?}", stack.activity()));
    assert!(!stack.gave_up());
}

/// Payments, a duplicate, a decline and a broken record, from the topic to the tables.
async fn settles(kafka: KafkaEngine) {
    let stack = Stack::start(options(kafka)).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "settlement", OverdraftLimit::Unlimited).await;
    open(&ledger, "shop", OverdraftLimit::Limited(0)).await;
    let producer = Producer::new(&stack.endpoints().kafka_bootstrap_servers).unwrap();
    let mut values: Vec<String> = (0..500).map(|ix| payment(&format!("k{ix}"), "settlement", "shop", 2)).collect();
    values.push(payment("k7", "settlement", "shop", 2));
    values.push(payment("late", "shop", "settlement", 1_000_000));
    values.push("no payment".into());
    let mut placed = Vec::new();
    for value in &values {
        placed.push(producer.send(REQUESTS_TOPIC, Some(b"key"), Some(value.as_bytes()), &[]).await.unwrap());
    }
    let mut last = None;
    for sending in placed {
        last = Some(sending.placed().await.unwrap());
    }
    acknowledged(&stack, 503).await;

    let shop = ledger.account(&AccountId::try_new("shop").unwrap()).await.unwrap().unwrap();
    assert_eq!(shop.balance(), 1_000);
    let payments = ledger.payments().await.unwrap();
    assert_eq!(payments.iter().filter(|recorded| recorded.outcome.verdict.is_ok()).count(), 500);
    assert_eq!(payments.len(), 501);
    let letters = ledger.dead_letters().await.unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let last = last.unwrap();
    assert_eq!((letter.source.partition, letter.source.offset), (last.partition, last.offset));
    assert_eq!((letter.value.as_deref(), letter.reason.as_str()), (Some(&b"no payment"[..]), "not_json"));
    let summary = stack.summary();
    assert_eq!((summary["records"], summary["settled"], summary["declined"]), (503, 500, 1), "{summary:?}");
    assert_eq!((summary["replayed"], summary["dead_letters"]), (1, 1), "{summary:?}");
    stack.stop().await.unwrap();
}

fn payment(id: &str, debtor: &str, creditor: &str, amount: u64) -> String {
    format!(
        r#"{{"payment_id":"{id}","debtor_account":"{debtor}","creditor_account":"{creditor}","amount":{amount},"currency":"EUR"}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn settles_on_the_embedded_kafka() {
    settles(KafkaEngine::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settles_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    settles(KafkaEngine::Apache).await;
}

fn missing_for_apache_kafka() -> Option<&'static str> {
    ["java", "mvn"].into_iter().find(|program| {
        let found = std::process::Command::new(program).arg("-version").output();
        !found.is_ok_and(|output| output.status.success())
    })
}
