//! What DynamoDB may answer and the embedded engine never does: pages, unread items, items that others hold, throttles,
//! errors. The answers are in DynamoDB's own JSON, from a server of the test's own; it keeps the requests.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use giro::domain::plan::{Entry, Transaction};
use giro::domain::statement::StatementQuery;
use giro::domain::{Account, Decision, Decline, Holding, Lane, LaneId, Request, Timestamp};
use giro::store::dynamodb::DynamoDb;
use giro::store::items::{self, Item};
use giro::store::{
    AccountRead, Commit, LaneRead, Ledger, LedgerQueries, Redrive, ScannedItem, Segment, Statements, StoreError, Table,
    TableScan, Tables,
};
use giro_testkit::given::{self, Placed as _, Setters as _, id};
use serde_json::{Value, json};

/// An operation and its input.
type Asked = (String, Value);

/// The ledger on a DynamoDB that answers so: the HTTP status and the body, by operation, input, and how many requests
/// came before.
async fn answering(answer: impl Fn(&str, &Value, usize) -> (u16, Value) + Send + 'static) -> (DynamoDb, Asks) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asks = Asks::default();
    let kept = asks.clone();
    // Ends with the test's process: one connection a request, each at once.
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let Some((operation, input)) = read(&mut connection) else { continue };
            let before = kept.0.lock().unwrap().len();
            let (status, body) = answer(&operation, &input, before);
            kept.0.lock().unwrap().push((operation, input));
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close");
            let _ = write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    let client = giro_testkit::dynamodb::client(&endpoint);
    (DynamoDb::new(client, Tables::default()), asks)
}

fn read(connection: &mut TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let (mut operation, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.split_once('.').map(|(_, operation)| operation.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((operation?, serde_json::from_slice(&body).ok()?))
}

#[derive(Clone, Default)]
struct Asks(Arc<Mutex<Vec<Asked>>>);

impl Asks {
    /// What the requests of an operation held in this place, in their order.
    fn of(&self, operation: &str, pointer: &str) -> Vec<Value> {
        let asked = self.0.lock().unwrap();
        let of = asked.iter().filter(|(asked, _)| asked == operation);
        of.map(|(_, input)| input.pointer(pointer).cloned().unwrap_or_default()).collect()
    }
}

fn value(value: &AttributeValue) -> Value {
    match value.as_s() {
        Ok(text) => json!({ "S": text }),
        Err(number) => json!({ "N": number.as_n().unwrap() }),
    }
}

fn shown(item: &Item) -> Value {
    item.iter().map(|(name, attribute)| (name.clone(), value(attribute))).collect::<serde_json::Map<_, _>>().into()
}

/// An error as DynamoDB tells it.
fn error(name: &str) -> (u16, Value) {
    (400, json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "balance 7" }))
}

/// An account of 10, written twice since it was opened.
fn account(name: &str, lanes: u16) -> Account {
    given::account(name).holding(10).version(3).lanes(lanes)
}

fn payment(name: &str, decision: Decision, millis: i64) -> Item {
    let request = request(name);
    let decided_at = Timestamp::try_from_millis(millis).unwrap();
    let entry = Entry { decided_at, ..given::entry(&request, decision) };
    items::payment::encode(&entry)
}

fn request(name: &str) -> Request {
    given::payment(name, "alice", "bob", 5).at(0, 0)
}

#[tokio::test]
async fn what_a_read_leaves_out_is_unread_and_not_missing() {
    let keys = |names: &[&str]| json!(names.iter().map(|name| json!({"account_id": {"S": name}})).collect::<Vec<_>>());
    let body = json!({
        "Responses": {"accounts": [shown(&items::account::encode(&account("alice", 0)))]},
        "UnprocessedKeys": {"accounts": {"Keys": keys(&["bob"])}},
        "ConsumedCapacity": [{"TableName": "accounts", "CapacityUnits": 1.5}],
    });
    let (store, asks) = answering(move |_, _, _| (200, body.clone())).await;
    let reads = store.read_accounts(&[&id("bob"), &id("carol"), &id("alice")]).await.unwrap();
    assert_eq!(reads, [AccountRead::Unread, AccountRead::Missing, AccountRead::Found(account("alice", 0))]);
    assert_eq!(asks.of("BatchGetItem", "/RequestItems/accounts/Keys"), [keys(&["bob", "carol", "alice"])]);
    assert_eq!(asks.of("BatchGetItem", "/RequestItems/accounts/ConsistentRead"), [true]);
    assert_eq!((store.usage().read_calls, store.usage().read_milliunits), (1, 1_500));
}

/// A person or an audit that looks at an account sees all of its lanes, or is told that they weren't read.
#[tokio::test]
async fn an_account_is_never_shown_without_lanes_that_were_not_read() {
    let answer = |lanes: Value| {
        move |operation: &str, _: &Value, _: usize| match operation {
            "GetItem" => (200, json!({"Item": shown(&items::account::encode(&account("shop", 2)))})),
            _ => (200, lanes.clone()),
        }
    };
    let lane = |number| Lane::new(&account("shop", 2), number);
    let found = |number| shown(&items::lane::encode(&lane(number)));
    let key = |number| shown(&items::lane::key(&LaneId { account: id("shop"), lane: number }));

    let (store, _) = answering(answer(json!({"Responses": {"accounts": [found(1), found(0)]}}))).await;
    assert_eq!(store.account(&id("shop")).await.unwrap().unwrap().lanes, [lane(0), lane(1)]);
    assert_eq!(store.read_lanes(&[&lane(1).id]).await.unwrap(), [LaneRead::Found(lane(1))]);

    let unread = json!({
        "Responses": {"accounts": [found(0)]}, "UnprocessedKeys": {"accounts": {"Keys": [key(1)]}},
    });
    let (store, _) = answering(answer(unread)).await;
    assert_eq!(store.account(&id("shop")).await, Err(StoreError::Throttled("BatchGetItem on accounts".into())));

    let (store, _) = answering(answer(json!({"Responses": {"accounts": [found(0), key(1)]}}))).await;
    assert!(
        matches!(store.account(&id("shop")).await, Err(StoreError::Corrupt(text)) if text.starts_with("accounts: "))
    );
}

/// Pages may be empty and still not be the last.
#[tokio::test]
async fn whole_tables_are_read_page_by_page_to_their_end() {
    let answer = |_: &str, _: &Value, before: usize| match before {
        0 => (
            200,
            json!({
                "Items": [shown(&items::account::encode(&account("b", 0)))], "LastEvaluatedKey": {"account_id": {"S": "b"}},
            }),
        ),
        1 => (200, json!({"Items": [], "LastEvaluatedKey": {"account_id": {"S": "x"}}})),
        _ => (200, json!({"Items": [shown(&items::account::encode(&account("a", 0)))]})),
    };
    let (store, asks) = answering(answer).await;
    let accounts = store.accounts().await.unwrap();
    assert_eq!(accounts.iter().map(|held| held.account.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(asks.of("Scan", "/ExclusiveStartKey/account_id/S"), [Value::Null, "b".into(), "x".into()]);
    assert_eq!(asks.of("Scan", "/ConsistentRead"), [true, true, true]);
}

#[tokio::test]
async fn a_survey_reads_the_page_of_its_segment_behind_its_mark() {
    let mark = items::account::key(&id("b"));
    let next = items::account::key(&id("c"));
    let body = json!({
        "Items": [shown(&items::account::encode(&account("c", 0)))],
        "LastEvaluatedKey": shown(&next),
        "ConsumedCapacity": {"TableName": "accounts", "CapacityUnits": 2.5},
    });
    let (store, asks) = answering(move |_, _, before| {
        (200, if before == 0 { body.clone() } else { json!({"Items": [], "LastEvaluatedKey": {}}) })
    })
    .await;
    let segment = Segment { number: 2, of: 5 };
    let page = store.page(Table::Accounts, segment, Some(mark.clone())).await.unwrap();
    assert_eq!((page.items, page.next), (vec![ScannedItem::Account(account("c", 0))], Some(next)));
    assert_eq!((page.read_milliunits, store.usage().read_milliunits, store.usage().read_calls), (2_500, 2_500, 1));
    let last = store.page(Table::DeadLetters, segment, None).await.unwrap();
    assert_eq!((last.items, last.next), (vec![], None));
    assert_eq!(asks.of("Scan", "/TableName"), ["accounts", "dead-letters"]);
    assert_eq!(asks.of("Scan", "/ExclusiveStartKey"), [shown(&mark), Value::Null]);
    assert_eq!(
        (asks.of("Scan", "/Segment")[0].clone(), asks.of("Scan", "/TotalSegments")[0].clone()),
        (2.into(), 5.into())
    );
}

#[tokio::test]
async fn a_letter_that_could_not_be_marked_is_not_said_to_be_marked_before() {
    for (name, expected) in [
        ("ConditionalCheckFailedException", Ok(false)),
        ("ThrottlingException", Err(StoreError::Throttled("UpdateItem on dead-letters: ThrottlingException".into()))),
    ] {
        let (store, _) = answering(move |_, _, _| error(name)).await;
        assert_eq!(store.mark_redriven(&"t/0/0/0123456789abcdef".parse().unwrap()).await, expected);
    }
}

/// The code decides; what DynamoDB says of a validation may hold values, and is left out.
#[tokio::test]
async fn faults_of_a_whole_call_are_told_by_their_code() {
    let requests = [(request("p"), Ok(()))];
    for (name, expected) in [
        (
            "ProvisionedThroughputExceededException",
            StoreError::Throttled(
                "TransactWriteItems on payments, accounts: ProvisionedThroughputExceededException".into(),
            ),
        ),
        (
            "ValidationException",
            StoreError::Rejected("TransactWriteItems on payments, accounts: ValidationException".into()),
        ),
        ("TransactionInProgressException", StoreError::Conflict),
        ("ResourceNotFoundException", StoreError::NoTable("payments, or no table accounts".into())),
        (
            "InternalServerError",
            StoreError::Unavailable("TransactWriteItems on payments, accounts: InternalServerError: balance 7".into()),
        ),
    ] {
        let (store, _) = answering(move |_, _, _| error(name)).await;
        let (request, decision) = &requests[0];
        let entries = vec![given::entry(request, *decision)];
        let transaction = Transaction { totals: Vec::new(), entries, updates: vec![] };
        assert_eq!(store.commit(&transaction).await, Err(expected), "{name}");
        assert_eq!((store.usage().transactions, store.usage().cancelled), (1, 0));
    }
    let (store, _) = answering(|_, _, _| (500, json!("?"))).await;
    let expected = StoreError::Unavailable("BatchGetItem: the answer could not be understood: HTTP status 500".into());
    assert_eq!(store.read_accounts(&[&id("alice")]).await, Err(expected));

    let (store, _) = answering(|_, _, _| {
        (200, json!({"ConsumedCapacity": [{"TableName": "a", "CapacityUnits": 2}, {"TableName": "b", "CapacityUnits": 0.5}]}))
    })
    .await;
    let (request, decision) = &requests[0];
    let entries = vec![given::entry(request, *decision)];
    let transaction = Transaction { totals: Vec::new(), entries, updates: vec![] };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
    assert_eq!(store.usage().write_milliunits, 2_500);
}

fn ask(limit: usize) -> StatementQuery {
    StatementQuery { from: None, to: None, after: None, limit }
}

/// A query's page may be empty and not the last; what comes behind it may be newer than what the other list holds.
#[tokio::test]
async fn a_statement_reads_on_where_a_page_was_empty() {
    let answer = |_: &str, input: &Value, _: usize| {
        let (is_debits, goes_on) = (input["IndexName"] == "by-debtor", input.get("ExclusiveStartKey").is_some());
        let more = json!({"payment_id": {"S": "x"}});
        let body = match (is_debits, goes_on) {
            (true, false) => json!({"Items": [], "LastEvaluatedKey": more}),
            (true, true) => json!({"Items": [shown(&payment("late", Ok(()), 9))]}),
            (false, false) => json!({"Items": [shown(&payment("early", Ok(()), 1))], "LastEvaluatedKey": more}),
            (false, true) => json!({"Items": []}),
        };
        (200, body)
    };
    let (store, asks) = answering(answer).await;
    let page = store.statement(&alice(&[]), &ask(50)).await.unwrap();
    assert_eq!(page.postings.iter().map(|posting| posting.id.payment.as_str()).collect::<Vec<_>>(), ["late", "early"]);
    assert_eq!((page.next, asks.of("Query", "/Limit").len()), (None, 4));

    // There is more: in the other list, or perhaps behind its page.
    for limit in [1, 2] {
        let page = store.statement(&alice(&[]), &ask(limit)).await.unwrap();
        assert_eq!((page.postings.len(), page.next.is_some()), (limit, true));
    }
}

#[tokio::test]
async fn the_last_page_of_a_statement_says_that_it_is() {
    let answer = |_: &str, input: &Value, _: usize| {
        let (name, millis) = if input["IndexName"] == "by-debtor" { ("late", 9) } else { ("early", 1) };
        (200, json!({"Items": [shown(&payment(name, Ok(()), millis))]}))
    };
    let (store, _) = answering(answer).await;
    for (limit, is_last) in [(1, false), (2, true), (3, true)] {
        let page = store.statement(&alice(&[]), &ask(limit)).await.unwrap();
        assert_eq!((page.postings.len(), page.next.is_none()), (limit.min(2), is_last));
    }
}

/// An account with 64 lanes, of which these are there.
fn alice(lanes: &[u16]) -> Holding {
    let account = given::account("alice").lanes(64);
    let lanes = lanes.iter().map(|lane| Lane::new(&account, *lane)).collect();
    Holding { account, lanes }
}

/// A lane that isn't there has moved nothing, so nobody asks for its lists.
#[tokio::test]
async fn a_page_of_a_statement_takes_two_queries_and_those_of_the_lanes_that_are_there() {
    let (store, asks) = answering(|_: &str, _: &Value, _: usize| (200, json!({ "Items": [] }))).await;
    let mut before = 0;
    for (lanes, pays, queries) in [(&[][..], false, 2), (&[0, 7, 63], false, 5), (&[], true, 2), (&[0, 7, 63], true, 8)]
    {
        let mut alice = alice(lanes);
        alice.account.lane_debits = pays;
        assert_eq!(store.statement(&alice, &ask(50)).await.unwrap().postings, []);
        let after = asks.of("Query", "/Limit").len();
        assert_eq!(after - before, queries, "{lanes:?}, {pays}");
        before = after;
    }
}

/// Declined payments are no postings: a page looks at 2,000 and is short, rather than slow.
#[tokio::test]
async fn a_page_of_declined_payments_is_short() {
    let answer = |_: &str, input: &Value, _: usize| {
        let items: Vec<Value> = match input["IndexName"] == "by-debtor" {
            true => {
                (0..2_001).map(|ix| shown(&payment(&format!("p{ix}"), Err(Decline::InsufficientFunds), 5))).collect()
            }
            false => vec![],
        };
        (200, json!({ "Items": items }))
    };
    let (store, asks) = answering(answer).await;
    let page = store.statement(&alice(&[]), &ask(50)).await.unwrap();
    let next = page.next.unwrap();
    assert_eq!((page.postings.len(), next.key.payment.as_str(), next.list), (0, "p1999", 0));
    assert_eq!(asks.of("Query", "/Limit"), [51, 51]);
}
